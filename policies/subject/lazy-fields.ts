// SPDX-License-Identifier: Apache-2.0
// A CEL struct whose fields are worked out when an expression first reads them, and then kept.
import { Fields } from '../cel/index.ts';
import type { Value } from '../cel/index.ts';

export type FieldTable<Source> = Readonly<Record<string, (source: Source) => Value | undefined>>;

class LazyFields<Source> extends Fields {
  readonly #table: FieldTable<Source>;
  readonly #source: Source;
  readonly #known = new Map<string, Value | undefined>();

  constructor(table: FieldTable<Source>, source: Source) {
    super();
    this.#table = table;
    this.#source = source;
  }

  override field(name: string): Value | undefined {
    if (this.#known.has(name)) return this.#known.get(name);
    const compute = Object.hasOwn(this.#table, name) ? this.#table[name] : undefined;
    if (compute === undefined) return undefined;
    const value = compute(this.#source);
    this.#known.set(name, value);
    return value;
  }
}

export const lazyFields = <Source>(table: FieldTable<Source>, source: Source): Fields => new LazyFields(table, source);
