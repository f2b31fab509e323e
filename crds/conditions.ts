// SPDX-License-Identifier: Apache-2.0
/**
 * Conditions: how every kind of ours says where it stands (Kubernetes API conventions, kstatus).
 *
 * `Ready` is on every kind. `Reconciling` and `Stalled` are abnormal-true: they are there only while true, and `Stalled`
 * means that a person must act. A reason is one CamelCase word from the unions below, or, where a coded problem is
 * behind it, that code in CamelCase (`conditionReason`).
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

export const conditionTypes = {
  GitSource: ['Ready', 'Fetched', 'Verified', 'Applied', 'Drifted', 'Reconciling', 'Stalled'],
  Policy: ['Ready', 'Verified', 'Compiled', 'Reconciling', 'Stalled'],
  Ruleset: ['Ready', 'Verified', 'DependenciesMet', 'Reconciling', 'Stalled'],
  TrustPolicy: ['Ready', 'Verified', 'Reconciling', 'Stalled'],
  Tenant: ['Ready', 'NamespacesReady', 'NetworkIsolated', 'RulesetsReady', 'QuotaExceeded', 'Cordoned', 'Reconciling', 'Stalled'],
} as const;

export type ConditionType<K extends keyof typeof conditionTypes = keyof typeof conditionTypes> = (typeof conditionTypes)[K][number];

export const conditionReasons = {
  GitSource: [
    'Succeeded',
    'Progressing',
    'Suspended',
    'FetchFailed',
    'AuthenticationFailed',
    'RefNotFound',
    'VerificationFailed',
    'ValidationFailed',
    'DryRunFailed',
    'ApplyFailed',
    'PruneRefused',
    'DriftDetected',
    'InSync',
  ],
  Policy: ['Enforced', 'Progressing', 'Verified', 'Unsigned', 'VerificationFailed', 'Compiled', 'CompileFailed', 'Expired', 'NotEnforced'],
  Ruleset: ['Succeeded', 'Progressing', 'Verified', 'Unsigned', 'VerificationFailed', 'DependencyMissing', 'DependenciesMet'],
  TrustPolicy: ['Succeeded', 'Progressing', 'Pinned', 'NotPinned', 'VerificationFailed', 'Expired'],
  Tenant: [
    'Succeeded',
    'Progressing',
    'Suspended',
    'NamespaceOwnedByAnother',
    'NamespaceNotAdopted',
    'NamespaceForbidden',
    'NamespaceQuotaExceeded',
    'ApplyFailed',
    'Cordoned',
    'Quarantined',
  ],
} as const;

export type ConditionReason<K extends keyof typeof conditionReasons = keyof typeof conditionReasons> = (typeof conditionReasons)[K][number];

/** The reason word for a problem's code: `SEAL_UNKNOWN_KEY` → `SealUnknownKey`. */
export const conditionReason = (code: string): string =>
  code
    .split('_')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase())
    .join('');
