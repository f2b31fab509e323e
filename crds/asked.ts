// SPDX-License-Identifier: Apache-2.0
// What the API server is told to ask Writ about, but for where Writ answers: the operator writes it, and replicas know by the
// same words whether it still stands.
import { GROUP, INVENTORY_LABEL, MARKS_LABEL, NEVER_GOVERNED, TENANT_LABEL, sealedKinds, tenants, trustPolicies } from './kinds.ts';

/** Of the webhook that is asked about every tenant. */
export const DECISION_WEBHOOK = 'validate.writ.dev';
export const DECISION_PATH = '/validate';
export const GUARD_PATH = '/guard';

/** The API server gives up after this; a verdict takes well under a millisecond, and the guard waits less for its caches. */
const TIMEOUT_SECONDS = 5;

const closed = {
  admissionReviewVersions: ['v1'],
  failurePolicy: 'Fail',
  matchPolicy: 'Equivalent',
  timeoutSeconds: TIMEOUT_SECONDS,
} as const;

/** Of each webhook that decides, beside its name, its rules and its namespaces. Decisions are metered, and a dry run is not. */
export const decisionFields = { ...closed, objectSelector: {}, sideEffects: 'NoneOnDryRun' } as const;

/** Tenants' namespaces, never those that a cluster recovers by. */
export const tenantNamespaces = (systemNamespace: string): { readonly matchExpressions: readonly unknown[] } => ({
  matchExpressions: [
    { key: TENANT_LABEL, operator: 'Exists' },
    { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: [...NEVER_GOVERNED, systemNamespace] },
  ],
});

const OPERATIONS = ['CREATE', 'UPDATE', 'DELETE'] as const;
const GUARDED = [...sealedKinds, tenants, trustPolicies];

export type AskedWebhook = Readonly<Record<string, unknown>> & { readonly name: string };

/** Writ's own kinds and two sorts of ConfigMap in the system namespace, nothing else; its selectors go by labels that no tenant can write. */
export const guardWebhooks = (systemNamespace: string): readonly AskedWebhook[] => {
  const configMapsWith = (label: string) => ({
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: OPERATIONS, resources: ['configmaps'], scope: 'Namespaced' }],
    // The API server writes this label itself.
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': systemNamespace } },
    // Matches where the object before or after the change carries it.
    objectSelector: { matchLabels: { [label]: 'true' } },
  });
  const ownKinds = {
    rules: [
      { apiGroups: [GROUP], apiVersions: ['*'], operations: OPERATIONS, resources: GUARDED.map(({ plural }) => plural), scope: 'Cluster' },
    ],
    namespaceSelector: {},
    objectSelector: {},
  };
  return [
    { name: 'kinds.guard.writ.dev', ...ownKinds },
    { name: 'inventories.guard.writ.dev', ...configMapsWith(INVENTORY_LABEL) },
    { name: 'marks.guard.writ.dev', ...configMapsWith(MARKS_LABEL) },
  ].map((scope) => ({ ...closed, sideEffects: 'None', ...scope }));
};
