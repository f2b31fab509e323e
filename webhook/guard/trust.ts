// SPDX-License-Identifier: Apache-2.0
// The TrustPolicy: believed as every process of Writ believes it, at the pinned digest or by the chain of sealed versions from
// it. It is never taken away, only a version that comes from the one in force takes its place, and what it relies on is not
// stripped from it.
import { TRUST_POLICY_NAME } from '../../crds/kinds.ts';
import { documentKey } from '../../policies/currency/index.ts';
import type { Problem } from '../../policies/problem.ts';
import { belowMark } from '../../policies/trust/follow.ts';
import type { Trust } from '../../policies/trust/index.ts';
import { loadTrustObjectInSteps } from '../../policies/trust/load.ts';
import type { LoadOutcome } from '../../policies/trust/read-policy.ts';
import { finish } from '../../policies/steps.ts';
import type { Steps } from '../../policies/steps.ts';
import { refuseSwap } from '../../policies/trust/succession.ts';
import { pass, refuse } from './ruling.ts';
import type { Ruling } from './ruling.ts';
import { sealedObjectOf } from './sealed.ts';
import { specProblem } from './spec.ts';
import type { GuardView } from './view.ts';

type Json = Readonly<Record<string, unknown>>;
export type TrustChange = { readonly name: string; readonly before: Json | undefined; readonly after: Json | undefined };

const MARK = documentKey({ kind: 'TrustPolicy', name: TRUST_POLICY_NAME });

const rootOf = (object: Json | undefined): string | undefined => sealedObjectOf(TRUST_POLICY_NAME, object).signature?.trustedRoot;

/** A replica that holds none yet goes by what others have seen. */
const swapProblem = (next: Trust, { trust, told }: GuardView): Problem | undefined => {
  const problem = trust === undefined ? belowMark(next, told().get(MARK)) : refuseSwap(trust, next);
  return problem?.code === 'TRUST_ROLLBACK' ? { ...problem, path: 'spec.version' } : problem;
};

/** Without the root that it pins, no keyless seal would count. */
const rootProblem = (next: Trust, before: Json | undefined, trust: Trust | undefined): Problem | undefined => {
  if (next.root.ok) return undefined;
  const isLost = trust?.digest === next.digest ? trust.root.ok : rootOf(before) !== undefined;
  return isLost ? { ...next.root.problem, path: 'signature.trustedRoot' } : undefined;
};

/** In steps of some milliseconds each, however long its chain is. */
export const loadInSteps = (object: Json | undefined, { pinnedTrustDigest, evidence, atMs }: GuardView): Steps<LoadOutcome> | undefined => {
  const { signature } = sealedObjectOf(TRUST_POLICY_NAME, object);
  return signature === undefined ? undefined : loadTrustObjectInSteps(signature, { pinnedDigest: pinnedTrustDigest, at: atMs, evidence });
};

/** `ahead`: what came of loading it before. */
export const ruleTrust = ({ name, before, after }: TrustChange, view: GuardView, ahead?: LoadOutcome): Ruling => {
  if (name !== TRUST_POLICY_NAME) {
    // Nothing ever reads another.
    return after === undefined
      ? pass
      : refuse({ code: 'TRUST_INVALID', message: `the one TrustPolicy is named ${TRUST_POLICY_NAME}`, path: 'metadata.name' });
  }
  if (after === undefined)
    return refuse({ code: 'TRUST_KEPT', message: `TrustPolicy ${TRUST_POLICY_NAME} is what every seal is judged by` });
  const steps = loadInSteps(after, view);
  if (steps === undefined) {
    const message = `TrustPolicy ${TRUST_POLICY_NAME} has no signature.document`;
    return refuse({ code: 'TRUST_MISSING', message, path: 'signature.document' });
  }
  const loaded = ahead ?? finish(steps);
  if (!loaded.ok) return refuse(loaded.problem, 'trust');
  const swapped = swapProblem(loaded.trust, view);
  if (swapped !== undefined) return refuse(swapped);
  const { spec } = loaded;
  const stripped = spec.trustedRootSha256 === undefined ? undefined : rootProblem(loaded.trust, before, view.trust);
  if (stripped !== undefined) return refuse(stripped);
  const differs = specProblem('TrustPolicy', spec, after['spec']);
  return differs === undefined ? pass : refuse(differs);
};
