// SPDX-License-Identifier: Apache-2.0
/**
 * The audit log: entries that are on the disk, the signed checkpoint over them, and the check of an export by one thread.
 *
 * In: how many entries. Out: rows `audit/…`. The store is SQLite with synchronous=FULL in a folder of its own; entries have some
 * 400 bytes. What is verified is read from files, as the command line does it.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openTestAudit, signer } from '../../operator/audit/test-audit.ts';
import type { TestAudit } from '../../operator/audit/test-audit.ts';
import type { ToldFact } from '../../operator/audit/sequencer.ts';
import { verifyExport } from '../../policies/transparency/index.ts';
import { systemClock } from '../../process/clock.ts';
import { median, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';

const PER_EFFECT = 20;
const AT_ONCE = 32;

const factsOf = (from: number, count: number): readonly ToldFact[] =>
  Array.from({ length: count }, (_, at) => ({
    action: 'usage.stored',
    actor: 'writ-operator',
    tenant: 'acme',
    object: { kind: 'Meter', name: 'reasoning_units', uid: `00000000-0000-4000-8000-${String(from + at).padStart(12, '0')}` },
    detail: { source: '/clusters/c1/agents/7f3/boots/18', seq: String(from + at), value: '12.5', digest: `sha256:${'5'.repeat(64)}` },
  }));

type Took = { readonly perSecond: number; /** Of all threads of the process, µs for an entry. */ readonly cpu: number };

const measured = async (entries: number, work: () => unknown): Promise<Took> => {
  const before = process.cpuUsage();
  const fromMs = systemClock.monotonicMs();
  await work();
  const took = (systemClock.monotonicMs() - fromMs) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { perSecond: entries / took, cpu: (user + system) / entries };
};

/** Transactions of 20 entries, 32 at once: those that wait share a commit. */
const append = async ({ store, audit }: TestAudit, from: number, count: number): Promise<void> => {
  let next = from;
  const worker = async (): Promise<void> => {
    while (next < from + count) {
      const facts = factsOf(next, PER_EFFECT);
      next += PER_EFFECT;
      await store.transact((tx) => audit.append(tx, facts));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
};

export const measureAudit = async (options: { readonly rounds: number; readonly entries: number }): Promise<readonly BenchRow[]> => {
  const { rounds, entries } = options;
  const folder = mkdtempSync(join(tmpdir(), 'writ-bench-audit-'));
  try {
    const test = await openTestAudit({ folder, clock: systemClock, random: randomBytes });
    const [stored, signed, verified]: [Took[], Took[], Took[]] = [[], [], []];
    for (let round = -1; round < rounds; round += 1) {
      const storing = await measured(entries, () => append(test, (round + 1) * entries, entries));
      const signing = await measured(entries, () => test.audit.publish());
      // The first round warms up.
      if (round < 0) continue;
      stored.push(storing);
      signed.push(signing);
    }
    const files = test.export(['root', 'tenant/acme']);
    await test.close();
    for (const [name, bytes] of files) {
      const path = join(folder, 'export', name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes);
    }
    const total = entries * (rounds + 1);
    for (let round = -1; round < rounds; round += 1) {
      const checking = await measured(total, () => {
        const { problems } = verifyExport({
          names: [...files.keys()],
          read: (name) => (files.has(name) ? readFileSync(join(folder, 'export', name)) : undefined),
          trust: { keys: [signer.key], witnesses: [], quorum: 0 },
          since: [],
        });
        if (problems.length > 0) throw new Error(JSON.stringify(problems[0]));
      });
      if (round >= 0) verified.push(checking);
    }
    const rowsOf = (name: string, took: readonly Took[], how: string): readonly BenchRow[] => [
      { name: `audit/${name}`, unit: 'entries/s', value: rounded(median(took.map(({ perSecond }) => perSecond))), how },
      {
        name: `audit/${name}/cpu`,
        unit: 'µs',
        value: rounded(median(took.map(({ cpu }) => cpu))),
        how: 'processor time for an entry, all threads of the process',
      },
    ];
    return [
      ...rowsOf(
        'durable',
        stored,
        `SQLite, synchronous=FULL; transactions of ${PER_EFFECT} entries, ${AT_ONCE} at once; median of ${rounds} rounds of ${entries}`,
      ),
      ...rowsOf('published', signed, 'from the store to tiles on the disk under a signed checkpoint'),
      ...rowsOf('verified', verified, `an export of ${total} entries from files, one thread`),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};
