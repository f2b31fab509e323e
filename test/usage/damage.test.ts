// SPDX-License-Identifier: Apache-2.0
// What a disk can do: it is full, a page of it has rotted, two processes want it; and what the command line says of it.
import assert from 'node:assert/strict';
import { cp, mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import { createCommands } from '../../cli/commands.ts';
import { createLedger } from '../../operator/usage/ledger.ts';
import type { Ledger } from '../../operator/usage/ledger.ts';
import { readMeters } from '../../operator/usage/meters.ts';
import { DAY_MS } from '../../operator/usage/period.ts';
import { openSqliteStore } from '../../operator/usage/sqlite-store.ts';
import { StoreError } from '../../operator/usage/store.ts';
import { systemClock } from '../../process/clock.ts';
import { START, event } from './ledger-scene.ts';

const folder = await mkdtemp(join(tmpdir(), 'writ-damage-'));
after(() => rm(folder, { recursive: true }));

const opened = async (file: string, nowMs = START): Promise<Ledger> => {
  const clock = { ...systemClock, now: () => nowMs };
  const ledger = createLedger({ store: await openSqliteStore({ file, clock, groupMs: 0 }), clock, hasTenant: () => true });
  await ledger.open('test');
  await ledger.declare(readMeters(undefined).meters);
  return ledger;
};
const some = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => event({ seq: from + index, id: `${'x'.repeat(60)}${from + index}` }));

const writ = async (...argv: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> => {
  let [code, out, err] = [0, '', ''];
  const terminal = {
    out: (text: string) => (out += text),
    err: (text: string) => (err += text),
    input: (async function* none() {})(),
    env: {},
    clock: { ...systemClock, now: () => START },
    exit: (given: number) => (code = Math.max(code, given)),
  };
  const command = (await createCommands(terminal)).find((one) => one.name() === 'usage');
  try {
    await command?.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    err += error instanceof Error ? error.message : String(error);
    code = 1;
  }
  return { code, out, err };
};

describe('a ledger on a disk that', () => {
  it('is full refuses all of a batch, keeps what it has, and goes on when there is room', async () => {
    const file = join(folder, 'full.db');
    const ledger = await opened(file);
    await ledger.accept(some(1, 50));
    // The same answer that a full disk gives: no page more than there are.
    const pages = new DatabaseSync(file);
    const held = Number(pages.prepare('PRAGMA page_count').get()?.['page_count']);
    pages.close();
    await ledger.store.transact((tx) => tx.all(`PRAGMA max_page_count = ${held + 1}`));
    await assert.rejects(
      async () => {
        for (let from = 51; ; from += 500) await ledger.accept(some(from, 500));
      },
      (error: unknown) => error instanceof StoreError && error.failure === 'full',
    );
    assert.equal(ledger.store.broken(), undefined);
    const before = await ledger.preview('acme', Date.UTC(2026, 9));
    await ledger.store.transact((tx) => tx.all('PRAGMA max_page_count = 1000000'));
    await ledger.accept(some(51, 500));
    const { lines } = await ledger.preview('acme', Date.UTC(2026, 9));
    assert.equal(Number(lines[0]?.quantity), Math.max(550, Number(before.lines[0]?.quantity)));
    await ledger.store.close();
    assert.deepEqual(await writ('verify', '--ledger', file), {
      code: 0,
      out: 'good: 550 events, 1 hourly sum, 0 seals, 0 statements\n',
      err: '',
    });
  });

  it('another process took is left alone', async () => {
    const file = join(folder, 'two.db');
    const first = await opened(file);
    const second = await opened(file);
    await assert.rejects(first.accept(some(1, 1)), (error: unknown) => error instanceof StoreError && error.failure === 'fenced');
    assert.deepEqual(await second.accept(some(1, 1)), ['stored']);
    await first.store.close();
    await second.store.close();
  });

  it('another process holds in the middle of a write answers busy, and nothing is half written', async () => {
    const file = join(folder, 'busy.db');
    const ledger = await opened(file);
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    await assert.rejects(ledger.accept(some(1, 1)), (error: unknown) => error instanceof StoreError && error.failure === 'busy');
    other.exec('ROLLBACK');
    other.close();
    assert.deepEqual(await ledger.accept(some(1, 1)), ['stored']);
    await ledger.store.close();
  });

  it('has a rotten page says so, by the engine or by its own digests, whichever page it is', async () => {
    const file = join(folder, 'whole.db');
    const ledger = await opened(file);
    await ledger.accept(some(1, 400));
    await ledger.store.close();
    const later = await opened(file, START + 20 * DAY_MS);
    await later.settle(new AbortController().signal);
    await later.store.close();
    const clean = await writ('verify', '--ledger', file);
    assert.equal(clean.code, 0, clean.err);
    const { size } = await stat(file);
    const pageSize = 4096;
    let tried = 0;
    for (let page = 0; page < size / pageSize; page += 1) {
      const copy = join(folder, 'rotten.db');
      await rm(copy, { force: true });
      await cp(file, copy);
      const handle = await open(copy, 'r+');
      const bytes = Buffer.alloc(pageSize);
      await handle.read(bytes, 0, pageSize, page * pageSize);
      // A page in the middle of which a sector came back with other bits, where there was anything.
      const at = [...bytes.entries()].findLast(([index, byte]) => byte !== 0 && index > 200)?.[0];
      if (at !== undefined) {
        await handle.write(Buffer.from(bytes.subarray(at - 64, at + 1).map((byte) => byte ^ 0x55)), 0, 65, page * pageSize + at - 64);
        tried += 1;
      }
      await handle.close();
      if (at === undefined) continue;
      const said = await writ('verify', '--ledger', copy);
      assert.equal(said.code, 1, `page ${page} of ${size / pageSize}: ${said.out}`);
    }
    assert.ok(tried > 10, `${tried} pages`);
  });
});

describe('writ usage', () => {
  it('reports what was used, as a table and as JSON', async () => {
    const file = join(folder, 'report.db');
    const ledger = await opened(file);
    await ledger.accept([
      event({ seq: 1, value: '1200.5' }),
      event({ seq: 2, meter: 'agent_hours', value: '5400' }),
      event({ tenant: 'beta', value: '3' }),
    ]);
    await ledger.store.close();
    const text = await writ('report', '--ledger', file);
    assert.deepEqual(text, {
      code: 0,
      err: '',
      out: '2026-10, open so far: 2 tenants\n  acme  agent_hours     1.5 h\n  acme  api_calls    1200.5\n  beta  api_calls         3\n',
    });
    const json = JSON.parse((await writ('report', '--ledger', file, '--tenant', 'beta', '--output', 'json')).out);
    assert.equal(json.closed, false);
    assert.deepEqual(json.statements[0].lines, [{ meter: 'api_calls', unit: '1', quantity: '3' }]);
    assert.match((await writ('report', '--ledger', file, '--month', '2026-13')).err, /write a month/);
    assert.match((await writ('report', '--ledger', join(folder, 'nothing.db'))).err, /USAGE_LEDGER_UNAVAILABLE.*there is no such file/);
    assert.match((await writ('report')).err, /WRIT_LEDGER/);
  });

  it('shows what no figure holds, and says where it knows nothing at all', async () => {
    const file = join(folder, 'loose.db');
    const ledger = await opened(file);
    await ledger.accept([
      event({ seq: 1 }),
      event({ seq: 5 }),
      event({ tenant: 'beta', source: '/b', meter: 'gpu', seq: 1 }),
      event({ tenant: 'beta', source: '/b', meter: 'gpu', seq: 2 }),
    ]);
    await ledger.store.close();
    const all = await writ('report', '--ledger', file);
    assert.deepEqual([all.code, all.err], [0, '']);
    assert.match(all.out, /^ {2}acme {2}missing 3 of \/a\/boots\/1$/m);
    assert.match(all.out, /^ {2}beta {2}kept aside 2 of gpu: /m);
    const mine = JSON.parse((await writ('report', '--ledger', file, '--tenant', 'acme', '--output', 'json')).out);
    assert.deepEqual([mine.missing, mine.keptAside, mine.problems], [[{ tenant: 'acme', source: '/a/boots/1', events: 3 }], [], []]);
    assert.equal((await writ('report', '--ledger', file, '--tenant', 'beta')).code, 0, 'what is kept aside was heard of');
    for (const tenant of ['ghost', '../x', '__proto__']) {
      const { code, err } = await writ('report', '--ledger', file, '--tenant', tenant);
      assert.deepEqual([code, err.startsWith(`USAGE_NOT_HEARD_OF: the ledger has never heard of ${tenant}`)], [1, true], err);
    }
    const early = await writ('report', '--ledger', file, '--month', '2026-09');
    assert.equal(early.code, 1);
    assert.match(early.err, /USAGE_NOT_HEARD_OF: of 2026-09: the ledger knows nothing before 2026-10-01/);
  });

  it('finds what somebody changed behind its back', async () => {
    const file = join(folder, 'tampered.db');
    const ledger = await opened(file);
    await ledger.accept(some(1, 20));
    await ledger.store.close();
    const database = new DatabaseSync(file);
    const changes = [
      "UPDATE usage_event SET value = '5' WHERE seq = 3",
      'DELETE FROM usage_event WHERE seq = 4',
      "UPDATE usage_bucket SET sum = '1'",
      "UPDATE usage_total SET sum = '1'",
      'DELETE FROM usage_total',
    ];
    for (const change of changes) {
      database.exec('BEGIN');
      database.exec(change);
      database.exec('COMMIT');
      assert.equal((await writ('verify', '--ledger', file)).code, 1, change);
    }
    database.close();
  });
});
