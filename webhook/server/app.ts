// SPDX-License-Identifier: Apache-2.0
// The routes, and the only file of the webhook that knows express. Bodies are read by `validate.ts`, not by express.json.
import express from 'express';
import type { ServerResponse } from 'node:http';
import type { RequestListener } from 'node:http';
import type { Problem } from '../../policies/problem.ts';
import { encodeProblem } from '../admission/answer.ts';
import type { Send, Validate } from './validate.ts';

const VALIDATE_PATH = '/validate';
const GUARD_PATH = '/guard';
const TENANCY_PATH = '/tenancy';
const COMPLETE_PATH = '/complete';

export type AppParts = {
  readonly validate: Validate;
  /** The same for Writ's own kinds. */
  readonly guard: Validate;
  /** The same for the bounds of tenants, and for what pods are completed by. */
  readonly tenancy: Validate;
  readonly complete: Validate;
  readonly send: Send;
};

export const createApp = ({ validate, guard, tenancy, complete, send }: AppParts): RequestListener => {
  const app = express();
  app.disable('etag');
  app.disable('x-powered-by');
  app.disable('query parser');
  const refuse = (response: ServerResponse, status: number, problem: Problem): void =>
    send(response, { status, body: encodeProblem(problem) });
  app.all([VALIDATE_PATH, GUARD_PATH, TENANCY_PATH, COMPLETE_PATH], (request, response) => {
    response.setHeader('allow', 'POST');
    request.resume();
    refuse(response, 405, { code: 'REQUEST_NOT_FOUND', message: `${request.method} is not served here` });
  });
  app.use((request, response) => {
    request.resume();
    refuse(response, 404, { code: 'REQUEST_NOT_FOUND', message: `nothing is at ${JSON.stringify(request.path.slice(0, 100))}` });
  });
  // What the API server asks needs no router: going through one is a tenth of what an answer costs.
  const direct = new Map<string, Validate>([
    [VALIDATE_PATH, validate],
    [GUARD_PATH, guard],
    [TENANCY_PATH, tenancy],
    [COMPLETE_PATH, complete],
  ]);
  return (request, response) => {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const handle = request.method === 'POST' ? direct.get(path) : undefined;
    if (handle === undefined) app(request, response);
    else void handle(request, response);
  };
};
