// SPDX-License-Identifier: Apache-2.0
// What billing asks of the ledger's store, on SQLite in a file. test/usage/postgres.test.ts asks the same of PostgreSQL.
import { join } from 'node:path';
import { openSqliteStore } from '../../operator/usage/sqlite-store.ts';
import { systemClock } from '../../process/clock.ts';
import { folder } from './scene.ts';
import { describeBilling } from './store-suite.ts';

describeBilling({ open: (name) => openSqliteStore({ file: join(folder, `engine-${name}.db`), clock: systemClock, groupMs: 0 }) });
