// SPDX-License-Identifier: Apache-2.0
// What is in a ledger after the crashes, against what its sources attempted and what was acknowledged to them.
import assert from 'node:assert/strict';
import { integerOf, textOf } from '../../operator/usage/store.ts';
import type { Store } from '../../operator/usage/store.ts';
import { verifyLedger } from '../../operator/usage/verify.ts';
import type { CrashRun } from './crash-run.ts';

export const judge = async (store: Store, run: CrashRun): Promise<number> => {
  const rows = await store.read((reader) =>
    reader.all(
      'SELECT s.source, COUNT(*) AS events, MIN(e.seq) AS first, MAX(e.seq) AS last FROM usage_event e JOIN usage_source s ON s.number = e.source GROUP BY s.source',
    ),
  );
  let all = 0;
  const seen = new Map(rows.map((row) => [textOf(row, 'source'), row]));
  for (const [source, acknowledged] of run.acknowledged) {
    const row = seen.get(source);
    assert.ok(row !== undefined, `${source} was acknowledged and is not there`);
    const [events, first, last] = [integerOf(row, 'events'), integerOf(row, 'first'), integerOf(row, 'last')];
    // Numbers from 1 on without a hole, each once: so the highest says which are there.
    assert.deepEqual([first, last], [1, events], `${source} has holes`);
    assert.ok(events >= acknowledged, `${source}: ${acknowledged} acknowledged, ${events} there`);
    assert.ok(events <= (run.attempted.get(source) ?? 0), `${source}: more than was attempted`);
    all += events;
  }
  const report = await verifyLedger(store);
  assert.deepEqual(report.problems, []);
  assert.equal(report.events, all);
  const totals = await store.read((reader) => reader.all('SELECT count FROM usage_total'));
  assert.equal(
    totals.reduce((sum, row) => sum + integerOf(row, 'count'), 0),
    all,
    'each event counts once',
  );
  return all;
};
