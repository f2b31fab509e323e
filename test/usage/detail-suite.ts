// SPDX-License-Identifier: Apache-2.0
// Pages of the ledger, asked on each engine while it is written.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { detailPage } from '../../operator/usage/detail.ts';
import type { DetailPage } from '../../operator/usage/detail.ts';
import { readQuery } from '../../operator/usage/detail-query.ts';
import type { Ledger } from '../../operator/usage/ledger.ts';
import { DAY_MS, HOUR_MS } from '../../operator/usage/period.ts';
import { START, event, scene } from './ledger-scene.ts';
import type { EngineUnderTest } from './store-suite.ts';

const NEVER = new AbortController().signal;

const page = async (ledger: Ledger, asked: string): Promise<DetailPage> => {
  const read = readQuery(`/v1/usage/${asked}`);
  assert.ok(read.kind === 'query', asked);
  const beforeMs = await ledger.storedBefore();
  return ledger.store.read((reader) => detailPage(reader, read.query, beforeMs));
};

/** All pages; `between` runs after each. */
const pages = async (
  ledger: Ledger,
  asked: string,
  between: () => Promise<unknown> = async () => undefined,
): Promise<readonly object[]> => {
  const items: object[] = [];
  const cursors = new Set<string>();
  for (let cursor = ''; ;) {
    const { items: more, next } = await page(ledger, `${asked}${cursor}`);
    items.push(...more);
    if (next === undefined) return items;
    assert.ok(!cursors.has(next), 'no page comes twice');
    cursors.add(next);
    cursor = `&cursor=${next}`;
    await between();
  }
};

const names = (items: readonly object[]): readonly string[] =>
  items.map((item) => ('source' in item && 'id' in item ? `${String(item.source)} ${String(item.id)}` : assert.fail('no event')));

export const describeDetail = (engine: EngineUnderTest): void => {
  describe('detail of a ledger', () => {
    it('has each event that was there once, whatever is written between the pages', async () => {
      const { ledger } = await scene(engine);
      // Ids that meet again in other sources, and sources whose order of names is not that of their numbers.
      const sources = ['/m', '/b', '/z', '/a'];
      const before = sources.flatMap((source) => Array.from({ length: 10 }, (_, index) => event({ source, seq: index + 1 })));
      await ledger.accept(before);
      await ledger.accept([event({ tenant: 'beta', source: '/n', seq: 1 })]);
      const expected = before.map(({ source, id }) => `${source} ${id}`).toSorted();
      for (const limit of [1, 7, 10, 39, 40, 41]) {
        let round = 0;
        const items = await pages(ledger, `acme/events?limit=${limit}`, async () => {
          round += 1;
          await ledger.accept([
            event({ source: `/later/${limit}/${round}`, seq: 1 }),
            event({ source: '/m', id: `late-${limit}-${round}`, seq: 1000 * limit + round }),
          ]);
        });
        const seen = names(items).filter((name) => !name.includes('late'));
        assert.deepEqual(seen.toSorted(), expected, `pages of ${limit}`);
        if (limit === 1) assert.equal(items.length, expected.length, 'and nothing of what came after the first page');
      }
      await ledger.store.close();
    });

    it('has what was asked for, as it was sent', async () => {
      const { ledger } = await scene(engine);
      await ledger.accept(
        Array.from({ length: 30 }, (_, index) =>
          event({
            source: index < 15 ? '/a' : '/b',
            seq: index + 1,
            meter: index % 3 === 0 ? 'users' : 'api_calls',
            atMs: START - index * HOUR_MS,
          }),
        ),
      );
      const some = await pages(ledger, 'acme/events?limit=4&meter=users&source=/b');
      assert.deepEqual(names(some), ['/b 16', '/b 19', '/b 22', '/b 25', '/b 28']);
      const from = new Date(START - 3 * HOUR_MS).toISOString();
      const to = new Date(START).toISOString();
      const within = await pages(ledger, `acme/events?limit=1&from=${from}&to=${to}`);
      assert.deepEqual(names(within), ['/a 2', '/a 3', '/a 4']);
      const time = new Date(START - HOUR_MS).toISOString();
      assert.deepEqual(within[0], { source: '/a', id: '2', seq: 2, time, storedAt: to, meter: 'api_calls', value: '1', dims: {} });
      assert.deepEqual(await pages(ledger, 'nobody/events?'), []);
      const hours = await pages(ledger, `acme/hours?limit=1&from=${from}&to=${to}`);
      assert.deepEqual(hours, [
        { meter: 'api_calls', hour: new Date(START - 2 * HOUR_MS).toISOString(), events: 1, sum: '1', peak: '1' },
        { meter: 'api_calls', hour: new Date(START - HOUR_MS).toISOString(), events: 1, sum: '1', peak: '1' },
        { meter: 'users', hour: from, events: 1, sum: '1', peak: '1' },
      ]);
      assert.equal((await pages(ledger, 'acme/hours?limit=7')).length, 30);
      assert.equal((await pages(ledger, 'acme/hours?limit=1000&meter=users')).length, 10);
      await ledger.store.close();
    });

    it('has the statements of a tenant, oldest first', async () => {
      const { ledger, clock } = await scene(engine);
      await ledger.accept([event({ value: '2.5' }), event({ tenant: 'beta', source: '/x' })]);
      clock.set(START + 16 * DAY_MS);
      await ledger.accept([event({ seq: 2, atMs: START + 16 * DAY_MS }, START + 16 * DAY_MS)]);
      clock.set(START + 50 * DAY_MS);
      await ledger.settle(NEVER);
      const all = await pages(ledger, 'acme/statements?limit=1');
      assert.deepEqual(
        all
          .map((item) => JSON.stringify(item))
          .map((text) => [text.includes('"sha256:'), /"start":"([^"]*)"/.exec(text)?.[1], /"quantity":"([^"]*)"/.exec(text)?.[1]]),
        [
          [true, '2026-10-01T00:00:00Z', '2.5'],
          [true, '2026-11-01T00:00:00Z', '1'],
        ],
      );
      await ledger.store.close();
    });
  });
};
