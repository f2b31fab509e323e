// SPDX-License-Identifier: Apache-2.0
/**
 * The guard: one AdmissionReview about Writ's own kinds, or about the ConfigMaps that Writ goes by, in; one answer out.
 *
 * In: the review's text and a view of what this replica holds and verified. Out: pass, or a refusal with code, place and fix.
 * Order: parse → what changes → the rule of its kind → encode. It asks the same pure functions as operator and replicas, and
 * it asks them of everybody alike, the operator and system:masters included. It is the first of three lines: replicas verify
 * everything again, so what slips past it while nobody is asked changes no decision. Nothing is called on the way; the one
 * wait is for what the writer knew a moment before this replica did. `webhook/server` calls it; it knows no server.
 */
import { parseReview } from '../../policies/decide/request.ts';
import type { AdmissionRequest } from '../../policies/decide/request.ts';
import type { Problem } from '../../policies/problem.ts';
import { encodeProblem } from '../admission/answer.ts';
import { isStill } from './ahead.ts';
import type { VerifiedAhead, VerifyAhead } from './ahead.ts';
import { encodeRuling } from './answer.ts';
import { changeOf, strangeToGuard } from './change.ts';
import type { GuardedChange, GuardedKind } from './change.ts';
import { depthProblem, withinDepth } from './depth.ts';
import { askerOf } from './places.ts';
import { pass, refuse } from './ruling.ts';
import type { Ruling } from './ruling.ts';
import { ruleOn } from './rules.ts';
import type { GuardView } from './view.ts';
import type { Waiting } from './wait.ts';

export type Guarded = {
  readonly status: number;
  readonly body: string;
  readonly outcome: 'passed' | 'refused' | 'malformed';
  readonly kind: GuardedKind | undefined;
  /** Who wanted what, where it was refused. */
  readonly refusal: GuardRefusal | undefined;
};

export type GuardRefusal = {
  readonly problem: Problem;
  readonly user: string;
  readonly operation: AdmissionRequest['operation'];
  readonly name: string;
  readonly dryRun: boolean;
};

export type GuardDeps = {
  /** As of now; `undefined` until the caches are filled. */
  readonly view: () => GuardView | undefined;
  readonly waiting: Waiting;
  readonly systemNamespace: string;
  readonly ahead: VerifyAhead;
};

const notReady: Ruling = refuse({ code: 'WEBHOOK_NOT_READY', message: 'the caches of this replica are not filled yet' }, 'anything');

const tooMany: Ruling = refuse({ code: 'REQUEST_OVERLOAD', message: 'too many long documents are waiting to be verified' });
const tooLate: Ruling = refuse({ code: 'REQUEST_DEADLINE', message: 'nobody waited any more when its turn came' });

const answer = (request: AdmissionRequest, change: GuardedChange | undefined, ruling: Ruling): Guarded => {
  const body = encodeRuling(request.uid, ruling);
  if (ruling.kind === 'pass') return { status: 200, body, outcome: 'passed', kind: change?.kind, refusal: undefined };
  const { problem } = ruling;
  const { operation, userInfo, dryRun, name } = request;
  const refusal = { problem, user: userInfo.username, operation, name: change?.name ?? name, dryRun };
  return { status: 200, body, outcome: 'refused', kind: change?.kind, refusal };
};

const malformed = (problem: Problem): Guarded => ({
  status: 400,
  body: encodeProblem(problem),
  outcome: 'malformed',
  kind: undefined,
  refusal: undefined,
});

/** Total: whatever the text is, the answer is a ruling or a coded refusal. `isAwaited`: whether anybody waits for it still. */
export const handleGuard = (text: string, deps: GuardDeps, isAwaited = (): boolean => true): Guarded | Promise<Guarded> => {
  const { view, waiting, systemNamespace, ahead } = deps;
  const parsed = parseReview(text);
  if (!parsed.ok) return malformed(parsed.problem);
  const { request } = parsed;
  const strange = strangeToGuard(request);
  if (strange !== undefined) return malformed(strange);
  const found = changeOf(request, systemNamespace);
  if (found === undefined) return answer(request, undefined, pass);
  const tooDeep = depthProblem(found);
  if (tooDeep !== undefined) return answer(request, found, refuse(tooDeep));
  const change = withinDepth(found);
  const asker = askerOf({ request, change, systemNamespace }, isAwaited);
  const rule = (): Ruling | Promise<Ruling> => {
    const now = view();
    if (now === undefined) return notReady;
    const verified = ahead(change, now, asker);
    if (verified === undefined) return ruleOn(change, now);
    return verified === 'full' ? tooMany : verified.then(ruleBy);
  };
  const ruleBy = (verified: VerifiedAhead | undefined): Ruling | Promise<Ruling> => {
    if (verified === undefined) return tooLate;
    const now = view();
    return now !== undefined && isStill(verified, change, now) ? ruleOn(change, now, verified) : rule();
  };
  const ruling = waiting.settle(rule, asker);
  return ruling instanceof Promise ? ruling.then((late) => answer(request, change, late)) : answer(request, change, ruling);
};
