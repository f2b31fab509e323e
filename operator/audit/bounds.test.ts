// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { systemClock } from '../../process/clock.ts';
import type { UsageEvent } from '../usage/event.ts';
import { SOURCE_ENTRIES_PER_HOUR, TENANT_ENTRIES_PER_HOUR, boundedConflicts, factsHeldBack } from './bounds.ts';
import { openTestAudit, testFolder } from './test-audit.ts';

const HOUR_MS = 3_600_000;
const START_MS = 500_000 * HOUR_MS;

const event = (id: string, source = '/a', tenant = 'acme'): UsageEvent => ({
  tenant,
  source,
  id,
  seq: 1,
  meter: 'api_calls',
  atMs: 0,
  value: 1n,
  digest: Buffer.alloc(32, 1),
  dims: '',
});
const batch = (size: number, source?: string, tenant?: string): readonly UsageEvent[] =>
  Array.from({ length: size }, (_, index) => event(`id-${index}`, source, tenant));

type World = {
  readonly refuse: (events: readonly UsageEvent[], nowMs?: number) => Promise<readonly object[]>;
  readonly later: (nowMs: number) => Promise<readonly object[]>;
  readonly rows: () => Promise<number>;
};
const inWorld = async (work: (world: World) => Promise<void>): Promise<void> => {
  const { folder, remove } = testFolder();
  const test = await openTestAudit({ folder, clock: systemClock });
  try {
    await work({
      refuse: async (events, nowMs = START_MS) =>
        (await test.store.transact((tx) => boundedConflicts(tx, events, nowMs))).map(({ detail = {} }) => detail),
      later: async (nowMs) =>
        (await test.store.transact((tx) => factsHeldBack(tx, nowMs))).map(({ tenant, detail = {} }) => ({ tenant, ...detail })),
      rows: async () => (await test.store.read((reader) => reader.all('SELECT topic FROM audit_bound'))).length,
    });
  } finally {
    await test.close();
    remove();
  }
};

describe('replays that are refused', () => {
  it('have one entry for a batch and source, with how many and the first', async () => {
    await inWorld(async ({ refuse }) => {
      const told = await refuse([...batch(1000), ...batch(2, '/b')]);
      const digest = `sha256:${'01'.repeat(32)}`;
      assert.deepEqual(told, [
        { count: 1000, id: 'id-0', meter: 'api_calls', digest },
        { count: 2, id: 'id-0', meter: 'api_calls', digest },
      ]);
    });
  });

  it('have so many entries an hour for a source, then one that says how many more there were', async () => {
    await inWorld(async ({ refuse, later, rows }) => {
      let entries = 0;
      for (let sent = 0; sent < 20; sent += 1) entries += (await refuse(batch(1000))).length;
      assert.equal(entries, SOURCE_ENTRIES_PER_HOUR);
      assert.equal((await refuse(batch(1, '/b'))).length, 1, 'another source has its own');
      assert.deepEqual(await later(START_MS + HOUR_MS - 1), [], 'the hour is not over');
      const more = (20 - SOURCE_ENTRIES_PER_HOUR) * 1000;
      assert.deepEqual(await later(START_MS + HOUR_MS), [{ tenant: 'acme', hour: new Date(START_MS).toISOString(), more }]);
      assert.deepEqual([await later(START_MS + HOUR_MS), await rows()], [[], 0]);
    });
  });

  it('begin anew with the next hour, which tells what the last one held back', async () => {
    await inWorld(async ({ refuse }) => {
      for (let sent = 0; sent <= SOURCE_ENTRIES_PER_HOUR; sent += 1) await refuse(batch(3));
      const [more, first, ...others] = await refuse(batch(5), START_MS + HOUR_MS);
      assert.deepEqual([more, others], [{ hour: new Date(START_MS).toISOString(), more: 3 }, []]);
      assert.partialDeepStrictEqual(first, { count: 5 });
    });
  });

  it('do not get more by names of sources that are made up', async () => {
    await inWorld(async ({ refuse, rows }) => {
      const all = Array.from({ length: 500 }, (_, index) => event('x', `/made-up/${index}`));
      assert.equal((await refuse(all)).length, TENANT_ENTRIES_PER_HOUR);
      assert.equal(await rows(), TENANT_ENTRIES_PER_HOUR + 1);
      assert.equal((await refuse(batch(1, '/a', 'other'))).length, 1, 'another tenant has its own');
    });
  });

  it('do not begin anew because the clock was set back', async () => {
    await inWorld(async ({ refuse, later }) => {
      for (let sent = 0; sent < SOURCE_ENTRIES_PER_HOUR; sent += 1) await refuse(batch(1));
      assert.deepEqual(await refuse(batch(2), START_MS - 5 * HOUR_MS), []);
      assert.equal((await later(START_MS + HOUR_MS)).length, 1);
    });
  });
});
