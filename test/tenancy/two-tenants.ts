// SPDX-License-Identifier: Apache-2.0
/**
 * Two tenants on one cluster, and the people in them: what the proofs of isolation share.
 *
 * In: fields of a Tenant that one file wants otherwise. Out: Writ installed on a real API server with its controller manager, the tenants
 * `red` and `blue` with two namespaces each, clients of their owner, developer, viewer and a service account. Nobody here but
 * `writ.client` is an administrator: members of system:masters pass what everybody else is refused.
 */
import type { KubeClient } from '../../kube/client.ts';
import { createKubeClient } from '../../kube/client.ts';
import { tenants } from '../../crds/kinds.ts';
import { systemClock } from '../../process/clock.ts';
import { policyText } from '../scenario/documents.ts';
import { installWrit } from '../scenario/installation.ts';
import type { Installation, InstallationOptions } from '../scenario/installation.ts';
import { objectSays } from '../scenario/told.ts';
import { until } from '../scenario/until.ts';
import {
  DELETING_CLASS,
  OTHER_RUNTIME,
  RETAINING_CLASS,
  TENANT_RUNTIME,
  compliantPod,
  isolatedTenant,
  ownerOf,
} from './isolated-tenant.ts';
import type { CompliantPod } from './isolated-tenant.ts';
import { pods } from '../../crds/kinds.ts';

export type Side = {
  readonly name: string;
  readonly namespaces: readonly [string, string];
  readonly owner: KubeClient;
  readonly developer: KubeClient;
  readonly viewer: KubeClient;
  readonly kubeconfigs: Readonly<Record<'owner' | 'developer' | 'viewer', string>>;
  /** In the first namespace. */
  readonly pod: CompliantPod;
};

export type TwoTenants = {
  readonly writ: Installation;
  readonly red: Side;
  readonly blue: Side;
  /** As somebody who is in no tenant. */
  readonly stranger: KubeClient;
  clientOf(user: string, groups?: readonly string[]): Promise<KubeClient>;
  stop(): Promise<void>;
};

export type TwoTenantsOptions = {
  readonly installation?: Partial<InstallationOptions>;
  /** Fields of spec of both. */
  readonly spec?: Readonly<Record<string, unknown>>;
};

/** One policy is in force, because tenants without any are closed. */
const policy = policyText({
  name: 'named',
  expression: 'workload.containers.all(c, c.name != "forbidden")',
  message: 'name the container otherwise',
});

const storageClass = (name: string, reclaimPolicy: string): unknown => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name },
  provisioner: 'example.com/none',
  reclaimPolicy,
});

export const startTwoTenants = async (options: TwoTenantsOptions = {}): Promise<TwoTenants> => {
  const document = (name: string): Readonly<Record<string, string>> => ({
    [`tenants/${name}.yaml`]: JSON.stringify(
      isolatedTenant({ name, namespaces: [`${name}-one`, `${name}-two`], ...(options.spec === undefined ? {} : { spec: options.spec }) }),
    ),
  });
  const writ = await installWrit({
    interval: '2s',
    ...options.installation,
    documents: { 'policies/named.yaml': policy, ...document('red'), ...document('blue'), ...options.installation?.documents },
  });
  const clients: KubeClient[] = [];
  const stop = async (): Promise<void> => {
    for (const client of clients) await client.close();
    await writ.stop();
  };
  try {
    const clientFor = (kubeconfigPath: string): KubeClient => {
      const client = createKubeClient({ kubeconfigPath, clock: systemClock, userAgent: 'writ-test' });
      clients.push(client);
      return client;
    };
    const clientOf = async (user: string, groups: readonly string[] = []): Promise<KubeClient> =>
      clientFor(await writ.plane.kubeconfigFor({ user, groups }));
    const sideOf = async (name: string): Promise<Side> => {
      const kubeconfigs = {
        owner: await writ.plane.kubeconfigFor({ user: ownerOf(name) }),
        developer: await writ.plane.kubeconfigFor({ user: `${name}-developer` }),
        viewer: await writ.plane.kubeconfigFor({ user: `${name}-viewer` }),
      };
      return {
        name,
        namespaces: [`${name}-one`, `${name}-two`],
        kubeconfigs,
        owner: clientFor(kubeconfigs.owner),
        developer: clientFor(kubeconfigs.developer),
        viewer: clientFor(kubeconfigs.viewer),
        pod: compliantPod({ tenant: name, namespace: `${name}-one` }),
      };
    };
    const classes = [
      storageClass(RETAINING_CLASS, 'Retain'),
      storageClass(DELETING_CLASS, 'Delete'),
      ...[TENANT_RUNTIME, OTHER_RUNTIME].map((name) => ({
        apiVersion: 'node.k8s.io/v1',
        kind: 'RuntimeClass',
        metadata: { name },
        handler: 'none',
      })),
    ]
      .map((manifest) => JSON.stringify(manifest))
      .join('\n---\n');
    const applied = await writ.plane.kubectl(['apply', '-f', '-'], { input: classes });
    if (applied.code !== 0) throw new Error(applied.stderr);
    const [red, blue] = [await sideOf('red'), await sideOf('blue')];
    for (const side of [red, blue]) {
      await objectSays(writ.client, { resource: tenants, name: side.name }, { type: 'Ready', status: 'True' });
      await admitted(side);
    }
    return { writ, red, blue, clientOf, stranger: await clientOf('stranger'), stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

/** Resolves once the owner's compliant pod is admitted, as a dry run. */
export const admitted = async (side: Side): Promise<void> => {
  let said: unknown;
  await until(
    async () => {
      try {
        await side.owner.create(pods, side.pod, { dryRun: true });
        return true;
      } catch (error) {
        said = error;
        return false;
      }
    },
    { what: `a compliant pod of ${side.name} to be admitted`, withinMs: 30_000, everyMs: 100 },
  ).catch((error: unknown) => {
    throw new Error(`the compliant pod of ${side.name} is refused: ${String(said)}`, { cause: error });
  });
};
