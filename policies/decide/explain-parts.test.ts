// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compile, isCelError } from '../cel/index.ts';
import { explainExpression } from './explain-parts.ts';

const bindings = { a: true, b: false, n: 3, l: [1, 5, 9], m: { x: 1, y: 2 }, o: {} };

const parts = (source: string): readonly string[] =>
  explainExpression(source, bindings).parts.map(
    ({ source: text, value, error, about }) => `${text} = ${value ?? `error ${error}`}${about === undefined ? '' : ` [${about}]`}`,
  );
/** The expression with a caret before the part to blame. */
const blamed = (source: string): string => {
  const { failedAt } = explainExpression(source, bindings);
  return failedAt === undefined ? 'nothing' : `${source.slice(0, failedAt)}^${source.slice(failedAt)}`;
};

describe('the parts of an expression', () => {
  for (const [source, expected] of [
    ['a', []],
    ['a && !b', ['a = true', '!b = true', 'b = false']],
    ['(a || b) && n > 2', ['a || b = true', 'a = true', 'b = false', 'n > 2 = true', 'n = 3']],
    ['n + 1 == 4', ['n + 1 = 4']],
    ['a ? n == 3 : o.x', ['a = true', 'n == 3 = true', 'n = 3']],
    ['l.all(i, i < 4)', ['l = [1, 5, 9]', 'i < 4 = false [i = 5]', 'i = 5 [i = 5]']],
    ['m.exists(k, v, v == 2)', ['m = {"x": 1, "y": 2}', 'v == 2 = true [k = "y", v = 2]', 'v = 2 [k = "y", v = 2]']],
    ['l.exists(i, i > 10)', ['l = [1, 5, 9]']],
    ["'a || b' == 'c'", []],
    ['o.x.y == 1 || a', ['o.x.y == 1 = error no such key: x', 'o.x.y = error no such key: x', 'a = true']],
    ['l.map(i, i > 2)[0] || a', ['l.map(i, i > 2)[0] = false', 'a = true']],
    ['o.?x.orValue(n) in l', ['o.?x.orValue(n) = 3', 'l = [1, 5, 9]']],
  ] as const) {
    it(source, () => assert.deepEqual(parts(source), expected));
  }
});

describe('the part to blame', () => {
  for (const [source, expected] of [
    ['a && n == 3', 'nothing'],
    ['a && n == 4', 'a && ^n == 4'],
    ['a && (b || n > 5)', 'a && (^b || n > 5)'],
    ['(b || a) && n > 5', '(b || a) && ^n > 5'],
    ['a && !(n == 3)', 'a && ^!(n == 3)'],
    ['l.all(i, i < 4 && i > 0)', 'l.all(i, ^i < 4 && i > 0)'],
    ['l.exists(i, i > 10)', '^l.exists(i, i > 10)'],
    ['a ? b : a', 'a ? ^b : a'],
    ['a && o.x == 1', 'a && o^.x == 1'],
    ['b', '^b'],
    ['a == b', '^a == b'],
    ['a && b == a', 'a && ^b == a'],
    ['n > 2 && (a == b) == a', 'n > 2 && ^(a == b) == a'],
  ] as const) {
    it(source, () => assert.equal(blamed(source), expected));
  }
});

it('says of the whole what the engine says, however deep', () => {
  const deep = `${'('.repeat(60)}a && b${')'.repeat(60)}`;
  assert.equal(blamed(deep), `${'('.repeat(60)}a && ^b${')'.repeat(60)}`);
  const wide = Array.from({ length: 500 }, () => 'a').join(' && ');
  const outcome = compile(wide, { variables: ['a'] });
  assert.ok(outcome.ok && !isCelError(outcome.program.evaluate(bindings, { remaining: 10_000 })));
  assert.ok(explainExpression(wide, bindings).parts.length <= 80);
});
