// SPDX-License-Identifier: Apache-2.0
import { Boxed, CelType } from './boxed.ts';
import { int64 } from './integer.ts';
import { CelMap } from './map.ts';
import { CelDuration, CelTimestamp, formatDurationExactly, formatTimestampUtc } from './time.ts';
import { CelDouble, CelOptional, CelUint } from './value.ts';
import type { Value } from './value.ts';

/** Beyond this depth a conversion gives null, so that no nesting overflows the stack; nothing in a cluster is nested so. */
const MAX_DEPTH = 1_000;

/**
 * Plain JSON data, as another reader decoded it → value. Parts that need no change are shared, not copied. What JSON can't hold
 * (functions, undefined, symbols) becomes null.
 */
export const fromJson = (data: unknown, depth = 0): Value => {
  if (typeof data === 'string' || typeof data === 'boolean' || typeof data === 'bigint') return data;
  if (typeof data === 'number') {
    if (Number.isSafeInteger(data)) return data;
    return Number.isInteger(data) ? (int64(BigInt(data)) ?? new CelDouble(data)) : new CelDouble(data);
  }
  if (typeof data !== 'object') return null;
  if (data === null || data instanceof Boxed || data instanceof Uint8Array) return data;
  if (depth > MAX_DEPTH) return null;
  if (Array.isArray(data)) return data.map((element: unknown) => fromJson(element, depth + 1));
  return Object.fromEntries(Object.entries(data).map(([key, element]) => [key, fromJson(element, depth + 1)]));
};

const boxedToJson = (value: Boxed, depth: number): unknown => {
  if (value instanceof CelDouble) return value.value;
  if (value instanceof CelUint) return Number(value.value);
  if (value instanceof CelTimestamp) return formatTimestampUtc(value);
  if (value instanceof CelDuration) return formatDurationExactly(value);
  if (value instanceof CelType) return value.name;
  if (value instanceof CelOptional) return value.value === undefined ? null : toJson(value.value, depth + 1);
  if (!(value instanceof CelMap)) return null;
  const pairs: [string, unknown][] = [];
  for (const { key, value: element } of value.entries()) {
    const name = key instanceof CelUint ? key.value : key;
    if (typeof name === 'string' || typeof name === 'number' || typeof name === 'bigint' || typeof name === 'boolean')
      pairs.push([String(name), toJson(element, depth + 1)]);
  }
  // fromEntries defines own properties, so a `__proto__` key stays data.
  return Object.fromEntries(pairs);
};

/**
 * Value → plain JSON data, for a JSON Schema validator or JSON.stringify. Ints beyond 2^53 lose precision, bytes become base64.
 * Data without boxed values is returned as it is, not copied.
 */
export const toJson = (value: Value, depth = 0): unknown => {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return value;
  if (value instanceof Boxed) return boxedToJson(value, depth);
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  if (Array.isArray(value)) {
    const converted = value.map((element: Value) => toJson(element, depth + 1));
    return converted.every((element, index) => element === value[index]) ? value : converted;
  }
  const entries = Object.entries(value);
  const converted = entries.map(([key, element]): [string, unknown] => [key, toJson(element, depth + 1)]);
  return converted.every(([, element], index) => element === entries[index]?.[1]) ? value : Object.fromEntries(converted);
};
