// SPDX-License-Identifier: Apache-2.0
// Verifier keys as a person gives them: the key itself, or a file with one on each line.
import { readVerifierKey } from '../../policies/transparency/note.ts';
import type { NoteKeyKind, VerifierKey } from '../../policies/transparency/note.ts';
import { isFile, readText } from '../files.ts';
import { UsageError, UserError } from '../output.ts';
import { EXIT_AUDIT_USAGE } from './exit-codes.ts';

const WHAT: Readonly<Record<NoteKeyKind, string>> = { ed25519: 'of a log', cosignature: 'of a witness' };

/** What cannot be read proves nothing about the log. */
const fileText = (path: string): string => {
  try {
    return readText(path);
  } catch (error) {
    throw error instanceof UserError ? new UserError(error.problems, EXIT_AUDIT_USAGE) : error;
  }
};

export const verifierKeys = (option: string, texts: readonly string[], kind: NoteKeyKind): readonly VerifierKey[] =>
  texts.flatMap((text) => {
    const lines = readVerifierKey(text) === undefined && isFile(text) ? fileText(text).split('\n') : [text];
    const wanted = lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
    if (wanted.length === 0) throw new UsageError(`${option} ${text}: the file holds no key`);
    return wanted.map((line) => {
      const key = readVerifierKey(line);
      if (key?.kind === kind) return key;
      throw new UsageError(`${option} ${line.slice(0, 100)}: not a verifier key ${WHAT[kind]} (NAME+ID+KEY), and not a file of such keys`);
    });
  });
