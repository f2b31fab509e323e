// SPDX-License-Identifier: Apache-2.0
// Classes and nodes of a pod. A template may leave open what is completed when its pods are made; a pod may not.
import { isJsonMap } from '../cel/values/value.ts';
import type { Value } from '../cel/index.ts';
import type { Problem } from '../problem.ts';
import { own, ownList, ownMap, ownText } from '../subject/paths.ts';
import type { ClassBounds, TenantBounds } from './bounds.ts';

export const REGION_LABEL = 'topology.kubernetes.io/region';

export type PlacedPod = {
  readonly podSpec: Value;
  readonly path: string;
  /** A pod itself, as it will be stored; else what pods are made of. */
  readonly isFinal: boolean;
};

type ClassField = { readonly name: 'priorityClassName' | 'runtimeClassName'; readonly bounds: ClassBounds };

const classProblem = ({ podSpec, path, isFinal }: PlacedPod, { name, bounds }: ClassField): Problem | undefined => {
  const code = name === 'priorityClassName' ? 'PRIORITY_CLASS_FORBIDDEN' : 'RUNTIME_CLASS_FORBIDDEN';
  const named = ownText(podSpec, name) ?? '';
  if (named === '') {
    // Without a class of its own a pod has that of the cluster, which nobody allowed.
    const mustName = isFinal && bounds.allowed !== undefined && bounds.default !== undefined;
    return mustName ? { code, message: `none is named; ${bounds.default} would be`, path: `${path}.${name}` } : undefined;
  }
  return bounds.allowed === undefined || bounds.allowed.has(named)
    ? undefined
    : { code, message: named.slice(0, 253), path: `${path}.${name}` };
};

const selectorProblem = ({ podSpec, path, isFinal }: PlacedPod, { nodeSelector }: TenantBounds): Problem | undefined => {
  const selector = ownMap(podSpec, 'nodeSelector');
  for (const [key, value] of nodeSelector) {
    const found = ownText(selector, key);
    if (found === value || (found === undefined && !isFinal)) continue;
    const message = `${key} must be ${value}${found === undefined ? '' : `, not ${found.slice(0, 63)}`}`;
    return { code: 'NODE_SELECTOR_FORBIDDEN', message, path: `${path}.nodeSelector` };
  }
  return undefined;
};

export const regionTerms = (podSpec: Value): readonly Value[] =>
  ownList(
    ownMap(ownMap(ownMap(podSpec, 'affinity'), 'nodeAffinity'), 'requiredDuringSchedulingIgnoredDuringExecution'),
    'nodeSelectorTerms',
  );

/** Of the requirements of a term all must hold, so one that names only regions of the tenant is enough. */
export const isHeld = (term: Value, regions: ReadonlySet<string>): boolean =>
  ownList(term, 'matchExpressions').some((requirement) => {
    const values = ownList(requirement, 'values');
    return (
      ownText(requirement, 'key') === REGION_LABEL &&
      ownText(requirement, 'operator') === 'In' &&
      values.length > 0 &&
      values.every((value) => typeof value === 'string' && regions.has(value))
    );
  });

const residencyProblem = ({ podSpec, path, isFinal }: PlacedPod, { regions }: TenantBounds): Problem | undefined => {
  if (regions === undefined) return undefined;
  const selected = own(ownMap(podSpec, 'nodeSelector'), REGION_LABEL);
  if (typeof selected === 'string') {
    return regions.has(selected)
      ? undefined
      : { code: 'RESIDENCY_FORBIDDEN', message: `region ${selected.slice(0, 63)}`, path: `${path}.nodeSelector` };
  }
  if (!isFinal) return undefined;
  // One of the terms is enough for the scheduler, so each of them must hold.
  const terms = regionTerms(podSpec);
  if (terms.length > 0 && terms.every((term) => isHeld(term, regions))) return undefined;
  return { code: 'RESIDENCY_FORBIDDEN', message: `it is not held to ${[...regions].join(', ')}`, path: `${path}.affinity.nodeAffinity` };
};

export const placementProblems = (pod: PlacedPod, bounds: TenantBounds): readonly Problem[] => {
  if (!isJsonMap(pod.podSpec)) return [];
  return [
    classProblem(pod, { name: 'priorityClassName', bounds: bounds.priorityClasses }) ?? [],
    classProblem(pod, { name: 'runtimeClassName', bounds: bounds.runtimeClasses }) ?? [],
    selectorProblem(pod, bounds) ?? [],
    residencyProblem(pod, bounds) ?? [],
  ].flat();
};
