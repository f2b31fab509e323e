// SPDX-License-Identifier: Apache-2.0
// Which meters are reported in a month: as the book said that was in effect when it began, whatever is sealed and whoever leads later.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMonths, metersOn } from '../../operator/billing/months.ts';
import { billingMigrations } from '../../operator/billing/outbox/tables.ts';
import type { Encoding } from '../../operator/billing/outbox/entry.ts';
import type { Reporting } from '../../operator/billing/sink.ts';
import { openMemoryStore } from './memory-store.ts';

const HOUR_MS = 3_600_000;
const [OCTOBER, NOVEMBER, DECEMBER] = [Date.UTC(2026, 9), Date.UTC(2026, 10), Date.UTC(2026, 11)];
const book = (effectiveFromMs: number, ...meters: readonly (readonly [string, Encoding])[]): Reporting => ({
  effectiveFromMs,
  meters: new Map(meters),
});
const FIRST = book(OCTOBER, ['api_calls', 'Absolute']);
/** In effect in November, or since a month that had begun. */
const second = (effectiveFromMs: number): Reporting => book(effectiveFromMs, ['api_calls', 'Delta'], ['users', 'Absolute']);

const scene = async () => {
  const store = openMemoryStore();
  await store.migrate(billingMigrations);
  /** As another process finds them, that has nothing in memory. */
  const asked = async (monthMs: number, reporting: Reporting | undefined) => {
    const meters = await createMonths(store)(monthMs, reporting);
    return meters === undefined ? undefined : [...meters];
  };
  return { store, asked };
};

describe('a month', () => {
  it('keeps its meters, whatever book is sealed later and whoever leads then', async () => {
    const { store, asked } = await scene();
    assert.deepEqual(await asked(OCTOBER, FIRST), [['api_calls', 'Absolute']]);
    for (const later of [second(OCTOBER), second(OCTOBER + HOUR_MS), second(NOVEMBER), undefined])
      assert.deepEqual(await asked(OCTOBER, later), [['api_calls', 'Absolute']]);
    assert.deepEqual([...((await store.read((reader) => metersOn(reader, OCTOBER))) ?? [])], [['api_calls', 'Absolute']]);
  });

  it('goes on with what held before where a version comes into effect after it began', async () => {
    const { asked } = await scene();
    await asked(OCTOBER, FIRST);
    assert.deepEqual(await asked(NOVEMBER, second(NOVEMBER + HOUR_MS)), [['api_calls', 'Absolute']]);
    assert.deepEqual(await asked(DECEMBER, second(NOVEMBER + HOUR_MS)), [
      ['api_calls', 'Delta'],
      ['users', 'Absolute'],
    ]);
  });

  it('is the new book’s where that came into effect with its first hour', async () => {
    const { asked } = await scene();
    await asked(OCTOBER, FIRST);
    assert.deepEqual((await asked(NOVEMBER, second(NOVEMBER)))?.length, 2);
  });

  it('has none where no book is known, or none from its beginning on; that is not kept', async () => {
    const { store, asked } = await scene();
    assert.equal(await asked(OCTOBER, undefined), undefined);
    assert.equal(await asked(OCTOBER, book(OCTOBER + HOUR_MS, ['users', 'Absolute'])), undefined);
    assert.equal(await store.read((reader) => metersOn(reader, OCTOBER)), undefined);
    assert.deepEqual((await asked(OCTOBER, FIRST))?.length, 1);
    // A month after it of which nothing was reported is not kept by that.
    assert.equal(await store.read((reader) => metersOn(reader, NOVEMBER)), undefined);
    assert.equal(await asked(NOVEMBER, undefined), undefined);
  });
});
