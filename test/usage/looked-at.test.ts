// SPDX-License-Identifier: Apache-2.0
// What somebody who looks at a ledger gives as one, and what of it is written: nothing.
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, beforeEach, describe, it } from 'node:test';
import { runInProcess } from '../../cli/test-run.ts';
import type { Ran } from '../../cli/spawn-writ.ts';
import { createLedger } from '../../operator/usage/ledger.ts';
import { readMeters } from '../../operator/usage/meters.ts';
import { DAY_MS } from '../../operator/usage/period.ts';
import { openSqliteStore, readSqliteStore } from '../../operator/usage/sqlite-store.ts';
import { systemClock } from '../../process/clock.ts';
import { START, event } from './ledger-scene.ts';

const folder = await mkdtemp(join(tmpdir(), 'writ-looked-'));
after(() => rm(folder, { recursive: true }));
const good = join(folder, 'good.db');
const place = join(folder, 'place');
const at = (name: string): string => join(place, name);

/** Closes October, and hands over the ledger that has it open. */
const build = async (file: string) => {
  let nowMs = START;
  const clock = { ...systemClock, now: () => nowMs };
  const ledger = createLedger({ store: await openSqliteStore({ file, clock, groupMs: 0 }), clock, hasTenant: () => true });
  await ledger.open('test');
  await ledger.declare(readMeters(undefined).meters);
  await ledger.accept([event({ seq: 1 }), event({ seq: 2 })]);
  nowMs = START + 20 * DAY_MS;
  await ledger.settle(new AbortController().signal);
  return ledger;
};

const usage = (command: string, file: string, ...more: readonly string[]): Promise<Ran> =>
  runInProcess(['usage', command, '--ledger', file, ...more]);
const verifyText = 'good: 2 events, 1 hourly sum, 1 seal, 1 statement\n';

describe('a ledger that is looked at', () => {
  before(async () => (await build(good)).store.close());
  beforeEach(async () => {
    await rm(place, { recursive: true, force: true });
    await mkdir(place);
  });

  it('is not called good with an archive that is no folder', async () => {
    await writeFile(at('file'), '');
    for (const [name, why] of [
      ['nope', 'there is no such folder'],
      ['file', 'it is no folder'],
    ] as const) {
      const { code, err, out } = await usage('verify', good, '--archive', at(name));
      assert.deepEqual([code, out, err.startsWith(`FILE_UNREADABLE: --archive ${at(name)}: ${why}`)], [1, '', true], err);
    }
    assert.equal((await usage('verify', good, '--archive', place)).code, 0);
  });

  it('is damaged where it is cut off or no database, whichever command asks', async () => {
    await cp(good, at('cut.db'));
    await truncate(at('cut.db'), 20_000);
    await writeFile(at('garbage.db'), Buffer.alloc(9000, 0x5a));
    await writeFile(at('rules.yaml'), 'a: b\n');
    for (const name of ['cut.db', 'garbage.db', 'rules.yaml']) {
      for (const command of ['verify', 'report']) {
        const { code, err } = await usage(command, at(name));
        assert.equal(code, 1);
        assert.match(err, /^USAGE_LEDGER_DAMAGED: .*(malformed|not a database)/, name);
        // What is no database at all is most often another file.
        assert.match(err, name === 'cut.db' ? /\(stop the operator/ : /\(name the file that --ledger of the operator names/, name);
      }
    }
  });

  it('is damaged where a table of it is gone', async () => {
    await cp(good, at('less.db'));
    const database = new DatabaseSync(at('less.db'));
    database.exec('DROP TABLE usage_seal');
    database.close();
    assert.match((await usage('verify', at('less.db'))).err, /^USAGE_LEDGER_DAMAGED: .*no such table: usage_seal/);
  });

  it('says what it is that is no ledger, to somebody who reads', async () => {
    await writeFile(at('empty.db'), '');
    const other = new DatabaseSync(at('other.db'));
    other.exec('CREATE TABLE constructor (a)');
    other.close();
    const rows = [
      ['none.db', 'there is no such file'],
      ['empty.db', 'it is no ledger of Writ: it is empty'],
      [
        'other.db',
        'it is no ledger of Writ: a database of something else, or a copy without the file beside it that ends in -wal (take a copy by .backup)',
      ],
      ['', 'it is a folder'],
      ['empty.db/deeper', 'there is no such file'],
    ] as const;
    for (const [name, said] of rows) {
      for (const command of ['verify', 'report']) {
        const { code, err } = await usage(command, at(name));
        assert.equal(code, 1);
        assert.ok(err.startsWith(`USAGE_LEDGER_UNAVAILABLE: ${at(name)}: ${said} (name the file that --ledger`), err);
        assert.doesNotMatch(err, /send/);
      }
    }
  });

  it('stays alone in its folder, and as it was', async () => {
    await cp(good, at('copy 100%?#.db'));
    const { code, out, err } = await usage('verify', at('copy 100%?#.db'));
    assert.deepEqual([code, out], [0, verifyText], err);
    assert.deepEqual(await readdir(place), ['copy 100%?#.db']);
    assert.ok((await readFile(at('copy 100%?#.db'))).equals(await readFile(good)));
  });

  it('is read with the -wal file that was copied with it, which stays as it was', async () => {
    const live = join(folder, 'live.db');
    const ledger = await build(live);
    for (const name of ['live.db', 'live.db-wal']) await cp(join(folder, name), at(name));
    const log = await readFile(at('live.db-wal'));
    assert.ok(log.length > 0);
    assert.equal((await usage('verify', at('live.db'))).out, verifyText);
    assert.deepEqual(await readdir(place), ['live.db', 'live.db-wal']);
    assert.ok((await readFile(at('live.db-wal'))).equals(log));
    // The one that is written meanwhile is read as it is now.
    assert.equal((await usage('verify', live)).out, verifyText);
    await ledger.accept([event({ seq: 3, atMs: START + 20 * DAY_MS }, START + 20 * DAY_MS)]);
    assert.match((await usage('verify', live)).out, /^good: 3 events/);
    await ledger.store.close();
  });

  it('is not trusted where somebody began to write it meanwhile', async () => {
    await cp(good, at('copy.db'));
    const ledger = readSqliteStore(at('copy.db'));
    await assert.rejects(
      ledger.read(async (reader) => {
        await writeFile(at('copy.db-wal'), 'x');
        return await reader.all('SELECT 1 AS one');
      }),
      /somebody has begun to write it/,
    );
    ledger.close();
  });

  it('is damaged for an invoice whose closed statement is not what was stored', async () => {
    const prices = await readFile(new URL('../../deploy/examples/prices.yaml', import.meta.url), 'utf8');
    await writeFile(at('prices.yaml'), prices);
    await writeFile(at('acme.yaml'), 'tenant: acme\nchanges:\n- {at: "2026-10-01T00:00:00Z", tier: Starter, cycle: Monthly}\n');
    const preview = (file: string): Promise<Ran> => {
      const given = ['--prices', at('prices.yaml'), '--subscription', at('acme.yaml'), '--ledger', file];
      return runInProcess(['bill', 'preview', ...given, '--at', '2026-11-01T00:00:00Z']);
    };
    assert.equal((await preview(good)).code, 0);
    for (const body of ["'x'", 'replace(body, \'"quantity":"2"\', \'"quantity":"9"\')', "'{}'"]) {
      await cp(good, at('changed.db'), { force: true });
      const database = new DatabaseSync(at('changed.db'));
      database.exec(`UPDATE usage_statement SET body = ${body}`);
      database.close();
      const { code, err } = await preview(at('changed.db'));
      assert.equal(code, 1, body);
      assert.match(err, /USAGE_LEDGER_DAMAGED: .*a closed statement is not what was stored/);
    }
  });

  it('is asked for a month that can be written, and for no other', async () => {
    for (const month of ['0050-01', '0000-01', '1999-12', '9998-13', '9999-01', '9999-12', '2026-1', 'constructor']) {
      const { code, err } = await usage('report', good, '--month', month);
      assert.equal(code, 2, month);
      assert.match(err, /write a month/);
    }
    for (const month of ['2000-01', '9998-12'])
      assert.equal((await usage('report', good, '--month', month)).out, `${month}, open so far: 0 tenants\n`);
    assert.match((await usage('report', good, '--month', '2026-10')).out, /^2026-10, closed: 1 tenant\n/);
  });
});
