// SPDX-License-Identifier: Apache-2.0
import { Boxed, CelType } from './boxed.ts';
import { CelMap } from './map.ts';
import { formatDouble } from './text.ts';
import { CelDuration, CelTimestamp } from './time.ts';
import { CelDouble, CelOptional, CelUint, isBytes, isInt, isJsonMap, isList, typeOf } from './value.ts';
import type { Value } from './value.ts';

/** Go's names of the types of values, which some of cel-go's messages carry. */
const goNames = new Map<string, string>([
  ['bool', 'types.Bool'],
  ['bytes', 'types.Bytes'],
  ['double', 'types.Double'],
  ['google.protobuf.Duration', 'types.Duration'],
  ['google.protobuf.Timestamp', 'types.Timestamp'],
  ['int', 'types.Int'],
  ['kubernetes.NamedFormat', 'cel.Format'],
  ['kubernetes.Quantity', 'cel.Quantity'],
  ['kubernetes.Semver', 'cel.Semver'],
  ['kubernetes.URL', 'cel.URL'],
  ['list', '*types.baseList'],
  ['map', '*types.baseMap'],
  ['net.CIDR', 'cel.CIDR'],
  ['net.IP', 'cel.IP'],
  ['null_type', 'types.Null'],
  ['optional_type', '*types.Optional'],
  ['string', 'types.String'],
  ['type', '*types.Type'],
  ['uint', 'types.Uint'],
]);

export const goTypeOf = (value: Value): string => {
  const { name } = typeOf(value);
  const text = goNames.get(name) ?? name;
  return value instanceof Boxed && value.pointed ? `*${text}` : text;
};

/** The same of what JSON was decoded to, before it became a value. */
export const goTypeOfJson = (value: Value): string => {
  if (value === null) return '<nil>';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  if (isInt(value)) return 'int64';
  if (value instanceof Boxed) return goTypeOf(value);
  return isList(value) ? '[]interface {}' : 'map[string]interface {}';
};

/** Values within a value that are printed; what has more is an attack, and its message ends with `…`. */
const MAX_PARTS = 1_000;

/** A value as Go's `%v` prints it. */
export const goText = (value: Value, left: { parts: number } = { parts: MAX_PARTS }): string => {
  if (value === null) return '0';
  if (typeof value !== 'object') return String(value);
  if (value instanceof CelUint) return String(value.value);
  if (value instanceof CelDouble) return formatDouble(value.value);
  if (value instanceof CelType) return value.name;
  if (isBytes(value)) return `[${Array.from(value.subarray(0, MAX_PARTS)).join(' ')}]`;
  const shown = <T>(items: readonly T[], text: (item: T) => string): string => {
    const count = Math.min(items.length, left.parts);
    left.parts -= count;
    return items.slice(0, count).map(text).join(', ') + (count < items.length ? '…' : '');
  };
  if (isList(value)) return `[${shown(value, (item) => goText(item, left))}]`;
  const pair = ([key, item]: readonly [Value, Value]): string => `${goText(key, left)}: ${goText(item, left)}`;
  if (value instanceof CelMap)
    return `{${shown(
      Array.from(value.entries(), (entry) => [entry.key, entry.value] as const),
      pair,
    )}}`;
  if (isJsonMap(value)) return `{${shown(Object.entries(value), pair)}}`;
  if (value instanceof CelOptional) return value.value === undefined ? 'optional.none()' : `optional(${goText(value.value, left)})`;
  if (value instanceof CelTimestamp || value instanceof CelDuration) return String(value.nanos);
  return typeOf(value).name;
};

const UNHASHABLE: ReadonlySet<string> = new Set(['kubernetes.NamedFormat', 'kubernetes.Semver']);

/** Why a value can't be looked up in a map, nor be a key of one: Go knows no hash of it, and cel-go breaks down. */
export const unhashable = (key: Value): string | undefined =>
  key instanceof Uint8Array || (key instanceof Boxed && UNHASHABLE.has(key.type.name))
    ? `internal error: runtime error: hash of unhashable type ${goTypeOf(key)}`
    : undefined;
