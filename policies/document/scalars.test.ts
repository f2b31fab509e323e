// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { parse } from 'yaml';
import { readPlainScalar } from './scalars.ts';

const AMBIGUOUS = (
  'y Y yes Yes YES n N no No NO on On ON off Off OFF 0777 08 00 -07 0o17 0O17 -0o7 0b101 -0b1 0B1 -0x1F 0x1_F 0X1F ' +
  '1_000 1_000.5 1:30 -1:30 190:20:30 1:30.5 1e3 1E3 1.5e3 1e+3 .5e3 1_0e3 = <<'
).split(' ');

const AGREED: readonly (readonly [string, string | number | boolean | null])[] = [
  ['', null],
  ['~', null],
  ['null', null],
  ['true', true],
  ['FALSE', false],
  ['0', 0],
  ['-0', 0],
  ['+12', 12],
  ['-12', -12],
  ['0x1F', 31],
  ['9007199254740991', 9007199254740991],
  ['1.0', 1],
  ['-.5', -0.5],
  ['5.', 5],
  ['1.5e+3', 1500],
  ['1.2.3', '1.2.3'],
  ['v1', 'v1'],
  ['10.0.0.1:80', '10.0.0.1:80'],
  ['22:80', '22:80'],
  ['2001-01-01', '2001-01-01'],
  ['2027-03-01T00:00:00Z', '2027-03-01T00:00:00Z'],
  ['nO', 'nO'],
  ['tRue', 'tRue'],
  ['-', '-'],
  ['1e', '1e'],
  ['constructor', 'constructor'],
];

const NOT_EXACT = [
  '9007199254740992',
  '-9007199254740993',
  '0xFFFFFFFFFFFFFFFF',
  '.inf',
  '-.INF',
  '.nan',
  '1.0e+400',
  '9007199254740993.0',
];

describe('plain scalars', () => {
  for (const source of AMBIGUOUS) it(`${source} is ambiguous`, () => assert.equal(readPlainScalar(source).kind, 'ambiguous'));
  for (const source of NOT_EXACT) it(`${source} is not exact`, () => assert.equal(readPlainScalar(source).kind, 'number'));
  for (const [source, value] of AGREED)
    it(`${source} is ${JSON.stringify(value)}`, () => assert.deepEqual(readPlainScalar(source), { kind: 'value', value }));

  it('what is legal reads the same in YAML 1.2 core and, but for times, in YAML 1.1', () => {
    const word = fc
      .array(fc.constantFrom(...'0123456789+-._:eExobABfyYnN'.split('')), { minLength: 1, maxLength: 8 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(word, (source) => {
        const read = readPlainScalar(source);
        // A colon or dash that begins or ends a plain scalar is an indicator, not text.
        if (read.kind !== 'value' || /^[-:]|:$/.test(source)) return;
        assert.deepEqual(parse(`[${source}]`, { version: '1.2', schema: 'core' }), [read.value]);
        const old: unknown = parse(`[${source}]`, { version: '1.1', schema: 'yaml-1.1' });
        const isTime = Array.isArray(old) && old[0] instanceof Date;
        // The library's 1.1 takes a lone dot for a number, by the letter of a pattern that no other reader follows.
        const isDot = Array.isArray(old) && Number.isNaN(old[0]);
        if (!isTime && !isDot) assert.deepEqual(old, [read.value]);
      }),
      { numRuns: 5000, seed: 7 },
    );
  });

  it('stays linear on long digits', () => {
    assert.equal(readPlainScalar('1'.repeat(90_000)).kind, 'number');
    assert.equal(readPlainScalar(`1${':1'.repeat(40_000)}x`).kind, 'value');
    assert.equal(readPlainScalar(`${'1_'.repeat(40_000)}x`).kind, 'value');
  });
});
