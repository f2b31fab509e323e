// SPDX-License-Identifier: Apache-2.0
// A copy of the ledger is made while it is written, by a process that may be killed at any step of it: what is there then is the copy
// before or the one after, never a mix of both. And what a restored copy lacks is seen.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runInProcess } from '../../cli/test-run.ts';
import { createLedger } from '../../operator/usage/ledger.ts';
import type { Ledger } from '../../operator/usage/ledger.ts';
import { readMeters } from '../../operator/usage/meters.ts';
import { openSources } from '../../operator/usage/sources.ts';
import { openSqliteStore } from '../../operator/usage/sqlite-store.ts';
import { systemClock } from '../../process/clock.ts';
import { START, event } from './ledger-scene.ts';

const CHILD = fileURLToPath(new URL('backup-child.ts', import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'writ-backup-'));
after(() => rm(folder, { recursive: true }));

const opened = async (file: string): Promise<Ledger> => {
  const clock = { ...systemClock, now: () => START };
  const ledger = createLedger({ store: await openSqliteStore({ file, clock, groupMs: 0 }), clock, hasTenant: () => true });
  await ledger.open('test');
  await ledger.declare(readMeters(undefined).meters);
  return ledger;
};
/** Ids that are long, so that the file has more pages than SQLite keeps in memory. */
const some = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) =>
    event({ seq: from + index, id: `${'x'.repeat(110)}${String(from + index).padStart(6, '0')}` }),
  );
const fill = async (ledger: Ledger, from: number, to: number): Promise<void> => {
  for (let first = from; first <= to; first += 1000) await ledger.accept(some(first, Math.min(1000, to - first + 1)));
};

/** How many steps it took; undefined where it was killed. */
const copy = (from: string, to: string, step = 0): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const child = execFile(process.execPath, [CHILD, from, to, String(step)], (error, out, err) => {
      if (child.signalCode === 'SIGKILL') resolve(undefined);
      else if (error === null) resolve(Number(out));
      else reject(new Error(err));
    });
  });
const verified = async (file: string): Promise<string> => {
  const { code, out, err } = await runInProcess(['usage', 'verify', '--ledger', file]);
  return code === 0 ? (/^good: \d+ events/.exec(out)?.[0] ?? out) : (/^USAGE_LEDGER_\w+/.exec(err)?.[0] ?? err);
};

describe('a copy of the ledger', () => {
  it('that was cut short is the one before or none, and the next one is whole', async () => {
    const live = join(folder, 'live.db');
    const ledger = await opened(live);
    await fill(ledger, 1, 12_000);
    const to = join(folder, 'copy.db');
    const steps = (await copy(live, join(folder, 'whole.db'))) ?? assert.fail();
    assert.ok(steps > 20, `${steps} steps`);
    for (const step of [1, Math.floor(steps / 2), steps]) {
      assert.equal(await copy(live, to, step), undefined);
      assert.match(await verified(to), /^USAGE_LEDGER_(DAMAGED|UNAVAILABLE)$/, `the first copy, killed at step ${step}`);
    }
    assert.equal(await copy(live, to), steps);
    assert.equal(await verified(to), 'good: 12000 events');
    await fill(ledger, 12_001, 18_000);
    for (const step of [1, steps]) {
      assert.equal(await copy(live, to, step), undefined);
      assert.equal(await verified(to), 'good: 12000 events', `a copy over another one, killed at step ${step}`);
    }
    // Without what only a process that has it open would share.
    await cp(to, join(folder, 'moved.db'));
    await cp(`${to}-wal`, join(folder, 'moved.db-wal'));
    assert.equal(await verified(join(folder, 'moved.db')), 'good: 12000 events');
    assert.ok(((await copy(live, to)) ?? 0) > steps);
    assert.equal(await verified(to), 'good: 18000 events');
    await ledger.store.close();
  });

  it('that is made while the ledger is written is whole', async () => {
    const live = join(folder, 'busy.db');
    const ledger = await opened(live);
    await fill(ledger, 1, 3000);
    const [, made] = await Promise.all([fill(ledger, 3001, 6000), copy(live, join(folder, 'busy-copy.db'))]);
    assert.ok(made !== undefined);
    const [, events = '0'] = /^good: (\d+) events/.exec(await verified(join(folder, 'busy-copy.db'))) ?? [];
    assert.ok(Number(events) >= 3000 && Number(events) <= 6000, events);
    await ledger.store.close();
  });

  it('that is put in the place of the ledger shows what it lacks, and takes it', async () => {
    const live = join(folder, 'lost.db');
    const ledger = await opened(live);
    await fill(ledger, 1, 20);
    await copy(live, join(folder, 'restored.db'));
    await fill(ledger, 21, 40);
    await ledger.store.close();
    const restored = await opened(join(folder, 'restored.db'));
    assert.deepEqual(new Set(await restored.accept(some(41, 5))), new Set(['stored']));
    const gaps = async () => (await restored.store.read((reader) => openSources(reader, 0))).map(({ cursor }) => cursor.gaps);
    assert.deepEqual(await gaps(), [[[21, 40]]]);
    // Whoever has them still sends all: what is there counts once.
    const again = await restored.accept(some(1, 45));
    assert.equal(again.filter((outcome) => outcome === 'stored').length, 20);
    assert.deepEqual(await gaps(), [[]]);
    await restored.store.close();
    assert.equal(await verified(join(folder, 'restored.db')), 'good: 45 events');
  });
});
