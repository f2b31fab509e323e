// SPDX-License-Identifier: Apache-2.0
import { isCelError } from '../values/error.ts';
import type { CelError } from '../values/error.ts';
import type { Value } from '../values/value.ts';
import type { Evaluation, Node } from './evaluation.ts';
import type { Findings } from './findings.ts';

/** What a node came to, and what that took: whoever asks again pays the same. */
export type Entry = { run: number; value: boolean | number; heldAt: number; steps: number; effort: number };

const emptyEntry = (): Entry => ({ run: 0, value: false, heldAt: -1, steps: 0, effort: 0 });

const isSmall = (value: Value | CelError): value is boolean | number => typeof value === 'boolean' || typeof value === 'number';

const record = (evaluation: Evaluation, findings: Findings, node: Node, entry: Entry): Value | undefined => {
  const { remaining, effort } = evaluation;
  const value = node(evaluation);
  if (value === undefined && evaluation.cancelled) return undefined;
  const kept = value === undefined ? evaluation.error : value;
  if (kept === undefined) return undefined;
  entry.run = findings.run;
  entry.steps = remaining - evaluation.remaining;
  entry.effort = effort - evaluation.effort;
  entry.heldAt = -1;
  if (isSmall(kept)) entry.value = kept;
  else entry.heldAt = findings.held.push(kept) - 1;
  return value;
};

const replay = (evaluation: Evaluation, findings: Findings, node: Node, entry: Entry): Value | undefined => {
  const remaining = evaluation.remaining - entry.steps;
  const effort = evaluation.effort - entry.effort;
  // Within the node something runs out; where that is, and what is told of it, the node says itself.
  if (remaining < 0 || effort < 0) return node(evaluation);
  evaluation.remaining = remaining;
  evaluation.effort = effort;
  if (entry.heldAt < 0) return entry.value;
  const kept = findings.held[entry.heldAt];
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
    const { findings } = evaluation;
    if (findings === undefined || known.parents < 2) return node(evaluation);
    return entry.run === findings.run ? replay(evaluation, findings, node, entry) : record(evaluation, findings, node, entry);
  };
};

const remembered = new WeakMap<Node, readonly (Entry | undefined)[]>();

/** What such a node knows of each element, by its number. */
export const rememberedOf = (node: Node): readonly (Entry | undefined)[] | undefined => remembered.get(node);

/** A node that reads one variable of a macro has one for each element that this stands for. */
export const rememberingElementNode = (node: Node, known: Parents, slot: number): Node => {
  const entries: Entry[] = [];
  const remembering: Node = (evaluation) => {
    const { findings } = evaluation;
    if (findings === undefined || known.parents < 2) return node(evaluation);
    const element = evaluation.elements[slot] ?? -1;
    if (element < 0) return node(evaluation);
    const entry = (entries[element] ??= emptyEntry());
    return entry.run === findings.run ? replay(evaluation, findings, node, entry) : record(evaluation, findings, node, entry);
  };
  remembered.set(remembering, entries);
  return remembering;
};
