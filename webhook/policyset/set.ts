// SPDX-License-Identifier: Apache-2.0
// The set of what is enforced, made of policies that are compiled already: only what changed is compiled again, so that
// a commit into a thousand policies does not hold requests up. Digest and index are those of policies/compile.
import { compilePolicies } from '../../policies/compile/index.ts';
import type { CompiledPolicy, PolicySet } from '../../policies/compile/index.ts';
import { createSet } from '../../policies/compile/set-index.ts';
import type { PolicyDocument } from '../../policies/policy-object.ts';
import { expiredInput, isExpired } from './expired.ts';

export type SetMaker = (documents: readonly PolicyDocument[], atMs: number) => PolicySet;

/** Documents sorted by name, one a name, as `assemble` gives them. */
export const createSetMaker = (): SetMaker => {
  const closing = new WeakMap<PolicyDocument, CompiledPolicy>();
  let last: { readonly key: string; readonly set: PolicySet } | undefined;

  const whenExpired = (document: PolicyDocument): CompiledPolicy => {
    const known = closing.get(document);
    if (known !== undefined) return known;
    const { set, refused } = compilePolicies([expiredInput(document)]);
    const compiled = set.policies[0];
    if (compiled === undefined) {
      throw new Error(`policy ${document.name} can not be closed: ${refused[0]?.problems[0]?.message ?? 'it does not compile'}`);
    }
    closing.set(document, compiled);
    return compiled;
  };

  return (documents, atMs) => {
    const policies = documents.map((document) => (isExpired(document, atMs) ? whenExpired(document) : document.compiled));
    const key = policies.map((policy) => policy.digest).join(' ');
    if (last?.key === key) return last.set;
    const set = createSet(policies);
    last = { key, set };
    return set;
  };
};
