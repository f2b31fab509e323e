// SPDX-License-Identifier: Apache-2.0
// The set of what is enforced, made of policies that are compiled already: only what changed is compiled again, so that
// a commit into a thousand policies does not hold requests up. Digest and index are those of policies/compile.
import { compilePolicies } from '../../policies/compile/index.ts';
import type { CompiledPolicy, PolicySet } from '../../policies/compile/index.ts';
import { createSet } from '../../policies/compile/set-index.ts';
import { isClosed } from '../../policies/policy-object.ts';
import type { PolicyDocument } from '../../policies/policy-object.ts';
import { createSuspender } from './break-glass.ts';
import { expiredInput } from './expired.ts';

export type SetMaker = (documents: readonly PolicyDocument[], atMs: number) => PolicySet;

const byName = (a: CompiledPolicy, b: CompiledPolicy): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

/** One document a kind and name, as `assemble` gives them. */
export const createSetMaker = (): SetMaker => {
  const closing = new WeakMap<PolicyDocument, readonly CompiledPolicy[]>();
  const suspender = createSuspender();
  let last: { readonly key: string; readonly set: PolicySet } | undefined;

  const whenClosed = (document: PolicyDocument): readonly CompiledPolicy[] => {
    const known = closing.get(document);
    if (known !== undefined) return known;
    const inputs = document.compiled.flatMap(({ digest }, index) => {
      const policy = document.policies[index];
      return policy === undefined ? [] : [expiredInput({ document, policy, digest })];
    });
    const { set, refused } = compilePolicies(inputs);
    if (set.policies.length !== document.compiled.length) {
      throw new Error(`${document.kind} ${document.name} can not be closed: ${refused[0]?.problems[0]?.message ?? 'it does not compile'}`);
    }
    // What closes binds whom the member bound.
    const open = new Map(document.compiled.map((policy) => [policy.name, policy]));
    const closed = set.policies.map((policy): CompiledPolicy => {
      const { ruleset, version } = open.get(policy.name) ?? policy;
      const member = ruleset === undefined ? policy : { ...policy, version, ruleset };
      return document.unsigned === true ? { ...member, unsigned: true } : member;
    });
    closing.set(document, closed);
    return closed;
  };

  return (documents, atMs) => {
    const asItStands = suspender(documents, atMs);
    const policies = documents
      .flatMap((document) => (isClosed(document, atMs) ? whenClosed(document) : document.compiled))
      .map(asItStands)
      .toSorted(byName);
    const key = policies.map((policy) => policy.digest).join(' ');
    if (last?.key === key) return last.set;
    const set = createSet(policies);
    last = { key, set };
    return set;
  };
};
