// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { NO_BATCH, decodeClaim, encodeClaim } from './batch.ts';
import type { BatchClaim } from './batch.ts';

const claim: BatchClaim = {
  replica: 'one',
  batch: 7,
  size: 3,
  root: 'ab'.repeat(32),
  prev: NO_BATCH,
  lost: 2,
  from: '2026-01-01T00:00:00.000Z',
  to: '2026-01-01T00:00:01.000Z',
};

it('a claim is read as it was written', () => {
  for (const more of [{}, { end: true }, { restart: { clean: false, tornBytes: 3 } }] as const)
    assert.deepEqual(decodeClaim(encodeClaim({ ...claim, ...more })), { ...claim, ...more });
});

describe('no claim, even under a good signature', () => {
  const text = encodeClaim(claim).toString();
  const rows: readonly (readonly [what: string, text: string])[] = [
    ['a field that nobody reads', text.replace('"lost":2', '"lost":2,"note":1')],
    ['a second spelling', text.replace('"lost":2', '"lost": 2')],
    ['a subject of another name', text.replace('receipts/one/7', 'receipts/one/8')],
    ['a second subject', text.replace('"subject":[', '"subject":[{},')],
    ['another type', text.replace('receipt-batch/v1', 'receipt-batch/v2')],
    ['batch 0', encodeClaim({ ...claim, batch: 0 }).toString()],
    ['a number that is none', encodeClaim({ ...claim, size: -1 }).toString()],
    ['a time that is none', encodeClaim({ ...claim, to: '\u001b[2J' }).toString()],
    ['a replica that is no name', encodeClaim({ ...claim, replica: '__proto__' }).toString()],
    ['a root of another form', encodeClaim({ ...claim, root: 'ab' }).toString()],
    ['a list', '[]'],
  ];
  for (const [what, bytes] of rows) it(what, () => assert.equal(decodeClaim(Buffer.from(bytes)), undefined));
  it('any value, without an exception', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => assert.equal(decodeClaim(Buffer.from(JSON.stringify(value))), undefined)));
  });
});
