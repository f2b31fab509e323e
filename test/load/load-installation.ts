// SPDX-License-Identifier: Apache-2.0
// The one installation that the benchmarks with an API server share: a hundred policies from Git, of which the namespace of
// one tenant meets 1, of another 12, of a third all, and one more policy for the pushes.
import { namespaces } from '../../crds/kinds.ts';
import { installWrit } from '../scenario/installation.ts';
import type { Installation } from '../scenario/installation.ts';
import { until } from '../scenario/until.ts';
import { agentPod, loadPolicies, writPolicy } from './agent-policies.ts';
import { openConnection, postBytes } from './keep-alive-connection.ts';
import type { Answer, PostTarget } from './keep-alive-connection.ts';

export const SIZES = [1, 12, 100] as const;
export type Size = (typeof SIZES)[number];

export const PUSHED_POLICY = 'policies/pushed.yaml';
const PUSH_TENANT = 'load-push';

/** Refuses what carries the label, and says by which version. */
export const pushedPolicy = (version: number): string =>
  JSON.stringify({
    ...writPolicy(
      { name: 'pushed', index: 0, expression: "!('refuse-me' in object.metadata.labels)", message: `refused by version ${version};` },
      [PUSH_TENANT],
      version,
    ),
  });

const tenantOf = (size: Size): string => `load-${size}`;
export const tenantNamespaces = { push: `${PUSH_TENANT}-agents`, of: (size: Size): string => `${tenantOf(size)}-agents` };

const documents = (): Record<string, string> => {
  const policies = loadPolicies(100).map((policy) => {
    const tenants = SIZES.filter((size) => policy.index < size).map(tenantOf);
    return [`policies/${policy.name}.yaml`, JSON.stringify(writPolicy(policy, tenants))];
  });
  const tenants = [...SIZES.map(tenantOf), PUSH_TENANT].map((name) => [
    `tenants/${name}.yaml`,
    JSON.stringify({
      apiVersion: 'writ.dev/v1alpha1',
      kind: 'Tenant',
      metadata: { name },
      spec: { namespaces: { items: [{ name: `${name}-agents` }] } },
    }),
  ]);
  return Object.fromEntries([...policies, ...tenants, [PUSHED_POLICY, pushedPolicy(1)]]);
};

export type LoadInstallation = {
  readonly writ: Installation;
  /** Where a dry-run create of a pod in the namespace is sent. */
  readonly podCreates: (namespace: string) => PostTarget;
  /** Resolves when pods can be made in the namespace. */
  readonly usable: (namespace: string, pod?: unknown) => Promise<void>;
};

export const installForLoad = async (say: (step: string) => void): Promise<LoadInstallation> => {
  // Longer than any benchmark: between pushes nothing is fetched.
  const writ = await installWrit({ documents: documents(), interval: '30m', onStep: say });
  const { url, caData, token } = writ.plane;
  const ca = Buffer.from(caData, 'base64').toString();
  const podCreates = (namespace: string): PostTarget => ({
    url: `${url}/api/v1/namespaces/${namespace}/pods?dryRun=All`,
    ca,
    token,
  });
  const usable = async (namespace: string, pod: unknown = agentPod({ namespace })): Promise<void> => {
    let last: Answer | undefined;
    await until(
      async () => {
        last = await createPod(podCreates(namespace), pod);
        return last.status === 201;
      },
      { what: `a pod to be accepted in ${namespace}`, withinMs: 30_000 },
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${last?.text() ?? 'no answer'}`);
    });
  };
  say('waiting for the policies to be enforced');
  for (const namespace of [...SIZES.map(tenantNamespaces.of), tenantNamespaces.push]) await usable(namespace);
  return { writ, podCreates, usable };
};

/** One create on a connection of its own. */
export const createPod = async (target: PostTarget, pod: unknown): Promise<Answer> => {
  const connection = await openConnection(target);
  try {
    return await connection.exchange(postBytes(target, JSON.stringify(pod)));
  } finally {
    connection.close();
  }
};

/** A namespace of nobody, found by its label. */
export const makeNamespace = async ({ writ, usable }: LoadInstallation, name: string): Promise<void> => {
  await writ.client.create(namespaces, { metadata: { name, labels: { 'example.com/load': name } } });
  await usable(name);
};
