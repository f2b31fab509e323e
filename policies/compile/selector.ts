// SPDX-License-Identifier: Apache-2.0
// Label selectors as Kubernetes has them (metav1.LabelSelector): all requirements must hold, an empty one selects everything.
import { isJsonMap } from '../cel/values/value.ts';
import type { Value } from '../cel/index.ts';
import { own, ownMap } from '../subject/paths.ts';

/** What a policy writes. */
export type LabelSelector = {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[];
};

export type Labels = ReadonlyMap<string, string>;

type Requirement = {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: ReadonlySet<string>;
};
export type Selector = { readonly requirements: readonly Requirement[] };

const NONE: ReadonlySet<string> = new Set();

const requirement = (key: string, operator: string, values: readonly string[]): Requirement | string => {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length > 0 ? { key, operator, values: new Set(values) } : `the operator ${operator} needs values`;
    case 'Exists':
    case 'DoesNotExist':
      return values.length === 0 ? { key, operator, values: NONE } : `the operator ${operator} takes no values`;
    default:
      return 'the operator is none of In, NotIn, Exists, DoesNotExist';
  }
};

/** undefined for a selector that selects everything; a text for one that means nothing. */
export const compileSelector = (selector: LabelSelector | undefined): Selector | undefined | string => {
  const requirements: Requirement[] = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => ({
    key,
    operator: 'In',
    values: new Set([value]),
  }));
  for (const { key, operator, values } of selector?.matchExpressions ?? []) {
    const made = requirement(key, operator, values ?? []);
    if (typeof made === 'string') return made;
    requirements.push(made);
  }
  return requirements.length === 0 ? undefined : { requirements };
};

const holds = ({ key, operator, values }: Requirement, labels: Labels): boolean => {
  const value = labels.get(key);
  switch (operator) {
    case 'In':
      return value !== undefined && values.has(value);
    case 'NotIn':
      return value === undefined || !values.has(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
    default:
      return value === undefined;
  }
};

export const selects = (selector: Selector, labels: Labels): boolean => selector.requirements.every((one) => holds(one, labels));

/** The first requirement that names values, by which an index can find the selector; undefined where there is none. */
export const indexable = (selector: Selector): { readonly key: string; readonly values: ReadonlySet<string> } | undefined =>
  selector.requirements.find((one) => one.operator === 'In');

/** The labels of an object from a stranger. */
export const labelsOf = (object: Value): Labels => {
  const labels = own(ownMap(object, 'metadata'), 'labels');
  const found = new Map<string, string>();
  if (labels === undefined || !isJsonMap(labels)) return found;
  for (const [key, value] of Object.entries(labels)) if (typeof value === 'string') found.set(key, value);
  return found;
};
