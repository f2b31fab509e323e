// SPDX-License-Identifier: Apache-2.0
// The port's suite against a real PostgreSQL server of this machine.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../process/clock.ts';
import { openPostgresStore } from '../../operator/usage/postgres-store.ts';
import { postgresBinaries, startPostgres } from './postgres-server.ts';
import type { PostgresServer } from './postgres-server.ts';
import { describeBilling } from '../billing/store-suite.ts';
import { describeArchive } from './archive-suite.ts';
import { describeDetail } from './detail-suite.ts';
import { describeLedgerPeriods } from './ledger-period-suite.ts';
import { describeLedger } from './ledger-suite.ts';
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
  describeStore(engine);
  describeLedger(engine);
  describeLedgerPeriods(engine);
  describeBilling(engine);
  describeDetail(engine);
  describePruning(engine);
  describeArchive(engine);
});
