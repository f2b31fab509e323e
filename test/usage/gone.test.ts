// SPDX-License-Identifier: Apache-2.0
// What is gone from a ledger, or set back in it, is found and named: each damage is done to a good copy by SQL.
import assert from 'node:assert/strict';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import { createLedger } from '../../operator/usage/ledger.ts';
import { readMeters } from '../../operator/usage/meters.ts';
import { DAY_MS, HOUR_MS } from '../../operator/usage/period.ts';
import { openSqliteStore, readSqliteStore } from '../../operator/usage/sqlite-store.ts';
import { verifyLedger } from '../../operator/usage/verify.ts';
import type { LedgerReport } from '../../operator/usage/verify.ts';
import { systemClock } from '../../process/clock.ts';
import { START, event } from './ledger-scene.ts';

const folder = await mkdtemp(join(tmpdir(), 'writ-gone-'));
after(() => rm(folder, { recursive: true }));

const NEVER = new AbortController().signal;
const good = join(folder, 'good.db');

/** Two closed months and an open one; late use, an hour that was sealed twice, a source that misses two numbers. */
const build = async (): Promise<void> => {
  let nowMs = START;
  const clock = { ...systemClock, now: () => nowMs };
  const ledger = createLedger({ store: await openSqliteStore({ file: good, clock, groupMs: 0 }), clock, hasTenant: () => true });
  await ledger.open('test');
  await ledger.declare(readMeters(undefined).meters);
  const take = async (...given: Parameters<typeof event>[0][]): Promise<void> => {
    await ledger.accept(given.map((fields) => event({ atMs: nowMs, ...fields }, nowMs)));
    await ledger.settle(NEVER);
  };
  await take({ seq: 1 }, { seq: 4 }, { tenant: 'beta', meter: 'users' });
  await take(...[10, 11, 12].map((seq) => ({ seq, meter: 'gpu_seconds', dims: { kind: 'h' } })), { seq: 4, tenant: 'beta', meter: 'gpu' });
  nowMs = START + 3 * HOUR_MS;
  await take({ seq: 5 }, { seq: 2, tenant: 'beta' });
  nowMs = START + 5 * HOUR_MS;
  await take({ seq: 6, atMs: START });
  nowMs = START + 20 * DAY_MS;
  await take({ seq: 7 }, { seq: 8, atMs: START });
  nowMs = START + 50 * DAY_MS;
  await take({ seq: 9 }, { seq: 3, tenant: 'beta' });
  nowMs += 2 * HOUR_MS;
  await ledger.settle(NEVER);
  await ledger.store.close();
};
await build();

const verified = async (...damage: readonly string[]): Promise<LedgerReport> => {
  const file = join(folder, 'damaged.db');
  await cp(good, file, { force: true });
  const database = new DatabaseSync(file);
  for (const sql of damage) assert.ok(Number(database.prepare(sql).run().changes) > 0, sql);
  database.close();
  const ledger = readSqliteStore(file);
  try {
    return await verifyLedger(ledger);
  } finally {
    ledger.close();
  }
};

/** Another event under the identity of one that is kept aside, and with the digest that it would have. */
const other = event({ seq: 11, meter: 'gpu_seconds', dims: { kind: 'h' }, value: '5' });
const SWAPPED = `UPDATE usage_quarantine SET value = '${other.value}', digest = X'${Buffer.from(other.digest).toString('hex')}' WHERE id = '11'`;
const LAST_SEAL = 'SELECT MAX(position) FROM usage_seal';
const [OCTOBER, NOVEMBER] = [Date.UTC(2026, 9), Date.UTC(2026, 10)];

describe('writ usage verify', () => {
  it('finds nothing in a ledger that is whole', async () => {
    const { problems, seals, statements } = await verified();
    assert.deepEqual(problems, []);
    assert.deepEqual([seals, statements], [6, 3]);
  });

  const damages: readonly (readonly [sql: string | readonly string[], named: RegExp])[] = [
    ['DELETE FROM usage_seal', /^seals: .*the last seal is of none/],
    [`DELETE FROM usage_seal WHERE position = (${LAST_SEAL})`, /^seal 2026-12-09T12.*is not there/],
    [`DELETE FROM usage_seal WHERE position > (${LAST_SEAL}) - 2`, /^seals: .*the last seal is of 2026-10-20T15/],
    ['DELETE FROM usage_seal WHERE position = 3', /^seal .*hole before it/],
    ['DELETE FROM usage_seal WHERE position = 1', /^seal .*hole before it/],
    [['DELETE FROM usage_seal', 'UPDATE usage_state SET sealed_ms = NULL'], /^seals: 2026-11 is closed/],
    ['UPDATE usage_state SET sealed_ms = sealed_ms - 3600000', /^seals: the ledger was sealed up to/],
    ['DELETE FROM usage_state', /lost its state/],
    ['DELETE FROM usage_statement', /^statement acme 2026-10: is not there/],
    ["DELETE FROM usage_statement WHERE tenant = 'beta'", /^statement beta 2026-10: is not there/],
    ["UPDATE usage_statement SET tenant = 'gamma' WHERE tenant = 'beta'", /^statement gamma 2026-10: revision 1 has no/],
    ['UPDATE usage_statement SET revision = 2', /^statement acme 2026-10: revision 2 has no/],
    ["UPDATE usage_period SET done = 0, done_upto = ''", /^statement acme 2026-10: revision 1 has no closed period/],
    ['DELETE FROM usage_period', /^period 2026-10: is not there/],
    [`DELETE FROM usage_period WHERE period_ms = ${OCTOBER}`, /^period 2026-10: is not there/],
    [`DELETE FROM usage_period WHERE period_ms = ${NOVEMBER}`, /^state: the last month .* 2026-11 there, and 2026-10/],
    ['DELETE FROM usage_period', /^statement acme 2026-10: revision 1 has no closed period/],
    ['UPDATE usage_state SET frozen_ms = NULL, cut_ms = 1', /^state: the last month that was closed is none there, and 2026-11/],
    ['UPDATE usage_state SET cut_ms = 1', /^state: its cut is 1,/],
    [`UPDATE usage_state SET frozen_ms = ${OCTOBER}`, /^state: .* 2026-10 there, and 2026-11/],
    [`UPDATE usage_period SET cut_ms = 1 WHERE period_ms = ${NOVEMBER}`, /^period 2026-11: was cut before/],
    ["DELETE FROM usage_meter WHERE name = 'api_calls'", /^meter api_calls: is not there/],
    ["UPDATE usage_source SET highest = 99 WHERE tenant = 'beta'", /^source beta \/a\/boots\/1: has seen number 99; its last event is 3$/],
    ["UPDATE usage_source SET highest = 0, gaps = '' WHERE tenant = 'acme'", /^source acme .*has seen number 0/],
    ["UPDATE usage_source SET gaps = '' WHERE tenant = 'acme'", /^source acme .*misses nothing; its events leave out 2-3$/],
    ["UPDATE usage_source SET gaps = '1-1' WHERE tenant = 'beta'", /^source beta .*misses 1-1; its events leave out nothing$/],
    ['UPDATE usage_source SET last_ms = 1', /^source acme .*last heard of before/],
    ['DELETE FROM usage_source', /^event 1: its source is not there/],
    ['DELETE FROM usage_event WHERE seq = 9', /^source acme .*has seen number 9; its last event is 8/],
    ['DELETE FROM usage_quarantine', /^aside acme gpu_seconds: 3 events were kept aside and not taken out; 0 are there/],
    ["DELETE FROM usage_quarantine WHERE id = '11'", /^aside acme gpu_seconds: 3 events .*; 2 are there/],
    ["DELETE FROM usage_quarantine WHERE tenant = 'beta'", /^aside beta gpu: 1 events .*; 0 are there/],
    ["UPDATE usage_quarantine SET value = '5' WHERE id = '11'", /^event acme .* 11: does not have the digest/],
    ["UPDATE usage_quarantine SET meter = 'gpu' WHERE id = '11'", /^aside acme gpu: 1 events are there; none was kept aside/],
    [SWAPPED, /^aside acme gpu_seconds: the 3 events that are there are not those/],
    ['DELETE FROM usage_aside', /^aside acme gpu_seconds: 3 events are there; none was/],
    ['DELETE FROM usage_event WHERE seq = 5', /^source acme .*misses 2-3; its events leave out 2-3,5-5/],
  ];
  for (const [sql, named] of damages) {
    it(`finds ${String(sql)}`, async () => {
      const said = await verified(...[sql].flat()).then(
        ({ problems }) => problems.map(({ path, message }) => `${path}: ${message}`),
        (error: unknown) => [String(error)],
      );
      assert.ok(
        said.some((line) => named.test(line)),
        said.join('\n'),
      );
    });
  }

  it('adds up what was kept aside by a version that kept no sum of it, and misses it from then on', async () => {
    const file = join(folder, 'older.db');
    await cp(good, file);
    const sql = (...statements: readonly string[]): void => {
      const database = new DatabaseSync(file);
      for (const statement of statements) database.exec(statement);
      database.close();
    };
    const problems = async (): Promise<readonly string[]> => {
      const ledger = readSqliteStore(file);
      return await verifyLedger(ledger)
        .then((report) => report.problems.map(({ path }) => String(path)))
        .finally(() => ledger.close());
    };
    sql('DROP TABLE usage_aside', "UPDATE store_room SET steps = steps - 1 WHERE room = 'usage'");
    assert.deepEqual(await problems(), []);
    const clock = { ...systemClock, now: () => START };
    const ledger = createLedger({ store: await openSqliteStore({ file, clock, groupMs: 0 }), clock, hasTenant: () => true });
    await ledger.open('test');
    await ledger.store.close();
    assert.deepEqual(await problems(), []);
    sql(SWAPPED, "DELETE FROM usage_quarantine WHERE tenant = 'beta'");
    assert.deepEqual(await problems(), ['aside acme gpu_seconds', 'aside beta gpu']);
  });
});
