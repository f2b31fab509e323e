// SPDX-License-Identifier: Apache-2.0
import { shorterTraversal, textTraversal } from '../cost/sizes.ts';
import type { Value } from '../values/value.ts';
import { hasDataKeys, isReadable } from './access.ts';
import { effortOf, effortOfEach } from './evaluation.ts';
import type { Evaluation, Node } from './evaluation.ts';
import { readerOf } from './field-readers.ts';
import type { FieldReader } from './field-readers.ts';
import type { Ir } from './ir.ts';
import { rememberedOf } from './remembering.ts';

/** `x.field == 'text'` of a variable of a macro, or `!=`: what exceptions by name are made of. */
export type FieldEquality = {
  readonly slot: number;
  readonly read: FieldReader;
  readonly text: string;
  readonly equal: boolean;
  /** To read the field, one by one. */
  readonly steps: number;
  /** To compare the text with any that is at least twice as long. */
  readonly cost: number;
};

export const fieldEqualityOf = (ir: Ir): FieldEquality | undefined => {
  if (ir.kind !== 'call' || (ir.name !== '_==_' && ir.name !== '_!=_')) return undefined;
  const [left, right] = ir.args;
  if (left?.kind !== 'select' || left.mode !== 'plain' || right?.kind !== 'constant' || typeof right.value !== 'string') return undefined;
  const { operand, field } = left;
  if (operand.kind !== 'local' || operand.lazy || !isReadable(field)) return undefined;
  const text = right.value;
  return {
    slot: operand.slot,
    read: readerOf(field),
    text,
    equal: ir.name === '_==_',
    steps: operand.steps + 1,
    cost: textTraversal(text),
  };
};

const comparing = ({ text, cost }: FieldEquality, value: string): number =>
  value.length >= text.length * 2 ? cost : shorterTraversal(value, text);

const textOf = ({ read }: FieldEquality, element: Value | undefined): string | undefined => {
  const value = element === undefined || !hasDataKeys(element) ? undefined : read(element);
  return typeof value === 'string' ? value : undefined;
};

/** One closure for all three of its nodes; `general` where the field is no text, or something runs out. */
export const fieldEqualityNode = (about: FieldEquality, general: Node): Node => {
  const { slot, text, equal, steps } = about;
  const reading = effortOfEach(steps);
  return (evaluation) => {
    const value = textOf(about, evaluation.locals[slot]);
    if (value === undefined) return general(evaluation);
    const cost = comparing(about, value);
    return evaluation.afford(steps + cost, reading + effortOf(cost)) ? (value === text) === equal : general(evaluation);
  };
};

/** How many elements of the list, from the first on, a quantifier passes at once; they are paid for. `base`: the findings' number of the first. */
export type Passing = (evaluation: Evaluation, list: readonly Value[], base: number) => number;

const PASSING_STEPS = 3;

/**
 * `list.all(x, x.field == 'text' || rest)` where the rest is remembered to be true: many policies of a set differ in the exception alone.
 * It goes as far as that is so, and the loop proper goes on from there.
 */
export const passingOf = (body: Ir, rest: Node): Passing | undefined => {
  const [first] = body.kind === 'or' ? body.operands : [];
  const about = first === undefined ? undefined : fieldEqualityOf(first);
  const remembered = rememberedOf(rest);
  if (about === undefined || !about.equal || remembered === undefined) return undefined;
  const each = PASSING_STEPS + about.steps;
  const eachEffort = effortOfEach(each);
  return (evaluation, list, base) => {
    const { findings } = evaluation;
    if (findings === undefined || base < 0) return 0;
    let steps = 0;
    let effort = 0;
    let passed = 0;
    for (; passed < list.length; passed += 1) {
      const value = textOf(about, list[passed]);
      if (value === undefined) break;
      const cost = comparing(about, value);
      const entry = value === about.text ? undefined : remembered[base + passed];
      if (value !== about.text && (entry === undefined || entry.run !== findings.run || entry.heldAt >= 0 || entry.value !== true)) break;
      steps += each + cost + (entry?.steps ?? 0);
      effort += eachEffort + effortOf(cost) + (entry?.effort ?? 0);
    }
    return effort <= evaluation.effort && evaluation.afford(steps, effort) ? passed : 0;
  };
};
