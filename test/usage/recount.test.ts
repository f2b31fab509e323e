// SPDX-License-Identifier: Apache-2.0
// What is made again from the events is made some tenants at a time, and nothing is missed between them.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { HOUR_MS } from '../../operator/usage/period.ts';
import { recount } from '../../operator/usage/recount.ts';
import type { Recounted } from '../../operator/usage/recount.ts';
import { openSqliteStore } from '../../operator/usage/sqlite-store.ts';
import { systemClock } from '../../process/clock.ts';
import { START, event, scene } from './ledger-scene.ts';

const folder = await mkdtemp(join(tmpdir(), 'writ-recount-'));
after(() => rm(folder, { recursive: true }));

const TENANTS = Array.from({ length: 12 }, (_, index) => `t${index}`);
const HOURS = 20;

it('holds a bounded part of the ledger, and finds what is wrong in any', async () => {
  const open = (name: string) => openSqliteStore({ file: join(folder, `${name}.db`), clock: systemClock, groupMs: 0 });
  const { ledger, tenants } = await scene({ open });
  for (const tenant of TENANTS) {
    tenants.add(tenant);
    // Two processes of each: sources of one tenant lie apart.
    for (const boot of [1, 2])
      await ledger.accept(
        Array.from({ length: HOURS }, (_, hour) =>
          event({ tenant, source: `/a/boots/${boot}`, seq: hour + 1, atMs: START - hour * HOUR_MS }),
        ),
      );
  }
  const problems: string[] = [];
  const asked = async (): Promise<{ readonly found: Recounted; readonly most: number }> => {
    let most = 0;
    problems.length = 0;
    const found = await ledger.store.read((reader) =>
      recount(
        {
          all: async (sql, values) => {
            const rows = await reader.all(sql, values);
            if (sql.includes('usage_event') || sql.includes('hour_ms')) most = Math.max(most, rows.length);
            return rows;
          },
        },
        { tell: (path) => void problems.push(path), progress: () => undefined, archive: undefined, hoursAtOnce: 3 * HOURS + 3 },
      ),
    );
    return { found, most };
  };
  const { found, most } = await asked();
  assert.deepEqual(found, { events: 24 * HOURS, hours: 12 * HOURS, pruned: 0, archived: 0 });
  assert.deepEqual([problems, most], [[], 3 * HOURS], 'hours of three tenants at a time');
  const change = (sql: string): Promise<number> => ledger.store.transact((tx) => tx.run(sql));
  await change(`UPDATE usage_bucket SET sum = '1' WHERE tenant = 't4' AND hour_ms = ${START}`);
  await change(`DELETE FROM usage_bucket WHERE tenant = 't7' AND hour_ms = ${START}`);
  await change("UPDATE usage_total SET count = 1 WHERE tenant = 't11'");
  await change(
    `INSERT INTO usage_bucket (hour_ms, tenant, meter, count, sum, peak) VALUES (${START}, 'stranger', 'api_calls', 1, '1', '1')`,
  );
  await asked();
  const hour = (tenant: string): string => `hour ${START} ${tenant} api_calls`;
  assert.deepEqual(
    problems.map((path) => path.replace(/^(total) \d+ (t\d+) .*$/, '$1 $2')),
    [hour('t4'), hour('t7'), 'total t11', hour('stranger')],
  );
  await ledger.store.close();
});
