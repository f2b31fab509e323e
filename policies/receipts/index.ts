// SPDX-License-Identifier: Apache-2.0
/**
 * Receipts: proof of what was decided. A decision's record is a leaf of a Merkle tree; a replica signs the root of each batch
 * of records, and each batch names the one before by digest.
 *
 * In: files of a spool in their order, keys that count. Out: how many batches hold, what they say of records that got no
 * receipt, and a coded problem for whatever was changed, cut, moved or left out. Beside it: `receipt.ts`, one decision taken
 * out with its proof; `statement.ts`, the in-toto view of a record; `batch.ts` and `lines.ts`, the formats. Pure;
 * the webhook writes with them and the command line checks with them.
 */
import type { Buffer } from 'node:buffer';
import type { Problem, ProblemCode } from '../problem.ts';
import { isSignedBy } from '../trust/key.ts';
import type { PublicKey } from '../trust/key.ts';
import { NO_BATCH, batchDigest, signedBytes } from './batch.ts';
import type { BatchClaim, SignedBatch } from './batch.ts';
import type { SpoolHeader } from './lines.ts';
import { leafOfBytes, rootOf } from '../transparency/merkle.ts';
import { readSpoolFile } from './spool-file.ts';
import type { FoundBatch } from './spool-file.ts';

/** By hint; undefined: those that the spool itself names, which proves no more than that one hand wrote all of it. */
export type Keys = ReadonlyMap<string, PublicKey> | undefined;

export type SpoolReport = {
  readonly replica: string | undefined;
  readonly first: BatchClaim | undefined;
  readonly last: BatchClaim | undefined;
  /** Digest of the last batch. */
  readonly head: string | undefined;
  /** Batches and records (decisions and policy sets) that hold. */
  readonly batches: number;
  readonly records: number;
  /** Records that got no receipt, as the batches tell. */
  readonly lost: number;
  /** Batches that were the first after a process that had not ended in order. */
  readonly crashes: readonly BatchClaim[];
  /** Hints of the keys that sealed. */
  readonly keys: readonly string[];
  readonly problems: readonly Problem[];
};

export type SpoolCheck = {
  /** The next file; its batches that hold by themselves. */
  file(name: string, content: Buffer): readonly FoundBatch[];
  report(): SpoolReport;
};

export type KeyOutcome = { readonly ok: true; readonly key: PublicKey } | { readonly ok: false; readonly problem: Problem };

/** Whether the batch is sealed by a key that counts; `named` is the key that comes along with it. */
export const checkSeal = ({ claim, hint, payload, signature }: SignedBatch, named: PublicKey, keys: Keys): KeyOutcome => {
  const no = (code: ProblemCode, message: string): KeyOutcome => ({
    ok: false,
    problem: { code, message: `batch ${claim.batch} ${message}` },
  });
  const key = keys === undefined ? named : keys.get(hint);
  if (named.hint !== hint) return no('RECEIPT_KEY', `is sealed by the key ${hint.slice(0, 64)}, but ${named.hint} comes along with it`);
  if (key === undefined) return no('RECEIPT_KEY', `is sealed by the key ${hint}, which is none of those that you trust`);
  return isSignedBy(signedBytes(payload), signature, key.publicKey)
    ? { ok: true, key }
    : no('RECEIPT_SIGNATURE', `does not bear a signature by the key ${hint}`);
};

/** What keeps a batch from following the one before. */
const chainProblem = (claim: BatchClaim, before: SignedBatch | undefined): string | undefined => {
  if (before === undefined)
    return claim.batch === 1 && claim.prev !== NO_BATCH ? 'batch 1 names a batch before it, which cannot be' : undefined;
  const { batch, replica } = before.claim;
  if (claim.replica !== replica) return `batch ${claim.batch} is of replica ${claim.replica}, the one before of ${replica}`;
  if (claim.batch !== batch + 1) return `batch ${claim.batch} follows batch ${batch}`;
  return claim.prev === batchDigest(before.payload) ? undefined : `batch ${claim.batch} follows another batch ${batch} than this one`;
};

/** Why the records are not those that were sealed. */
const recordsProblem = ({ batch: { claim }, records }: FoundBatch): string | undefined => {
  if (claim.size !== records.length) return `batch ${claim.batch} seals ${claim.size} records, here are ${records.length}`;
  return rootOf(records.map(leafOfBytes)).toString('hex') === claim.root
    ? undefined
    : `a record of batch ${claim.batch} was changed, or they were put into another order`;
};

export const createSpoolCheck = (keys: Keys): SpoolCheck => {
  const problems: Problem[] = [];
  const crashes: BatchClaim[] = [];
  const hints = new Set<string>();
  let first: BatchClaim | undefined;
  let last: SignedBatch | undefined;
  let [batches, records, lost] = [0, 0, 0];

  const refuse = (file: string, line: number, problem: Problem): void =>
    void problems.push({ ...problem, at: { file, line: Math.max(line, 1), column: 1 } });

  /** Whether it holds by itself. The chain is judged beside: a gap says nothing against what stands after it. */
  const take = (file: string, found: FoundBatch, header: SpoolHeader): boolean => {
    const { batch, line } = found;
    const { claim } = batch;
    const seal = checkSeal(batch, header.key, keys);
    if (!seal.ok) {
      refuse(file, line, seal.problem);
      return false;
    }
    hints.add(seal.key.hint);
    const gap =
      claim.replica === header.replica
        ? chainProblem(claim, last)
        : `the file is of replica ${header.replica}, its batch of ${claim.replica}`;
    if (gap !== undefined) refuse(file, line, { code: 'RECEIPT_CHAIN', message: gap });
    first ??= claim;
    last = batch;
    lost += claim.lost;
    if (claim.restart?.clean === false) crashes.push(claim);
    const broken = recordsProblem(found);
    if (broken !== undefined) {
      refuse(file, line, { code: 'RECEIPT_INCLUSION', message: broken });
      return false;
    }
    batches += 1;
    records += found.records.length;
    return true;
  };

  return {
    file: (name, content) => {
      const { header, batches: found, malformed, sealedBytes, lines } = readSpoolFile(content);
      if (header === undefined) {
        refuse(name, 1, { code: 'RECEIPT_MALFORMED', message: 'the first line is not the header of a spool file' });
        return [];
      }
      for (const line of malformed)
        refuse(name, line, { code: 'RECEIPT_MALFORMED', message: 'a seal that is not as the webhook writes it' });
      const good = found.filter((batch) => take(name, batch, header));
      if (sealedBytes < content.length) {
        const message = `the last ${content.length - sealedBytes} bytes are under no seal`;
        refuse(name, lines, { code: 'RECEIPT_UNSEALED', message });
      }
      return good;
    },
    report: () => ({
      replica: last?.claim.replica,
      first,
      last: last?.claim,
      head: last === undefined ? undefined : batchDigest(last.payload),
      batches,
      records,
      lost,
      crashes,
      keys: [...hints],
      problems,
    }),
  };
};
