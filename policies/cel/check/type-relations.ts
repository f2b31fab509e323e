// SPDX-License-Identifier: Apache-2.0
import type { Type } from '../types/type.ts';

/** What of types needs no substitution: sameness, and which of two types that go together is the more general. */

/** A wrapper has the kind of what it wraps. */
export const unwrapped = (type: Type): Type => (type.kind === 'wrapper' ? type.of : type);

export const isDynOrError = (type: Type): boolean => type.kind === 'dyn' || type.kind === 'error';

/** The types that a type is made of. */
export const partsOf = (type: Type): readonly Type[] => {
  switch (type.kind) {
    case 'list':
    case 'optional':
      return [type.element];
    case 'map':
      return [type.key, type.value];
    case 'type':
      return type.of === undefined ? [] : [type.of];
    case 'bool':
    case 'bytes':
    case 'double':
    case 'duration':
    case 'dyn':
    case 'error':
    case 'int':
    case 'null':
    case 'opaque':
    case 'param':
    case 'string':
    case 'struct':
    case 'timestamp':
    case 'uint':
    case 'wrapper':
      return [];
    default:
      return type satisfies never;
  }
};

const isAnything = ({ kind }: Type): boolean => kind === 'dyn' || kind === 'error' || kind === 'param' || kind === 'null';

/** False where a glance at the types shows that one can not be assigned to the other. */
export const mayFit = (from: readonly Type[], to: readonly Type[]): boolean => {
  for (const [index, type] of from.entries()) {
    const other = to[index];
    if (other === undefined) return false;
    if (!isAnything(type) && !isAnything(other) && unwrapped(type).kind !== unwrapped(other).kind) return false;
  }
  return true;
};

const nameOf = (type: Type): string | undefined =>
  type.kind === 'opaque' || type.kind === 'struct' || type.kind === 'param' ? type.name : undefined;

const same = (left: Type, right: Type, parameterNames: boolean): boolean => {
  if (left === right) return true;
  const [a, b] = [unwrapped(left), unwrapped(right)];
  if (a.kind !== b.kind || ((parameterNames || a.kind !== 'param') && nameOf(a) !== nameOf(b))) return false;
  const [parts, others] = [partsOf(a), partsOf(b)];
  return (
    parts.length === others.length &&
    parts.every((part, index) => {
      const other = others[index];
      return other !== undefined && same(part, other, parameterNames);
    })
  );
};

/** Are they one type? */
export const isExactly = (left: Type, right: Type): boolean => same(left, right, true);

/** The same, whatever type parameters are called. */
export const isEquivalent = (left: Type, right: Type): boolean => same(left, right, false);

/** Is the first the second, or the second with `dyn` in some places? */
const isAsGeneral = (left: Type, right: Type): boolean => {
  if (left.kind === 'dyn' || left.kind === 'param') return true;
  if (right.kind === 'dyn' || right.kind === 'param') return false;
  const [a, b] = [unwrapped(left), unwrapped(right)];
  if (a.kind !== b.kind || nameOf(a) !== nameOf(b)) return false;
  if (a.kind === 'type') return true;
  const others = partsOf(b);
  return partsOf(a).every((part, index) => {
    const other = others[index];
    return other !== undefined && isAsGeneral(part, other);
  });
};

/** The more general of two types that go together. */
export const mostGeneral = (left: Type, right: Type): Type => (isAsGeneral(left, right) ? left : right);
