// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CelDouble, CelOptional, compile, isCelError, parseJson } from './index.ts';
import type { Value } from './index.ts';

/** What a real API server answered for these expressions; `self` is an untyped object. */
const self = parseJson(
  `{"n": null, "s": "abc", "i": 3, "l": [1, 2], "m": {"a": 1, "x-y": 2}, "spec": {"n": 3, "whole": 1.0, "flag": true},
    "big": 9007199254740993, "neg": -7, "wide": "～", "emoji": "😀a"}`,
);

const answer = (expression: string): string => {
  const compiled = compile(expression, { variables: ['self', 'variables'] });
  if (!compiled.ok) return `refused: ${compiled.issues.map(({ message }) => message).join('; ')}`;
  const value = compiled.program.evaluate({ self }, { remaining: 1_000_000 });
  return isCelError(value) ? `error: ${value.message}` : show(value);
};

const show = (value: Value): string => {
  if (value instanceof CelDouble) return `${value.value}d`;
  if (value instanceof CelOptional) return value.value === undefined ? 'none' : `optional(${show(value.value)})`;
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? Number(item) : item));
};

const table = (name: string, rows: Readonly<Record<string, string>>): void => {
  describe(name, () => {
    for (const [expression, expected] of Object.entries(rows)) it(expression, () => assert.equal(answer(expression), expected));
  });
};

table('has() and steps through values without fields', {
  'has(self.n.x)': 'false',
  'has(self.s.x)': 'false',
  'has(self.i.x)': 'false',
  'has(self.l.x)': "error: unsupported index type 'string' in list",
  'has(self.missing.x)': 'error: no such key: missing',
  'has(self.n.x.y)': 'error: no such key: x',
  'has(self.n)': 'true',
  'has(self.m["a"])': 'refused: invalid argument to has() macro',
  'has(self)': 'refused: invalid argument to has() macro',
});

table('optional steps', {
  'self.?n.?x.hasValue()': 'false',
  'self.?s.?x.hasValue()': 'false',
  'self.?l.?x.hasValue()': "error: unsupported index type 'string' in list",
  'self.?n.hasValue()': 'true',
  'self.?missing.hasValue()': 'false',
  'self.missing.orValue(1)': 'error: no such key: missing',
  'self.?missing.orValue(1)': '1',
  'self.?m.?a.orValue(5)': '1',
  'self.?m.b.c.orValue(5)': '5',
  'self.m[?"x-y"].value()': '2',
  'self.l[?5].hasValue()': 'false',
  'optional.none().value()': 'error: optional.none() dereference',
  'self.?m.optMap(m, m.a + 1)': 'optional(2)',
  'self.?q.optMap(m, m.a + 1)': 'none',
  'self.?m.optFlatMap(m, m.?a)': 'optional(1)',
  '[?self.?missing, ?self.?i]': '[3]',
});

table('absence and null', {
  'self.missing == null': 'error: no such key: missing',
  'self.n == null': 'true',
  'self.s.x': 'error: no such key: x',
  'self.i == null': 'false',
});

table('numbers', {
  'self.spec.whole + 1 == 2': 'error: no such overload',
  'type(self.spec.whole) == double': 'true',
  'self.spec.n * 1.5': 'error: no such overload',
  'self.big == 9007199254740993': 'true',
  'self.big + 1 == 9007199254740994': 'true',
  '9223372036854775807 + 1': 'error: integer overflow',
  '-9223372036854775808 - 1': 'error: integer overflow',
  '-(-9223372036854775808)': 'error: integer overflow',
  '9223372036854775807 * 2': 'error: integer overflow',
  '-9223372036854775808 / -1': 'error: integer overflow',
  '1 / 0 == 1': 'error: division by zero',
  '1 % 0 == 1': 'error: modulus by zero',
  'self.neg / 2': '-3',
  'self.neg % 4': '-3',
  '(0 * self.neg) == 0 && string(0 * self.neg) == "0"': 'true',
  'int(1.9)': '1',
  'int(-1.9)': '-1',
  'self.i == 3.0': 'true',
  'self.i < 3.5': 'true',
  'self.i < "a"': 'error: no such overload',
  '1u - 2u': 'error: unsigned integer overflow',
});

table('indexes', {
  'self.l[dyn(1.0)]': '2',
  'self.l[-1]': 'error: index out of bounds: -1',
  'self.l[2]': 'error: index out of bounds: 2',
  'self.l[dyn(1.5)]': 'error: unsupported index value 1.5 in list',
  '{1: "a"}[dyn(1.0)]': '"a"',
  '{1: "a"}[2]': 'error: no such key: 2',
});

table('absorbed errors', {
  'self.missing || true': 'true',
  'true || self.missing': 'true',
  'self.missing && false': 'false',
  'self.s || true': 'true',
  'self.s && true': 'error: no such overload',
  'self.missing.a || self.nothing': 'error: no such key: missing',
  '[1, 0].exists(x, 1 / x == 1)': 'true',
  '[0, 1].exists(x, 1 / x == 1)': 'true',
  '[0, 1].all(x, 1 / x == 5)': 'false',
  '[0, 1].all(x, 1 / x == 1)': 'error: division by zero',
  '[1, 0].exists_one(x, 1 / x == 1)': 'error: division by zero',
  'self.missing ? true : true': 'error: no such key: missing',
  'self.s ? true : true': 'error: no such overload',
});

table('text', {
  "'😀'.size()": '1',
  "'～' < '😀'": 'true',
  "'😀a'.indexOf('a')": '1',
  "'😀ab'.substring(1, 2)": '"a"',
  "'😀ab'.charAt(0)": '"😀"',
  "'\u00a0a\u00a0'.trim()": '"a"',
  "'É'.lowerAscii()": '"É"',
  "'ÉA'.lowerAscii()": '"Éa"',
  "''.split(',').size()": '1',
  "'abc'.split('')": '["a","b","c"]',
  "'a,b,c'.split(',', 2)": '["a","b,c"]',
  "'a,b'.split(',', 0)": '[]',
  "['a'].join()": '"a"',
  "['a', 'b'].join('-')": '"a-b"',
  "'aaa'.replace('a', 'b', 2)": '"bba"',
  "'ab'.replace('', '-')": '"-a-b-"',
  "'ab'.replace('', '-', 2)": '"-a-b"',
  "'xabcx'.matches('abc')": 'true',
  "'a\\nb'.matches('^b')": 'false',
  "strings.quote('a\"b')": '"\\"a\\\\\\"b\\""',
  "'abc'.substring(2, 1)": 'error: invalid substring range. start: 2, end: 1',
  "'abc'.charAt(4)": 'error: index out of range: 4',
  "'abc'.reverse()": "refused: found no matching overload for 'reverse' applied to 'string.()'",
});

table('format and conversions to text', {
  "'%s'.format([2.0])": '"2"',
  "'%s'.format([1.5])": '"1.5"',
  "'%s'.format([[1, 2.0]])": '"[1, 2.000000]"',
  "'%s'.format([{'b': 1, 'a': null}])": '"{\\"a\\":null, \\"b\\":1}"',
  "'%s'.format([['x', b'y', duration('90m')]])": '"[\\"x\\", b\\"y\\", duration(\\"5400s\\")]"',
  "'%.2f'.format([1.005])": '"1.00"',
  "'%.0f'.format([2.5])": '"2"',
  "'%d%%'.format([5])": '"5%"',
  "'%x %X %o %b'.format([255, 'k', 8, 5])": '"ff 6B 10 101"',
  'string(1.0)': '"1"',
  'string(1e21)': '"1e+21"',
  'string(0.0001)': '"0.0001"',
  'string(0.00001)': '"1e-05"',
  "string(duration('90m'))": '"5400s"',
  "string(timestamp('2024-02-29T12:00:00.5+01:00'))": '"2024-02-29T12:00:00.5+01:00"',
});

table('constants that are converted when the expression is compiled', {
  "int('0x10') == 16": "refused: program instantiation failed: type conversion error from 'string' to 'int'",
  "true || int('a') == 1": "refused: program instantiation failed: type conversion error from 'string' to 'int'",
  "duration('1d') == duration('24h')": 'refused: invalid duration argument',
  "self.s.matches('(')": 'refused: invalid matches argument',
});

table('what Kubernetes leaves out', {
  'math.greatest(1, 2) == 2':
    "refused: undeclared reference to 'math' (in container ''); undeclared reference to 'greatest' (in container '')",
  "base64.encode(b'a') == ''":
    "refused: undeclared reference to 'base64' (in container ''); undeclared reference to 'encode' (in container '')",
  'cel.bind(x, 1, x) == 1':
    "refused: undeclared reference to 'cel' (in container ''); undeclared reference to 'bind' (in container ''); undeclared reference to 'x' (in container ''); undeclared reference to 'x' (in container '')",
  'nothing == 1': "refused: undeclared reference to 'nothing' (in container '')",
  'self.nothing()': "refused: undeclared reference to 'nothing' (in container '')",
  'self.m.`x-y` == 2': "refused: unsupported syntax: '`'",
});

describe('a refusal', () => {
  it('has the line and column of what is wrong, counted in code points', () => {
    const compiled = compile("'😀' == 'a' ||\n  nothing", { variables: [] });
    assert.ok(!compiled.ok);
    assert.deepEqual(compiled.issues, [{ message: "undeclared reference to 'nothing' (in container '')", line: 2, column: 3, offset: 17 }]);
  });

  it('names every undeclared name in the order of the text', () => {
    const compiled = compile('b + a.f(c)', { variables: [] });
    assert.ok(!compiled.ok);
    assert.deepEqual(
      compiled.issues.map(({ column }) => column),
      [1, 5, 8, 9],
    );
  });
});
