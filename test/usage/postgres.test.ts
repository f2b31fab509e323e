// SPDX-License-Identifier: Apache-2.0
// The port's suite against a real PostgreSQL server of this machine.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { periodDigest } from '../../operator/usage/close.ts';
import { readMeters } from '../../operator/usage/meters.ts';
import { DAY_MS } from '../../operator/usage/period.ts';
import type { Store } from '../../operator/usage/store.ts';
import { verifyLedger } from '../../operator/usage/verify.ts';
import { systemClock } from '../../process/clock.ts';
import { openPostgresStore } from '../../operator/usage/postgres-store.ts';
import { postgresBinaries, startPostgres } from './postgres-server.ts';
import type { PostgresServer } from './postgres-server.ts';
import { describeBilling } from '../billing/store-suite.ts';
import { describeArchive } from './archive-suite.ts';
import { describeDetail } from './detail-suite.ts';
import { describeLedgerPeriods } from './ledger-period-suite.ts';
import { describeLedger } from './ledger-suite.ts';
import { NEVER, NOVEMBER, OCTOBER, event, scene } from './ledger-scene.ts';
import { describePruning } from './pruning-suite.ts';
import { describeStore } from './store-suite.ts';
import type { EngineUnderTest } from './store-suite.ts';

const binaries = postgresBinaries();

describe('PostgreSQL', { skip: binaries === undefined ? 'this machine has no PostgreSQL server (Debian: postgresql)' : false }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres(binaries ?? '');
  });
  after(() => server.stop());
  const engine: EngineUnderTest = {
    open: async (name) => openPostgresStore({ url: await server.url(name), clock: systemClock, groupMs: 1 }),
  };
  it('a commit waits for the disk, whatever the database has set: synchronous_commit=on', async () => {
    const store = await engine.open('durable');
    await store.claim('test');
    assert.deepEqual(
      (await store.transact((tx) => tx.all('SHOW synchronous_commit'))).map((row) => ({ ...row })),
      [{ synchronous_commit: 'on' }],
    );
    await store.close();
  });
  it('seals and closes alike, whatever the database sorts texts by', async (test) => {
    const sealed = async (options: string): Promise<readonly string[]> => {
      const roots: string[] = [];
      const open = async (name: string): Promise<Store> =>
        openPostgresStore({ url: await server.url(name, options), clock: systemClock, groupMs: 1 });
      const { ledger, clock, tenants } = await scene(
        { open },
        { onSeals: async (_tx, seals) => void roots.push(...seals.map(({ root }) => root)) },
      );
      for (const name of ['a-b', 'ab', 'a-c']) tenants.add(name);
      await ledger.declare(
        readMeters('[{"name":"gpua_seconds","unit":"s","aggregation":"sum"},{"name":"gpu_seconds","unit":"s","aggregation":"sum"}]').meters,
      );
      for (const tenant of ['a-b', 'ab', 'a-c'])
        await ledger.accept(['gpu_seconds', 'gpua_seconds'].map((meter, at) => event({ tenant, meter, seq: at + 1 })));
      clock.set(NOVEMBER + 3 * DAY_MS);
      await ledger.settle(NEVER);
      assert.deepEqual((await verifyLedger(ledger.store)).problems, []);
      roots.push(await ledger.store.read((reader) => periodDigest(reader, OCTOBER)));
      await ledger.store.close();
      return roots;
    };
    const icu = await sealed("LOCALE_PROVIDER icu ICU_LOCALE 'en-US-u-ka-shifted' LOCALE 'C' TEMPLATE template0").catch(
      (error: unknown) => {
        if (error instanceof pg.DatabaseError) return undefined;
        throw error;
      },
    );
    if (icu === undefined) return test.skip('this PostgreSQL server has no ICU');
    assert.equal(icu.length, 2);
    assert.deepEqual(icu, await sealed(''));
  });
  describeStore(engine);
  describeLedger(engine);
  describeLedgerPeriods(engine);
  describeBilling(engine);
  describeDetail(engine);
  describePruning(engine);
  describeArchive(engine);
});
