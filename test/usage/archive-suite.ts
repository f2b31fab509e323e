// SPDX-License-Identifier: Apache-2.0
// Events that left for an archive, asked on each engine: what the ledger counted there is there, whoever else writes beside it.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { archiveName, createArchive } from '../../operator/usage/archive.ts';
import { DAY_MS, HOUR_MS } from '../../operator/usage/period.ts';
import type { Archive } from '../../operator/usage/pruning.ts';
import { verifyLedger } from '../../operator/usage/verify.ts';
import type { LedgerReport } from '../../operator/usage/verify.ts';
import { NEVER, START, scene } from './ledger-scene.ts';
import type { Scene } from './ledger-scene.ts';
import { AFTER, DECEMBER, LEFT, filled, firstFile, good, prune, readIn, take } from './pruning-scene.ts';
import type { EngineUnderTest } from './store-suite.ts';

export const describeArchive = (engine: EngineUnderTest): void => {
  describe('an archive of what left the ledger', () => {
    const folders: string[] = [];
    const folder = async (): Promise<string> => {
      const made = await mkdtemp(join(tmpdir(), 'writ-archive-'));
      folders.push(made);
      return made;
    };
    after(() => Promise.all(folders.map((one) => rm(one, { recursive: true }))));

    it('is made again from the archive to the byte, and every damage to that is named', async () => {
      const made = await filled(engine);
      const { ledger, clock } = made;
      const dir = await folder();
      clock.set(AFTER);
      await ledger.settle(NEVER);
      await prune(made, { archive: createArchive(dir) });
      const verify = (): Promise<LedgerReport> => verifyLedger(ledger.store, undefined, readIn(dir));
      assert.deepEqual(good(await verify()).pruned, { beforeMs: DECEMBER, events: LEFT, archived: LEFT });
      const file = await firstFile(ledger, dir);
      const bytes = await readFile(file);
      for (const damage of [bytes.subarray(0, -1), Buffer.concat([bytes, bytes]), Buffer.alloc(0), bytes.with(bytes.length >> 1, 0)]) {
        await writeFile(file, damage);
        assert.match((await verify()).problems[0]?.message ?? '', /is not the file whose digest/);
      }
      await rm(file);
      assert.match(JSON.stringify((await verify()).problems[0]), /is not there.*000001-[0-9a-f]{16}\.jsonl\.gz/);
      await ledger.store.close();
    });

    it('what a leader that was followed by another one writes late takes the place of nothing in the archive', async () => {
      const made = await filled(engine);
      made.clock.set(AFTER);
      await made.ledger.settle(NEVER);
      const dir = await folder();
      const archive = createArchive(dir);
      const [reached, resumed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const slow: Archive = {
        write: async (position, leaving) => {
          reached.resolve();
          await resumed.promise;
          return await archive.write(position, leaving);
        },
      };
      const late = assert.rejects(prune(made, { archive: slow }), { failure: 'fenced' });
      await reached.promise;
      // By the time of the next one December may leave too, so the first thousand are others.
      const next = await scene(engine, {}, made.name);
      next.clock.set(AFTER + 40 * DAY_MS);
      await next.ledger.settle(NEVER);
      assert.equal(await prune(next, { archive }), LEFT + 2);
      resumed.resolve();
      await late;
      assert.equal((await readdir(join(dir, '000'))).length, 2, 'it was written');
      const report = good(await verifyLedger(next.ledger.store, undefined, readIn(dir)));
      assert.equal(report.pruned.archived, LEFT + 2);
      await next.ledger.store.close();
      await made.ledger.store.close();
    });

    it('goes on where the writer of a file was killed in its midst', async () => {
      const made = await filled(engine);
      const { ledger, clock } = made;
      const archive = createArchive(await folder());
      clock.set(AFTER);
      await ledger.settle(NEVER);
      const dir = await folder();
      const torn: Archive = {
        write: async (position, leaving) => {
          const path = join(dir, archiveName({ position, digest: await archive.write(position, leaving) }));
          await mkdir(dirname(path), { recursive: true });
          await writeFile(`${path}.tmp`, 'half');
          throw new Error('killed');
        },
      };
      await assert.rejects(prune(made, { archive: torn }), /killed/);
      assert.equal(await prune(made, { archive: createArchive(dir) }), LEFT);
      assert.equal(good(await verifyLedger(ledger.store, undefined, readIn(dir))).pruned.archived, LEFT);
      await ledger.store.close();
    });

    /** October left before there was an archive, November and December for one, January after it was taken away. */
    const inParts = async (dir: string): Promise<Scene> => {
      const made = await filled(engine);
      await take(made, START + 100 * DAY_MS, { seq: 11 }, { tenant: 'beta', seq: 4 });
      for (const [days, left, archive] of [
        [100, 10, undefined],
        [140, 3, createArchive(dir)],
        [170, 3, undefined],
      ] as const) {
        made.clock.set(START + days * DAY_MS);
        await made.ledger.settle(NEVER);
        assert.equal(await prune(made, { archive }), left);
      }
      return made;
    };

    it('may be of some events, while others left before it or after it', async () => {
      const dir = await folder();
      const { ledger } = await inParts(dir);
      const report = good(await verifyLedger(ledger.store, undefined, readIn(dir)));
      assert.deepEqual([report.pruned.events, report.pruned.archived], [16, 3]);
      good(await verifyLedger(ledger.store));
      await ledger.store.close();
    });

    for (const [sql, named] of [
      ["DELETE FROM usage_pruned_nowhere WHERE tenant = 'acme'", /^archive: \d+ events left the ledger for an archive, and 3 /],
      [`UPDATE usage_pruned_nowhere SET sum = '1' WHERE meter = 'users'`, /^hour 2026-10 beta users: /],
      ['DELETE FROM usage_archive', /^archive: 3 events left the ledger for an archive, and 0 /],
      [`UPDATE usage_bucket SET count = count + 1 WHERE hour_ms < ${START + HOUR_MS}`, /^hour 2026-10 acme api_calls: /],
    ] as const) {
      it(`of some events finds: ${sql}`, async () => {
        const dir = await folder();
        const { ledger } = await inParts(dir);
        assert.ok((await ledger.store.transact((tx) => tx.run(sql))) > 0);
        const { problems } = await verifyLedger(ledger.store, undefined, readIn(dir));
        const told = problems.map(({ path = '', message }) => `${path}: ${message}`);
        assert.ok(
          told.some((one) => named.test(one)),
          told.join('\n'),
        );
        await ledger.store.close();
      });
    }

    it('may begin with a ledger that did not note yet what left without one', async () => {
      const made = await filled(engine);
      made.clock.set(AFTER);
      await made.ledger.settle(NEVER);
      await prune(made);
      await made.ledger.store.transact(async (tx) => {
        await tx.run('DROP TABLE usage_pruned_nowhere');
        await tx.run('DROP INDEX usage_event_level_stored');
        await tx.run('DROP TABLE usage_namespace');
        await tx.run('DROP INDEX usage_source_watched');
        await tx.run('DROP TABLE usage_aside');
        await tx.run("UPDATE store_room SET steps = 3 WHERE room = 'usage'");
      });
      const dir = await folder();
      assert.equal(good(await verifyLedger(made.ledger.store, undefined, readIn(dir))).pruned.events, LEFT);
      await made.ledger.store.close();
      const next = await scene(engine, {}, made.name);
      next.clock.set(AFTER + 40 * DAY_MS);
      await next.ledger.settle(NEVER);
      assert.equal(await prune(next, { archive: createArchive(dir) }), 2);
      const { pruned } = good(await verifyLedger(next.ledger.store, undefined, readIn(dir)));
      assert.deepEqual([pruned.events, pruned.archived], [LEFT + 2, 2]);
      await next.ledger.store.close();
    });
  });
};
