// SPDX-License-Identifier: Apache-2.0
import type { Call, ComprehensionMacro, Expr } from './ast.ts';
import { SyntaxFault } from './issue.ts';

/** What of the syntax only some environments have: `?` of optionals with their macros, macros of two variables, `sortBy`. */
export type Syntax = { readonly optionals: boolean; readonly twoVariables: boolean; readonly sortBy: boolean };

/** Names that the accumulator of a comprehension has in cel-go: a variable may not hide it. */
const ACCUMULATORS = new Set(['__result__', '@result']);

const variableName = (expr: Expr): string => {
  if (expr.kind !== 'ident') throw new SyntaxFault('argument is not an identifier', expr.offset);
  if (ACCUMULATORS.has(expr.name)) throw new SyntaxFault('iteration variable overwrites accumulator variable', expr.offset);
  return expr.name;
};

type Shape = { readonly macro: ComprehensionMacro; readonly variables: 1 | 2; readonly filtered: boolean };

/** Receiver macros by name and number of arguments. */
const COMPREHENSIONS = new Map<string, Shape>([
  ['all/2', { macro: 'all', variables: 1, filtered: false }],
  ['all/3', { macro: 'all', variables: 2, filtered: false }],
  ['exists/2', { macro: 'exists', variables: 1, filtered: false }],
  ['exists/3', { macro: 'exists', variables: 2, filtered: false }],
  ['exists_one/2', { macro: 'existsOne', variables: 1, filtered: false }],
  ['exists_one/3', { macro: 'existsOne', variables: 2, filtered: false }],
  ['existsOne/3', { macro: 'existsOne', variables: 2, filtered: false }],
  ['map/2', { macro: 'map', variables: 1, filtered: false }],
  ['map/3', { macro: 'map', variables: 1, filtered: true }],
  ['transformList/3', { macro: 'transformList', variables: 2, filtered: false }],
  ['transformList/4', { macro: 'transformList', variables: 2, filtered: true }],
  ['transformMap/3', { macro: 'transformMap', variables: 2, filtered: false }],
  ['transformMap/4', { macro: 'transformMap', variables: 2, filtered: true }],
  ['transformMapEntry/3', { macro: 'transformMapEntry', variables: 2, filtered: false }],
  ['transformMapEntry/4', { macro: 'transformMapEntry', variables: 2, filtered: true }],
]);

const expandComprehension = (call: Call, range: Expr, shape: Shape): Expr => {
  const [first, ...rest] = call.args;
  const body = rest.at(-1);
  if (first === undefined || body === undefined) return call;
  const variable = variableName(first);
  const second = shape.variables === 2 && rest[0] !== undefined ? variableName(rest[0]) : undefined;
  if (second === variable) throw new SyntaxFault(`duplicate variable name: ${variable}`, rest[0]?.offset ?? call.offset);
  const filter = shape.filtered ? rest.at(-2) : undefined;
  return { kind: 'comprehension', offset: call.offset, macro: shape.macro, range, variable, second, filter, body };
};

const expandFilter = (call: Call, range: Expr): Expr => {
  const [first, filter] = call.args;
  if (first === undefined || filter === undefined) return call;
  const variable = variableName(first);
  return { kind: 'comprehension', offset: call.offset, macro: 'filter', range, variable, second: undefined, filter, body: first };
};

const expandOptMap = (call: Call, target: Expr): Expr => {
  const [first, body] = call.args;
  if (first === undefined || body === undefined) return call;
  if (first.kind !== 'ident') throw new SyntaxFault(`${call.name}() variable name must be a simple identifier`, first.offset);
  return { kind: 'optMap', offset: call.offset, flat: call.name === 'optFlatMap', target, variable: first.name, body };
};

/** What `sortBy` may be called on, as cel-go's macro has it. */
const SORTABLE: ReadonlySet<Expr['kind']> = new Set(['list', 'select', 'ident', 'comprehension', 'optMap', 'call']);

/** A name that no expression can write. */
export const SORTED = '@__sortBy_input__';

/** `list.sortBy(v, key)`: the list is evaluated once and bound, then sorted by the list of its keys. */
const expandSortBy = (call: Call, list: Expr): Expr => {
  const [first, key] = call.args;
  if (first === undefined || key === undefined) return call;
  const { offset } = call;
  if (!SORTABLE.has(list.kind))
    throw new SyntaxFault('sortBy can only be applied to a list, identifier, comprehension, call or select expression', list.offset);
  const bound: Expr = { kind: 'ident', offset, name: SORTED, absolute: false };
  const keys: Expr = {
    kind: 'comprehension',
    offset,
    macro: 'map',
    range: bound,
    variable: variableName(first),
    second: undefined,
    filter: undefined,
    body: key,
  };
  const target: Call = { kind: 'call', offset, name: 'optional.of', target: undefined, args: [list] };
  const body: Call = { kind: 'call', offset, name: '@sortByAssociatedKeys', target: bound, args: [keys] };
  const sorted: Expr = { kind: 'optMap', offset, flat: false, target, variable: SORTED, body };
  return { kind: 'call', offset, name: 'value', target: sorted, args: [] };
};

const expandHas = (call: Call): Expr => {
  const [argument] = call.args;
  if (argument === undefined) return call;
  if (argument.kind !== 'select' || argument.mode !== 'plain') throw new SyntaxFault('invalid argument to has() macro', argument.offset);
  return { ...argument, offset: call.offset, mode: 'test' };
};

/** A call that is a macro becomes what it stands for; any other call stays. Throws SyntaxFault. */
export const expandMacro = (call: Call, syntax: Syntax): Expr => {
  if (call.target === undefined) return call.name === 'has' && call.args.length === 1 ? expandHas(call) : call;
  const shape = COMPREHENSIONS.get(`${call.name}/${call.args.length}`);
  if (shape !== undefined && shape.variables === 2 && !syntax.twoVariables) return call;
  if (shape !== undefined) return expandComprehension(call, call.target, shape);
  if (call.args.length !== 2) return call;
  if (call.name === 'sortBy' && syntax.sortBy) return expandSortBy(call, call.target);
  if (call.name === 'filter') return expandFilter(call, call.target);
  return syntax.optionals && (call.name === 'optMap' || call.name === 'optFlatMap') ? expandOptMap(call, call.target) : call;
};
