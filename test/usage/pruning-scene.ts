// SPDX-License-Identifier: Apache-2.0
// A ledger of three months and its pruner, for whatever asks what leaves and what stays.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { archiveName } from '../../operator/usage/archive.ts';
import type { Ledger } from '../../operator/usage/ledger.ts';
import { DAY_MS, HOUR_MS } from '../../operator/usage/period.ts';
import { archivedSlices, createPruner } from '../../operator/usage/pruning.ts';
import type { PrunerOptions } from '../../operator/usage/pruning.ts';
import type { ReadArchive } from '../../operator/usage/recount.ts';
import type { LedgerReport } from '../../operator/usage/verify.ts';
import { NEVER, START, event, scene } from './ledger-scene.ts';
import type { Scene } from './ledger-scene.ts';
import type { EngineUnderTest } from './store-suite.ts';

export const RETENTION_MS = 60 * DAY_MS;

type Given = Parameters<typeof event>[0];

export const take = async ({ ledger, clock }: Scene, atMs: number, ...given: readonly Given[]): Promise<void> => {
  clock.set(atMs);
  await ledger.accept(given.map((fields) => event({ atMs, ...fields }, atMs)));
  await ledger.settle(NEVER);
};

export const prune = async ({ ledger, clock }: Scene, more: Partial<PrunerOptions> = {}): Promise<number> => {
  const pruner = createPruner({ store: ledger.store, clock, retentionMs: RETENTION_MS, ...more });
  for (let left = 0; ;) {
    const step = await pruner.step();
    left += step.left;
    if (!step.more) return left;
  }
};

/** What nobody may ever see change. */
export const kept = (ledger: Ledger): Promise<string> =>
  ledger.store.read(async (reader) => {
    const tables = [
      'usage_bucket ORDER BY hour_ms, tenant, meter',
      'usage_total ORDER BY billed_ms, tenant, used_ms, meter',
      'usage_seal ORDER BY position',
      'usage_statement ORDER BY period_ms, tenant',
      'usage_period ORDER BY period_ms',
    ];
    const all = [];
    for (const table of tables) all.push(await reader.all(`SELECT * FROM ${table}`));
    return JSON.stringify(all, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  });

export const events = (ledger: Ledger): Promise<number> =>
  ledger.store.read(async (reader) => Number((await reader.all('SELECT COUNT(*) AS n FROM usage_event'))[0]?.['n']));

/** Three months of use of two tenants: late use, an hour sealed twice, peaks, counts of answers, a source that left two numbers out. */
export const filled = async (engine: EngineUnderTest): Promise<Scene> => {
  const made = await scene(engine);
  const level = { meter: 'slo.availability.valid', source: '/writ/webhook/w/boots/1/levels' };
  await take(made, START, { seq: 1, value: '2.5' }, { seq: 4 }, { tenant: 'beta', meter: 'users', value: '7' }, { ...level, seq: 1 });
  await take(
    made,
    START + 3 * HOUR_MS,
    { seq: 5 },
    { tenant: 'beta', seq: 2, source: '/gone' },
    { tenant: 'beta', seq: 1, source: '/gone' },
  );
  await take(made, START + 5 * HOUR_MS, { seq: 6, atMs: START });
  await take(made, START + 20 * DAY_MS, { seq: 7 });
  // October is closed by now.
  await take(made, START + 20 * DAY_MS, { seq: 8, atMs: START }, { tenant: 'beta', meter: 'users', value: '9', seq: 2, atMs: START });
  await take(made, START + 50 * DAY_MS, { seq: 9 }, { tenant: 'beta', seq: 3 });
  await take(made, START + 80 * DAY_MS, { seq: 10 });
  return made;
};

/** Of October and November. */
export const LEFT = 11;
export const AFTER = START + 110 * DAY_MS;
export const DECEMBER = Date.UTC(2026, 11);

/** As `writ usage verify --archive` reads it. */
export const readIn =
  (folder: string): ReadArchive =>
  (name) => {
    const path = join(folder, name);
    return existsSync(path) ? readFileSync(path) : undefined;
  };

export const firstFile = async ({ store }: Ledger, folder: string): Promise<string> => {
  const [slice] = await store.read(archivedSlices);
  return join(folder, slice === undefined ? assert.fail('nothing is in the archive') : archiveName(slice));
};

export const good = (report: LedgerReport): LedgerReport => {
  assert.deepEqual(report.problems, []);
  return report;
};
