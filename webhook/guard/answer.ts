// SPDX-License-Identifier: Apache-2.0
// The guard's answers: a refusal has a code, a place and a fix, in the message that kubectl prints and as the causes that
// programs read (law 8).
import { formatProblem } from '../../policies/problem.ts';
import type { Problem, ProblemCode } from '../../policies/problem.ts';
import type { Ruling } from './ruling.ts';

const MESSAGE_MAX = 4096;
// What may be a matter of time, so that whoever writes for a living (the operator) tries again by itself.
const PASSING: ReadonlySet<ProblemCode> = new Set([
  'WEBHOOK_NOT_READY',
  'TRUST_MISSING',
  'INVENTORY_UNPROVEN',
  'MARK_UNPROVEN',
  'REQUEST_DEADLINE',
]);

// Clients of the API server go by the last of these.
const BUSY = { code: 429, reason: 'TooManyRequests', details: { retryAfterSeconds: 1 } } as const;

const answerTo = ({ code }: Problem): object => {
  if (code === 'REQUEST_OVERLOAD') return BUSY;
  return PASSING.has(code) ? { code: 503, reason: 'ServiceUnavailable' } : { code: 403, reason: 'Forbidden' };
};

const review = (response: object): string => JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response });

const oneLine = (problem: Problem): string =>
  formatProblem(problem)
    .replaceAll(/\s*\n\s*/g, ' ')
    .slice(0, MESSAGE_MAX);

export const encodeRuling = (uid: string, ruling: Ruling): string => {
  if (ruling.kind === 'pass') return review({ uid, allowed: true });
  const { problem } = ruling;
  const causes = problem.path === undefined ? [] : [{ reason: 'FieldValueInvalid', field: problem.path, message: oneLine(problem) }];
  const details = causes.length === 0 ? {} : { details: { causes } };
  const status = { status: 'Failure', ...details, ...answerTo(problem), message: oneLine(problem) };
  return review({ uid, allowed: false, status, auditAnnotations: { code: problem.code } });
};
