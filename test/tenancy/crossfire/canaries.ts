// SPDX-License-Identifier: Apache-2.0
// What each tenant has that nobody else may ever see: objects that carry a word found nowhere else, in names of keys, values, labels and
// annotations. Whoever is shown the word, or the uid of anything in the tenant, has read what is not theirs.
import { configMaps, deployments, leases, namespaces, pods, secrets, services, tenants } from '../../../crds/kinds.ts';
import type { Resource } from '../../../crds/kinds.ts';
import type { KubeClient } from '../../../kube/client.ts';
import type { KubeObject } from '../../../kube/objects.ts';
import { compliantPod } from '../isolated-tenant.ts';
import type { Manifest } from '../isolated-tenant.ts';
import { claims, ingresses, limitRanges, networkPolicies, resourceQuotas, roleBindings, roles, serviceAccounts } from '../resources.ts';
import type { Side } from '../two-tenants.ts';

/** The kinds in which tenants have objects, Writ's included. */
export const HELD_KINDS: readonly Resource[] = [
  configMaps,
  secrets,
  services,
  pods,
  deployments,
  leases,
  claims,
  ingresses,
  networkPolicies,
  roles,
  roleBindings,
  serviceAccounts,
  resourceQuotas,
  limitRanges,
];

export type Held = {
  readonly resource: Resource;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** All of the object that its owner's own work does not change. */
  readonly digest: string;
};

const canaryObjects = (side: Side, namespace: string, word: string): readonly (readonly [Resource, Manifest])[] => {
  const metadata = (name: string): KubeObject['metadata'] => ({
    name,
    namespace,
    labels: { app: 'canary', word },
    annotations: { 'example.com/word': word },
  });
  const pod = compliantPod({ tenant: side.name, namespace });
  const metadataOfPods = { labels: { app: 'canary', word } };
  return [
    [configMaps, { metadata: metadata('notes'), data: { [word]: word } }],
    [secrets, { metadata: metadata('key'), stringData: { token: word } }],
    [services, { metadata: metadata('web'), spec: { selector: { app: word }, ports: [{ port: 80 }] } }],
    [pods, { ...pod, metadata: metadata('agent') }],
    [
      deployments,
      {
        metadata: metadata('workers'),
        spec: { replicas: 0, selector: { matchLabels: metadataOfPods.labels }, template: { metadata: metadataOfPods, spec: pod.spec } },
      },
    ],
    [
      networkPolicies,
      { metadata: metadata('narrow'), spec: { podSelector: { matchLabels: { app: 'canary' } }, policyTypes: ['Ingress'] } },
    ],
    [
      roles,
      { metadata: metadata('reader'), rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: [word], verbs: ['get'] }] },
    ],
  ];
};

/** Makes them as the owner, who thereby also proves that an owner can work. */
export const plantCanaries = async (side: Side, word: string): Promise<void> => {
  for (const namespace of side.namespaces)
    for (const [resource, object] of canaryObjects(side, namespace, word)) await side.owner.create(resource, object);
};

/** Everything in the tenant's namespaces, and what stands for the tenant itself, as the administrator sees it. */
export const heldBy = async (admin: KubeClient, side: Side): Promise<readonly Held[]> => {
  const lists = await Promise.all(
    side.namespaces.flatMap((namespace) =>
      HELD_KINDS.map(async (resource) =>
        (await admin.list<Manifest>(resource, { namespace })).items.map((object) => heldOf(resource, namespace, object)),
      ),
    ),
  );
  const own = await Promise.all([
    admin.get<Manifest>(tenants, { name: side.name }).then((object) => (object === undefined ? [] : [heldOf(tenants, '', object)])),
    ...side.namespaces.map((name) =>
      admin.get<Manifest>(namespaces, { name }).then((object) => (object === undefined ? [] : [heldOf(namespaces, '', object)])),
    ),
  ]);
  return [...lists.flat(), ...own.flat()].filter(({ name }) => !name.startsWith(SCRATCH));
};

/** Names of what people make and change for real; all else that they send is a dry run or must be refused. */
export const SCRATCH = 'scratch-';

const heldOf = (resource: Resource, namespace: string, object: Manifest): Held => {
  const { metadata, status: _, ...rest } = object;
  const { name, uid = '', labels, annotations, finalizers, ownerReferences } = metadata;
  return { resource, namespace, name, uid, digest: JSON.stringify([rest, labels, annotations, finalizers, ownerReferences]) };
};
