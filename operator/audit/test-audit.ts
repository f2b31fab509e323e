// SPDX-License-Identifier: Apache-2.0
// An audit log on a real store in a folder of its own, for tests.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Problem } from '../../policies/problem.ts';
import { verifyExport } from '../../policies/transparency/index.ts';
import type { ExportReport } from '../../policies/transparency/index.ts';
import { makeExport } from '../../policies/transparency/export.ts';
import { testSigner } from '../../policies/transparency/test-log.ts';
import type { Clock } from '../../process/clock.ts';
import { openLedgerStore } from '../usage/open-store.ts';
import type { Store } from '../usage/store.ts';
import { createDataKeys } from './data-keys.ts';
import type { WrappingKeys } from './data-keys.ts';
import { createAuditLog } from './index.ts';
import type { AuditLog, AuditLogOptions, AuditSession } from './index.ts';
import { createLogFolder } from './log-folder.ts';
import type { LogFolder } from './log-folder.ts';
import { AUDIT_TABLES } from './tables.ts';

export const NAME = 'writ.example/audit';
export const signer = testSigner(NAME);

/** Never the same twice, and the same in every run. */
export const countingRandom = (seed = 'a'): ((bytes: number) => Buffer) => {
  let count = 0;
  return (bytes) => {
    count += 1;
    return createHash('sha512').update(`${seed}${count}`).digest().subarray(0, bytes);
  };
};

export type TestAudit = {
  readonly store: Store;
  readonly files: LogFolder;
  readonly audit: AuditLog;
  readonly problems: Problem[];
  export(logs: readonly string[]): ReadonlyMap<string, Uint8Array>;
  verify(logs: readonly string[]): ExportReport;
  close(): Promise<void>;
};

export const testFolder = (): { readonly folder: string; readonly remove: () => void } => {
  const folder = mkdtempSync(join(tmpdir(), 'writ-audit-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
};

export type TestAuditOptions = { readonly folder: string; readonly clock: Clock; readonly wrapping?: () => WrappingKeys } & Partial<
  Pick<AuditLogOptions, 'onPhase' | 'random'> & Pick<AuditSession, 'cosign'>
>;

export const openTestAudit = async ({ folder, clock, wrapping, ...more }: TestAuditOptions): Promise<TestAudit> => {
  const store = await openLedgerStore(join(folder, 'ledger.sqlite'), { clock });
  await store.claim('test');
  await store.migrate(AUDIT_TABLES);
  const files = createLogFolder(join(folder, 'audit'));
  const problems: Problem[] = [];
  const random = more.random ?? countingRandom(String(clock.now()));
  const keys = createDataKeys({
    wrapping: wrapping ?? (() => [{ version: 1, bytes: Buffer.alloc(32, 1) }]),
    random,
    now: () => clock.now(),
  });
  const session: AuditSession = { signer, keys, cosign: more.cosign ?? (async () => []) };
  const audit = createAuditLog({
    name: () => NAME,
    store: () => store,
    session: () => session,
    files,
    clock,
    random,
    observe: {
      stored: () => undefined,
      lost: () => undefined,
      failed: (error) => {
        throw error;
      },
      problem: (_folder, problem) => void problems.push(problem),
      size: () => undefined,
      published: () => undefined,
    },
    ...(more.onPhase === undefined ? {} : { onPhase: more.onPhase }),
  });
  const make = (logs: readonly string[]): ReadonlyMap<string, Uint8Array> => {
    const outcome = makeExport({ logs, read: (path) => files.read(path) });
    if (!outcome.ok) throw new Error(`missing: ${outcome.missing}`);
    return outcome.files;
  };
  return {
    store,
    files,
    audit,
    problems,
    export: make,
    verify: (logs) => {
      const made = make(logs);
      return verifyExport({
        names: [...made.keys()],
        read: (name) => made.get(name),
        trust: { keys: [signer.key], witnesses: [], quorum: 0 },
        since: [],
      });
    },
    close: () => store.close(),
  };
};
