// SPDX-License-Identifier: Apache-2.0
// Which policies are suspended now, and by what: break-glass is a document like any other, under seals of its own rule, that
// ends by itself within a day.
import type { CompiledPolicy } from '../../policies/compile/index.ts';
import { suspend } from '../../policies/compile/suspend.ts';
import type { Suspension } from '../../policies/compile/suspend.ts';
import { holdsGlassBroken } from '../../policies/policy-object.ts';
import type { PolicyDocument } from '../../policies/policy-object.ts';

const ALL = '*';

/** Says how a policy stands now; the same object for the same answer, since verdicts are remembered by it. */
export type Suspender = (documents: readonly PolicyDocument[], atMs: number) => (policy: CompiledPolicy) => CompiledPolicy;

export const createSuspender = (): Suspender => {
  const known = new WeakMap<CompiledPolicy, CompiledPolicy>();
  const suspendedBy = (policy: CompiledPolicy, suspension: Suspension): CompiledPolicy => {
    const made = suspend(policy, suspension);
    const before = known.get(policy);
    if (before?.digest === made.digest) return before;
    known.set(policy, made);
    return made;
  };
  return (documents, atMs) => {
    const suspensions = new Map<string, Suspension>();
    for (const document of documents) {
      if (!holdsGlassBroken(document, atMs)) continue;
      const { name, digest, expiresMs: untilMs } = document;
      for (const policy of document.breakGlass.policies) {
        // Of several the one that lasts longest is told.
        if ((suspensions.get(policy)?.untilMs ?? 0) < untilMs) suspensions.set(policy, { name, digest, untilMs });
      }
    }
    return (policy) => {
      const suspension = suspensions.get(policy.name) ?? suspensions.get(ALL);
      return suspension === undefined || policy.enforcement !== 'Deny' ? policy : suspendedBy(policy, suspension);
    };
  };
};
