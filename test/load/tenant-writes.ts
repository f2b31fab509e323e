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
import { SYNC_FIELD_MANAGER, TENANT_LABEL, namespaces, tenants } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { Manifest } from '../tenancy/isolated-tenant.ts';

/** What a Tenant makes: first where it lives, then what is in it. */
const CHILD_KINDS: readonly Resource[] = [
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

export type Requests = {
  readonly reads: number;
  readonly writes: number;
  /** How often each was asked, such as `APPLY rolebindings`. */
  readonly kinds: ReadonlyMap<string, number>;
};

const LINE = /^apiserver_request_total\{([^}]*)\} (\S+)$/gm;
const labelOf = (labels: string, name: string): string => new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1] ?? '';

/** Answered requests since the API server began, dry runs and watches apart. */
export const requestsSoFar = async (admin: KubeClient): Promise<Requests> => {
  const text = await admin.request<string>({ method: 'GET', path: '/metrics' });
  const sums = { reads: 0, writes: 0, kinds: new Map<string, number>() };
  for (const [, labels = '', value] of text.matchAll(LINE)) {
    const resource = labelOf(labels, 'resource');
    if (!COUNTED.has(resource) || labelOf(labels, 'dry_run') !== '') continue;
    const [verb, subresource] = [labelOf(labels, 'verb'), labelOf(labels, 'subresource')];
    const isRead = verb === 'GET' || verb === 'LIST';
    if (!isRead && !WRITES.has(verb)) continue;
    sums[isRead ? 'reads' : 'writes'] += Number(value);
    const kind = `${verb} ${resource}${subresource === '' ? '' : `/${subresource}`}`;
    sums.kinds.set(kind, (sums.kinds.get(kind) ?? 0) + Number(value));
  }
  return sums;
};

export const since = (before: Requests, now: Requests): Requests => ({
  reads: now.reads - before.reads,
  writes: now.writes - before.writes,
  kinds: new Map([...now.kinds].map(([kind, count]) => [kind, count - (before.kinds.get(kind) ?? 0)])),
});

export const byKind = ({ kinds }: Requests): string =>
  [...kinds]
    .filter(([, count]) => count > 0)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');

type Copies = readonly (readonly [Resource, KubeObject])[];

/** Everything that was made for these tenants, as it is, to be written again under other names. */
export const childrenOf = async (admin: KubeClient, wanted: ReadonlySet<string>): Promise<Copies> => {
  const lists = await Promise.all(
    CHILD_KINDS.map(async (resource) => ({
      resource,
      items: (await admin.list<Manifest>(resource, { labelSelector: TENANT_LABEL })).items,
    })),
  );
  return lists.flatMap(({ resource, items }) =>
    items
      .filter(({ metadata }) => wanted.has(metadata.labels?.[TENANT_LABEL] ?? ''))
      .map(({ metadata: { name, namespace, labels = {} }, status: _, ...rest }): readonly [Resource, KubeObject] => {
        const { 'kubernetes.io/metadata.name': __, ...said } = labels;
        const metadata = { name, ...(namespace === undefined ? {} : { namespace }), labels: said };
        return [resource, { ...(resource === namespaces ? {} : rest), metadata }];
      }),
  );
};

/** The same kinds and sizes for tenants named otherwise, whose names begin with as many letters. */
export const renamed = (objects: Copies, [from, to]: readonly [string, string]): Copies =>
  objects.map(([resource, object]) => [resource, JSON.parse(JSON.stringify(object).replaceAll(from, to))]);

/** Applies all with so many calls at once, namespaces before what is in them; how long that took. */
export const writeRaw = async (client: KubeClient, objects: Copies, inFlight: number): Promise<number> => {
  const startedMs = performance.now();
  for (const phase of [objects.filter(([resource]) => !resource.namespaced), objects.filter(([resource]) => resource.namespaced)]) {
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let at = next++; at < phase.length; at = next++) {
        const entry = phase[at];
        if (entry !== undefined) await client.apply(entry[0], entry[1], { fieldManager: SYNC_FIELD_MANAGER });
      }
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
  }
  return performance.now() - startedMs;
};
