// SPDX-License-Identifier: Apache-2.0
// What a rule may name (law 5): Writ governs what lies in tenants' namespaces, and those Namespaces themselves. The API
// server does not hold cluster-scoped objects to a namespaceSelector, so while Writ is down a webhook rule for such a kind
// would stop it in the whole cluster; and the webhook never decides about one.
import { GROUP, crdKinds } from '../../crds/kinds.ts';
import type { ResourceRule } from '../../crds/generated/objects.ts';
import { workloadKinds } from '../subject/workload-kinds.ts';
import { splitResource } from './match.ts';

/** Groups that a cluster recovers by, or that hold questions and no objects. */
const NEVER_GROUPS: ReadonlySet<string> = new Set([
  'admissionregistration.k8s.io',
  'apiregistration.k8s.io',
  'certificates.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'coordination.k8s.io',
]);

/** Kubernetes' own cluster-scoped kinds but namespaces, for each group. */
const BUILT_IN: Readonly<Record<string, readonly string[]>> = {
  '': ['nodes', 'persistentvolumes', 'componentstatuses'],
  'admissionregistration.k8s.io': [
    'validatingwebhookconfigurations',
    'mutatingwebhookconfigurations',
    'validatingadmissionpolicies',
    'validatingadmissionpolicybindings',
    'mutatingadmissionpolicies',
    'mutatingadmissionpolicybindings',
  ],
  'apiextensions.k8s.io': ['customresourcedefinitions'],
  'apiregistration.k8s.io': ['apiservices'],
  'authentication.k8s.io': ['tokenreviews', 'selfsubjectreviews'],
  'authorization.k8s.io': ['subjectaccessreviews', 'selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
  'certificates.k8s.io': ['certificatesigningrequests', 'clustertrustbundles'],
  'flowcontrol.apiserver.k8s.io': ['flowschemas', 'prioritylevelconfigurations'],
  'gateway.networking.k8s.io': ['gatewayclasses'],
  'internal.apiserver.k8s.io': ['storageversions'],
  'networking.k8s.io': ['ingressclasses', 'ipaddresses', 'servicecidrs'],
  'node.k8s.io': ['runtimeclasses'],
  'rbac.authorization.k8s.io': ['clusterroles', 'clusterrolebindings'],
  'resource.k8s.io': ['deviceclasses', 'resourceslices', 'devicetaintrules'],
  'scheduling.k8s.io': ['priorityclasses'],
  'storage.k8s.io': ['storageclasses', 'volumeattachments', 'csidrivers', 'csinodes', 'volumeattributesclasses'],
  'storagemigration.k8s.io': ['storageversionmigrations'],
};

const name = (group: string, plural: string): string => `${group}/${plural}`;

const CLUSTER_SCOPED: ReadonlySet<string> = new Set([
  ...Object.entries(BUILT_IN).flatMap(([group, plurals]) => plurals.map((plural) => name(group, plural))),
  ...crdKinds.flatMap(({ plural, namespaced }) => (namespaced ? [] : [name(GROUP, plural)])),
  ...workloadKinds.flatMap(({ group, plural, scope }) => (scope === 'Cluster' ? [name(group, plural)] : [])),
]);
/** Under the group `*` only the names of Kubernetes itself are clear: others have `policies` that lie in namespaces. */
const BUILT_IN_NAMES: ReadonlySet<string> = new Set(Object.values(BUILT_IN).flat());

/** A group or resource may be `*`, which is governed: of all that it stands for, what lies in namespaces. */
export const isNeverGoverned = (group: string, plural: string): boolean =>
  NEVER_GROUPS.has(group) || CLUSTER_SCOPED.has(name(group, plural)) || (group === '*' && BUILT_IN_NAMES.has(plural));

/** The one cluster-scoped kind that is governed, by its own tenant label. */
export const isNamespaces = (group: string, plural: string): boolean => (group === '' || group === '*') && plural === 'namespaces';

const ONLY = "Writ governs tenants' namespaces only";

/** What a rule names that Writ would never be asked about, with the field that says so. */
export const ungovernedPart = (rule: ResourceRule): { readonly field: keyof ResourceRule; readonly message: string } | undefined => {
  const groups = rule.apiGroups ?? [];
  const plurals = (rule.resources ?? []).map((pattern) => splitResource(pattern).resource);
  const group = groups.find((one) => NEVER_GROUPS.has(one));
  if (group !== undefined) return { field: 'apiGroups', message: `${group} is never held up by a policy: ${ONLY}` };
  const plural = plurals.find((one) => groups.some((of) => isNeverGoverned(of, one)));
  if (plural !== undefined) return { field: 'resources', message: `${plural} lie in no namespace: ${ONLY}` };
  if (rule.scope !== 'Cluster') return undefined;
  if (plurals.every((one) => groups.every((of) => isNamespaces(of, one)))) return undefined;
  return { field: 'scope', message: `Cluster is for namespaces alone: ${ONLY}` };
};
