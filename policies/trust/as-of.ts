// SPDX-License-Identifier: Apache-2.0
// Documents that were good and are not any more. They may not just disappear, so whoever enforces must still know them: as of
// the last moment at which they were good, where time has ended them; under the trust policy before, where a newer one has
// taken away whose seal they bear. Nothing is read that never bore a good seal.
import { atOnce } from '../steps.ts';
import type { Steps } from '../steps.ts';
import type { Problem, ProblemCode } from '../problem.ts';
import { verifyInSteps } from './index.ts';
import type { Artifact, Trust, VerifyOutcome } from './index.ts';

/** What another trust policy, or another trusted root, may see otherwise. */
const BY_TRUST: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'SEAL_REVOKED',
  'SEAL_UNKNOWN_KEY',
  'SEAL_UNKNOWN_IDENTITY',
  'SEAL_THRESHOLD',
  'SEAL_NO_RULE',
  'SEAL_KEY_NOT_VALID',
  'SEAL_KEY_WEAK',
  'SEAL_CERTIFICATE',
  'SEAL_SCT',
  'SEAL_LOG',
  'SEAL_TIMESTAMP',
  'TRUST_ROOT_MISSING',
]);

/** As of now or, where time alone has ended it, as of the last moment at which it was good. */
const asOfInSteps = function* (artifact: Artifact, trust: Trust, atMs: number): Steps<VerifyOutcome> {
  const now = yield* verifyInSteps(artifact, trust, atMs);
  let then = now;
  // Each turn is earlier than the one before, and a document with eight seals has nine at most.
  while (!then.ok && then.turn.lapsedMs !== undefined) then = yield* verifyInSteps(artifact, trust, then.turn.lapsedMs);
  return then.ok ? { ...then, turn: now.turn } : now;
};

export const verifyAsOf = atOnce(asOfInSteps);

/** `withdrawn`: why it is good no more under the trust policy in force; undefined where that has taken nothing away. */
export type EverOutcome = { readonly outcome: VerifyOutcome; readonly withdrawn: Problem | undefined };

/** Total. Good now, or once: whether it has ended by time is the caller's to ask of `endsMs`. */
export const verifyEver = function* (artifact: Artifact, trust: Trust, atMs: number): Steps<EverOutcome> {
  const outcome = yield* asOfInSteps(artifact, trust, atMs);
  if (outcome.ok || !outcome.problems.some(({ code }) => BY_TRUST.has(code))) return { outcome, withdrawn: undefined };
  for (const before of trust.predecessors) {
    // It was in force then; that its own time is over is why there is a newer one.
    const then = yield* asOfInSteps(artifact, { ...before, expires: undefined }, atMs);
    if (then.ok) return { outcome: { ...then, turn: outcome.turn }, withdrawn: outcome.problem };
  }
  return { outcome, withdrawn: undefined };
};
