// SPDX-License-Identifier: Apache-2.0
// An export in a folder, held against the keys that a person trusts.
import { constants, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readCheckpoint } from '../../policies/transparency/checkpoint.ts';
import type { KeptCheckpoint } from '../../policies/transparency/anchor.ts';
import { verifyExport } from '../../policies/transparency/index.ts';
import type { ExportReport } from '../../policies/transparency/index.ts';
import { ALIVE_EVERY_MS, staleness } from '../../policies/transparency/freshness.ts';
import { parseDuration } from '../../process/flags.ts';
import { openProof } from '../../policies/transparency/entry-proof.ts';
import type { EntryProof } from '../../policies/transparency/entry-proof.ts';
import type { AuditTrust } from '../../policies/transparency/signed-checkpoint.ts';
import { readNote } from '../../policies/transparency/note.ts';
import type { Problem } from '../../policies/problem.ts';
import { readBytes, whyNoFolder } from '../files.ts';
import { UsageError, UserError } from '../output.ts';
import { EXIT_AUDIT_USAGE } from './exit-codes.ts';
import { verifierKeys } from './verifier-keys.ts';

export type ProofOptions = {
  readonly vkey: readonly string[];
  readonly witness?: readonly string[];
  readonly quorum?: string;
  readonly since?: readonly string[];
  readonly maxAge?: string;
};

/** Names with `/` between folders; a link, a pipe or a device is none that an export has, and none is followed or read. */
type Found = { readonly plain: readonly string[]; readonly strange: readonly string[] };

const filesIn = (folder: string): Found => {
  const why = whyNoFolder(folder);
  if (why !== undefined) throw new UsageError(`${folder}: ${why}`);
  const [plain, strange]: [string[], string[]] = [[], []];
  const folders = [''];
  for (let at = folders.pop(); at !== undefined; at = folders.pop())
    for (const entry of readdirSync(join(folder, at), { withFileTypes: true })) {
      const name = `${at}${entry.name}`;
      if (entry.isDirectory()) folders.push(`${name}/`);
      else (entry.isFile() ? plain : strange).push(name);
    }
  return { plain, strange };
};

/** It may have become a pipe since it was listed. */
const NO_WAITING = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const strangeFile = (name: string): Problem => ({
  code: 'AUDIT_CHANGED',
  message: 'it is a link or no file, which an export has not',
  at: { file: name, line: 1, column: 1 },
});

/** What the caller gave wrongly says nothing of the log. */
const keptCheckpoint = (path: string): KeptCheckpoint => {
  const no = (why: string): UserError => new UserError([{ code: 'AUDIT_SINCE', message: why }], EXIT_AUDIT_USAGE);
  let bytes: Uint8Array;
  try {
    bytes = readBytes(path);
  } catch (error) {
    throw error instanceof UserError ? no(error.problems[0]?.message ?? path) : error;
  }
  if (readCheckpoint(readNote(bytes)?.text ?? '') === undefined) throw no(`${path}: not a signed checkpoint`);
  return { name: path, bytes };
};

const trustOf = (options: ProofOptions): AuditTrust => {
  const keys = verifierKeys('--vkey', options.vkey, 'ed25519');
  const witnesses = verifierKeys('--witness', options.witness ?? [], 'cosignature');
  const quorum = Number(options.quorum ?? witnesses.length);
  if (!Number.isSafeInteger(quorum) || quorum < 0 || quorum > witnesses.length)
    throw new UsageError(`--quorum ${options.quorum}: write a number from 0 to that of the witnesses, ${witnesses.length}`);
  return { keys, witnesses, quorum };
};

const maxAgeOf = ({ maxAge }: ProofOptions): number | undefined => {
  if (maxAge === undefined) return undefined;
  const ms = parseDuration(maxAge);
  if (ms === undefined || ms <= ALIVE_EVERY_MS)
    throw new UsageError(`--max-age ${maxAge}: write a duration such as 2h, longer than the hour for which a root log may be quiet`);
  return ms;
};

/** Witnesses cosign the root log alone: of another log there is nothing that they could have said. */
export const proveEntry = (file: string, options: ProofOptions): EntryProof => {
  const trust = trustOf(options);
  if (options.since !== undefined || options.maxAge !== undefined)
    throw new UsageError('--since and --max-age need an export: the proof of one entry has no history to hold against it');
  const proof = openProof(readBytes(file), trust, file);
  if (!proof.ok || trust.quorum === 0 || proof.checkpoint.origin === proof.checkpoint.signer.name) return proof;
  const message = `${trust.quorum} witnesses are asked for, and they cosign the root log alone: this is of ${proof.entry.log}`;
  return { ok: false, problem: { code: 'AUDIT_KEY', message, at: { file, line: 1, column: 1 } } };
};

export const proveExport = (folder: string, options: ProofOptions, nowMs: number): ExportReport => {
  const trust = trustOf(options);
  const maxAgeMs = maxAgeOf(options);
  const since = (options.since ?? []).map(keptCheckpoint);
  const { plain, strange } = filesIn(folder);
  const present = new Set(plain);
  const report = verifyExport({
    names: plain,
    // Named by a manifest that nobody has verified: only what is in this folder is read.
    read: (name) => (present.has(name) ? readFileSync(join(folder, name), { flag: NO_WAITING }) : undefined),
    trust,
    since,
  });
  const problems = [...strange.map(strangeFile), ...report.problems];
  // Of what does not hold nothing is believed, and least of all a time.
  const stale = maxAgeMs === undefined || problems.length > 0 ? undefined : staleness(report, { nowMs, maxAgeMs, quorum: trust.quorum });
  return { ...report, problems: stale === undefined ? problems : [stale] };
};
