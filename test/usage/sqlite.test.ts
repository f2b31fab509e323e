// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { systemClock } from '../../process/clock.ts';
import { openSqliteStore } from '../../operator/usage/sqlite-store.ts';
import { StoreError } from '../../operator/usage/store.ts';
import type { SqlInput, Store } from '../../operator/usage/store.ts';
import { verifyLedger } from '../../operator/usage/verify.ts';
import { describeArchive } from './archive-suite.ts';
import { describeDetail } from './detail-suite.ts';
import { NEVER } from './ledger-scene.ts';
import { describeLedgerPeriods } from './ledger-period-suite.ts';
import { describeLedger } from './ledger-suite.ts';
import { describePruning } from './pruning-suite.ts';
import { AFTER, filled, prune } from './pruning-scene.ts';
import { describeStore } from './store-suite.ts';
import type { EngineUnderTest } from './store-suite.ts';

const folder = await mkdtemp(join(tmpdir(), 'writ-store-'));
after(() => rm(folder, { recursive: true }));

const engine: EngineUnderTest = { open: (name) => openSqliteStore({ file: join(folder, `${name}.db`), clock: systemClock, groupMs: 1 }) };
describeStore(engine);
describeLedger(engine);
describeLedgerPeriods(engine);
describeDetail(engine);
describePruning(engine);
describeArchive(engine);

describe('a ledger in a file', () => {
  it('gives the pages of what was deleted back to the disk, a piece at a time', async () => {
    const store = await engine.open('shrinking');
    await store.migrate({ room: 'trial', steps: [['CREATE TABLE trial_page (number BIGINT PRIMARY KEY, body BYTEA)']] });
    await store.claim('test');
    const rows = Array.from({ length: 4000 }, (_, number) => [number, new Uint8Array(4000)]);
    await store.transact((tx) => tx.insert({ into: 'trial_page', columns: ['number', 'body'], rows }));
    const pages = (): Promise<number> => store.read(async (reader) => Number((await reader.all('PRAGMA page_count'))[0]?.['page_count']));
    const full = await pages();
    await store.transact((tx) => tx.run('DELETE FROM trial_page'));
    assert.equal(await pages(), full);
    await store.reclaim();
    const left = await pages();
    assert.ok(left < full && left > full / 2, `${left} of ${full}`);
    for (let piece = 0; piece < 10; piece += 1) await store.reclaim();
    assert.ok((await pages()) < 20);
    await store.close();
  });
});

it('looks through events by their key from where it was, not from the first one on', async () => {
  const made = await filled(engine);
  const { store } = made.ledger;
  made.clock.set(AFTER);
  await made.ledger.settle(NEVER);
  const asked = new Map<string, readonly SqlInput[]>();
  const read: Store['read'] = (work) =>
    store.read((reader) =>
      work({
        all: (sql, values = []) => {
          if (/FROM usage_event\b.*\bORDER BY (e\.)?source, (e\.)?id\b/s.test(sql)) asked.set(sql, values);
          return reader.all(sql, values);
        },
      }),
    );
  await verifyLedger({ read });
  assert.equal(asked.size, 1);
  await prune(made, { store: { read, transact: (work) => store.transact(work), reclaim: () => store.reclaim() } });
  assert.equal(asked.size, 3);
  for (const [sql, values] of asked) {
    const plan = await store.read((reader) => reader.all(`EXPLAIN QUERY PLAN ${sql}`, values));
    const told = plan.map((row) => String(row['detail'])).join('; ');
    assert.match(told, /^SEARCH (e|usage_event) USING INDEX \w+ \((\(source,id\)[<>]|source=\? AND id>\?\))/, sql);
    assert.doesNotMatch(told, /SCAN|TEMP B-TREE/, sql);
  }
  await store.close();
});

// Seen at work in power-loss.test.ts, where the machine lets us look.
it('a commit waits for the disk: WAL, synchronous=FULL', async () => {
  const store = await engine.open('durable');
  await store.claim('test');
  const asked = await store.transact(async (tx) => [...(await tx.all('PRAGMA synchronous')), ...(await tx.all('PRAGMA journal_mode'))]);
  assert.deepEqual(
    asked.map((row) => ({ ...row })),
    [{ synchronous: 2n }, { journal_mode: 'wal' }],
  );
  await store.close();
});

it('nothing is committed by a process whose Lease has ended, though nobody else has claimed the ledger yet', async () => {
  let leads = true;
  const guard = (): void => {
    if (!leads) throw new StoreError('fenced', 'the Lease has ended');
  };
  const store = await openSqliteStore({ file: join(folder, 'lease.db'), clock: systemClock, groupMs: 1, guard });
  await store.migrate({ room: 'trial', steps: [['CREATE TABLE trial_thing (name TEXT PRIMARY KEY)']] });
  await store.claim('test');
  const put = (name: string) => store.transact((tx) => tx.run('INSERT INTO trial_thing (name) VALUES (?)', [name]));
  await put('before');
  const late = store.transact(async (tx) => {
    await tx.run("INSERT INTO trial_thing (name) VALUES ('late')");
    // It ends while the work is under way.
    leads = false;
  });
  await assert.rejects(late, (error: unknown) => error instanceof StoreError && error.failure === 'fenced');
  await assert.rejects(store.claim('again'), (error: unknown) => error instanceof StoreError && error.failure === 'fenced');
  assert.deepEqual(
    (await store.read((reader) => reader.all('SELECT name FROM trial_thing'))).map(({ name }) => name),
    ['before'],
  );
  await store.close();
});
