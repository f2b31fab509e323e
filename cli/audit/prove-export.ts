// SPDX-License-Identifier: Apache-2.0
// An export in a folder, held against the keys that a person trusts.
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { verifyExport } from '../../policies/transparency/index.ts';
import type { ExportReport } from '../../policies/transparency/index.ts';
import { readBytes, whyNoFolder } from '../files.ts';
import { UsageError } from '../output.ts';
import { verifierKeys } from './verifier-keys.ts';

export type ProofOptions = {
  readonly vkey: readonly string[];
  readonly witness?: readonly string[];
  readonly quorum?: string;
  readonly since?: readonly string[];
};

/** Every file, with `/` between folders. */
const filesIn = (folder: string): readonly string[] => {
  const why = whyNoFolder(folder);
  if (why !== undefined) throw new UsageError(`${folder}: ${why}`);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));
};

export const proveExport = (folder: string, options: ProofOptions): ExportReport => {
  const keys = verifierKeys('--vkey', options.vkey, 'ed25519');
  const witnesses = verifierKeys('--witness', options.witness ?? [], 'cosignature');
  const quorum = Number(options.quorum ?? witnesses.length);
  if (!Number.isSafeInteger(quorum) || quorum < 0 || quorum > witnesses.length)
    throw new UsageError(`--quorum ${options.quorum}: write a number from 0 to that of the witnesses, ${witnesses.length}`);
  const names = filesIn(folder);
  const present = new Set(names);
  return verifyExport({
    names,
    // Named by a manifest that nobody has verified: only what is in this folder is read.
    read: (name) => (present.has(name) ? readFileSync(join(folder, name)) : undefined),
    trust: { keys, witnesses, quorum },
    since: (options.since ?? []).map((path) => ({ name: path, bytes: readBytes(path) })),
  });
};
