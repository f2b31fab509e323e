// SPDX-License-Identifier: Apache-2.0
// Verifier keys as a person gives them: the key itself, or a file with one on each line.
import { readVerifierKey } from '../../policies/transparency/note.ts';
import type { NoteKeyKind, VerifierKey } from '../../policies/transparency/note.ts';
import { isFile, readText } from '../files.ts';
import { UsageError } from '../output.ts';

const WHAT: Readonly<Record<NoteKeyKind, string>> = { ed25519: 'of a log', cosignature: 'of a witness' };

export const verifierKeys = (option: string, texts: readonly string[], kind: NoteKeyKind): readonly VerifierKey[] =>
  texts.flatMap((text) => {
    const lines = readVerifierKey(text) === undefined && isFile(text) ? readText(text).split('\n') : [text];
    const wanted = lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
    return wanted.map((line) => {
      const key = readVerifierKey(line);
      if (key?.kind === kind) return key;
      throw new UsageError(`${option} ${line.slice(0, 100)}: not a verifier key ${WHAT[kind]} (NAME+ID+KEY), and not a file of such keys`);
    });
  });
