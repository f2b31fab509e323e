// SPDX-License-Identifier: Apache-2.0
import type * as ast from '../syntax/ast.ts';
import { typeText } from '../types/type.ts';
import type { Type } from '../types/type.ts';
import { unwrapped } from './type-relations.ts';

/** A literal format text against the literal list of its arguments, as far as their types say. */

export type FormatProblem = { readonly message: string; readonly at: ast.Expr | undefined };
type TypeOf = (expr: ast.Expr) => Type | undefined;

type Rule = { readonly kinds: ReadonlySet<Type['kind']>; readonly refusal: string };

const rule = (kinds: readonly Type['kind'][], refusal: string): Rule => ({ kinds: new Set([...kinds, 'dyn']), refusal });

const TEXT = rule(
  ['list', 'map', 'int', 'uint', 'double', 'bool', 'string', 'timestamp', 'bytes', 'duration', 'type', 'null'],
  'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
);
const HEX = rule(['int', 'uint', 'string', 'bytes'], 'only integers, byte buffers, and strings can be formatted as hex');

const rules: ReadonlyMap<string, Rule> = new Map([
  ['s', TEXT],
  ['d', rule(['int', 'uint'], 'decimal clause can only be used on integers')],
  ['f', rule(['double', 'string'], 'fixed-point clause can only be used on doubles')],
  ['e', rule(['double', 'string'], 'scientific clause can only be used on doubles')],
  ['b', rule(['int', 'uint', 'bool'], 'only integers and bools can be formatted as binary')],
  ['x', HEX],
  ['X', HEX],
  ['o', rule(['int', 'uint'], 'octal clause can only be used on integers')],
]);

/** The name of a type without its parameters. */
const bareName = (type: Type): string => {
  if (type.kind === 'list' || type.kind === 'map' || type.kind === 'type') return type.kind;
  return type.kind === 'optional' ? 'optional_type' : typeText(unwrapped(type));
};

const fits = (wanted: Rule, type: Type | undefined): boolean => type === undefined || wanted.kinds.has(unwrapped(type).kind);

/** The first part of a literal, however deep, that `%s` can't write. */
const unwritable = (expr: ast.Expr, typeOf: TypeOf): ast.Expr | undefined => {
  if (!fits(TEXT, typeOf(expr))) return expr;
  const parts =
    expr.kind === 'list'
      ? expr.elements.map((element) => element.value)
      : expr.kind === 'map'
        ? expr.entries.flatMap((entry) => [entry.key, entry.value])
        : [];
  for (const part of parts) {
    const found = unwritable(part, typeOf);
    if (found !== undefined) return found;
  }
  return undefined;
};

const clauseProblem = (clause: string): string => `could not parse formatting clause: ${clause}`;

/** The rest of a precision after `%.`, up to what ends it. */
const precisionProblem = (rest: string): string | undefined => {
  const digits = /^\d*/.exec(rest)?.[0] ?? '';
  if (digits.length === rest.length) return 'error while parsing precision: could not find end of precision specifier';
  return digits === ''
    ? 'error while parsing precision: error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax'
    : undefined;
};

/** undefined = nothing is wrong. */
export const validateFormat = (format: string, list: ast.ListExpr, typeOf: TypeOf): FormatProblem | undefined => {
  const args = list.elements.map((element) => element.value);
  const wrong = (message: string, at?: ast.Expr): FormatProblem => ({ message, at });
  let used = 0;
  for (let percent = format.indexOf('%'); percent !== -1;) {
    let at = percent + 1;
    if (format[at] === '%') {
      percent = format.indexOf('%', at + 1);
      continue;
    }
    const arg = args[used];
    if (at >= format.length) return wrong('unexpected end of string');
    if (arg === undefined) return wrong(`index ${used} out of range`);
    if (format[at] === '.') {
      const problem = precisionProblem(format.slice(at + 1));
      if (problem !== undefined) return wrong(clauseProblem(problem));
      at += 1 + (/^\d+/.exec(format.slice(at + 1))?.[0].length ?? 0);
    }
    const verb = format[at] ?? '';
    const wanted = rules.get(verb);
    if (wanted === undefined) return wrong(clauseProblem(`unrecognized formatting clause "${verb}"`));
    const bad = verb === 's' ? unwritable(arg, typeOf) : fits(wanted, typeOf(arg)) ? undefined : arg;
    const type = bad === undefined ? undefined : typeOf(bad);
    if (bad !== undefined && type !== undefined)
      return wrong(`error during formatting: ${wanted.refusal}, was given ${bareName(type)}`, bad);
    used++;
    percent = format.indexOf('%', at + 1);
  }
  return args.length > used ? wrong(`too many arguments supplied to string.format (expected ${used}, got ${args.length})`) : undefined;
};
