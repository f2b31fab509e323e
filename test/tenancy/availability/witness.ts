// SPDX-License-Identifier: Apache-2.0
/**
 * A witness of what a cluster lives by: who asks over and over, as the cluster's own components do and with no more rights than they have, whether
 * kube-system, nodes, their leases, Writ's own namespace and namespaces of nobody still work.
 *
 * In: the scene. Out: `unharmed`, which runs a deed and tells every refusal and every missing answer while it ran.
 */
import { SYSTEM_NAMESPACE, configMaps, leases, namespaces, pods, secrets, validatingWebhookConfigurations } from '../../../crds/kinds.ts';
import type { KubeClient } from '../../../kube/client.ts';
import { KubeTransportError } from '../../../kube/errors.ts';
import { breath } from '../../scenario/until.ts';
import { compliantPod } from '../isolated-tenant.ts';
import type { Manifest } from '../isolated-tenant.ts';
import { clusterRoleBindings, nodes } from '../resources.ts';
import type { TwoTenants } from '../two-tenants.ts';

const RBAC = 'rbac.authorization.k8s.io';
const DRY = { dryRun: true, timeoutMs: 20_000 } as const;
const NODE = 'worker';
const FREE = 'of-nobody';

type Probe = { readonly what: string; readonly ask: () => Promise<unknown> };

export type Witness = {
  /** Everything once; what was refused, as text. */
  round(): Promise<readonly string[]>;
  /** Again and again until the deed is done, at least once; a server that is away itself counts for nothing while `mayBeAway`. */
  unharmed(deed: () => Promise<unknown>, mayBeAway?: boolean): Promise<readonly string[]>;
};

const renewed = (holder: string): Manifest['spec'] => ({ holderIdentity: holder, leaseDurationSeconds: 40 });

export const callWitness = async (scene: TwoTenants): Promise<Witness> => {
  const admin = scene.writ.client;
  const bind = (name: string, role: string, subject: Readonly<Record<string, string>>): Promise<Manifest> =>
    admin.create<Manifest>(clusterRoleBindings, {
      metadata: { name },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup: RBAC, ...subject }],
    });
  await bind('workers', 'system:node', { kind: 'Group', name: 'system:nodes' });
  await bind('operations', 'cluster-admin', { kind: 'User', name: 'operations' });
  await admin.create(namespaces, { metadata: { name: FREE } });
  await admin.create<Manifest>(nodes, { metadata: { name: NODE }, spec: {} });
  await admin.create<Manifest>(leases, { metadata: { name: NODE, namespace: 'kube-node-lease' }, spec: renewed(NODE) });
  const account = (name: string): Promise<KubeClient> =>
    scene.clientOf(`system:serviceaccount:kube-system:${name}`, [
      'system:serviceaccounts',
      'system:serviceaccounts:kube-system',
      'system:authenticated',
    ]);
  const [kubelet, daemonSets, replicaSets, manager, operations] = [
    await scene.clientOf(`system:node:${NODE}`, ['system:nodes']),
    await account('daemon-set-controller'),
    await account('replicaset-controller'),
    await scene.clientOf('system:kube-controller-manager'),
    await scene.clientOf('operations'),
  ];
  const podIn = (namespace: string, name: string): Manifest => compliantPod({ tenant: 'nobody', namespace, name });
  const plain = (namespace: string): Manifest => ({
    metadata: { name: 'probe', namespace },
    spec: { containers: [{ name: 'a', image: 'busybox' }] },
  });
  const probes: readonly Probe[] = [
    { what: 'a pod of a daemon set in kube-system', ask: () => daemonSets.create(pods, plain('kube-system'), DRY) },
    {
      what: "a node's lease",
      ask: () =>
        kubelet.patch(
          leases,
          { name: NODE, namespace: 'kube-node-lease' },
          { type: 'merge', body: { spec: renewed(NODE) }, timeoutMs: 20_000 },
        ),
    },
    {
      what: "a node's status",
      ask: () =>
        kubelet.patch(nodes, { name: NODE }, { type: 'merge', subresource: 'status', body: { status: { phase: 'Running' } }, ...DRY }),
    },
    { what: 'a new node', ask: () => kubelet.create<Manifest>(nodes, { metadata: { name: 'another' }, spec: {} }, DRY) },
    {
      what: "the controller manager's lease",
      ask: () => manager.create<Manifest>(leases, { metadata: { name: 'probe', namespace: 'kube-system' }, spec: renewed('x') }, DRY),
    },
    { what: "a pod of Writ's own", ask: () => replicaSets.create(pods, podIn(SYSTEM_NAMESPACE, 'writ-webhook-again'), DRY) },
    {
      what: "a secret of Writ's own",
      ask: () => operations.create<Manifest>(secrets, { metadata: { name: 'probe', namespace: SYSTEM_NAMESPACE } }, DRY),
    },
    {
      what: "a change of Writ's configurations",
      ask: () =>
        operations.patch(
          validatingWebhookConfigurations,
          { name: 'writ' },
          { type: 'merge', body: { metadata: { annotations: { 'example.com/probe': 'yes' } } }, ...DRY },
        ),
    },
    { what: 'a pod of nobody', ask: () => operations.create(pods, plain(FREE), DRY) },
    { what: 'a pod in default', ask: () => operations.create(pods, plain('default'), DRY) },
    {
      what: 'a note of nobody',
      ask: () => operations.create<Manifest>(configMaps, { metadata: { name: 'probe', namespace: FREE }, data: {} }, DRY),
    },
    { what: 'a namespace of nobody', ask: () => operations.create(namespaces, { metadata: { name: 'another' } }, DRY) },
    {
      what: 'a change of a namespace of nobody',
      ask: () => operations.patch(namespaces, { name: FREE }, { type: 'merge', body: { metadata: { labels: { team: 'x' } } }, ...DRY }),
    },
    {
      what: 'the deletion of a namespace of nobody',
      ask: () => operations.delete(namespaces, { name: FREE }, { dryRun: true, timeoutMs: 20_000 }),
    },
  ];
  const round = async (mayBeAway = false): Promise<readonly string[]> => {
    const said = await Promise.all(
      probes.map(async ({ what, ask }) => {
        try {
          await ask();
          return [];
        } catch (error) {
          return mayBeAway && isAway(error) ? [] : [`${what}: ${error instanceof Error ? error.message : String(error)}`];
        }
      }),
    );
    return said.flat();
  };
  return {
    round: () => round(),
    unharmed: async (deed, mayBeAway = false) => {
      const refusals: string[] = [];
      const ending = new AbortController();
      const watching = (async () => {
        do {
          refusals.push(...(await round(mayBeAway)));
          await breath();
        } while (!ending.signal.aborted);
      })();
      try {
        await deed();
      } finally {
        ending.abort();
        await watching;
      }
      return refusals;
    },
  };
};

/** The API server is gone, or not yet back: nobody of ours was asked. */
const isAway = (error: unknown): boolean =>
  error instanceof KubeTransportError ||
  (error instanceof Error &&
    /etcdserver|not yet|shutting down|apiserver|no kind|RBAC|forbidden/.test(error.message) &&
    !/calling webhook|ValidatingAdmissionPolicy/.test(error.message));
