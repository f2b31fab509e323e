// SPDX-License-Identifier: Apache-2.0
/**
 * Conditions: how every kind of ours says where it stands (Kubernetes API conventions, kstatus).
 *
 * `Ready` is on every kind. `Reconciling` and `Stalled` are abnormal-true: they are there only while true, and `Stalled`
 * means that a person must act. A reason is one CamelCase word, or, where a coded problem is behind it, that code in
 * CamelCase (`conditionReason`).
 */

export type ConditionStatus = 'True' | 'False' | 'Unknown';

/** One entry of `status.conditions`, as metav1.Condition has it. */
export type Condition = {
  readonly type: string;
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
  /** RFC 3339, when `status` last changed. */
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
};

/** Longest message that is written; the API allows 32,768, people read less. */
export const CONDITION_MESSAGE_MAX = 1024;

/** The reason word for a problem's code: `SEAL_UNKNOWN_KEY` → `SealUnknownKey`. */
export const conditionReason = (code: string): string =>
  code
    .split('_')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase())
    .join('');
