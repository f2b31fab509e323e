// SPDX-License-Identifier: Apache-2.0
// Rulesets that would stand for the first time without what they require. They are held back, and with each the commit that
// brings it; what stood before stands whatever becomes of what it requires, since a rule that goes is worse than one too many.
import { unmetRequirements } from '../../policies/ruleset/requires.ts';
import type { HeldBack, StandingDocument } from './enforcement.ts';

type Standing = ReadonlyMap<string, StandingDocument>;

export const heldBackBy = (standing: Standing, previous: Standing): HeldBack => {
  const documents = [...standing].flatMap(([key, { document }]) => (document.ruleset === undefined ? [] : [{ key, ...document }]));
  const unmet = unmetRequirements(
    documents.map(({ name, retired, ruleset }) => ({
      name,
      retired,
      release: ruleset?.spec.release,
      requires: ruleset?.spec.requires ?? [],
    })),
  );
  return new Map(
    documents.flatMap(({ key, name, digest }) => {
      const problem = unmet.get(name)?.[0];
      return problem === undefined || previous.get(key)?.document.digest === digest ? [] : [[digest, problem] as const];
    }),
  );
};
