// SPDX-License-Identifier: Apache-2.0
/**
 * The intermediate form between the syntax tree and the closures: names are resolved (a variable of the caller, a slot of a macro's
 * variable, a type), constants folded, patterns of literals compiled, calls bound to the overloads that their name and number of
 * arguments leave.
 */
import type { Pattern } from '../functions/pattern.ts';
import type { Overload } from '../functions/table.ts';
import type { ComprehensionMacro } from '../syntax/ast.ts';
import type { Value } from '../values/value.ts';

export type Constant = { readonly kind: 'constant'; readonly offset: number; readonly value: Value };
export type Variable = { readonly kind: 'variable'; readonly offset: number; readonly name: string };
export type Local = { readonly kind: 'local'; readonly offset: number; readonly slot: number };

export type SelectMode = 'plain' | 'optional' | 'test';
export type Select = {
  readonly kind: 'select';
  readonly offset: number;
  readonly operand: Ir;
  readonly field: string;
  readonly mode: SelectMode;
};
export type Index = {
  readonly kind: 'index';
  readonly offset: number;
  readonly operand: Ir;
  readonly index: Ir;
  readonly optional: boolean;
};

/** `&&` and `||` with all their operands. */
export type Logical = { readonly kind: 'and' | 'or'; readonly offset: number; readonly operands: readonly Ir[] };
export type Conditional = {
  readonly kind: 'conditional';
  readonly offset: number;
  readonly condition: Ir;
  readonly yes: Ir;
  readonly no: Ir;
};
/** `a.or(b)` and `a.orValue(b)`: the alternative is evaluated only when it is needed. */
export type Alternative = {
  readonly kind: 'alternative';
  readonly offset: number;
  readonly unwrap: boolean;
  readonly option: Ir;
  readonly other: Ir;
};

export type Call = {
  readonly kind: 'call';
  readonly offset: number;
  readonly name: string;
  readonly overloads: readonly Overload[];
  readonly args: readonly Ir[];
};
export type Match = {
  readonly kind: 'match';
  readonly offset: number;
  readonly text: Ir;
  readonly pattern: Pattern;
  readonly source: string;
};

export type ListElement = { readonly optional: boolean; readonly value: Ir };
export type List = { readonly kind: 'list'; readonly offset: number; readonly elements: readonly ListElement[] };
export type MapEntry = { readonly optional: boolean; readonly key: Ir; readonly value: Ir; readonly offset: number };
export type MapLiteral = { readonly kind: 'map'; readonly offset: number; readonly entries: readonly MapEntry[] };

export type Fold = {
  readonly kind: 'fold';
  readonly offset: number;
  readonly macro: ComprehensionMacro;
  readonly range: Ir;
  readonly slot: number;
  readonly secondSlot: number | undefined;
  readonly filter: Ir | undefined;
  readonly body: Ir;
};
export type OptMap = {
  readonly kind: 'optMap';
  readonly offset: number;
  readonly flat: boolean;
  readonly target: Ir;
  readonly slot: number;
  readonly body: Ir;
};

export type Ir =
  | Constant
  | Variable
  | Local
  | Select
  | Index
  | Logical
  | Conditional
  | Alternative
  | Call
  | Match
  | List
  | MapLiteral
  | Fold
  | OptMap;
