// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeQuotaLedger, encodeQuotaLedger, quotaLedgerFits, takenOf } from './quota-ledger.ts';
import type { QuotaLedger } from './quota-ledger.ts';

const ledger: QuotaLedger = {
  tenant: 'acme',
  settled: new Map([
    ['requests.cpu', 1_500_000_000n],
    ['requests.memory', 68_719_476_736_000_000_000n],
    ['__proto__', 1n],
  ]),
  reservations: [
    {
      uid: 'u-1',
      at: '2026-01-02T03:04:05Z',
      ref: { group: '', plural: 'pods', namespace: 'acme-a', name: 'one' },
      amounts: new Map([['requests.cpu', 500_000_000n]]),
    },
    {
      uid: 'u-2',
      at: '2026-01-02T03:04:06.5Z',
      ref: { group: 'apps', plural: 'deployments', namespace: 'acme-b', name: 'two' },
      amounts: new Map([['constructor', 2n]]),
      raisedTo: new Map([['constructor', 5n]]),
    },
  ],
};

test('a quota ledger is read as it was written', () => {
  assert.deepEqual(decodeQuotaLedger(encodeQuotaLedger(ledger)), ledger);
  const opening = { ...ledger, opensAt: '2026-01-02T03:04:35Z' };
  assert.deepEqual(decodeQuotaLedger(encodeQuotaLedger(opening)), opening);
});

test('amounts of any size are read as they were written, and read well', () => {
  assert.match(encodeQuotaLedger(ledger).data?.['ledger.json'] ?? '', /"requests\.cpu":"1\.5".*"requests\.memory":"68719476736"/s);
  const amounts = fc.array(fc.tuple(fc.string({ minLength: 1, maxLength: 40 }), fc.bigInt({ min: 0n, max: 10n ** 40n })));
  fc.assert(
    fc.property(amounts, (entries) => {
      const settled = new Map(entries);
      assert.deepEqual(decodeQuotaLedger(encodeQuotaLedger({ tenant: 'a', settled, reservations: [] }))?.settled, settled);
    }),
  );
});

test('what is taken is what is settled and what is reserved', () => {
  const taken = takenOf(ledger);
  assert.equal(taken.get('requests.cpu'), 2_000_000_000n);
  assert.equal(taken.get('constructor'), 2n);
  assert.equal(taken.get('pods'), undefined);
});

const spoiled: readonly [what: string, change: (text: string) => string, name?: string][] = [
  ['under another name', (text) => text, 'writ-quota-other'],
  ['a negative amount', (text) => text.replace('"1.5"', '"-1.5"')],
  ['an amount as a number', (text) => text.replace('"1.5"', '1.5')],
  ['an amount finer than a billionth', (text) => text.replace('"1.5"', '"1.0000000001"')],
  ['a time that is none', (text) => text.replace('03:04:05Z', '33:04:05Z')],
  ['a namespace that is none', (text) => text.replace('"acme-a"', '"../a"')],
  ['a reservation without uid', (text) => text.replace('"u-1"', '""')],
  ['reservations that are no list', (text) => text.replace(/"reservations":\[.*\]/s, '"reservations":{}')],
  ['what an object is raised to as text', (text) => text.replace(/"raisedTo":\{[^}]*\}/, '"raisedTo":"5"')],
  ['half a text', (text) => text.slice(0, text.length / 2)],
];
for (const [what, change, name = 'writ-quota-acme'] of spoiled) {
  test(`nothing is read from ${what}`, () => {
    const written = encodeQuotaLedger(ledger);
    const text = change(written.data?.['ledger.json'] ?? '');
    assert.equal(decodeQuotaLedger({ ...written, metadata: { name }, data: { format: '1', 'ledger.json': text } }), undefined);
  });
}

test('decoding throws at nothing', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      decodeQuotaLedger(value);
      decodeQuotaLedger({ metadata: { name: 'writ-quota-a' }, data: { format: '1', 'ledger.json': JSON.stringify(value) } });
    }),
  );
});

test('a ledger that no ConfigMap could hold does not fit', () => {
  const [one] = ledger.reservations;
  assert.ok(one !== undefined && quotaLedgerFits(ledger));
  assert.equal(quotaLedgerFits({ ...ledger, reservations: Array.from({ length: 10_000 }, () => one) }), false);
});
