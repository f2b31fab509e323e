// SPDX-License-Identifier: Apache-2.0
// The audit annotation of a ValidatingAdmissionPolicyBinding whose actions have Audit (KEP-3488): what failed, as a list of one.
import type { CompiledBinding, CompiledPolicy } from '../compile/policy-set.ts';
import type { Violation } from './decision.ts';

export const FAILURE_KEY = 'validation.policy.admission.k8s.io/validation_failure';

/** As Go's encoder writes it, which keeps JSON safe within HTML. */
const goJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(/[<>&\u2028\u2029]/g, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** One key has one value, and the API server keeps the first, so the first failure is what is told. */
export const validationFailure = (
  policy: CompiledPolicy,
  binding: Pick<CompiledBinding, 'name' | 'actions'>,
  failures: readonly Violation[],
): readonly (readonly [key: string, value: string])[] => {
  const [first] = failures;
  if (first === undefined || !binding.actions.includes('Audit')) return [];
  const told = {
    message: first.message,
    policy: policy.name,
    binding: binding.name,
    // What is no validation's, such as an error of a match condition, is told as of the first.
    expressionIndex: Math.max(0, first.rule),
    validationActions: binding.actions,
  };
  return [[FAILURE_KEY, goJson([told])]];
};
