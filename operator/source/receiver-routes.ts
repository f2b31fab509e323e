// SPDX-License-Identifier: Apache-2.0
// The receiver behind express, which knows it in this file alone. No body parser may stand before it: the handler reads
// the raw bytes while they arrive.
import type { Request, Response, Router } from 'express';
import type { Receiver } from './receiver.ts';
import type { Delivery } from './signature.ts';

type Routes = Pick<Router, 'use'>;

type Handler = {
  handleDelivery(delivery: Delivery & { readonly body: AsyncIterable<Uint8Array> }): Promise<{
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: object;
  }>;
};

const answer = async (receiver: Handler, request: Request, response: Response): Promise<void> => {
  const { method, headers } = request;
  const path = request.originalUrl.split('?', 1)[0] ?? '';
  const reply = await receiver.handleDelivery({ method, path, headers, body: request });
  // The rest of a body that was not read is not waited for.
  if (!request.readableEnded) response.setHeader('connection', 'close');
  response.status(reply.status).set(reply.headers).json(reply.body);
};

/** Serves what lies under `path` on an express application or router. */
export const mountHandler = (routes: Routes, path: string, handler: Handler): void => {
  routes.use(path, (request: Request, response: Response, next: (error?: unknown) => void) => {
    // A sender that hangs up ends the reading with an error; there is nobody left to answer.
    answer(handler, request, response).catch((error: unknown) =>
      request.destroyed || response.headersSent ? response.destroy() : next(error),
    );
  });
};

/** Serves `/hook/…`. */
export const mountReceiver = (routes: Routes, receiver: Receiver): void => mountHandler(routes, '/hook', receiver);
