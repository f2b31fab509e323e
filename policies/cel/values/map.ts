// SPDX-License-Identifier: Apache-2.0
import { Boxed, CelType, MAP } from './boxed.ts';
import { INT_MAX, INT_MIN, intOf, UINT_MAX } from './integer.ts';
import { CelDuration, CelTimestamp } from './time.ts';
import { CelDouble, CelUint } from './value.ts';
import type { Value } from './value.ts';

type Entry = { readonly key: Value; readonly value: Value };

/**
 * Keys as JavaScript's Map tells them apart. Go compares keys with their types, so 1, 1u and 1.0 are three keys; lists, maps and
 * the like are only the same as themselves.
 */
type Form = null | string | number | bigint | boolean | object;

/** Forms of keys that are objects here and values in Go stay apart from those of texts by their own table. */
const boxedForm = (key: Value): Form => {
  if (key instanceof CelUint) return `u${key.value}`;
  // NaN is no key that could be found again.
  if (key instanceof CelDouble) return Number.isNaN(key.value) ? {} : `d${key.value === 0 ? 0 : key.value}`;
  if (key instanceof CelTimestamp) return `t${key.nanos} ${key.offsetSeconds}`;
  if (key instanceof CelDuration) return `n${key.nanos}`;
  return key instanceof CelType ? `T${key.name}` : key;
};

const isPlain = (key: Value): key is null | string | number | bigint | boolean => typeof key !== 'object' || key === null;

/** The int and then the uint of the same value, which a look-up tries as well. */
const otherNumbers = (key: Value): readonly Value[] => {
  if (typeof key === 'number' || typeof key === 'bigint') return key < 0 ? [] : [new CelUint(BigInt(key))];
  if (key instanceof CelUint) return key.value > INT_MAX ? [] : [intOf(key.value)];
  if (!(key instanceof CelDouble) || !Number.isInteger(key.value)) return [];
  const exact = BigInt(key.value);
  if (exact < INT_MIN || exact > UINT_MAX) return [];
  return [...(exact <= INT_MAX ? [intOf(exact)] : []), ...(exact >= 0n ? [new CelUint(exact)] : [])];
};

/** A map with keys of any type, as map literals and transforms make it. Built once, then only read. */
export class CelMap extends Boxed {
  readonly #plain = new Map<Form, Entry>();
  readonly #boxed = new Map<Form, Entry>();

  static from(entries: Iterable<readonly [Value, Value]>): CelMap {
    const map = new CelMap();
    for (const [key, value] of entries) map.set(key, value);
    return map;
  }

  override get type(): CelType {
    return MAP;
  }

  get size(): number {
    return this.#plain.size + this.#boxed.size;
  }

  get(key: Value): Value | undefined {
    const found = isPlain(key) ? this.#plain.get(key) : this.#boxed.get(boxedForm(key));
    if (found !== undefined || typeof key === 'string') return found?.value;
    for (const other of otherNumbers(key)) {
      const same = isPlain(other) ? this.#plain.get(other) : this.#boxed.get(boxedForm(other));
      if (same !== undefined) return same.value;
    }
    return undefined;
  }

  entries(): Iterable<Entry> {
    return this.#boxed.size === 0 ? this.#plain.values() : [...this.#plain.values(), ...this.#boxed.values()];
  }

  /** For the one who builds the map: the last value of a key stands. */
  set(key: Value, value: Value): void {
    if (isPlain(key)) this.#plain.set(key, { key, value });
    else this.#boxed.set(boxedForm(key), { key, value });
  }

  /** The same for a key that came without a value after all. */
  delete(key: Value): void {
    if (isPlain(key)) this.#plain.delete(key);
    else this.#boxed.delete(boxedForm(key));
  }

  /** For the one who builds the map; false = the key is there already. */
  insert(key: Value, value: Value): boolean {
    if (this.get(key) !== undefined) return false;
    this.set(key, value);
    return true;
  }
}
