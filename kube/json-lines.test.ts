// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { jsonLines } from './json-lines.ts';

async function* inChunks(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const cut of [...new Set(cuts)].toSorted((a, b) => a - b)) {
    if (cut <= start || cut >= bytes.length) continue;
    yield bytes.subarray(start, cut);
    start = cut;
  }
  yield bytes.subarray(start);
}
const read = async (bytes: Uint8Array, cuts: readonly number[] = [], max?: number): Promise<unknown[]> => {
  const lines: unknown[] = [];
  for await (const line of jsonLines(inChunks(bytes, cuts), max)) lines.push(line);
  return lines;
};

describe('JSON lines', () => {
  it('are the same however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue()), fc.array(fc.nat({ max: 2000 })), async (values, cuts) => {
        const bytes = Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
        assert.deepEqual(
          await read(bytes, cuts),
          values.map((value): unknown => JSON.parse(JSON.stringify(value))),
        );
      }),
    );
  });

  it('never make an event of what was cut off', async () => {
    const bytes = Buffer.from('{"a":1}\n{"b":2}');
    for (let end = 0; end <= bytes.length; end += 1) {
      const lines = await read(bytes.subarray(0, end));
      assert.equal(lines.length, end >= 8 ? 1 : 0);
    }
  });

  it('may be empty', async () => assert.deepEqual(await read(Buffer.from('\n\r\n{}\n')), [{}]));

  it('are refused when they are no JSON', async () => {
    await assert.rejects(read(Buffer.from('{"a":\n')), /not JSON/);
  });

  it('are bounded, complete or not', async () => {
    await assert.rejects(read(Buffer.from('"xxxxxxxxxxxxxxxxxxxx"\n'), [], 10), /longer than 10/);
    await assert.rejects(read(Buffer.from('"xxxxxxxxxxxxxxxxxxxx'), [5], 10), /longer than 10/);
  });
});
