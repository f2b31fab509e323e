// SPDX-License-Identifier: Apache-2.0
import { isCelError } from '../values/error.ts';
import type { CelError } from '../values/error.ts';
import type { Value } from '../values/value.ts';
import type { Evaluation, Node } from './evaluation.ts';

/** So many elements of lists, all lists of a memo together, have a place to remember something of. */
const MAX_ELEMENTS = 256;

let runs = 0;

/**
 * What programs that share nodes have found out of the same variables, for as long as these stay as they are (one decision): made anew,
 * it knows nothing. Nodes keep numbers and booleans themselves, under the number of the run; anything that could hold on to an object
 * of the caller is kept here and goes with it.
 */
export class Memo {
  readonly run = (runs += 1);
  readonly held: (Value | CelError)[] = [];
  /** Set aside between two evaluations. */
  spare: Evaluation | undefined = undefined;
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

/** What a node came to, and what that took: whoever asks again pays the same. */
export type Entry = { run: number; value: boolean | number; heldAt: number; steps: number; effort: number };

const emptyEntry = (): Entry => ({ run: 0, value: false, heldAt: -1, steps: 0, effort: 0 });

const isSmall = (value: Value | CelError): value is boolean | number => typeof value === 'boolean' || typeof value === 'number';

const record = (evaluation: Evaluation, memo: Memo, node: Node, entry: Entry): Value | undefined => {
  const { remaining, effort } = evaluation;
  const value = node(evaluation);
  if (value === undefined && evaluation.cancelled) return undefined;
  const kept = value === undefined ? evaluation.error : value;
  if (kept === undefined) return undefined;
  entry.run = memo.run;
  entry.steps = remaining - evaluation.remaining;
  entry.effort = effort - evaluation.effort;
  entry.heldAt = -1;
  if (isSmall(kept)) entry.value = kept;
  else entry.heldAt = memo.held.push(kept) - 1;
  return value;
};

const replay = (evaluation: Evaluation, memo: Memo, node: Node, entry: Entry): Value | undefined => {
  const remaining = evaluation.remaining - entry.steps;
  const effort = evaluation.effort - entry.effort;
  // Within the node something runs out; where that is, and what is told of it, the node says itself.
  if (remaining < 0 || effort < 0) return node(evaluation);
  evaluation.remaining = remaining;
  evaluation.effort = effort;
  if (entry.heldAt < 0) return entry.value;
  const kept = memo.held[entry.heldAt];
  if (!isCelError(kept)) return kept;
  evaluation.error = kept;
  return undefined;
};

/** How many nodes of all programs have a node among their parts: what only one has is not worth remembering. */
export type Parents = { parents: number };

/** A node that reads no variable of a macro has one result. */
export const rememberingNode = (node: Node, known: Parents): Node => {
  const entry = emptyEntry();
  return (evaluation) => {
    const { memo } = evaluation;
    if (memo === undefined || known.parents < 2) return node(evaluation);
    return entry.run === memo.run ? replay(evaluation, memo, node, entry) : record(evaluation, memo, node, entry);
  };
};

const remembered = new WeakMap<Node, readonly (Entry | undefined)[]>();

/** What such a node knows of each element, by its number. */
export const rememberedOf = (node: Node): readonly (Entry | undefined)[] | undefined => remembered.get(node);

/** A node that reads one variable of a macro has one for each element that this stands for. */
export const rememberingElementNode = (node: Node, known: Parents, slot: number): Node => {
  const entries: Entry[] = [];
  const remembering: Node = (evaluation) => {
    const { memo } = evaluation;
    if (memo === undefined || known.parents < 2) return node(evaluation);
    const element = evaluation.elements[slot] ?? -1;
    if (element < 0) return node(evaluation);
    const entry = (entries[element] ??= emptyEntry());
    return entry.run === memo.run ? replay(evaluation, memo, node, entry) : record(evaluation, memo, node, entry);
  };
  remembered.set(remembering, entries);
  return remembering;
};
