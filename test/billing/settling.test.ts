// SPDX-License-Identifier: Apache-2.0
// A frozen month is the provider's only where it was told just what the statement says: no unit more, none less, of no meter.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { billingMigrations, putEntry } from '../../operator/billing/outbox/tables.ts';
import { settlingOf } from '../../operator/billing/settling.ts';
import { openMemoryStore } from './memory-store.ts';
import { entryOf } from './outbox-entry.ts';

const HOUR_MS = 3_600_000;
const [OCTOBER, NOVEMBER] = [Date.UTC(2026, 9), Date.UTC(2026, 10)];

const store = openMemoryStore();
await store.migrate(billingMigrations);
// Which rooms there are and how far, as the engines that are shipped keep it.
await store.migrate({ room: 'store', steps: [['CREATE TABLE store_room (room TEXT PRIMARY KEY, steps BIGINT NOT NULL)']] });
await store.transact((tx) =>
  tx.run(`INSERT INTO billing_month VALUES (${OCTOBER}, '[["api_calls","Absolute"],["transfer_bytes","Delta"]]')`),
);

let made = 0;
/** Hours of a tenant of its own that the provider counts, and what its statement says. */
const settled = async (told: Readonly<Record<string, readonly string[]>>, stated: Readonly<Record<string, string>>) => {
  const tenant = `tenant-${(made += 1)}`;
  await store.transact(async (tx) => {
    for (const [meter, totals] of Object.entries(told))
      for (const [index, total] of totals.entries())
        await putEntry(tx, entryOf({ tenant, meter, hourMs: OCTOBER + index * HOUR_MS, total, state: 'verified' }));
  });
  const body = JSON.stringify({ tenant, lines: Object.entries(stated).map(([meter, quantity]) => ({ meter, unit: '1', quantity })) });
  const asked = { tenant, periodMs: OCTOBER, body, isCustomer: true, nowMs: NOVEMBER + 49 * HOUR_MS };
  return store.read((reader) => settlingOf(reader, asked));
};

describe('a month of which the provider counts every hour that it was told', () => {
  it('is its own where the statement says the same, however it is spelled', async () => {
    assert.deepEqual(await settled({ api_calls: ['5', '2.5'] }, { api_calls: '7.50' }), { kind: 'provider', rest: undefined });
  });

  const others: readonly (readonly [what: string, told: Record<string, string[]>, stated: Record<string, string>, why: RegExp])[] = [
    ['says more', { api_calls: ['5', '2'] }, { api_calls: '8' }, /says 8 of api_calls, the provider is told 7/],
    ['says less', { api_calls: ['5', '2'] }, { api_calls: '6' }, /says 6 of api_calls, the provider is told 7/],
    ['says nothing of it', { api_calls: ['5'] }, {}, /says 0 of api_calls, the provider is told 5/],
    [
      'says more of a meter of which it was told nothing',
      { api_calls: ['5'] },
      { api_calls: '5', transfer_bytes: '1' },
      /1 of transfer_bytes.* told 0/,
    ],
    [
      'says nothing of a meter that is reported no more',
      { api_calls: ['5'], storage_bytes: ['1'] },
      { api_calls: '5' },
      /0 of storage_bytes.* told 1/,
    ],
  ];
  for (const [what, told, stated, why] of others)
    it(`waits where the statement ${what}`, async () => {
      const settling = await settled(told, stated);
      assert.match(settling.kind === 'waiting' ? settling.why : settling.kind, why);
    });
});
