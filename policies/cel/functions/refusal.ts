// SPDX-License-Identifier: Apache-2.0
import { goTypeOf } from '../values/go-type.ts';
import { typeOf } from '../values/value.ts';
import type { Value } from '../values/value.ts';

/**
 * What is said of a call that no overload takes. cel-go has four ways: most functions name themselves and the types that they got;
 * operators and their like ask whether the left operand has the operation at all, and name it where it has not; some say only that
 * there is no such overload; and some break down.
 */

const NUMBERS = ['int', 'uint', 'double'];
const TIME = ['google.protobuf.Duration', 'google.protobuf.Timestamp'];
const ORDERED = [...NUMBERS, ...TIME, 'bool', 'string', 'bytes'];

/** Operations that belong to types, and the types that have them. */
const operations = new Map<string, ReadonlySet<string>>([
  ['_+_', new Set([...NUMBERS, ...TIME, 'string', 'bytes', 'list'])],
  ['_-_', new Set([...NUMBERS, ...TIME])],
  ['_*_', new Set(NUMBERS)],
  ['_/_', new Set(NUMBERS)],
  ['_%_', new Set(['int', 'uint'])],
  ...['_<_', '_<=_', '_>_', '_>=_'].map((name) => [name, new Set(ORDERED)] as const),
  ['-_', new Set(['int', 'double', 'bool', 'google.protobuf.Duration'])],
  ['size', new Set(['string', 'bytes', 'list', 'map'])],
  ['matches', new Set(['string'])],
  ['sort', new Set(['list'])],
  ['@sortByAssociatedKeys', new Set(['list'])],
]);

/** Types that take a call of anything, only to refuse it. */
const RECEIVERS: ReadonlySet<string> = new Set(['string', ...TIME]);

const PLAIN = 'no such overload';
const PLAIN_FUNCTIONS: ReadonlySet<string> = new Set(['startsWith', 'endsWith', 'contains', '!_', '@in']);

/** As Go prints a type: with parameters, which are never known here. */
const typeText = (value: Value): string => {
  const { name } = typeOf(value);
  return name === 'list' ? 'list(dyn)' : name === 'map' ? 'map(dyn, dyn)' : name;
};

export const refusalText = (name: string, args: readonly Value[]): string => {
  const [first = null, ...rest] = args;
  const left = typeOf(first).name;
  const types = operations.get(name);
  if (types !== undefined) return types.has(left) || RECEIVERS.has(left) ? PLAIN : `${PLAIN}: ${name}`;
  if (PLAIN_FUNCTIONS.has(name)) return PLAIN;
  if (name === 'flatten') return `${PLAIN}: ${typeText(first)}.flatten(${rest.map(typeText).join(', ')})`;
  return `${PLAIN}: ${name}(${args.map((arg) => typeOf(arg).name).join(', ')})`;
};

/** Go's numbers and texts know how to add, so another method is the first that they lack. */
const ADDERS: ReadonlySet<string> = new Set([...NUMBERS, ...TIME, 'string', 'bytes']);

/** What cel-go breaks down with when it counts the cost of a call on something that is no list; undefined stands for an error. */
export const noListText = (value: Value | undefined): string => {
  const type = value === undefined ? '*types.Err' : goTypeOf(value);
  const missing = value !== undefined && ADDERS.has(typeOf(value).name) ? 'Contains' : 'Add';
  return `internal error: interface conversion: ${type} is not traits.Lister: missing method ${missing}`;
};

/** The same where it wants an int. */
export const noIntText = (value: Value | undefined): string =>
  `internal error: interface conversion: ref.Val is ${value === undefined ? '*types.Err' : goTypeOf(value)}, not types.Int`;
