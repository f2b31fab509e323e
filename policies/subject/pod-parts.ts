// SPDX-License-Identifier: Apache-2.0
// The parts of pods that an object holds, wherever its kind keeps them. Everything of the wrong type is left out.
import { isJsonMap, isList } from '../cel/values/value.ts';
import type { JsonMap, Value } from '../cel/index.ts';
import { lastName, own, ownList, ownMap, ownText, readPath } from './paths.ts';
import type { ParsedPodPaths } from './kind-index.ts';

type Source = { readonly object: Value; readonly paths: ParsedPodPaths };

const maps = (values: readonly Value[]): readonly JsonMap[] => values.filter((value) => isJsonMap(value));

/** Copies own fields under new names; absent ones stay absent. */
const pick = (from: JsonMap, names: Readonly<Record<string, string>>): JsonMap =>
  Object.fromEntries(
    Object.entries(names).flatMap(([name, source]): [string, Value][] => {
      const value = own(from, source);
      return value === undefined ? [] : [[name, value]];
    }),
  );

const same = (...names: readonly string[]): Readonly<Record<string, string>> => Object.fromEntries(names.map((name) => [name, name]));

const CONTAINER_FIELDS = same(
  'name',
  'image',
  'imagePullPolicy',
  'command',
  'args',
  'workingDir',
  'ports',
  'env',
  'envFrom',
  'resources',
  'volumeMounts',
  'securityContext',
);
const POD_FIELDS = {
  ...same('serviceAccountName', 'volumes', 'imagePullSecrets', 'nodeSelector', 'tolerations', 'affinity'),
  securityContext: 'podSecurityContext',
};

/** kmcp writes env as a map of strings; everyone else as a list. */
const envList = (value: Value): readonly JsonMap[] => {
  if (isList(value)) return maps(value);
  if (!isJsonMap(value)) return [];
  return Object.entries(value).map(([name, text]) => ({ name, value: text }));
};

/** An image without a container around it, or fields of a container among others. Without an image it is none. */
const looseContainer = (value: JsonMap, name: string): readonly JsonMap[] => {
  const image = ownText(value, 'image');
  if (image === undefined || image === '') return [];
  const { env, ...fields } = pick(value, CONTAINER_FIELDS);
  const cmd = ownText(value, 'cmd');
  return [
    {
      name,
      ...(cmd === undefined ? {} : { command: [cmd] }),
      ...fields,
      ...(env === undefined ? {} : { env: envList(env) }),
    },
  ];
};

/** What kagent and kmcp make a pod of: one object with the fields of the main container and of the pod. */
const podSpecOfDeployment = (deployment: JsonMap): JsonMap => {
  const init = ownMap(deployment, 'initContainer');
  const containers = [
    ...looseContainer(deployment, 'main'),
    ...maps(ownList(deployment, 'extraContainers')),
    ...maps(ownList(deployment, 'sidecars')),
  ];
  return { ...pick(deployment, POD_FIELDS), containers, ...(init === undefined ? {} : { initContainers: looseContainer(init, 'init') }) };
};

const podTemplatesOf = (object: Value, paths: ParsedPodPaths): readonly JsonMap[] =>
  paths.templates.flatMap((path) => maps(readPath(object, path)));

/** Every PodSpec; a kind that has something like one gives it in that shape. */
export const podSpecsOf = (object: Value, paths: ParsedPodPaths): readonly JsonMap[] => [
  ...maps(podTemplatesOf(object, paths).flatMap((template) => own(template, 'spec') ?? [])),
  ...paths.podSpecs.flatMap((path) => maps(readPath(object, path))),
  ...paths.deployments.flatMap((path) => maps(readPath(object, path)).map(podSpecOfDeployment)),
];

const CONTAINER_LISTS = ['containers', 'initContainers', 'ephemeralContainers', 'extraContainers'] as const;

const containersOfSpec = (spec: JsonMap): readonly JsonMap[] => CONTAINER_LISTS.flatMap((list) => maps(ownList(spec, list)));

/** Every container of every sort: those of the pod specs, those that stand alone, and bare images as `{name, image}`. */
export const containersOf = ({ object, paths, podSpecs }: Source & { readonly podSpecs: readonly JsonMap[] }): readonly JsonMap[] => [
  ...podSpecs.flatMap(containersOfSpec),
  ...paths.containers.flatMap((path) =>
    readPath(object, path).flatMap((value) =>
      (isList(value) ? maps(value) : maps([value])).flatMap((one) => looseContainer(one, ownText(one, 'name') ?? lastName(path))),
    ),
  ),
  ...paths.images.flatMap((path) =>
    readPath(object, path)
      .flatMap((value) => (isList(value) ? value : [value]))
      .flatMap((image): readonly JsonMap[] => (typeof image === 'string' && image !== '' ? [{ name: lastName(path), image }] : [])),
  ),
];

/** Images of containers, and those that are mounted as volumes (KEP-4639). */
export const imagesOf = (containers: readonly JsonMap[], podSpecs: readonly JsonMap[]): readonly string[] => {
  const mounted = podSpecs.flatMap((spec) =>
    maps(ownList(spec, 'volumes')).flatMap((volume) => ownText(ownMap(volume, 'image'), 'reference') ?? []),
  );
  return [...containers.flatMap((container) => ownText(container, 'image') ?? []), ...mounted];
};

/** Every environment entry: of all containers, and of containers that the kind does not show. */
export const envOf = ({ object, paths, containers }: Source & { readonly containers: readonly JsonMap[] }): readonly JsonMap[] => {
  const imageless = [...paths.containers, ...paths.deployments]
    .flatMap((path) => maps(readPath(object, path)))
    .filter((holder) => ownText(holder, 'image') === undefined);
  return [
    ...containers.flatMap((container) => envList(ownList(container, 'env'))),
    ...imageless.flatMap((holder) => envList(own(holder, 'env') ?? null)),
    ...paths.env.flatMap((path) => readPath(object, path).flatMap(envList)),
  ];
};

/**
 * Labels or annotations as pods will carry them, over those of the object itself: what runs is judged by what it bears, and
 * a fact written once on the object counts for its pods. Where two templates differ the first one wins.
 */
export const metadataOf = (
  field: 'labels' | 'annotations',
  { object, paths }: { readonly object: Value; readonly paths: ParsedPodPaths | undefined },
): Readonly<Record<string, string>> => {
  const sources: Value[] = [];
  if (paths !== undefined) {
    for (const template of podTemplatesOf(object, paths)) sources.push(own(ownMap(template, 'metadata'), field) ?? null);
    for (const path of [...paths.podMetadata, ...paths.deployments])
      for (const holder of readPath(object, path)) sources.push(own(holder, field) ?? null);
  }
  sources.push(own(ownMap(object, 'metadata'), field) ?? null);
  const merged = new Map<string, string>();
  for (const source of maps(sources)) {
    for (const [name, value] of Object.entries(source)) if (typeof value === 'string' && !merged.has(name)) merged.set(name, value);
  }
  return Object.fromEntries(merged);
};
