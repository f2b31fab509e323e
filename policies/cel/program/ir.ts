// SPDX-License-Identifier: Apache-2.0
/**
 * The intermediate form between the syntax tree and the closures: names are resolved (a variable of the caller, a slot of a macro's
 * variable, a type), constants folded, patterns of literals compiled, calls bound to the overloads that their name and number of
 * arguments leave.
 */
import type { CallCost } from '../cost/call-cost.ts';
import type { Pattern } from '../functions/pattern.ts';
import type { Overload } from '../functions/table.ts';
import type { ComprehensionMacro } from '../syntax/ast.ts';
import type { Value } from '../values/value.ts';

export type Constant = { readonly kind: 'constant'; readonly offset: number; readonly value: Value };
/**
 * cel-go charges a whole chain of fields and indexes (an attribute) 1, and 1 for each of its steps. `steps`: that 1, or 0 where the
 * chain is a branch of a conditional or an index, which are never observed as such.
 */
export type Variable = { readonly kind: 'variable'; readonly offset: number; readonly name: string; readonly steps: number };
/** `lazy`: bound by `optMap`, where the first reading pays for the value. */
export type Local = {
  readonly kind: 'local';
  readonly offset: number;
  readonly slot: number;
  readonly steps: number;
  readonly lazy: boolean;
};
/** What a chain begins with when it is no variable; costs 1 for the chain. */
export type Relative = { readonly kind: 'relative'; readonly offset: number; readonly operand: Ir };

export type SelectMode = 'plain' | 'optional' | 'test';
export type Select = {
  readonly kind: 'select';
  readonly offset: number;
  readonly operand: Ir;
  readonly field: string;
  readonly mode: SelectMode;
  /** A test of a conditional's field gives back what cel-go never charged. */
  readonly refund: boolean;
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
  readonly cost: CallCost;
  /** After a failed argument the others are not evaluated and nothing is charged. */
  readonly hasty: boolean;
};
/** `x in [constants]`, all of them plain: free of charge. */
export type Membership = {
  readonly kind: 'membership';
  readonly offset: number;
  readonly needle: Ir;
  readonly values: readonly Value[];
  readonly overloads: readonly Overload[];
};
export type Match = {
  readonly kind: 'match';
  readonly offset: number;
  readonly text: Ir;
  readonly pattern: Pattern;
  readonly source: string;
  readonly cost: CallCost;
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
/** A list by a name that only its body can see. */
export type Bind = { readonly kind: 'bind'; readonly offset: number; readonly slot: number; readonly target: Ir; readonly body: Call };

export type Ir =
  | Constant
  | Variable
  | Local
  | Relative
  | Select
  | Index
  | Logical
  | Conditional
  | Alternative
  | Call
  | Membership
  | Match
  | List
  | MapLiteral
  | Fold
  | OptMap
  | Bind;
