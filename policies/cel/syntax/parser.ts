// SPDX-License-Identifier: Apache-2.0
import { childrenOf } from './ast.ts';
import type { Call, Expr, ListElement, MapEntry } from './ast.ts';
import { RESERVED } from './identifier.ts';
import { countCodePoints, issueAt, SyntaxFault } from './issue.ts';
import type { Issue } from './issue.ts';
import { tokenize } from './lexer.ts';
import type { Token } from './lexer.ts';
import { literalValue } from './literals.ts';
import { expandMacro } from './macros.ts';
import type { Syntax } from './macros.ts';

/** cel-go's limits, and two of our own (nodes, height) that keep every later stage inside the stack and the heap. */
const limits = { codePoints: 100_000, recursion: 250, chain: 250, nodes: 50_000, height: 1_000 } as const;

/** Words that are tokens of the grammar, so they can't name fields either. */
const KEYWORDS = new Set(['in', 'true', 'false', 'null']);

const BINARY = new Map<string, { readonly precedence: number; readonly name: string }>([
  ['<', { precedence: 1, name: '_<_' }],
  ['<=', { precedence: 1, name: '_<=_' }],
  ['>', { precedence: 1, name: '_>_' }],
  ['>=', { precedence: 1, name: '_>=_' }],
  ['==', { precedence: 1, name: '_==_' }],
  ['!=', { precedence: 1, name: '_!=_' }],
  ['in', { precedence: 1, name: '@in' }],
  ['+', { precedence: 2, name: '_+_' }],
  ['-', { precedence: 2, name: '_-_' }],
  ['*', { precedence: 3, name: '_*_' }],
  ['/', { precedence: 3, name: '_/_' }],
  ['%', { precedence: 3, name: '_%_' }],
]);

type Cursor = { readonly tokens: readonly Token[]; readonly syntax: Syntax; at: number; depth: number };

const END: Token = { kind: 'end', text: '<EOF>', offset: 0 };
const peek = (cursor: Cursor, ahead = 0): Token => cursor.tokens[cursor.at + ahead] ?? cursor.tokens.at(-1) ?? END;
const isText = (token: Token, text: string): boolean =>
  token.text === text && (token.kind === 'punctuation' || token.kind === 'identifier');

const take = (cursor: Cursor): Token => {
  const token = peek(cursor);
  cursor.at++;
  return token;
};

const accept = (cursor: Cursor, text: string): Token | undefined => (isText(peek(cursor), text) ? take(cursor) : undefined);

const mismatch = (token: Token, wanted: string): SyntaxFault =>
  new SyntaxFault(`Syntax error: mismatched input '${token.text.slice(0, 80)}' expecting ${wanted}`, token.offset);

/** `?` of an optional, behind what it belongs to. */
const acceptOptional = (cursor: Cursor, before?: Token): boolean => {
  const mark = accept(cursor, '?');
  if (mark === undefined || cursor.syntax.optionals) return mark !== undefined;
  throw new SyntaxFault(`unsupported syntax '${before?.text ?? ''}?'`, (before ?? mark).offset);
};

const expect = (cursor: Cursor, text: string): Token => {
  const token = peek(cursor);
  if (!isText(token, text)) throw mismatch(token, `'${text}'`);
  return take(cursor);
};

const fieldName = (cursor: Cursor): string => {
  const token = take(cursor);
  if (token.kind === 'escaped') throw new SyntaxFault("unsupported syntax: '`'", token.offset);
  if (token.kind !== 'identifier' || KEYWORDS.has(token.text)) throw mismatch(token, 'IDENTIFIER');
  return token.text;
};

const call = (name: string, offset: number, args: readonly Expr[]): Call => ({ kind: 'call', offset, name, target: undefined, args });

const parseExpr = (cursor: Cursor): Expr => {
  if (++cursor.depth > limits.recursion)
    throw new SyntaxFault(`expression recursion limit exceeded: ${limits.recursion}`, peek(cursor).offset);
  const condition = parseLogical(cursor, '||');
  const question = accept(cursor, '?');
  let result = condition;
  if (question !== undefined) {
    const yes = parseLogical(cursor, '||');
    expect(cursor, ':');
    result = call('_?_:_', question.offset, [condition, yes, parseExpr(cursor)]);
  }
  cursor.depth--;
  return result;
};

const parseLogical = (cursor: Cursor, operator: '||' | '&&'): Expr => {
  const operand = (): Expr => (operator === '||' ? parseLogical(cursor, '&&') : parseBinary(cursor, 1));
  const first = operand();
  const offset = peek(cursor).offset;
  const rest: Expr[] = [];
  while (accept(cursor, operator) !== undefined) rest.push(operand());
  return rest.length === 0 ? first : call(`_${operator}_`, offset, [first, ...rest]);
};

const parseBinary = (cursor: Cursor, precedence: number): Expr => {
  if (precedence > 3) return parseUnary(cursor);
  let left = parseBinary(cursor, precedence + 1);
  for (let links = 1; ; links++) {
    const token = peek(cursor);
    const operator = token.kind === 'punctuation' || token.text === 'in' ? BINARY.get(token.text) : undefined;
    if (operator === undefined || operator.precedence !== precedence) return left;
    if (links > limits.chain) throw new SyntaxFault('max recursion depth exceeded', token.offset);
    take(cursor);
    left = call(operator.name, token.offset, [left, parseBinary(cursor, precedence + 1)]);
  }
};

const isNumber = (token: Token): boolean => token.kind === 'int' || token.kind === 'double';

const parseUnary = (cursor: Cursor): Expr => {
  const first = peek(cursor);
  const operator = isText(first, '!') ? '!' : isText(first, '-') ? '-' : undefined;
  if (operator === undefined) return parseMember(cursor);
  // One minus before a number belongs to the literal.
  if (operator === '-' && isNumber(peek(cursor, 1))) return parseMember(cursor);
  let count = 0;
  while (accept(cursor, operator) !== undefined) count++;
  const operand = parseMember(cursor);
  return count % 2 === 0 ? operand : call(`${operator}_`, first.offset, [operand]);
};

const parseMember = (cursor: Cursor): Expr => {
  let result = parsePrimary(cursor);
  for (let links = 1; ; links++) {
    const token = peek(cursor);
    if (!isText(token, '.') && !isText(token, '[')) return result;
    if (links > limits.chain) throw new SyntaxFault('max recursion depth exceeded', token.offset);
    take(cursor);
    const optional = acceptOptional(cursor, token);
    result = token.text === '[' ? parseIndex(cursor, result, token, optional) : parseField(cursor, result, token, optional);
  }
};

const parseIndex = (cursor: Cursor, operand: Expr, bracket: Token, optional: boolean): Expr => {
  const index = parseExpr(cursor);
  expect(cursor, ']');
  return call(optional ? '_[?_]' : '_[_]', bracket.offset, [operand, index]);
};

const parseField = (cursor: Cursor, operand: Expr, dot: Token, optional: boolean): Expr => {
  const name = fieldName(cursor);
  const open = peek(cursor);
  if (optional || !isText(open, '('))
    return { kind: 'select', offset: dot.offset, operand, field: name, mode: optional ? 'optional' : 'plain' };
  return expandMacro({ kind: 'call', offset: open.offset, name, target: operand, args: parseArguments(cursor) }, cursor.syntax);
};

const parseArguments = (cursor: Cursor): readonly Expr[] => {
  expect(cursor, '(');
  const args: Expr[] = [];
  if (accept(cursor, ')') !== undefined) return args;
  do args.push(parseExpr(cursor));
  while (accept(cursor, ',') !== undefined);
  expect(cursor, ')');
  return args;
};

const parsePrimary = (cursor: Cursor): Expr => {
  const token = peek(cursor);
  if (isText(token, '(')) {
    take(cursor);
    const inner = parseExpr(cursor);
    expect(cursor, ')');
    return inner;
  }
  if (isText(token, '[')) return parseList(cursor);
  if (isText(token, '{')) return parseMap(cursor);
  if (isText(token, '-') && isNumber(peek(cursor, 1))) {
    take(cursor);
    return { kind: 'literal', offset: token.offset, value: literalValue({ ...take(cursor), offset: token.offset }, true) };
  }
  if (token.kind === 'identifier' || isText(token, '.')) return parseName(cursor);
  if (token.kind === 'punctuation' || token.kind === 'end' || token.kind === 'escaped') throw mismatch(token, 'an expression');
  take(cursor);
  return { kind: 'literal', offset: token.offset, value: literalValue(token, false) };
};

const WORD_LITERALS = new Map<string, boolean | null>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

const parseName = (cursor: Cursor): Expr => {
  const absolute = accept(cursor, '.') !== undefined;
  const token = take(cursor);
  const literal = WORD_LITERALS.get(token.text);
  if (literal !== undefined && !absolute) return { kind: 'literal', offset: token.offset, value: literal };
  if (token.kind !== 'identifier' || KEYWORDS.has(token.text)) throw mismatch(token, 'IDENTIFIER');
  const struct = structName(cursor, token.text);
  if (struct !== undefined) return parseStruct(cursor, absolute ? `.${struct}` : struct);
  if (RESERVED.has(token.text)) throw new SyntaxFault(`reserved identifier: ${token.text}`, token.offset);
  const open = peek(cursor);
  if (!isText(open, '(')) return { kind: 'ident', offset: token.offset, name: token.text, absolute };
  return expandMacro(
    { kind: 'call', offset: open.offset, name: token.text, target: undefined, args: parseArguments(cursor) },
    cursor.syntax,
  );
};

/** `a.b.C{`: the name before a brace, its dots and words consumed; undefined (nothing consumed) when no brace follows. */
const structName = (cursor: Cursor, first: string): string | undefined => {
  let ahead = 0;
  const parts = [first];
  while (isText(peek(cursor, ahead), '.') && peek(cursor, ahead + 1).kind === 'identifier') {
    parts.push(peek(cursor, ahead + 1).text);
    ahead += 2;
  }
  if (!isText(peek(cursor, ahead), '{')) return undefined;
  cursor.at += ahead;
  return parts.join('.');
};

const parseStruct = (cursor: Cursor, name: string): Expr => {
  const open = expect(cursor, '{');
  const values: Expr[] = [];
  while (!isText(peek(cursor), '}')) {
    accept(cursor, '?');
    fieldName(cursor);
    expect(cursor, ':');
    values.push(parseExpr(cursor));
    if (accept(cursor, ',') === undefined) break;
  }
  expect(cursor, '}');
  return { kind: 'struct', offset: open.offset, name, values };
};

const parseList = (cursor: Cursor): Expr => {
  const open = expect(cursor, '[');
  const elements: ListElement[] = [];
  while (!isText(peek(cursor), ']')) {
    const optional = acceptOptional(cursor);
    elements.push({ optional, value: parseExpr(cursor) });
    if (accept(cursor, ',') === undefined) break;
  }
  if (elements.length === 0) accept(cursor, ',');
  expect(cursor, ']');
  return { kind: 'list', offset: open.offset, elements };
};

const parseMap = (cursor: Cursor): Expr => {
  const open = expect(cursor, '{');
  const entries: MapEntry[] = [];
  while (!isText(peek(cursor), '}')) {
    const optional = acceptOptional(cursor);
    const key = parseExpr(cursor);
    const { offset } = expect(cursor, ':');
    entries.push({ optional, key, value: parseExpr(cursor), offset });
    if (accept(cursor, ',') === undefined) break;
  }
  if (entries.length === 0) accept(cursor, ',');
  expect(cursor, '}');
  return { kind: 'map', offset: open.offset, entries };
};

/** Counts nodes and levels without recursion, since it is what makes recursion over the tree safe. */
const checkSize = (root: Expr): void => {
  let level: Expr[] = [root];
  let nodes = 0;
  for (let height = 1; level.length > 0; height++) {
    nodes += level.length;
    const offset = level[0]?.offset ?? 0;
    if (height > limits.height) throw new SyntaxFault('max recursion depth exceeded', offset);
    if (nodes > limits.nodes) throw new SyntaxFault(`expression has more than ${limits.nodes} nodes`, offset);
    level = level.flatMap(childrenOf);
  }
};

export type ParseResult = { readonly ok: true; readonly expr: Expr } | { readonly ok: false; readonly issues: readonly Issue[] };

const ALL_SYNTAX: Syntax = { optionals: true, twoVariables: true, sortBy: true };

/** Total: any string gives a tree or an issue. */
export const parse = (source: string, syntax: Syntax = ALL_SYNTAX): ParseResult => {
  try {
    if (source.length > limits.codePoints && countCodePoints(source) > limits.codePoints)
      throw new SyntaxFault(`expression code point size exceeds limit: size: ${countCodePoints(source)}, limit ${limits.codePoints}`, 0);
    const cursor: Cursor = { tokens: tokenize(source), syntax, at: 0, depth: 0 };
    const expr = parseExpr(cursor);
    if (peek(cursor).kind !== 'end') throw mismatch(peek(cursor), '<EOF>');
    checkSize(expr);
    return { ok: true, expr };
  } catch (fault) {
    if (fault instanceof SyntaxFault) return { ok: false, issues: [issueAt(source, fault.offset, fault.message)] };
    throw fault;
  }
};
