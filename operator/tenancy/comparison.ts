// SPDX-License-Identifier: Apache-2.0
// Is an object of a tenant as it was declared? Its labels where we write them, all else both ways: a selector or a subject that
// somebody added is what would open a tenant. Quantities are compared by what they amount to, since the API server
// writes them in a form of its own.
import { isRecord } from '../../crds/wire.ts';
import { anyDifference, firstDifference } from '../../policies/document/difference.ts';
import { nanosOfQuantity } from '../../policies/quota/quantity.ts';
import type { ChildObject } from './child.ts';

const QUANTITIES = new Set(['hard', 'default', 'defaultRequest', 'min', 'max', 'maxLimitRequestRatio']);

const amounts = (value: unknown): unknown =>
  isRecord(value)
    ? Object.fromEntries(Object.entries(value).map(([name, text]) => [name, nanosOfQuantity(text)?.toString() ?? text]))
    : value;

const comparable = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(comparable);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, QUANTITIES.has(name) ? amounts(field) : comparable(field)]),
  );
};

/** Only these kinds have quantities; the others are compared as they are. */
const hasQuantities = ({ kind }: { readonly kind: string }): boolean => kind === 'ResourceQuota' || kind === 'LimitRange';

const FIELDS = ['spec', 'rules', 'aggregationRule', 'roleRef', 'subjects'] as const;

export type Standing =
  | 'same'
  /** Something that we declare is otherwise. */
  | 'changed'
  /** There is more than we declare, which an apply would leave. */
  | 'extended'
  /** What nothing can change is otherwise. */
  | 'another';

export const standingOf = (resource: { readonly kind: string }, declared: ChildObject, live: ChildObject): Standing => {
  const read = hasQuantities(resource) ? comparable : (value: unknown): unknown => value;
  if (anyDifference(declared['roleRef'], live['roleRef']) !== undefined) return 'another';
  for (const field of FIELDS) {
    if (anyDifference(read(declared[field]), read(live[field])) === undefined) continue;
    return firstDifference(read(declared[field]), read(live[field])) === undefined ? 'extended' : 'changed';
  }
  return firstDifference(declared.metadata.labels, live.metadata.labels) === undefined ? 'same' : 'changed';
};
