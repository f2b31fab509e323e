// SPDX-License-Identifier: Apache-2.0
// Requests about what tenants are made of, as the API server itself counts them, and the same writes sent without any operator.
import {
  clusterRoleBindings,
  clusterRoles,
  limitRanges,
  networkPolicies,
  resourceQuotas,
  roleBindings,
  roles,
} from '../tenancy/resources.ts';
import { MANAGED_BY_LABEL, TENANT_LABEL, namespaces, tenants } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { Manifest } from '../tenancy/isolated-tenant.ts';

/** What a Tenant makes: first where it lives, then what is in it. */
export const CHILD_KINDS: readonly Resource[] = [
  namespaces,
  clusterRoles,
  clusterRoleBindings,
  roles,
  roleBindings,
  resourceQuotas,
  limitRanges,
  networkPolicies,
];

const COUNTED = new Set([...CHILD_KINDS, tenants].map(({ plural }) => plural).concat('configmaps', 'events'));
const WRITES = new Set(['APPLY', 'PATCH', 'POST', 'PUT', 'DELETE', 'CREATE', 'UPDATE']);

export type Requests = { readonly reads: number; readonly writes: number };

const LINE = /^apiserver_request_total\{([^}]*)\} (\S+)$/gm;
const labelOf = (labels: string, name: string): string => new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1] ?? '';

/** Answered requests since the API server began, dry runs and watches apart. */
export const requestsSoFar = async (admin: KubeClient): Promise<Requests> => {
  const text = await admin.request<string>({ method: 'GET', path: '/metrics' });
  const sums = { reads: 0, writes: 0 };
  for (const [, labels = '', value] of text.matchAll(LINE)) {
    if (!COUNTED.has(labelOf(labels, 'resource')) || labelOf(labels, 'dry_run') !== '') continue;
    const verb = labelOf(labels, 'verb');
    if (WRITES.has(verb)) sums.writes += Number(value);
    else if (verb === 'GET' || verb === 'LIST') sums.reads += Number(value);
  }
  return sums;
};

export const since = (before: Requests, now: Requests): Requests => ({
  reads: now.reads - before.reads,
  writes: now.writes - before.writes,
});

/** Everything that was made for these tenants, to be written again under other names: same kinds, same sizes, nobody's. */
export const copiesOf = async (admin: KubeClient, wanted: ReadonlySet<string>): Promise<readonly (readonly [Resource, KubeObject])[]> => {
  const lists = await Promise.all(
    CHILD_KINDS.map(async (resource) => ({
      resource,
      items: (await admin.list<Manifest>(resource, { labelSelector: TENANT_LABEL })).items,
    })),
  );
  return lists.flatMap(({ resource, items }) =>
    items
      .filter(({ metadata }) => wanted.has(metadata.labels?.[TENANT_LABEL] ?? ''))
      .map((object): readonly [Resource, KubeObject] => {
        const { metadata, status: _, ...rest } = object;
        const { [TENANT_LABEL]: __, [MANAGED_BY_LABEL]: ___, 'kubernetes.io/metadata.name': ____, ...labels } = metadata.labels ?? {};
        const copy = {
          name: resource.namespaced ? metadata.name : `raw-${metadata.name}`,
          ...(metadata.namespace === undefined ? {} : { namespace: `raw-${metadata.namespace}` }),
          labels: { ...labels, 'example.com/copy': 'yes' },
        };
        return [resource, { ...(resource === namespaces ? {} : rest), metadata: copy }];
      }),
  );
};

/** Applies all with so many calls at once, namespaces before what is in them; how long that took. */
export const writeRaw = async (
  admin: KubeClient,
  objects: readonly (readonly [Resource, KubeObject])[],
  inFlight: number,
): Promise<number> => {
  const startedMs = performance.now();
  for (const phase of [objects.filter(([resource]) => !resource.namespaced), objects.filter(([resource]) => resource.namespaced)]) {
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let at = next++; at < phase.length; at = next++) {
        const entry = phase[at];
        if (entry !== undefined) await admin.apply(entry[0], entry[1], { fieldManager: 'writ-bench' });
      }
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
  }
  return performance.now() - startedMs;
};
