// SPDX-License-Identifier: Apache-2.0
// The files of a spool of receipts, in their order; and the batches of it that a decision is looked for in.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Keys, SpoolCheck, SpoolReport } from '../policies/receipts/index.ts';
import { createSpoolCheck } from '../policies/receipts/index.ts';
import type { Placed } from '../policies/receipts/receipt.ts';
import type { FoundBatch } from '../policies/receipts/spool-file.ts';
import { readSpoolFile } from '../policies/receipts/spool-file.ts';
import { parseStrictBytes, textAt } from '../policies/trust/strict-json.ts';
import { fileError, readBytes } from './files.ts';
import { UserError } from './output.ts';

const SPOOL_FILE = /^receipts-\d{12}\.jsonl$/;

/** The spools below a path: a file, the folder of one replica, or the folder in which each replica has its own. */
export const spoolsAt = (path: string): ReadonlyMap<string, readonly string[]> => {
  try {
    if (!statSync(path).isDirectory()) return new Map([[path, [path]]]);
    const spools = new Map<string, readonly string[]>();
    const entries = readdirSync(path, { withFileTypes: true });
    for (const folder of [path, ...entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name))].toSorted()) {
      const files = readdirSync(folder).filter((name) => SPOOL_FILE.test(name));
      if (files.length > 0)
        spools.set(
          folder,
          files.toSorted().map((name) => join(folder, name)),
        );
    }
    if (spools.size > 0) return spools;
  } catch (error) {
    throw fileError(path, error);
  }
  throw new UserError([
    {
      code: 'FILE_NONE',
      message: `${path}: no receipts are here`,
      hint: 'name the folder that --receipts of the webhook names, or one of its files',
    },
  ]);
};

const isSetLine = (line: Buffer): boolean => line.subarray(0, SET_START.length).equals(SET_START);
const SET_START = Buffer.from('{"msg":"policy set"');

export type SpoolChecked = {
  readonly report: SpoolReport;
  /** The last decision of the id that was looked for. */
  readonly decision: Placed | undefined;
  readonly policySet: Placed | undefined;
};

/** One file in memory at a time. */
export const checkSpoolFiles = (files: readonly string[], keys: Keys, id: string | undefined): SpoolChecked => {
  const check: SpoolCheck = createSpoolCheck(keys);
  const wanted = Buffer.from(`"id":"${id ?? ''}"`);
  let decision: (Placed & { readonly setDigest: string }) | undefined;
  const sets = new Map<string, Placed>();
  const look = (found: FoundBatch, key: Placed['key']): void => {
    for (const [index, line] of found.records.entries()) {
      if (!isSetLine(line) && !line.includes(wanted)) continue;
      const record = parseStrictBytes(line);
      if (record === undefined) continue;
      const setDigest = textAt(record, 'setDigest') ?? '';
      if (isSetLine(line)) sets.set(setDigest, { found, index, key });
      else if (textAt(record, 'id') === id) decision = { found, index, key, setDigest };
    }
  };
  for (const file of files) {
    const content = Buffer.from(readBytes(file));
    const good = check.file(file, content);
    const { header } = readSpoolFile(content);
    if (id !== undefined && header !== undefined) for (const found of good) look(found, header.key);
  }
  return { report: check.report(), decision, policySet: sets.get(decision?.setDigest ?? '') };
};
