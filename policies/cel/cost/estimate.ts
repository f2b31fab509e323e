// SPDX-License-Identifier: Apache-2.0
/**
 * What an expression may cost, told before it runs, as Kubernetes estimates it for data of unknown size: at least this, at most that.
 *
 * In: a checked expression. Out: a range; where the cost grows with the data the upper end is astronomic, and the estimate
 * is not the run-time cost of `call-cost.ts`, which counts what happened. The walk goes as cel-go's does, sizes of results included.
 */
import type { Checked } from '../check/check.ts';
import type * as ast from '../syntax/ast.ts';
import type { Type } from '../types/type.ts';
import { sizeOf as textSize } from '../values/text.ts';
import { isBytes } from '../values/value.ts';
import type { Value } from '../values/value.ts';
import { callEstimate, PATTERN_FACTOR, sizeOf, STRING_FACTOR } from './call-estimate.ts';
import type { CallSite, Estimate, Sized } from './call-estimate.ts';
import { add, fixed, LARGEST, multiply, NOTHING, ONE, sumOf, times, union, UNKNOWN, wrapped } from './range.ts';
import type { Range } from './range.ts';
import { ACCUMULATOR, treeOf } from './tree.ts';
import type { Bind, Call, Loop, Tree } from './tree.ts';

/** The sizes of what is in a list or a map. */
type Entry = { readonly list: boolean; readonly key: Range; readonly value: Range };
type Local = { readonly size: Range | undefined; readonly entry: Entry | undefined };

type Walk = { readonly sizes: Map<Tree, Range>; readonly entries: Map<Tree, Entry>; readonly locals: Map<string, Local> };

const isScalar = (type: Type): boolean => {
  if (type.kind === 'optional') return isScalar(type.element);
  return ['bool', 'double', 'duration', 'int', 'timestamp', 'uint'].includes(type.kind);
};

const literalSize = (value: Value): Range | undefined => {
  if (typeof value === 'string') return fixed(BigInt(textSize(value)));
  return value !== null && isBytes(value) ? fixed(BigInt(value.length)) : ONE;
};

const ownSize = (tree: Tree): Range | undefined => {
  if (tree.kind === 'literal') return literalSize(tree.value);
  if (tree.kind === 'list') return fixed(BigInt(tree.elements.length));
  return tree.kind === 'map' ? fixed(BigInt(tree.entries.length)) : undefined;
};

const sizeIn = (walk: Walk, tree: Tree): Range | undefined =>
  walk.sizes.get(tree) ??
  ownSize(tree) ??
  (isScalar(tree.type) ? ONE : tree.kind === 'name' ? walk.locals.get(tree.name)?.size : undefined);

const entryIn = (walk: Walk, tree: Tree): Entry | undefined =>
  walk.entries.get(tree) ?? (tree.kind === 'name' ? walk.locals.get(tree.name)?.entry : undefined);

const sized = (walk: Walk, tree: Tree): Sized => ({ tree, size: sizeIn(walk, tree) });

const joinEntries = (left: Entry | undefined, right: Entry | undefined): Entry | undefined =>
  left === undefined || right === undefined
    ? undefined
    : { list: left.list, key: union(left.key, right.key), value: union(left.value, right.value) };

const keepEntry = (walk: Walk, tree: Tree, entry: Entry | undefined): void => {
  if (entry !== undefined) walk.entries.set(tree, entry);
};

/** Runs with a name bound, which may hide another. */
const within = <T>(walk: Walk, name: string, local: Local, run: () => T): T => {
  const hidden = walk.locals.get(name);
  walk.locals.set(name, local);
  const result = run();
  if (hidden === undefined) walk.locals.delete(name);
  else walk.locals.set(name, hidden);
  return result;
};

const TEXTS = /^(?:less|less_equals|greater|greater_equals)_(?:string|bytes)$|^(?:not_)?equals$/;

const comparing = ([left, right]: readonly Sized[]): Range => {
  const [a, b] = [sizeOf(left).max, sizeOf(right).max];
  const max = a < b ? a : b;
  return times({ min: max > 0n ? 1n : 0n, max }, STRING_FACTOR);
};

const joinedSize = (walk: Walk, call: Call, args: readonly Sized[]): Range => {
  const [left, right] = args;
  if (left !== undefined && right !== undefined) keepEntry(walk, call, joinEntries(entryIn(walk, left.tree), entryIn(walk, right.tree)));
  return add(sizeOf(left), sizeOf(right));
};

/** cel-go's own functions, besides their arguments. */
const standardEstimate = (walk: Walk, call: Call, { overload, target, args }: CallSite): Estimate => {
  const [first, second] = args;
  const size = sizeOf(first);
  switch (overload) {
    case 'string_format':
      return { cost: times(sizeOf(target), STRING_FACTOR) };
    case 'string_to_bytes':
      return { cost: times(size, STRING_FACTOR), size: { min: size.min, max: wrapped(size.max * 4n) } };
    case 'bytes_to_string':
      return { cost: times(size, STRING_FACTOR), size: { min: size.min / 4n, max: size.max } };
    case 'strings_quote':
      return { cost: times(size, STRING_FACTOR), size: { min: size.min + 2n, max: wrapped(size.max * 2n + 2n) } };
    case 'starts_with_string':
    case 'ends_with_string':
      return { cost: times(size, STRING_FACTOR) };
    case 'in_list':
      return { cost: times(sizeOf(second), 1) };
    case 'matches_string':
      return { cost: multiply(times(add(sizeOf(target), ONE), STRING_FACTOR), times(size, PATTERN_FACTOR)) };
    case 'contains_string':
      return { cost: multiply(times(sizeOf(target), STRING_FACTOR), times(size, STRING_FACTOR)) };
    case 'add_list':
      return { cost: ONE, size: joinedSize(walk, call, args) };
    case 'add_string':
    case 'add_bytes': {
      const joined = joinedSize(walk, call, args);
      return { cost: times(joined, STRING_FACTOR), size: joined };
    }
    default:
      return { cost: TEXTS.test(overload) ? comparing(args) : ONE };
  }
};

/** Of `&&` and `||` at least the first operand is evaluated, of a conditional one of its branches. */
const choiceEstimate = (walk: Walk, call: Call, costs: readonly Range[]): Estimate | undefined => {
  const [first = NOTHING, second = NOTHING, third = NOTHING] = costs;
  if (call.name === '_&&_' || call.name === '_||_') return { cost: { min: first.min, max: add(first, second).max } };
  const [, yes, no] = call.args;
  if (call.name !== '_?_:_' || yes === undefined || no === undefined) return undefined;
  keepEntry(walk, call, joinEntries(entryIn(walk, yes), entryIn(walk, no)));
  return { cost: add(first, union(second, third)), size: union(sizeIn(walk, yes) ?? UNKNOWN, sizeIn(walk, no) ?? UNKNOWN) };
};

const callRange = (walk: Walk, call: Call): Range => {
  const { name, overloads } = call;
  const [only] = call.args;
  if (name === 'dyn' && only !== undefined) {
    const cost = costOf(walk, only);
    const size = sizeIn(walk, only);
    if (size !== undefined) walk.sizes.set(call, size);
    keepEntry(walk, call, entryIn(walk, only));
    return add(ONE, cost);
  }
  const costs: Range[] = [];
  const args: Sized[] = [];
  for (const arg of call.args) {
    costs.push(costOf(walk, arg));
    args.push(sized(walk, arg));
  }
  if (overloads.length === 0) return NOTHING;
  const targetCost = call.target === undefined ? NOTHING : costOf(walk, call.target);
  const target = call.target === undefined ? undefined : sized(walk, call.target);
  let range: Range = { min: LARGEST, max: 0n };
  let size: Range | undefined;
  for (const overload of overloads) {
    const site: CallSite = { name, overload, target, args };
    const chosen = choiceEstimate(walk, call, costs);
    const estimate = chosen ?? callEstimate(site) ?? standardEstimate(walk, call, site);
    range = union(range, chosen === undefined ? add(estimate.cost, sumOf(costs)) : estimate.cost);
    if (estimate.size !== undefined) size = size === undefined ? estimate.size : union(size, estimate.size);
    if ((overload === 'index_list' || overload === 'index_map') && only !== undefined) size = entryIn(walk, only)?.value;
    size ??= sizeIn(walk, call);
  }
  if (size !== undefined) walk.sizes.set(call, size);
  return add(targetCost, range);
};

/** The size of anything among these. */
const anyOf = (walk: Walk, trees: readonly Tree[]): Range =>
  trees.length === 0
    ? NOTHING
    : trees.reduce<Range>((range, tree) => union(range, sizeIn(walk, tree) ?? UNKNOWN), { min: LARGEST, max: 0n });

const withVariables = <T>(walk: Walk, loop: Loop, run: () => T): T => {
  const entry = entryIn(walk, loop.range);
  const isList = entry?.list ?? loop.range.type.kind === 'list';
  const local = (size: Range | undefined): Local => ({ size, entry: undefined });
  const { first, second } = loop;
  if (second === undefined) return within(walk, first, local(isList ? entry?.value : entry?.key), run);
  return within(walk, first, local(entry?.key), () => within(walk, second, local(entry?.value), run));
};

const loopRange = (walk: Walk, loop: Loop): Range => {
  const { range, initial, condition, step, result } = loop;
  const before = add(costOf(walk, range), costOf(walk, initial));
  const bound: Local = { size: sizeIn(walk, initial), entry: entryIn(walk, initial) };
  const [once, after] = within(walk, ACCUMULATOR, bound, () => {
    const costs = withVariables(walk, loop, () => add(costOf(walk, condition), costOf(walk, step)));
    return [costs, costOf(walk, result)] as const;
  });
  const count = sizeIn(walk, range) ?? UNKNOWN;
  const size = initial.kind === 'literal' ? sizeIn(walk, initial) : count;
  if (size !== undefined) walk.sizes.set(loop, size);
  if (initial.kind !== 'literal') keepEntry(walk, loop, entryIn(walk, step));
  return add(add(before, after), multiply(count, once));
};

/** Bound by a loop over an empty list, which costs what a list does. */
const bindRange = (walk: Walk, bind: Bind): Range => {
  const { name, initial, result } = bind;
  const before = add(fixed(10n), costOf(walk, initial));
  const cost = within(walk, name, { size: sizeIn(walk, initial), entry: entryIn(walk, initial) }, () => {
    const found = costOf(walk, result);
    const size = sizeIn(walk, result);
    if (size !== undefined) walk.sizes.set(bind, size);
    keepEntry(walk, bind, entryIn(walk, result));
    return found;
  });
  // The size of a name that is the whole result is looked up where it is no longer bound.
  return add(before, cost);
};

const costOf = (walk: Walk, tree: Tree): Range => {
  switch (tree.kind) {
    case 'literal':
      return NOTHING;
    case 'name':
      return ONE;
    case 'select': {
      const operand = costOf(walk, tree.operand);
      const { kind } = tree.operand.type;
      return !tree.isTest && (kind === 'map' || kind === 'struct') ? add(operand, ONE) : operand;
    }
    case 'call':
      return callRange(walk, tree);
    case 'list': {
      const cost = sumOf(tree.elements.map((element) => costOf(walk, element)));
      walk.entries.set(tree, { list: true, key: ONE, value: anyOf(walk, tree.elements) });
      return add(cost, fixed(10n));
    }
    case 'map': {
      const cost = sumOf(tree.entries.flatMap(({ key, value }) => [costOf(walk, key), costOf(walk, value)]));
      const keys = anyOf(
        walk,
        tree.entries.map(({ key }) => key),
      );
      const values = anyOf(
        walk,
        tree.entries.map(({ value }) => value),
      );
      walk.entries.set(tree, { list: false, key: keys, value: values });
      return add(cost, fixed(30n));
    }
    case 'loop':
      return loopRange(walk, tree);
    case 'bind':
      return bindRange(walk, tree);
    default:
      return tree satisfies never;
  }
};

/** Numbers beyond 2^53 are rounded; 2^64 stands for "no bound". */
export type CostEstimate = { readonly min: number; readonly max: number };

export const estimateChecked = (expr: ast.Expr, checked: Checked): CostEstimate => {
  const { min, max } = costOf({ sizes: new Map(), entries: new Map(), locals: new Map() }, treeOf(checked, expr));
  return { min: Number(min), max: Number(max) };
};
