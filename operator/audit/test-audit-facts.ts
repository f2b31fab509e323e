// SPDX-License-Identifier: Apache-2.0
// For tests: a log in a folder that goes with the test, facts to tell it, and the entries that it holds.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { decodeEntry } from '../../policies/transparency/entry.ts';
import type { AuditEntry } from '../../policies/transparency/entry.ts';
import { readBundle } from '../../policies/transparency/tiles.ts';
import { systemClock } from '../../process/clock.ts';
import type { ToldFact } from './sequencer.ts';
import { openTestAudit, testFolder } from './test-audit.ts';
import type { TestAudit, TestAuditOptions } from './test-audit.ts';

const folders: (() => void)[] = [];
after(() => folders.forEach((remove) => remove()));
export const newFolder = (): string => {
  const { folder, remove } = testFolder();
  folders.push(remove);
  return folder;
};
export const withAudit = async (
  folder: string,
  work: (test: TestAudit) => Promise<void>,
  more: Partial<TestAuditOptions> = {},
): Promise<void> => {
  const test = await openTestAudit({ folder, clock: systemClock, ...more });
  try {
    await work(test);
  } finally {
    await test.close();
  }
};

export const fact = (number: number, more: Partial<ToldFact> = {}): ToldFact => ({
  action: 'test.done',
  actor: 'test',
  tenant: 'acme',
  detail: { number },
  ...more,
});
export const some = (count: number, from = 0): readonly ToldFact[] => Array.from({ length: count }, (_, index) => fact(from + index));
export const entriesOf = (test: TestAudit, folder: string): readonly AuditEntry[] =>
  [...test.export(['root', 'cluster', 'tenant/acme'].filter((log) => test.files.read(`${log}/checkpoint`) !== undefined))]
    .filter(([name]) => name.startsWith(`${folder}/tile/entries/`))
    .flatMap(([, bytes]) => readBundle(bytes).entries.map((entry) => decodeEntry(entry.bytes) ?? assert.fail()));
