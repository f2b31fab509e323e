// SPDX-License-Identifier: Apache-2.0
/**
 * The syntax tree. Macros are expanded by the parser into nodes of their own (Comprehension, OptMap, a Select that only tests), so
 * later stages know no macro names. Operators are calls by cel-go's names (`_+_`, `_?_:_`, `@in`, `_[_]`). Chains of `&&` and `||` are one
 * call with all their operands: their depth is that of one operator. Offsets are cel-go's places (of an operator, of the bracket of a
 * call), in UTF-16 units.
 */
import type { Value } from '../values/value.ts';

export type Literal = { readonly kind: 'literal'; readonly offset: number; readonly value: Value };

/** `absolute`: written with a leading dot, so never a variable of a macro. */
export type Ident = { readonly kind: 'ident'; readonly offset: number; readonly name: string; readonly absolute: boolean };

export type Select = {
  readonly kind: 'select';
  readonly offset: number;
  readonly operand: Expr;
  readonly field: string;
  /** plain `a.b`, optional `a.?b`, or `has(a.b)` */
  readonly mode: 'plain' | 'optional' | 'test';
};

export type Call = {
  readonly kind: 'call';
  readonly offset: number;
  readonly name: string;
  readonly target: Expr | undefined;
  readonly args: readonly Expr[];
};

export type ListElement = { readonly optional: boolean; readonly value: Expr };
export type ListExpr = { readonly kind: 'list'; readonly offset: number; readonly elements: readonly ListElement[] };

export type MapEntry = { readonly optional: boolean; readonly key: Expr; readonly value: Expr; readonly offset: number };
export type MapExpr = { readonly kind: 'map'; readonly offset: number; readonly entries: readonly MapEntry[] };

/** `Name{field: value}`: Kubernetes has no message types, so it only serves to say what is undeclared. */
export type StructExpr = { readonly kind: 'struct'; readonly offset: number; readonly name: string; readonly values: readonly Expr[] };

export type ComprehensionMacro = 'all' | 'exists' | 'existsOne' | 'filter' | 'map' | 'transformList' | 'transformMap' | 'transformMapEntry';

export type Comprehension = {
  readonly kind: 'comprehension';
  readonly offset: number;
  readonly macro: ComprehensionMacro;
  readonly range: Expr;
  readonly variable: string;
  /** The second variable of the two-variable forms. */
  readonly second: string | undefined;
  /** The condition of filter, map/3 and transform…/4. */
  readonly filter: Expr | undefined;
  /** The predicate or the transformed element. */
  readonly body: Expr;
};

export type OptMap = {
  readonly kind: 'optMap';
  readonly offset: number;
  readonly flat: boolean;
  readonly target: Expr;
  readonly variable: string;
  readonly body: Expr;
};

export type Expr = Literal | Ident | Select | Call | ListExpr | MapExpr | StructExpr | Comprehension | OptMap;

export const childrenOf = (expr: Expr): readonly Expr[] => {
  switch (expr.kind) {
    case 'literal':
    case 'ident':
      return [];
    case 'select':
      return [expr.operand];
    case 'call':
      return expr.target === undefined ? expr.args : [expr.target, ...expr.args];
    case 'list':
      return expr.elements.map((element) => element.value);
    case 'map':
      return expr.entries.flatMap((entry) => [entry.key, entry.value]);
    case 'struct':
      return expr.values;
    case 'comprehension':
      return expr.filter === undefined ? [expr.range, expr.body] : [expr.range, expr.filter, expr.body];
    case 'optMap':
      return [expr.target, expr.body];
    default:
      return expr satisfies never;
  }
};
