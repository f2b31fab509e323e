// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJson } from './json.ts';
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
