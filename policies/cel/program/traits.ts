// SPDX-License-Identifier: Apache-2.0
import type { Ir } from './ir.ts';

/** What a part of an expression depends on, and about how many nodes it runs. */
export type Traits = {
  /** Variables of macros that are bound outside of it. */
  readonly free: readonly number[];
  /** Whether all else that it reads stays the same for as long as a memo lives, and all that it charges is the same each time. */
  readonly steady: boolean;
  readonly weight: number;
};

const NONE: readonly number[] = [];
/** Functions whose work is with the texts that they read. */
const TEXT_WEIGHT = 4;
const FOLD_TURNS = 3;

type Parts = {
  readonly own: number;
  readonly inside: readonly (Ir | undefined)[];
  readonly bound?: readonly number[];
  readonly steady?: boolean;
};

const partsOf = (ir: Ir, stable: ReadonlySet<string>): Parts => {
  switch (ir.kind) {
    case 'constant':
      return { own: 0, inside: [] };
    case 'variable':
      return { own: 2, inside: [], steady: stable.has(ir.name) };
    case 'local':
      return { own: 1, inside: [], steady: !ir.lazy };
    case 'relative':
      return { own: 1, inside: [ir.operand] };
    case 'select':
      // What is given back must never have been missing in between.
      return { own: 1, inside: [ir.operand], steady: !ir.refund };
    case 'index':
      return { own: 1, inside: [ir.operand, ir.index] };
    case 'and':
    case 'or':
      return { own: 1, inside: ir.operands };
    case 'conditional':
      return { own: 1, inside: [ir.condition, ir.yes, ir.no] };
    case 'alternative':
      return { own: 1, inside: [ir.option, ir.other] };
    case 'call':
      return { own: /^[_@!-]|^size$/.test(ir.name) ? 1 : TEXT_WEIGHT, inside: ir.args };
    case 'membership':
      return { own: 1, inside: [ir.needle] };
    case 'match':
      return { own: TEXT_WEIGHT, inside: [ir.text] };
    case 'list':
      return { own: 2, inside: ir.elements.map(({ value }) => value) };
    case 'map':
      return { own: 2, inside: ir.entries.flatMap(({ key, value }) => [key, value]) };
    case 'fold':
      return {
        own: FOLD_TURNS,
        inside: [ir.range, ir.filter, ir.body],
        bound: ir.secondSlot === undefined ? [ir.slot] : [ir.slot, ir.secondSlot],
      };
    case 'optMap':
    case 'bind':
      return { own: 2, inside: [ir.target, ir.body], bound: [ir.slot] };
    default:
      return ir satisfies never;
  }
};

/** A slot is bound to one variable at a time, so of the slots inside only those that this part does not bind itself are free. */
export const traitsReader = (stable: ReadonlySet<string>): ((ir: Ir) => Traits) => {
  const known = new WeakMap<Ir, Traits>();
  const read = (ir: Ir): Traits => {
    const found = known.get(ir);
    if (found !== undefined) return found;
    const { own, inside, bound, steady: steadyItself = true } = partsOf(ir, stable);
    let weight = own;
    let steady = steadyItself;
    const slots: number[] = ir.kind === 'local' ? [ir.slot] : [];
    for (const part of inside) {
      if (part === undefined) continue;
      const traits = read(part);
      weight += traits.weight;
      steady &&= traits.steady;
      for (const slot of traits.free) if (!slots.includes(slot) && bound?.includes(slot) !== true) slots.push(slot);
    }
    const made: Traits = { free: slots.length === 0 ? NONE : slots, steady, weight };
    known.set(ir, made);
    return made;
  };
  return read;
};
