// SPDX-License-Identifier: Apache-2.0
/**
 * The expression as cel-go has it when it estimates costs: macros written out as loops, `has` as a select, every node with its type and
 * the overloads that its call may be.
 *
 * In: our tree, with what the checker found. Out: nodes that `estimate.ts` walks.
 */
import type { Checked } from '../check/check.ts';
import type * as ast from '../syntax/ast.ts';
import { SORTED } from '../syntax/macros.ts';
import * as types from '../types/type.ts';
import type { Type } from '../types/type.ts';
import type { Value } from '../values/value.ts';

export type Literal = { readonly kind: 'literal'; readonly type: Type; readonly value: Value };
export type Name = { readonly kind: 'name'; readonly type: Type; readonly name: string };
export type Select = { readonly kind: 'select'; readonly type: Type; readonly operand: Tree; readonly isTest: boolean };
export type Call = {
  readonly kind: 'call';
  readonly type: Type;
  readonly name: string;
  readonly target: Tree | undefined;
  readonly args: readonly Tree[];
  readonly overloads: readonly string[];
};
export type List = { readonly kind: 'list'; readonly type: Type; readonly elements: readonly Tree[] };
export type MapTree = {
  readonly kind: 'map';
  readonly type: Type;
  readonly entries: readonly { readonly key: Tree; readonly value: Tree }[];
};
export type Loop = {
  readonly kind: 'loop';
  readonly type: Type;
  readonly range: Tree;
  readonly first: string;
  readonly second: string | undefined;
  readonly initial: Tree;
  readonly condition: Tree;
  readonly step: Tree;
  readonly result: Tree;
};
/** A loop over nothing, by which cel-go binds a name. */
export type Bind = { readonly kind: 'bind'; readonly type: Type; readonly name: string; readonly initial: Tree; readonly result: Tree };

export type Tree = Literal | Name | Select | Call | List | MapTree | Loop | Bind;

/** No expression can write it. */
export const ACCUMULATOR = '@result';

const literal = (value: Value, type: Type): Literal => ({ kind: 'literal', type, value });
const accumulator = (type: Type): Name => ({ kind: 'name', type, name: ACCUMULATOR });
const listOf = (type: Type, ...elements: readonly Tree[]): List => ({ kind: 'list', type, elements });

type CallParts = { readonly name: string; readonly overload: string; readonly type: Type };
const call = ({ name, overload, type }: CallParts, ...args: readonly Tree[]): Call => ({
  kind: 'call',
  type,
  name,
  target: undefined,
  args,
  overloads: [overload],
});

const conditional = (type: Type, ...args: readonly [Tree, Tree, Tree]): Call =>
  call({ name: '_?_:_', overload: 'conditional', type }, ...args);

const INDEXES = new Map([
  ['_[_]', { list: ['index_list'], map: ['index_map'], other: ['optional_index'] }],
  ['_[?_]', { list: ['optional_index'], map: ['optional_index'], other: ['optional_index'] }],
]);

const indexOverloads = (name: string, operand: Type): readonly string[] => {
  const known = INDEXES.get(name);
  if (known === undefined) return [];
  if (operand.kind === 'list') return known.list;
  if (operand.kind === 'map') return known.map;
  return operand.kind === 'optional' ? known.other : [...known.list, ...known.map, ...known.other];
};

const LOGICAL = new Map([
  ['_&&_', 'logical_and'],
  ['_||_', 'logical_or'],
]);

const member = (name: string, overload: string, target: Tree): Call => ({
  kind: 'call',
  type: types.DYN,
  name,
  target,
  args: [],
  overloads: [overload],
});

type Turn = { readonly expr: ast.Comprehension; readonly type: Type };

const step = (checked: Checked, { expr, type }: Turn): Tree => {
  const body = treeOf(checked, expr.body);
  const have = accumulator(type);
  switch (expr.macro) {
    case 'all':
      return call({ name: '_&&_', overload: 'logical_and', type }, have, body);
    case 'exists':
      return call({ name: '_||_', overload: 'logical_or', type }, have, body);
    case 'existsOne':
      return conditional(type, body, call({ name: '_+_', overload: 'add_int64', type }, have, literal(1, types.INT)), have);
    case 'filter':
    case 'map':
    case 'transformList': {
      const more = call({ name: '_+_', overload: 'add_list', type }, have, listOf(type, body));
      return expr.filter === undefined ? more : conditional(type, treeOf(checked, expr.filter), more, have);
    }
    case 'transformMap':
    case 'transformMapEntry': {
      const key: Name = { kind: 'name', type: type.kind === 'map' ? type.key : types.DYN, name: expr.variable };
      const more =
        expr.macro === 'transformMap'
          ? call({ name: 'cel.@mapInsert', overload: '@mapInsert_key_value', type }, have, key, body)
          : call({ name: 'cel.@mapInsert', overload: '@mapInsert_map', type }, have, body);
      return expr.filter === undefined ? more : conditional(type, treeOf(checked, expr.filter), more, have);
    }
    default:
      return expr.macro satisfies never;
  }
};

const notFalse = (operand: Tree): Call => call({ name: '@not_strictly_false', overload: 'not_strictly_false', type: types.BOOL }, operand);

const loop = (checked: Checked, expr: ast.Comprehension): Loop => {
  const { macro } = expr;
  const given = checked.typeOf(expr);
  const type = macro === 'existsOne' ? types.INT : given;
  const have = accumulator(type);
  const always = literal(true, types.BOOL);
  const initial = (): Tree => {
    if (macro === 'all' || macro === 'exists') return literal(macro === 'all', types.BOOL);
    if (macro === 'existsOne') return literal(0, types.INT);
    return macro === 'transformMap' || macro === 'transformMapEntry' ? { kind: 'map', type, entries: [] } : listOf(type);
  };
  const condition = (): Tree => {
    if (macro === 'all') return notFalse(have);
    return macro === 'exists' ? notFalse(call({ name: '!_', overload: 'logical_not', type }, have)) : always;
  };
  const isOne = call({ name: '_==_', overload: 'equals', type: types.BOOL }, have, literal(1, types.INT));
  return {
    kind: 'loop',
    type: given,
    range: treeOf(checked, expr.range),
    first: expr.variable,
    second: expr.second,
    initial: initial(),
    condition: condition(),
    step: step(checked, { expr, type }),
    result: macro === 'existsOne' ? isOne : have,
  };
};

const optMap = (checked: Checked, expr: ast.OptMap): Tree => {
  const type = checked.typeOf(expr);
  const has = member('hasValue', 'optional_hasValue', treeOf(checked, expr.target));
  const bound: Bind = {
    kind: 'bind',
    type: checked.typeOf(expr.body),
    name: expr.variable,
    initial: member('value', 'optional_value', treeOf(checked, expr.target)),
    result: treeOf(checked, expr.body),
  };
  const made = expr.flat ? bound : call({ name: 'optional.of', overload: 'optional_of', type }, bound);
  return conditional(type, has, made, call({ name: 'optional.none', overload: 'optional_none', type }));
};

/** `list.sortBy(v, key)`, which the parser writes with optionals. */
const sorted = (checked: Checked, expr: ast.Call): Bind | undefined => {
  const { target: whole } = expr;
  if (whole?.kind !== 'optMap' || whole.variable !== SORTED || whole.target.kind !== 'call') return undefined;
  const [list] = whole.target.args;
  return list === undefined
    ? undefined
    : { kind: 'bind', type: checked.typeOf(expr), name: SORTED, initial: treeOf(checked, list), result: treeOf(checked, whole.body) };
};

const callTree = (checked: Checked, expr: ast.Call): Tree => {
  const { name, target } = expr;
  const type = checked.typeOf(expr);
  const logical = LOGICAL.get(name);
  const args = (): readonly Tree[] => expr.args.map((arg) => treeOf(checked, arg));
  if (logical !== undefined) return args().reduce((left, right) => call({ name, overload: logical, type }, left, right));
  if (name === '_?_:_') return { kind: 'call', type, name, target: undefined, args: args(), overloads: ['conditional'] };
  if (INDEXES.has(name)) {
    const [operand] = expr.args;
    const overloads = operand === undefined ? [] : indexOverloads(name, checked.typeOf(operand));
    return { kind: 'call', type, name, target: undefined, args: args(), overloads };
  }
  const bound = checked.calls.get(expr);
  const overloads = bound?.overloads.map(({ id }) => id) ?? [];
  const isMember = target !== undefined && bound?.namespaced !== true;
  return (
    sorted(checked, expr) ?? {
      kind: 'call',
      type,
      name: bound?.name ?? name,
      target: isMember ? treeOf(checked, target) : undefined,
      args: args(),
      overloads,
    }
  );
};

const select = (checked: Checked, expr: ast.Select): Tree => {
  const type = checked.typeOf(expr);
  const operand = treeOf(checked, expr.operand);
  if (expr.mode === 'optional')
    return call({ name: '_?._', overload: 'select_optional_field', type }, operand, literal(expr.field, types.STRING));
  return { kind: 'select', type, operand, isTest: expr.mode === 'test' };
};

/** Checked tree → what cel-go would estimate. */
export const treeOf = (checked: Checked, expr: ast.Expr): Tree => {
  const named = checked.names.get(expr);
  if (named !== undefined) return { kind: 'name', type: checked.typeOf(expr), name: named };
  switch (expr.kind) {
    case 'literal':
      return literal(expr.value, checked.typeOf(expr));
    case 'ident':
      return { kind: 'name', type: checked.typeOf(expr), name: expr.name };
    case 'select':
      return select(checked, expr);
    case 'call':
      return callTree(checked, expr);
    case 'list':
      return { kind: 'list', type: checked.typeOf(expr), elements: expr.elements.map(({ value }) => treeOf(checked, value)) };
    case 'map':
      return {
        kind: 'map',
        type: checked.typeOf(expr),
        entries: expr.entries.map(({ key, value }) => ({ key: treeOf(checked, key), value: treeOf(checked, value) })),
      };
    case 'struct':
      return literal(null, types.DYN);
    case 'comprehension':
      return loop(checked, expr);
    case 'optMap':
      return optMap(checked, expr);
    default:
      return expr satisfies never;
  }
};
