// SPDX-License-Identifier: Apache-2.0
/**
 * What must be so of a folder that a disk was left with, by all that was promised before: opened by the code that a restart opens it with.
 * Readers of the audit log need no restart: they must find it whole at once. In: the folder, what was said, the checkpoints that
 * somebody may have seen. Throws AssertionError.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { createLogFolder } from '../../../operator/audit/log-folder.ts';
import { openTestAudit, signer } from '../../../operator/audit/test-audit.ts';
import type { TestAudit } from '../../../operator/audit/test-audit.ts';
import { readSqliteStore } from '../../../operator/usage/sqlite-store.ts';
import { integerOf, textOf } from '../../../operator/usage/store.ts';
import type { Reader } from '../../../operator/usage/store.ts';
import { verifyLedger } from '../../../operator/usage/verify.ts';
import { decodeEntry } from '../../../policies/transparency/entry.ts';
import { makeExport } from '../../../policies/transparency/export.ts';
import { verifyExport } from '../../../policies/transparency/index.ts';
import type { ExportReport } from '../../../policies/transparency/index.ts';
import { readBundle } from '../../../policies/transparency/tiles.ts';
import { systemClock } from '../../../process/clock.ts';
import { scene } from '../ledger-scene.ts';
import { readIn } from '../pruning-scene.ts';
import { ARCHIVE, AUDIT_LOGS, LEDGER_FILE, SENDERS, STATE, TOGETHER, eventsOf, roundMs } from './workload.ts';

/** The highest number of each sender; none of those before it may be missing. */
const sentBy = async (reader: Reader): Promise<Map<string, number>> => {
  const rows = await reader.all('SELECT source, highest, gaps FROM usage_source');
  assert.ok(rows.every((row) => textOf(row, 'gaps') === ''));
  return new Map(rows.map((row) => [textOf(row, 'source'), integerOf(row, 'highest')]));
};

/** Of lines that were said, the last number of each name. */
const promised = (said: readonly string[], word: string): ReadonlyMap<string, number> =>
  new Map(said.map((line) => line.split(' ')).flatMap(([first, name = '', number]) => (first === word ? [[name, Number(number)]] : [])));

const judgeLedger = async (folder: string, { store }: TestAudit, said: readonly string[]): Promise<void> => {
  const there = await store.read(sentBy);
  const tried = promised(said, 'tries');
  for (const [source, last] of promised(said, 'stored')) {
    const highest = there.get(source) ?? 0;
    assert.ok(highest >= last, `${source}: ${last} were stored, ${highest} are there`);
  }
  for (const [source, highest] of there) assert.ok(highest <= (tried.get(source) ?? 0), `${source}: more than was ever sent`);
  const report = await verifyLedger(store, undefined, readIn(join(folder, ARCHIVE)));
  assert.deepEqual(report.problems, []);
  assert.equal(
    report.events + report.pruned.events,
    [...there.values()].reduce((sum, highest) => sum + highest, 0),
    'each event once',
  );
  assert.equal(report.pruned.archived, report.pruned.events);
};

/** As a reader does who was there before. */
const exported = (
  folder: string,
  logs: readonly string[],
  seen: readonly Buffer[],
): { readonly report: ExportReport; readonly numbers: readonly number[] } => {
  const files = createLogFolder(folder);
  const made = makeExport({ logs, read: (path) => files.read(path) });
  if (!made.ok) return assert.fail(`${made.missing} is missing`);
  const report = verifyExport({
    names: [...made.files.keys()],
    read: (name) => made.files.get(name),
    trust: { keys: [signer.key], witnesses: [], quorum: 0 },
    since: seen.map((bytes, index) => ({ name: `seen ${index}`, bytes })),
  });
  const numbers = [...made.files]
    .filter(([name]) => name.startsWith('cluster/tile/entries/'))
    .flatMap(([, bytes]) => readBundle(bytes).entries.map((entry) => decodeEntry(entry.bytes)?.detail?.['number']))
    .filter((number) => typeof number === 'number');
  return { report, numbers };
};

const judgePublished = (folder: string, said: readonly string[]): void => {
  const sizes = promised(said, 'published');
  if (sizes.size === 0) return;
  const { report } = exported(folder, [...sizes.keys()], []);
  assert.deepEqual(report.problems, []);
  for (const { folder: log, size } of report.logs) assert.ok(size >= (sizes.get(log) ?? 0), `${log}: entries that were published`);
};

export const judge = async (root: string, past: { readonly said: readonly string[]; readonly seen: readonly Buffer[] }): Promise<void> => {
  const folder = join(root, STATE);
  const logs = join(folder, 'audit');
  judgePublished(logs, past.said);
  const test = await openTestAudit({ folder, clock: systemClock });
  try {
    const { ledger, clock } = await scene({ open: async () => test.store });
    await judgeLedger(folder, test, past.said);
    // It goes on: what was sent last comes again, answered or not, and entries are added and signed.
    const tried = promised(past.said, 'tries');
    for (const sender of SENDERS) {
      const last = tried.get(sender.source);
      if (last === undefined) continue;
      const round = last / TOGETHER - 1;
      clock.set(roundMs(round));
      const outcomes = await ledger.accept(eventsOf(sender, round));
      assert.ok(
        outcomes.every((outcome) => outcome === 'stored' || outcome === 'duplicate'),
        outcomes.join(),
      );
    }
    assert.deepEqual(await test.store.read(sentBy), tried);
    assert.deepEqual((await verifyLedger(test.store, undefined, readIn(join(folder, ARCHIVE)))).problems, []);
    await test.store.transact((tx) => test.audit.append(tx, [{ action: 'test.done', actor: 'test', detail: { number: -1 } }]));
    await test.audit.publish();
    assert.deepEqual(test.problems, []);
  } finally {
    await test.close();
  }
  const grown = AUDIT_LOGS.filter((log) => createLogFolder(logs).read(`${log}/checkpoint`) !== undefined);
  const { report, numbers } = exported(logs, grown, past.seen);
  assert.deepEqual(report.problems, []);
  for (const [, last] of promised(past.said, 'told')) {
    assert.deepEqual(
      numbers.filter((number) => number > 0 && number <= last).toSorted((one, other) => one - other),
      Array.from({ length: last }, (_, at) => at + 1),
      'each entry that was told, once',
    );
  }
  const looked = readSqliteStore(join(folder, LEDGER_FILE));
  try {
    assert.deepEqual(looked.check(), []);
  } finally {
    looked.close();
  }
};
