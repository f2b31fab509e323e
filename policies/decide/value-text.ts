// SPDX-License-Identifier: Apache-2.0
// A CEL value as a person would write it in CEL.
import { CelDouble, CelDuration, CelMap, CelOptional, CelTimestamp, CelType, CelUint, Fields, toJson } from '../cel/index.ts';
import type { Value } from '../cel/index.ts';
import { isBytes, isJsonMap, isList } from '../cel/values/value.ts';

const MAX_DEPTH = 100;

const doubleText = ({ value }: CelDouble): string => {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'double("NaN")' : `double("${value > 0 ? '' : '-'}Infinity")`;
  const text = Object.is(value, -0) ? '-0' : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
};

const escapedBytes = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
  ).join('');

const entriesText = (entries: readonly (readonly [Value, Value])[], depth: number): string =>
  `{${entries.map(([key, value]) => `${celText(key, depth + 1)}: ${celText(value, depth + 1)}`).join(', ')}}`;

export const celText = (value: Value, depth = 0): string => {
  if (depth > MAX_DEPTH) return '…';
  if (value === null || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (isBytes(value)) return `b"${escapedBytes(value)}"`;
  if (isList(value)) return `[${value.map((item) => celText(item, depth + 1)).join(', ')}]`;
  if (isJsonMap(value)) return entriesText(Object.entries(value), depth);
  if (value instanceof CelDouble) return doubleText(value);
  if (value instanceof CelUint) return `${value.value}u`;
  if (value instanceof CelOptional)
    return value.value === undefined ? 'optional.none()' : `optional.of(${celText(value.value, depth + 1)})`;
  if (value instanceof CelMap)
    return entriesText(
      [...value.entries()].map((entry) => [entry.key, entry.value]),
      depth,
    );
  if (value instanceof CelTimestamp) return `timestamp(${JSON.stringify(toJson(value))})`;
  if (value instanceof CelDuration) return `duration(${JSON.stringify(toJson(value))})`;
  if (value instanceof CelType) return value.name;
  return value instanceof Fields ? '{…}' : `<${value.type.name}>`;
};
