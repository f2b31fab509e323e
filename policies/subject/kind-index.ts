// SPDX-License-Identifier: Apache-2.0
// From a request to its row of the table, and from the table to the rules of a webhook.
import { parsePath } from './paths.ts';
import type { Path } from './paths.ts';
import { workloadKinds } from './workload-kinds.ts';
import type { PodPaths, Rule, WorkloadKind, WorkloadScope } from './workload-kinds.ts';

export type { Rule, WorkloadScope } from './workload-kinds.ts';

export type ParsedPodPaths = { readonly [K in keyof Required<PodPaths>]: readonly Path[] };

type Entry = { readonly row: WorkloadKind; readonly byVersion: ReadonlyMap<string, ParsedPodPaths>; readonly all: ParsedPodPaths };

const merge = (lists: readonly (readonly string[] | undefined)[]): readonly Path[] =>
  [...new Set(lists.flatMap((list) => list ?? []))].map(parsePath);

const parse = (shapes: readonly PodPaths[]): ParsedPodPaths => ({
  templates: merge(shapes.map((shape) => shape.templates)),
  podSpecs: merge(shapes.map((shape) => shape.podSpecs)),
  deployments: merge(shapes.map((shape) => shape.deployments)),
  containers: merge(shapes.map((shape) => shape.containers)),
  images: merge(shapes.map((shape) => shape.images)),
  env: merge(shapes.map((shape) => shape.env)),
  podMetadata: merge(shapes.map((shape) => shape.podMetadata)),
});

const key = (group: string, kind: string): string => `${group}/${kind}`;

const entries: ReadonlyMap<string, Entry> = new Map(
  workloadKinds.map((row) => {
    const shapes = Object.entries(row.versions);
    const byVersion = new Map(shapes.map(([version, shape]) => [version, parse([shape])]));
    return [key(row.group, row.kind), { row, byVersion, all: parse(shapes.map(([, shape]) => shape)) }];
  }),
);

/** The row of a kind, whatever the version. */
export const workloadKind = (group: string, kind: string): WorkloadKind | undefined => entries.get(key(group, kind))?.row;

/** A version that the table does not know yet is read by the paths of all that it knows, rather than not at all. */
export const podPaths = (gvk: { readonly group: string; readonly version: string; readonly kind: string }): ParsedPodPaths | undefined => {
  const entry = entries.get(key(gvk.group, gvk.kind));
  return entry?.byVersion.get(gvk.version) ?? entry?.all;
};

const isPodBearing = (row: WorkloadKind): boolean =>
  Object.values(row.versions).some((shape) => Object.values(shape).some((paths) => paths.length > 0));

const isInScope = (row: WorkloadKind, scope: WorkloadScope): boolean => scope === 'Agent' || isPodBearing(row);

/** Besides creation, what changes the containers of a pod that was admitted: writes of these are resources of their own. */
export const CONTAINER_SUBRESOURCES: readonly string[] = ['ephemeralcontainers', 'resize'];

/**
 * The rules that bring every workload of a scope to a webhook. Versions are `*`: a version served tomorrow must not be a way
 * around, and custom kinds are served in several. Kinds that lie in no namespace are nobody's workload: no tenant label
 * chooses them.
 */
export const workloadRules = (scope: WorkloadScope): readonly Rule[] => {
  const byGroup = new Map<string, Set<string>>();
  for (const row of workloadKinds) {
    if (row.scope === 'Cluster' || !isInScope(row, scope)) continue;
    const resources = byGroup.get(row.group) ?? new Set<string>();
    resources.add(row.plural);
    if (row.group === '' && row.plural === 'pods') for (const sub of CONTAINER_SUBRESOURCES) resources.add(`pods/${sub}`);
    byGroup.set(row.group, resources);
  }
  return [...byGroup].map(([group, resources]) => ({
    apiGroups: [group],
    apiVersions: ['*'],
    resources: [...resources].toSorted(),
    operations: ['CREATE', 'UPDATE'],
    scope: 'Namespaced',
  }));
};

/** Every write that `workloadRules('Agent')` bring to a webhook. */
const workloadWrites: ReadonlySet<string> = new Set(
  workloadRules('Agent').flatMap(({ apiGroups, resources, operations }) =>
    apiGroups.flatMap((group) => resources.flatMap((resource) => operations.map((operation) => `${operation} ${group}/${resource}`))),
  ),
);

export type AskedWrite = {
  readonly resource: { readonly group: string; readonly resource: string };
  readonly subResource: string;
  readonly operation: string;
};

/** Whether a webhook with these rules is asked about the write in any case. */
export const isWorkloadWrite = ({ resource: { group, resource }, subResource, operation }: AskedWrite): boolean =>
  workloadWrites.has(`${operation} ${group}/${resource}${subResource === '' ? '' : `/${subResource}`}`);
