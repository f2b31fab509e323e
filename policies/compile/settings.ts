// SPDX-License-Identifier: Apache-2.0
// A set with other settings: what a policy would say if somebody set them. For trying out; what is enforced is signed.
import { fromJson } from '../cel/index.ts';
import { isJsonMap } from '../cel/values/value.ts';
import type { Value } from '../cel/index.ts';
import type { CompiledPolicy, PolicySet } from './policy-set.ts';
import { createSet } from './set-index.ts';

const withValue = (policy: CompiledPolicy, settings: Value): CompiledPolicy => {
  if (policy.bindings !== undefined) {
    const bindings = policy.bindings.map((binding) =>
      binding.params === undefined ? binding : { ...binding, params: () => ({ ok: true as const, params: [settings] }) },
    );
    return { ...policy, bindings };
  }
  const { params } = policy;
  if (params === undefined) return policy;
  return { ...policy, params: isJsonMap(params) && isJsonMap(settings) ? { ...params, ...settings } : settings };
};

/** The settings take the place of a binding's params; of a Policy's own they replace those of the same name. */
export const withSettings = (set: PolicySet, settings: unknown): PolicySet => {
  const value = fromJson(settings);
  return createSet(set.policies.map((policy) => withValue(policy, value)));
};
