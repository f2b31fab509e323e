// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readAsKubectl } from './kubectl-scalars.ts';

for (const [source, value] of [
  ['yes', true],
  ['on', true],
  ['y', true],
  ['No', false],
  ['OFF', false],
  ['~', null],
  ['', null],
  ['0777', 511],
  ['-0777', -511],
  ['0o17', 15],
  ['08', 8],
  ['1_000', 1000],
  ['1e3', 1000],
  ['1.0', 1],
  ['-0', 0],
  ['0x1F', 31],
  ['0b101', 5],
  ['1.5', 1.5],
  ['.5', 0.5],
  ['9007199254740993', 9007199254740993n],
  ['18446744073709551615', 18446744073709551615n],
  ['1:30', '1:30'],
  ['2001-01-01', '2001-01-01'],
  ['1.2.3', '1.2.3'],
  ['512Mi', '512Mi'],
  ['Yes please', 'Yes please'],
  ['.inf', undefined],
  ['.nan', undefined],
] as const) {
  it(`kubectl reads ${JSON.stringify(source)} as ${String(value)}`, () => assert.deepEqual(readAsKubectl(source), value));
}
