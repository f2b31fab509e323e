// SPDX-License-Identifier: Apache-2.0
// An object of any kind that counts by its seals, judged as what it says that it is.
import { createEntitlementJudge, isEntitlementKind } from './entitlement-object.ts';
import { createJudge } from './policy-object.ts';
import type { Judge, JudgeInSteps } from './policy-object.ts';
import { createRulesetJudge } from './ruleset-object.ts';
import { atOnce } from './steps.ts';
import type { EvidenceMemory } from './trust/evidence-memory.ts';

/** Objects of a cache say their kind; without one it is a Policy. */
export const createSealedJudge = (evidence?: EvidenceMemory): JudgeInSteps => {
  const [policy, ruleset] = [createJudge(evidence), createRulesetJudge(evidence)];
  const entitlements = {
    TierCatalog: createEntitlementJudge('TierCatalog', evidence),
    License: createEntitlementJudge('License', evidence),
    PriceBook: createEntitlementJudge('PriceBook', evidence),
  };
  return function* (object, trust, atMs) {
    const { kind } = object;
    const judge = isEntitlementKind(kind) ? entitlements[kind] : kind === 'Ruleset' ? ruleset : policy;
    return yield* judge(object, trust, atMs);
  };
};

export const judgeSealedObject: Judge = atOnce(createSealedJudge());
