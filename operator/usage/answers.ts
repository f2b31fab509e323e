// SPDX-License-Identifier: Apache-2.0
// What the server of the ledger answers: every status and code that there is, by which answers are typed, metrics labelled and the
// API's document made.
import type { Problem, ProblemCode } from '../../policies/problem.ts';
import { problemCodes } from '../../policies/problem-codes/index.ts';
import { eventOutcomes } from './outcome.ts';
import { WHOLE, objectSchema } from './wire-schema.ts';
import type { Schema } from './wire-schema.ts';

const API_CODES = [
  'USAGE_UNAUTHENTICATED',
  'USAGE_TENANT_FOREIGN',
  'USAGE_METER_RESERVED',
  'USAGE_BODY_REFUSED',
  'USAGE_KEY_TWICE',
  'USAGE_TENANT_HIDDEN',
  'USAGE_QUERY_REFUSED',
  'USAGE_EVENT_INVALID',
  'USAGE_EVENT_EARLY',
  'USAGE_EVENT_LATE',
  'USAGE_EVENT_CONFLICT',
  'USAGE_GAPS',
  'USAGE_TENANT_UNKNOWN',
  'USAGE_METER_UNKNOWN',
  'USAGE_QUARANTINE_FULL',
  'USAGE_BUSY',
  'USAGE_LEDGER_UNAVAILABLE',
] as const satisfies readonly ProblemCode[];
export type ApiCode = (typeof API_CODES)[number];
export type ApiProblem = Omit<Problem, 'code' | 'at'> & { readonly code: ApiCode };

type Answers = Readonly<Record<number, { readonly of: 'batch' | 'page' | 'problem' | 'either'; readonly about: string }>>;

const BUSY = { of: 'problem', about: 'Too much is asked at once. Come again after `Retry-After`.' } as const;
const NO_TOKEN = { of: 'problem', about: 'There is no token, or one for another audience.' } as const;

/** To a request with events. */
export const INTAKE_ANSWERS = {
  200: { of: 'batch', about: 'All of it is on disk: forget it.' },
  202: { of: 'batch', about: 'All of it is on disk; some is of an unknown tenant or meter, is kept aside and counts once it is known.' },
  400: { of: 'problem', about: 'The body is no event and no list of events, or gives a key twice in one object. Nothing is stored.' },
  401: NO_TOKEN,
  403: { of: 'batch', about: 'Some may not be reported by this sender and is not stored; the rest is on disk.' },
  409: {
    of: 'batch',
    about: 'Some has an id or seq that another event has, or leaves out too many; the rest is on disk. Never use them again.',
  },
  413: { of: 'problem', about: 'The body is too large, or has too many events.' },
  415: { of: 'problem', about: 'The body is of another type.' },
  422: { of: 'batch', about: 'Some is not stored, and why; the rest is on disk.' },
  429: BUSY,
  503: { of: 'either', about: 'Nothing, or not all of it, is stored: send it again after `Retry-After`.' },
} as const satisfies Answers;

/** To a question for detail. */
export const DETAIL_ANSWERS = {
  200: { of: 'page', about: 'A page.' },
  400: { of: 'problem', about: 'There is no such parameter or cursor; `path` names it.' },
  401: NO_TOKEN,
  403: { of: 'problem', about: 'Another tenant, whether there is one of that name or not.' },
  404: { of: 'problem', about: 'No Tenant can have this name.' },
  429: BUSY,
  503: { of: 'problem', about: 'This process does not lead, or the ledger cannot be read. Come again after `Retry-After`.' },
} as const satisfies Answers;

/** Where nothing of the kind is served: of no operation. */
const ELSEWHERE = [404, 405] as const;

export type IntakeStatus = keyof typeof INTAKE_ANSWERS | (typeof ELSEWHERE)[number];
export type DetailStatus = keyof typeof DETAIL_ANSWERS | (typeof ELSEWHERE)[number];
export type Answer<Status = IntakeStatus | DetailStatus> = {
  readonly status: Status;
  readonly body: string;
  readonly retryAfterSeconds?: number;
};

const statusesOf = (answers: Answers): readonly string[] => [...new Set([...Object.keys(answers), ...ELSEWHERE.map(String)])].toSorted();
export const INTAKE_STATUSES = statusesOf(INTAKE_ANSWERS);
export const DETAIL_STATUSES = statusesOf(DETAIL_ANSWERS);

const hinted = (problem: ApiProblem): ApiProblem & { readonly hint: string } => ({
  ...problem,
  hint: problem.hint ?? problemCodes[problem.code].fix,
});

/** An event of a batch of which something is to be said. */
export type Told = { readonly index: number; readonly id: string; readonly outcome: ToldOutcome } & ApiProblem & { readonly hint: string };
const TOLD_OUTCOMES = ['refused', ...eventOutcomes.filter((one) => one !== 'stored' && one !== 'duplicate')] as const;
export type ToldOutcome = (typeof TOLD_OUTCOMES)[number];

export const told = (index: number, id: string, { outcome, ...problem }: { readonly outcome: ToldOutcome } & ApiProblem): Told => ({
  index,
  id,
  outcome,
  ...hinted(problem),
});

export const refusal = <Status extends IntakeStatus | DetailStatus>(
  status: Status,
  problem: ApiProblem,
  retryAfterSeconds?: number,
): Answer<Status> => ({
  status,
  body: `${JSON.stringify(hinted(problem))}\n`,
  ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
});

const BUSY_RETRY_SECONDS = 1;
const UNAVAILABLE_RETRY_SECONDS = 2;

export const unavailable = (message: string): Answer<503> =>
  refusal(503, { code: 'USAGE_LEDGER_UNAVAILABLE', message }, UNAVAILABLE_RETRY_SECONDS);

export const busy = (message: string): Answer<429> => refusal(429, { code: 'USAGE_BUSY', message }, BUSY_RETRY_SECONDS);

const PROBLEM = {
  code: { enum: API_CODES },
  message: { type: 'string' },
  hint: { type: 'string', description: 'What to do about it.' },
  path: { type: 'string', description: 'The field or parameter that it is about.' },
} as const;

export const PROBLEM_SCHEMA: Schema = objectSchema(PROBLEM, ['path']);
export const BATCH_SCHEMA: Schema = objectSchema({
  stored: WHOLE,
  duplicates: { ...WHOLE, description: 'Stored before, and the same.' },
  events: {
    type: 'array',
    description: 'Those of which something is to be said, by their place in the batch.',
    items: objectSchema({ index: WHOLE, id: { type: 'string' }, outcome: { enum: TOLD_OUTCOMES }, ...PROBLEM }, ['path']),
  },
});
