// SPDX-License-Identifier: Apache-2.0
// What leaves the ledger and what stays, asked on each engine: nothing is counted twice or lost by it, wherever it is cut short.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { createArchive } from '../../operator/usage/archive.ts';
import { detailPage } from '../../operator/usage/detail.ts';
import { EVER } from '../../operator/usage/detail-query.ts';
import { DAY_MS, HOUR_MS } from '../../operator/usage/period.ts';
import { prunableBefore, pruningState } from '../../operator/usage/pruning.ts';
import type { PrunerOptions } from '../../operator/usage/pruning.ts';
import { verifyLedger } from '../../operator/usage/verify.ts';
import { NEVER, START, event, scene } from './ledger-scene.ts';
import { AFTER, DECEMBER, LEFT, RETENTION_MS, events, filled, good, kept, prune, readIn, take } from './pruning-scene.ts';
import type { EngineUnderTest } from './store-suite.ts';

export const describePruning = (engine: EngineUnderTest): void => {
  describe('a ledger that lets events go', () => {
    const folders: string[] = [];
    const folder = async (): Promise<string> => {
      const made = await mkdtemp(join(tmpdir(), 'writ-archive-'));
      folders.push(made);
      return made;
    };
    after(() => Promise.all(folders.map((one) => rm(one, { recursive: true }))));

    it('keeps all that they add up to, and says what has left', async () => {
      const made = await filled(engine);
      const { ledger, clock } = made;
      clock.set(AFTER);
      await ledger.settle(NEVER);
      const [before, count] = [await kept(ledger), await events(ledger)];
      const told: unknown[] = [];
      assert.equal(await prune(made, { onPruned: async (_tx, pruned) => void told.push(pruned) }), LEFT);
      assert.deepEqual([await events(ledger), await kept(ledger)], [count - LEFT, before]);
      assert.deepEqual(told, [{ before: new Date(DECEMBER).toISOString(), events: LEFT }]);
      const report = good(await verifyLedger(ledger.store));
      assert.deepEqual(report.pruned, { beforeMs: DECEMBER, events: LEFT, archived: 0 });
      // The sender that is gone is forgotten; the one with a hole in its numbers is not.
      const sources = await ledger.store.read((reader) => reader.all('SELECT source, gaps FROM usage_source ORDER BY number'));
      assert.deepEqual(
        sources.map((row) => [row['source'], row['gaps']]),
        [
          ['/a/boots/1', '2-3'],
          ['/a/boots/1', ''],
        ],
      );
      const page = await ledger.store.read((reader) =>
        detailPage(
          reader,
          { what: 'events', tenant: 'acme', limit: 10, source: undefined, meter: undefined, after: undefined, ...EVER },
          AFTER,
        ),
      );
      assert.deepEqual([page.items.length, page.prunedBefore], [2, '2026-12-01T00:00:00.000Z']);
      assert.equal(await prune(made), 0);
      await ledger.store.close();
    });

    for (const [sql, named] of [
      ['DELETE FROM usage_event WHERE seq = 9', /^source acme .* 8 events; 1 are there, and 6 left|^source acme .*has seen/],
      ["DELETE FROM usage_event WHERE seq = 3 AND meter = 'api_calls'", /^source beta .*has seen number 3; its last event is 2/],
      ['UPDATE usage_pruned_source SET count = count - 1', /^source acme .* events; /],
      [`UPDATE usage_pruned SET sum = '1' WHERE meter = 'users'`, /^hour 2026-10 beta users: /],
      ["DELETE FROM usage_pruned WHERE tenant = 'acme'", /^hour \d+ acme api_calls: /],
      [`UPDATE usage_bucket SET count = count + 1 WHERE hour_ms < ${START + HOUR_MS}`, /^hour 2026-10 acme api_calls: /],
      [`UPDATE usage_total SET peak = '1' WHERE tenant = 'beta'`, /^total .* beta /],
      ['UPDATE usage_pruning SET pruned_ms = 0', /^source acme /],
    ] as const) {
      it(`and then finds: ${sql}`, async () => {
        const made = await filled(engine);
        made.clock.set(AFTER);
        await made.ledger.settle(NEVER);
        await prune(made);
        assert.ok((await made.ledger.store.transact((tx) => tx.run(sql))) > 0);
        const { problems } = await verifyLedger(made.ledger.store);
        const told = problems.map(({ path = '', message }) => `${path}: ${message}`);
        assert.ok(
          told.some((one) => named.test(one)),
          told.join('\n'),
        );
        await made.ledger.store.close();
      });
    }

    it('takes in nothing again that has left', async () => {
      const made = await filled(engine);
      made.clock.set(AFTER);
      await made.ledger.settle(NEVER);
      await prune(made);
      const before = await kept(made.ledger);
      // Out of a quarantine it could come, whatever its age.
      const again = [event({ seq: 1, value: '2.5' }), event({ seq: 8, atMs: START }), event({ seq: 5, atMs: START + 3 * HOUR_MS })];
      assert.deepEqual(await made.ledger.accept(again), ['conflict', 'conflict', 'conflict']);
      assert.equal(await kept(made.ledger), before);
      good(await verifyLedger(made.ledger.store));
      await made.ledger.store.close();
    });

    it('counts nothing twice that was kept aside when its source could be forgotten', async () => {
      const made = await scene(engine);
      const { ledger, clock, tenants } = made;
      const sent = [event({ seq: 1, value: '7' }), event({ seq: 2 })];
      assert.deepEqual(await ledger.accept(sent), ['stored', 'stored']);
      // The answer was lost, and the Tenant is gone when it is sent again; another sender has nothing aside.
      await ledger.accept([event({ source: '/other', seq: 1 })]);
      tenants.delete('acme');
      assert.deepEqual(await ledger.accept(sent), ['unknown-tenant', 'unknown-tenant']);
      const sources = async (): Promise<unknown[]> =>
        (await ledger.store.read((reader) => reader.all('SELECT source FROM usage_source ORDER BY source'))).map((row) => row['source']);
      clock.set(AFTER);
      await ledger.settle(NEVER);
      assert.equal(await prune(made), 3);
      assert.deepEqual(await sources(), ['/a/boots/1']);
      const before = await kept(ledger);
      tenants.add('acme');
      await ledger.settle(NEVER);
      assert.equal(await kept(ledger), before);
      assert.deepEqual(await ledger.store.read((reader) => reader.all('SELECT id FROM usage_quarantine')), []);
      good(await verifyLedger(ledger.store));
      // It was heard of once more then, so it goes a month later.
      await take(made, AFTER + 31 * DAY_MS, { tenant: 'beta', source: '/b' });
      clock.set(AFTER + 120 * DAY_MS);
      await ledger.settle(NEVER);
      await prune(made);
      assert.deepEqual(await sources(), []);
      good(await verifyLedger(ledger.store));
      await ledger.store.close();
    });

    it('keeps what an open month, an hour that was opened again, or another room still needs', async () => {
      const made = await filled(engine);
      const { ledger, clock } = made;
      clock.set(AFTER);
      await ledger.settle(NEVER);
      const may = (neededMs?: number): Promise<number> =>
        ledger.store.read((reader) => prunableBefore(reader, { nowMs: AFTER, retentionMs: RETENTION_MS, neededMs }));
      const months = { october: Date.UTC(2026, 9), november: Date.UTC(2026, 10), december: DECEMBER };
      assert.equal(await may(), months.december);
      assert.equal(await may(START), months.october);
      const where = async (sql: string): Promise<number> => {
        await ledger.store.transact((tx) => tx.run(sql));
        return await may();
      };
      assert.equal(await where(`INSERT INTO usage_reopened (hour_ms) VALUES (${START + 20 * DAY_MS})`), months.november);
      assert.equal(await where('DELETE FROM usage_reopened'), months.december);
      assert.equal(
        await where(`UPDATE usage_period SET done = 0 WHERE period_ms = ${months.november}`),
        months.october,
        'it bills what was late',
      );
      assert.equal(await where('UPDATE usage_period SET done = 1'), months.december);
      assert.equal(await where('UPDATE usage_state SET sealed_ms = NULL'), 0);
      await ledger.store.close();
    });

    it('whatever is used, and wherever it is cut short, ends as if it had not been', async () => {
      const used = fc.array(
        fc.record({
          tenant: fc.constantFrom('acme', 'beta'),
          source: fc.constantFrom('/a', '/b', '/c'),
          meter: fc.constantFrom('api_calls', 'users', 'storage_bytes'),
          units: fc.nat(10 ** 6),
          day: fc.nat(100),
          lateDays: fc.constantFrom(0, 0, 0, 1, 34),
        }),
        { minLength: 1, maxLength: 30 },
      );
      const runsBefore = fc.array(fc.tuple(fc.nat(6), fc.boolean()), { maxLength: 6 });
      const dir = await folder();
      let runs = 0;
      await fc.assert(
        fc.asyncProperty(used, runsBefore, fc.boolean(), async (rows, cuts, isArchived) => {
          const made = await scene(engine);
          const { ledger, clock } = made;
          const seqs = new Map<string, number>();
          for (const { tenant, source, meter, units, day, lateDays } of rows.toSorted((a, b) => a.day - b.day)) {
            const seq = (seqs.get(`${tenant}${source}`) ?? 0) + 1;
            seqs.set(`${tenant}${source}`, seq);
            const atMs = START + day * DAY_MS;
            await take(made, Math.max(clock.now(), atMs), {
              tenant,
              source,
              meter,
              seq,
              value: `${units}.5`,
              atMs: atMs - lateDays * DAY_MS,
            });
          }
          clock.set(START + 200 * DAY_MS);
          await ledger.settle(NEVER);
          const before = await kept(ledger);
          const place = join(dir, String((runs += 1)));
          const whole = createArchive(place);
          // A process that dies before some transaction of each run, the last one excepted.
          for (const [cut, hasArchive] of [...cuts, [Number.POSITIVE_INFINITY, isArchived] as const]) {
            let left = cut;
            const store: PrunerOptions['store'] = {
              read: (work) => ledger.store.read(work),
              reclaim: () => ledger.store.reclaim(),
              transact: (work) => {
                if ((left -= 1) < 0) throw new Error('killed');
                return ledger.store.transact(work);
              },
            };
            await prune(made, { store, archive: hasArchive ? whole : undefined }).catch((error: unknown) =>
              assert.match(String(error), /killed/),
            );
            good(await verifyLedger(ledger.store));
            assert.equal(await kept(ledger), before);
          }
          const { prunedMs, sweptMs } = await ledger.store.read(pruningState);
          assert.equal(prunedMs, sweptMs);
          const [old] = await ledger.store.read((reader) =>
            reader.all('SELECT COUNT(*) AS n FROM usage_event WHERE at_ms < ?', [prunedMs]),
          );
          assert.equal(old?.['n'], 0n);
          const report = good(await verifyLedger(ledger.store, undefined, readIn(place)));
          assert.equal(report.pruned.events + (await events(ledger)), rows.length);
          if (isArchived && cuts.every(([, hasArchive]) => hasArchive)) assert.equal(report.pruned.archived, report.pruned.events);
          await ledger.store.close();
        }),
        { numRuns: 12 },
      );
    });
  });
};
