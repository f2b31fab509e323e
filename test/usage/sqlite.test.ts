// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { systemClock } from '../../process/clock.ts';
import { openSqliteStore } from '../../operator/usage/sqlite-store.ts';
import { describeDetail } from './detail-suite.ts';
import { describeLedgerPeriods } from './ledger-period-suite.ts';
import { describeLedger } from './ledger-suite.ts';
import { describeStore } from './store-suite.ts';
import type { EngineUnderTest } from './store-suite.ts';

const folder = await mkdtemp(join(tmpdir(), 'writ-store-'));
after(() => rm(folder, { recursive: true }));

const engine: EngineUnderTest = { open: (name) => openSqliteStore({ file: join(folder, `${name}.db`), clock: systemClock, groupMs: 1 }) };
describeStore(engine);
describeLedger(engine);
describeLedgerPeriods(engine);
describeDetail(engine);
