// SPDX-License-Identifier: Apache-2.0
// Whether the rulesets that a commit brings have what they require, in the commit or in the cluster: told before anything is
// written. One that stands already is not asked again, since replicas go on enforcing it.
import type { Problem, SourcePosition } from '../../policies/problem.ts';
import { unmetRequirements } from '../../policies/ruleset/requires.ts';
import type { InstalledRelease } from '../../policies/ruleset/requires.ts';

/** `digest`: of the signed document; `publisherTier`: as it says. */
export type StandingRelease = InstalledRelease & { readonly digest: string; readonly publisherTier?: string | undefined };

export type BroughtRelease = StandingRelease & { readonly positionOf: (path: readonly (string | number)[]) => SourcePosition };

export const requirementProblems = (brought: readonly BroughtRelease[], standing: readonly StandingRelease[]): readonly Problem[] => {
  const known = new Map(standing.map((release) => [release.name, release]));
  const together = new Map<string, InstalledRelease>([...known, ...brought.map((release) => [release.name, release] as const)]);
  const unmet = unmetRequirements([...together.values()]);
  return brought.flatMap(({ name, digest, positionOf }) =>
    known.get(name)?.digest === digest
      ? []
      : (unmet.get(name) ?? []).map((problem) => ({ ...problem, at: positionOf(['spec', 'requires']) })),
  );
};
