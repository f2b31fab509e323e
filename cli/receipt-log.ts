// SPDX-License-Identifier: Apache-2.0
// A decision log kept elsewhere names each batch of receipts that was on disk: by it a spool shows that its end was cut off.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { isDigest } from '../crds/wire.ts';
import { own } from '../policies/document/json.ts';
import type { Problem } from '../policies/problem.ts';
import type { SpoolReport } from '../policies/receipts/index.ts';
import { parseStrictObject, textAt } from '../policies/trust/strict-json.ts';
import { fileError } from './files.ts';

type Anchor = { readonly batch: number; readonly digest: string };

/** The newest batch of each replica that the log names. */
const anchorsIn = async (path: string): Promise<ReadonlyMap<string, Anchor>> => {
  const newest = new Map<string, Anchor>();
  const input = path === '-' ? process.stdin : createReadStream(path);
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      const record = line.startsWith('{"msg":"receipts"') ? parseStrictObject(line) : undefined;
      if (record === undefined) continue;
      const [replica, batch, digest] = [textAt(record, 'replica'), own(record, 'batch'), textAt(record, 'digest')];
      if (replica === undefined || typeof batch !== 'number' || !isDigest(digest)) continue;
      if (batch > (newest.get(replica)?.batch ?? 0)) newest.set(replica, { batch, digest });
    }
  } catch (error) {
    throw fileError(path, error);
  }
  return newest;
};

/** Of the replicas whose spools were checked. */
export const checkLog = async (path: string, reports: readonly SpoolReport[]): Promise<readonly Problem[]> => {
  const anchors = await anchorsIn(path);
  return reports.flatMap(({ replica, last, head }): readonly Problem[] => {
    const anchor = anchors.get(replica ?? '');
    if (anchor === undefined || last === undefined || head === undefined) return [];
    const at = { file: path, line: 1, column: 1 };
    if (anchor.batch > last.batch) {
      const message = `replica ${replica} had sealed batch ${anchor.batch}, its spool ends with batch ${last.batch}`;
      return [{ code: 'RECEIPT_CHAIN', message, at }];
    }
    return anchor.batch === last.batch && anchor.digest !== head
      ? [{ code: 'RECEIPT_CHAIN', message: `the log names another batch ${last.batch} of replica ${replica} than the spool holds`, at }]
      : [];
  });
};
