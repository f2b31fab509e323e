// SPDX-License-Identifier: Apache-2.0
// The CEL variable `workload`: what runs, whatever the kind that declares it.
import type { Fields, JsonMap, Value } from '../cel/index.ts';
import { containersOf, envOf, imagesOf, metadataOf, podSpecsOf } from './pod-parts.ts';
import type { ParsedPodPaths } from './kind-index.ts';
import { lazyFields } from './lazy-fields.ts';
import type { FieldTable } from './lazy-fields.ts';
import { ownMap, ownText } from './paths.ts';

/** The parts of one object, each worked out once. */
export type Workload = {
  readonly object: Value;
  readonly kind: string;
  readonly group: string;
  readonly podSpecs: () => readonly JsonMap[];
  readonly containers: () => readonly JsonMap[];
  readonly images: () => readonly string[];
  readonly env: () => readonly JsonMap[];
  readonly labels: () => Readonly<Record<string, string>>;
  readonly annotations: () => Readonly<Record<string, string>>;
};

const once = <T>(compute: () => T): (() => T) => {
  let known: { readonly value: T } | undefined;
  return () => (known ??= { value: compute() }).value;
};

export const workloadOf = (
  object: Value,
  { gvk, paths }: { readonly gvk: { readonly group: string; readonly kind: string }; readonly paths: ParsedPodPaths | undefined },
): Workload => {
  const podSpecs = once(() => (paths === undefined ? [] : podSpecsOf(object, paths)));
  const containers = once(() => (paths === undefined ? [] : containersOf({ object, paths, podSpecs: podSpecs() })));
  return {
    object,
    kind: gvk.kind,
    group: gvk.group,
    podSpecs,
    containers,
    images: once(() => imagesOf(containers(), podSpecs())),
    env: once(() => (paths === undefined ? [] : envOf({ object, paths, containers: containers() }))),
    labels: once(() => metadataOf('labels', { object, paths })),
    annotations: once(() => metadataOf('annotations', { object, paths })),
  };
};

const fields: FieldTable<Workload> = {
  kind: (workload) => workload.kind,
  group: (workload) => workload.group,
  name: (workload) => ownText(ownMap(workload.object, 'metadata'), 'name') ?? ownText(ownMap(workload.object, 'metadata'), 'generateName'),
  namespace: (workload) => ownText(ownMap(workload.object, 'metadata'), 'namespace'),
  /** The first, absent where there is none. */
  podSpec: (workload) => workload.podSpecs()[0],
  podSpecs: (workload) => workload.podSpecs(),
  containers: (workload) => workload.containers(),
  images: (workload) => workload.images(),
  env: (workload) => workload.env(),
  labels: (workload) => workload.labels(),
  annotations: (workload) => workload.annotations(),
};

export const workloadFields = (workload: Workload): Fields => lazyFields(fields, workload);
