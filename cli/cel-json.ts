// SPDX-License-Identifier: Apache-2.0
// A CEL value as JSON that loses no digit.
import { CelDouble, CelDuration, CelMap, CelOptional, CelTimestamp, CelUint, toJson } from '../policies/cel/index.ts';
import type { Value } from '../policies/cel/index.ts';
import { isBytes, isJsonMap, isList } from '../policies/cel/values/value.ts';
import { celText } from '../policies/decide/value-text.ts';

const MAX_DEPTH = 100;

/** Integers beyond 2^53 become text, so that no reader rounds them; what has no JSON is told in CEL. */
export const celJson = (value: Value, depth = 0): unknown => {
  if (typeof value === 'bigint' || depth > MAX_DEPTH) return celText(value);
  if (value instanceof CelUint) return value.value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value.value) : String(value.value);
  if (value instanceof CelDouble) return Number.isFinite(value.value) ? value.value : String(value.value);
  if (isBytes(value) || value instanceof CelTimestamp || value instanceof CelDuration) return toJson(value);
  if (isList(value)) return value.map((item) => celJson(item, depth + 1));
  if (isJsonMap(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, celJson(item, depth + 1)]));
  if (value instanceof CelOptional) return value.value === undefined ? null : celJson(value.value, depth + 1);
  if (value instanceof CelMap)
    return Object.fromEntries(
      [...value.entries()].map((entry) => [
        typeof entry.key === 'string' ? entry.key : celText(entry.key),
        celJson(entry.value, depth + 1),
      ]),
    );
  return typeof value === 'object' && value !== null ? celText(value) : value;
};
