// SPDX-License-Identifier: Apache-2.0
/**
 * What a pod is given before it is judged: whatever the tenant's bounds ask for and the pod leaves open, as a JSON patch
 * (RFC 6902). Nothing that was said is changed, save a pull policy that the tenant may not use: the API server fills that
 * in before anybody is asked, so nobody can tell what was said. Every operation names a place that is there, in the order in
 * which it is made. Pure and linear in the pod; a pod that is not as it should be is left to the API server to refuse.
 */
import type { Value } from '../cel/index.ts';
import { isJsonMap } from '../cel/values/value.ts';
import { own, ownList, ownMap, ownText } from '../subject/paths.ts';
import type { TenantBounds } from './bounds.ts';
import { REGION_LABEL, isHeld, regionTerms } from './placement.ts';

export type PatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

const segment = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');
const add = (path: string, value: unknown): PatchOperation => ({ op: 'add', path, value });

const isWindows = (spec: Value): boolean => ownText(ownMap(spec, 'os'), 'name') === 'windows';

/** What the standard `restricted` wants of a pod as a whole, where it says nothing. */
const podContext = (spec: Value): readonly PatchOperation[] => {
  const path = '/spec/securityContext';
  const context = ownMap(spec, 'securityContext');
  const wanted: readonly (readonly [string, unknown])[] = [
    ['runAsNonRoot', true],
    ...(isWindows(spec) ? [] : ([['seccompProfile', { type: 'RuntimeDefault' }]] as const)),
  ];
  if (context === undefined) return [add(path, Object.fromEntries(wanted))];
  return wanted.flatMap(([name, value]) => (own(context, name) === undefined ? [add(`${path}/${name}`, value)] : []));
};

const containerContext = (container: Value, path: string): readonly PatchOperation[] => {
  const context = ownMap(container, 'securityContext');
  if (context === undefined) {
    return [add(`${path}/securityContext`, { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } })];
  }
  const capabilities = ownMap(context, 'capabilities');
  const at = `${path}/securityContext`;
  return [
    ...(own(context, 'allowPrivilegeEscalation') === undefined ? [add(`${at}/allowPrivilegeEscalation`, false)] : []),
    ...(capabilities === undefined
      ? [add(`${at}/capabilities`, { drop: ['ALL'] })]
      : own(capabilities, 'drop') === undefined
        ? [add(`${at}/capabilities/drop`, ['ALL'])]
        : []),
  ];
};

const CONTAINER_LISTS = ['containers', 'initContainers', 'ephemeralContainers'] as const;

const containerOperations = (
  spec: Value,
  bounds: TenantBounds,
  isNew: (list: string, container: Value) => boolean,
): readonly PatchOperation[] => {
  const [pullPolicy] = bounds.pullPolicies ?? [];
  const restricts = bounds.restrictsPods && !isWindows(spec);
  return CONTAINER_LISTS.flatMap((list) =>
    ownList(spec, list).flatMap((container, index): readonly PatchOperation[] => {
      if (!isJsonMap(container) || !isNew(list, container)) return [];
      const path = `/spec/${list}/${index}`;
      const isAllowed = bounds.pullPolicies?.includes(ownText(container, 'imagePullPolicy') ?? '') !== false;
      return [
        ...(pullPolicy === undefined || isAllowed ? [] : [add(`${path}/imagePullPolicy`, pullPolicy)]),
        ...(restricts ? containerContext(container, path) : []),
      ];
    }),
  );
};

const classOperations = (spec: Value, { priorityClasses, runtimeClasses }: TenantBounds): readonly PatchOperation[] => {
  const operations: PatchOperation[] = [];
  if (priorityClasses.default !== undefined && (ownText(spec, 'priorityClassName') ?? '') === '') {
    // What the API server worked out from the cluster's own default; it works it out again from the name.
    for (const name of ['priority', 'preemptionPolicy']) {
      if (own(spec, name) !== undefined) operations.push({ op: 'remove', path: `/spec/${name}` });
    }
    operations.push(add('/spec/priorityClassName', priorityClasses.default));
  }
  if (runtimeClasses.default !== undefined && (ownText(spec, 'runtimeClassName') ?? '') === '') {
    operations.push(add('/spec/runtimeClassName', runtimeClasses.default));
  }
  return operations;
};

const selectorOperations = (spec: Value, { nodeSelector }: TenantBounds): readonly PatchOperation[] => {
  if (nodeSelector.length === 0) return [];
  const selector = ownMap(spec, 'nodeSelector');
  if (selector === undefined) return [add('/spec/nodeSelector', Object.fromEntries(nodeSelector))];
  return nodeSelector.flatMap(([key, value]) =>
    own(selector, key) === undefined ? [add(`/spec/nodeSelector/${segment(key)}`, value)] : [],
  );
};

/** Each level that is missing is added with all that lies below it. */
const addBelow = (root: Value, names: readonly string[], value: unknown): PatchOperation => {
  let here: Value | undefined = root;
  for (const [index, name] of names.entries()) {
    const next: Value | undefined = ownMap(here, name);
    if (next === undefined || index === names.length - 1) {
      const below = names.slice(index + 1).reduceRight<unknown>((inner, outer) => ({ [outer]: inner }), value);
      return add(`/spec/${names.slice(0, index + 1).join('/')}`, below);
    }
    here = next;
  }
  return add('/spec', value);
};

const TERMS = ['affinity', 'nodeAffinity', 'requiredDuringSchedulingIgnoredDuringExecution', 'nodeSelectorTerms'] as const;

const regionOperations = (spec: Value, { regions }: TenantBounds): readonly PatchOperation[] => {
  if (regions === undefined || own(ownMap(spec, 'nodeSelector'), REGION_LABEL) !== undefined) return [];
  const requirement = { key: REGION_LABEL, operator: 'In', values: [...regions] };
  const terms = regionTerms(spec);
  if (terms.length === 0) return [addBelow(spec, TERMS, [{ matchExpressions: [requirement] }])];
  const path = `/spec/${TERMS.join('/')}`;
  return terms.flatMap((term, index): readonly PatchOperation[] => {
    if (isHeld(term, regions)) return [];
    const there = ownList(term, 'matchExpressions');
    return [
      there.length === 0
        ? add(`${path}/${index}/matchExpressions`, [requirement])
        : add(`${path}/${index}/matchExpressions/-`, requirement),
    ];
  });
};

const named = (container: Value): string => ownText(container, 'name') ?? '';

/** Whether there is anything that a pod could be given. */
export const completesPods = (bounds: TenantBounds): boolean =>
  bounds.restrictsPods ||
  bounds.pullPolicies !== undefined ||
  bounds.priorityClasses.default !== undefined ||
  bounds.runtimeClasses.default !== undefined ||
  bounds.nodeSelector.length > 0 ||
  bounds.regions !== undefined;

/** A pod that is made. */
export const completePod = (pod: Value, bounds: TenantBounds): readonly PatchOperation[] => {
  const spec = own(pod, 'spec');
  if (spec === undefined || !isJsonMap(spec)) return [];
  return [
    ...(bounds.restrictsPods ? podContext(spec) : []),
    ...containerOperations(spec, bounds, () => true),
    ...classOperations(spec, bounds),
    ...selectorOperations(spec, bounds),
    ...regionOperations(spec, bounds),
  ];
};

/** Containers that are added to a pod that runs; nothing else of it can be changed then. */
export const completeEphemeral = (
  pods: { readonly pod: Value; readonly before: Value },
  bounds: TenantBounds,
): readonly PatchOperation[] => {
  const spec = own(pods.pod, 'spec');
  if (spec === undefined || !isJsonMap(spec)) return [];
  const known = new Set(ownList(ownMap(pods.before, 'spec'), 'ephemeralContainers').map(named));
  return containerOperations(spec, bounds, (list, container) => list === 'ephemeralContainers' && !known.has(named(container)));
};
