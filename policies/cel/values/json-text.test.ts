// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJson } from './json-text.ts';
import { toJson } from './json.ts';
import { CelDouble } from './value.ts';

const double = (value: number): CelDouble => new CelDouble(value);

test('a number is an int or a double by how it is written, wherever it stands', () => {
  const numbers: readonly (readonly [string, unknown])[] = [
    ['7', 7],
    ['-7', -7],
    ['1.0', double(1)],
    ['-2.5', double(-2.5)],
    ['1e3', double(1000)],
    ['12E-1', double(1.2)],
    ['9007199254740993', 9_007_199_254_740_993n],
    ['-9223372036854775808', -9_223_372_036_854_775_808n],
    ['9223372036854775808', double(9_223_372_036_854_775_808)],
  ];
  const blanks = fc.stringMatching(/^[ \t\r\n]{0,2}$/);
  const around = fc.constantFrom('%', '{"a":%}', '{"a":"x","b":%,"c":2}', '[%]', '[1,%,"b"]', '{"n":{"m":[[%]]}}');
  fc.assert(
    fc.property(fc.constantFrom(...numbers), blanks, around, ([source, expected], blank, frame) => {
      const text = frame.replaceAll(/%|[:,[]/g, (mark) => (mark === '%' ? `${blank}${source}${blank}` : `${mark}${blank}`));
      const found = JSON.stringify(parseJson(text), (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
      const wanted = JSON.stringify(expected, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
      assert.ok(found.includes(wanted), `${text} gives ${found}`);
    }),
  );
});

test('what only looks like a number, in the tag of an image or a date, is text and nothing else changes', () => {
  const text = '{"image":"nginx:1.25","at":"2026-01-01T10:30:00.5Z","list":[1,2],"port":8080}';
  assert.deepEqual(parseJson(text), JSON.parse(text));
});

test('whatever the JSON, only its numbers are read in another way', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      // Keys and texts that look like numbers, escapes and keys given twice among them.
      const framed = `{"a":1.5,"__proto__":{"x":-2e3},"k\\"1.5":"\\\\","v":${text},"v":[${text},12345678901234567]}`;
      const plain = JSON.stringify(JSON.parse(framed));
      assert.equal(JSON.stringify(toJson(parseJson(framed))), plain);
      assert.equal(JSON.stringify(toJson(parseJson(text))), JSON.stringify(JSON.parse(text)));
    }),
    { numRuns: 500 },
  );
});

test('what is no JSON is refused, also where a number is at fault', () => {
  for (const text of ['[1.2.3]', '[1.]', '[.5]', '[01.5]', '[1e]', '[-]', '{"a":1.5', '["a:1.5]', '1.5 2', '[+1.5]'])
    assert.throws(() => parseJson(text), SyntaxError, text);
});

test('depth and length cost what they cost JSON.parse, times a little', () => {
  const deep = `${'['.repeat(5_000)}1.5${']'.repeat(5_000)}`;
  assert.equal(JSON.stringify(parseJson(`[1.5,"${'\\"'.repeat(100_000)}"]`)).length > 100_000, true);
  assert.doesNotThrow(() => parseJson(deep));
  const huge = parseJson(`[${'7'.repeat(1_000_000)}]`);
  assert.deepEqual(huge, [new CelDouble(Number.POSITIVE_INFINITY)]);
});
