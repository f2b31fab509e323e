// SPDX-License-Identifier: Apache-2.0
/**
 * The names of the wire: kinds, labels, annotations, objects that two processes share.
 *
 * In: nothing. Out: one `Resource` descriptor for each kind that Writ reads or writes, and every string that operator,
 * webhook and command line must spell alike. The schemas are the YAML files beside this one; `generated/` is made from
 * them. Anyone may import this folder; it imports nothing but Node's own modules.
 */
import { createHash } from 'node:crypto';

/** What a URL of the Kubernetes API is made of; `group` is empty for the core group. */
export type Resource = {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
};

export const GROUP = 'writ.dev';
const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;

const own = <P extends string, K extends string, N extends boolean>(plural: P, kind: K, namespaced: N) =>
  ({ group: GROUP, version: VERSION, plural, kind, namespaced }) as const;

export const gitSources = own('gitsources', 'GitSource', true);
export const policies = own('policies', 'Policy', false);
export const rulesets = own('rulesets', 'Ruleset', false);
export const trustPolicies = own('trustpolicies', 'TrustPolicy', false);
export const tenants = own('tenants', 'Tenant', false);
export const tierCatalogs = own('tiercatalogs', 'TierCatalog', false);
export const licenses = own('licenses', 'License', false);
export const priceBooks = own('pricebooks', 'PriceBook', false);

/** Our kinds in the order in which a commit is applied: a seal's trust first, then what tenants are judged by, policies last. */
export const writKinds = [
  trustPolicies,
  gitSources,
  tierCatalogs,
  licenses,
  priceBooks,
  tenants,
  rulesets,
  policies,
] as const satisfies readonly Resource[];

export const tenantUsages = own('tenantusages', 'TenantUsage', false);

/** All kinds that have a CRD: those of a commit, and what the operator alone writes. */
export const crdKinds = [...writKinds, tenantUsages] as const satisfies readonly Resource[];

export type WritKind = (typeof writKinds)[number]['kind'];

/**
 * The kinds whose documents count by their seals alone and have versions: replicas hold each of their documents, marks keep
 * the highest version, and a seal ends them.
 */
export const sealedKinds = [policies, rulesets, tierCatalogs, licenses, priceBooks] as const satisfies readonly Resource[];

export type SealedKind = (typeof sealedKinds)[number]['kind'];

export const isSealedKind = (kind: string): kind is SealedKind => sealedKinds.some((sealed) => sealed.kind === kind);

const core = (plural: string, kind: string, namespaced: boolean): Resource => ({ group: '', version: 'v1', plural, kind, namespaced });

export const namespaces = core('namespaces', 'Namespace', false);
export const configMaps = core('configmaps', 'ConfigMap', true);
export const secrets = core('secrets', 'Secret', true);
export const services = core('services', 'Service', true);
export const pods = core('pods', 'Pod', true);
export const resourceQuotas = core('resourcequotas', 'ResourceQuota', true);
export const limitRanges = core('limitranges', 'LimitRange', true);
export const networkPolicies: Resource = {
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'networkpolicies',
  kind: 'NetworkPolicy',
  namespaced: true,
};
export const RBAC_GROUP = 'rbac.authorization.k8s.io';
const rbac = <K extends string>(plural: string, kind: K, namespaced: boolean): Resource & { readonly kind: K } => ({
  group: RBAC_GROUP,
  version: 'v1',
  plural,
  kind,
  namespaced,
});
export const roleBindings = rbac('rolebindings', 'RoleBinding', true);
export const clusterRoles = rbac('clusterroles', 'ClusterRole', false);
export const clusterRoleBindings = rbac('clusterrolebindings', 'ClusterRoleBinding', false);
export const persistentVolumeClaims = core('persistentvolumeclaims', 'PersistentVolumeClaim', true);
export const deployments: Resource = { group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment', namespaced: true };
export const leases: Resource = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', kind: 'Lease', namespaced: true };
export const events: Resource = { group: 'events.k8s.io', version: 'v1', plural: 'events', kind: 'Event', namespaced: true };
export const validatingWebhookConfigurations: Resource = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'validatingwebhookconfigurations',
  kind: 'ValidatingWebhookConfiguration',
  namespaced: false,
};
export const mutatingWebhookConfigurations: Resource = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'mutatingwebhookconfigurations',
  kind: 'MutatingWebhookConfiguration',
  namespaced: false,
};
/** Questions to the authorizer; they are answered and never stored. */
export const subjectAccessReviews: Resource = {
  group: 'authorization.k8s.io',
  version: 'v1',
  plural: 'subjectaccessreviews',
  kind: 'SubjectAccessReview',
  namespaced: false,
};
/** Questions whose token it is; they are answered and never stored. */
export const tokenReviews: Resource = {
  group: 'authentication.k8s.io',
  version: 'v1',
  plural: 'tokenreviews',
  kind: 'TokenReview',
  namespaced: false,
};
export const customResourceDefinitions: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

/** `writ.dev/v1alpha1`, or `v1` for the core group. */
export const apiVersionOf = (resource: Pick<Resource, 'group' | 'version'>): string =>
  resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;

export const SYSTEM_NAMESPACE = 'writ-system';
/** What a cluster needs to recover; with the system namespace, never governed and never a tenant's. */
export const NEVER_GOVERNED: readonly string[] = ['kube-system', 'kube-public', 'kube-node-lease'];
/** ClusterRole that an owner has in its tenant's namespaces beside those that the Tenant names. */
export const NAMESPACE_OWNER_ROLE = 'writ-namespace-owner';
/** Account of the operator, in the system namespace. */
export const OPERATOR_SERVICE_ACCOUNT = 'writ-operator';
export const WEBHOOK_SERVICE_ACCOUNT = 'writ-webhook';
/** ConfigMap in the system namespace that declares meters, JSON under `meters.json`. */
export const METERS_CONFIG_MAP = 'writ-meters';
/** The one TrustPolicy. */
export const TRUST_POLICY_NAME = 'cluster';
/** The one TierCatalog. */
export const TIER_CATALOG_NAME = 'cluster';
/** The namespace whose uid stands for the installation, as in every cluster. */
export const INSTALLATION_NAMESPACE = 'kube-system';
/** The ValidatingWebhookConfiguration that the operator owns. */
export const WEBHOOK_CONFIGURATION_NAME = 'writ';
/** The one that makes the API server ask the guard about Writ's own kinds. */
export const GUARD_CONFIGURATION_NAME = 'writ-guard';
/** The one that makes the API server ask about the bounds of tenants. */
export const TENANCY_CONFIGURATION_NAME = 'writ-tenancy';
/** The MutatingWebhookConfiguration by which tenants' pods are completed. */
export const COMPLETE_CONFIGURATION_NAME = 'writ-complete';
/** Secret in the system namespace with `ca.crt`, `tls.crt` and `tls.key` of the webhook. */
export const WEBHOOK_TLS_SECRET = 'writ-webhook-tls';
/** Keys of the audit log. */
export const AUDIT_SECRET = 'writ-audit';
/** Lease of the operator's leader election, in the system namespace. */
export const OPERATOR_LEASE = 'writ-operator';

/** Field manager of what comes from Git. */
export const SYNC_FIELD_MANAGER = 'writ-sync';
export const STATUS_FIELD_MANAGER = 'writ-status';

/** On a namespace: the Tenant that it belongs to. Only namespaces that carry it are governed. */
export const TENANT_LABEL = 'writ.dev/tenant';
/** On a namespace: `"true"` where a Tenant took it over; it is not deleted with that Tenant. */
export const ADOPTED_ANNOTATION = 'writ.dev/adopted';
/** On an object applied from Git: its GitSource, as `sourceLabel` spells it. */
export const SOURCE_LABEL = 'writ.dev/source';
/** On an inventory ConfigMap: `"true"`. */
export const INVENTORY_LABEL = 'writ.dev/inventory';
/** On the ConfigMap of marks: `"true"`. */
export const MARKS_LABEL = 'writ.dev/marks';
/** On the ConfigMap of a tenant's quota ledger: `"true"`. */
export const QUOTA_LEDGER_LABEL = 'writ.dev/quota-ledger';
/** Keeps a Tenant until what was made for it is gone or let go. */
export const TENANT_FINALIZER = 'writ.dev/tenant';
/** Keeps the marks while somebody deletes them: whoever takes it away has to mean it. */
export const MARKS_FINALIZER = 'writ.dev/marks';
/** ConfigMap in the system namespace: the highest version that was enforced of each document. */
export const MARKS_NAME = 'writ-marks';
/** On a replica's ConfigMap and Lease: the process it reports for, `webhook`. */
export const REPLICA_LABEL = 'writ.dev/replica';
/** On the Lease of a replica: its newest batch of receipts that is on disk. */
export const RECEIPTS_ANNOTATION = 'writ.dev/receipts';
export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';
export const MANAGED_BY = 'writ';

/** A new value asks for a reconcile now; the value handled last is in status.lastHandledReconcileAt. */
export const REQUESTED_AT_ANNOTATION = 'writ.dev/requestedAt';
/** On a Tenant: a request, by any name, to make unreadable what the audit log holds of it under encryption. */
export const ERASE_AUDIT_ANNOTATION = 'writ.dev/erase-audit';
/** `Disabled` on an applied object: it is never deleted by prune. */
export const PRUNE_ANNOTATION = 'writ.dev/prune';

const LABEL_VALUE_MAX = 63;

/**
 * The value of `writ.dev/source` for a source `NAMESPACE/NAME`: `NAMESPACE.NAME` (a namespace has no dot, so it reads
 * back), or its shortened form with a digest where that is longer than a label value may be.
 */
export const sourceLabel = (source: string): string => {
  const plain = source.replace('/', '.');
  if (plain.length <= LABEL_VALUE_MAX) return plain;
  const digest = createHash('sha256').update(source).digest('hex').slice(0, 16);
  return `${plain.slice(0, LABEL_VALUE_MAX - digest.length - 1).replace(/[^a-z0-9]+$/, '')}-${digest}`;
};
