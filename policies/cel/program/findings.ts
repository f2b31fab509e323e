// SPDX-License-Identifier: Apache-2.0
import type { CelError } from '../values/error.ts';
import type { Value } from '../values/value.ts';

/** So many elements of lists, all lists of one decision together, have a place to remember something of. */
const MAX_ELEMENTS = 256;

let runs = 0;

/**
 * What programs that share nodes have found out of the same variables, for as long as these stay as they are (one decision): made anew,
 * it knows nothing. Nodes keep numbers and booleans themselves, under the number of the run; anything that could hold on to an object
 * of the caller is kept here and goes with it.
 */
export class Findings {
  readonly run = (runs += 1);
  readonly held: (Value | CelError)[] = [];
  readonly #bases = new Map<readonly Value[], number>();
  #elements = 0;

  /** The number of the first element of this list; -1 = its elements have none. */
  baseOf(list: readonly Value[]): number {
    const known = this.#bases.get(list);
    if (known !== undefined) return known;
    const base = this.#elements;
    if (base + list.length > MAX_ELEMENTS) return -1;
    this.#elements += list.length;
    this.#bases.set(list, base);
    return base;
  }
}
