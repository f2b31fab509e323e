// SPDX-License-Identifier: Apache-2.0
import { Boxed, MAP } from './boxed.ts';
import type { CelType } from './boxed.ts';
import { INT_MAX, INT_MIN, intOf } from './integer.ts';
import { CelDouble, CelUint } from './value.ts';
import type { Value } from './value.ts';

type MapKey = string | number | bigint | boolean;
type Entry = { readonly key: Value; readonly value: Value };

/** Numeric keys of equal value are one key, whatever their type: `{1: 'a'}[1u]`. undefined = this can't be a key of any entry. */
const keyOf = (key: Value): MapKey | undefined => {
  if (typeof key === 'string' || typeof key === 'number' || typeof key === 'bigint' || typeof key === 'boolean') return key;
  if (key instanceof CelUint) return intOf(key.value);
  if (!(key instanceof CelDouble) || !Number.isInteger(key.value)) return undefined;
  if (Number.isSafeInteger(key.value)) return key.value;
  const exact = BigInt(key.value);
  return exact < INT_MIN || exact > 2n * INT_MAX + 1n ? undefined : exact;
};

/** A map with keys of any key type, as map literals and transforms make it. Built once, then only read. */
export class CelMap extends Boxed {
  readonly #entries = new Map<MapKey, Entry>();

  static from(entries: Iterable<readonly [Value, Value]>): CelMap {
    const map = new CelMap();
    for (const [key, value] of entries) map.insert(key, value);
    return map;
  }

  override get type(): CelType {
    return MAP;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Value): Value | undefined {
    const form = keyOf(key);
    return form === undefined ? undefined : this.#entries.get(form)?.value;
  }

  entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  /** For the one who builds the map; false = the key is there already or can't be a key. */
  insert(key: Value, value: Value): boolean {
    const form = key instanceof CelDouble ? undefined : keyOf(key);
    if (form === undefined || this.#entries.has(form)) return false;
    this.#entries.set(form, { key, value });
    return true;
  }
}

/** Is the value one of the types that keys may have? */
export const isKey = (key: Value): boolean =>
  typeof key === 'string' || typeof key === 'number' || typeof key === 'bigint' || typeof key === 'boolean' || key instanceof CelUint;
