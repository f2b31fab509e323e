// SPDX-License-Identifier: Apache-2.0
// A checkpoint that counts: signed by the log's key and cosigned by enough of the witnesses that somebody trusts.
import type { Problem } from '../problem.ts';
import { readCheckpoint } from './checkpoint.ts';
import type { Checkpoint } from './checkpoint.ts';
import { checkNote, readNote } from './note.ts';
import type { NoteSeal, VerifierKey } from './note.ts';

export type AuditTrust = {
  /** Keys of the log; more than one while a key is changed. A key's name is the origin of the root log. */
  readonly keys: readonly VerifierKey[];
  readonly witnesses: readonly VerifierKey[];
  /** How many of the witnesses must have cosigned the root log. */
  readonly quorum: number;
};

export type SignedCheckpoint = Checkpoint & {
  readonly note: string;
  /** Of the root log the origin is the key's name; of all others it begins with that name and a slash. */
  readonly signer: VerifierKey;
  readonly cosigned: readonly NoteSeal[];
};

export type CheckpointOutcome =
  | { readonly ok: true; readonly checkpoint: SignedCheckpoint }
  | { readonly ok: false; readonly problem: Problem };

/** The folder of a log in an export, by its origin; undefined where the key does not sign for such a log. */
export const folderOf = (origin: string, { name }: VerifierKey): string | undefined => {
  if (origin === name) return 'root';
  return origin.startsWith(`${name}/`) ? origin.slice(name.length + 1) : undefined;
};

export const originOf = (folder: string, name: string): string => (folder === 'root' ? name : `${name}/${folder}`);

/** `quorum` is asked of the root log alone: its leaves carry the checkpoints of all others. */
export const openCheckpoint = (bytes: Uint8Array, { keys, witnesses, quorum }: AuditTrust): CheckpointOutcome => {
  const no = (code: Problem['code'], message: string): CheckpointOutcome => ({ ok: false, problem: { code, message } });
  const note = readNote(bytes);
  const checkpoint = note === undefined ? undefined : readCheckpoint(note.text);
  if (note === undefined || checkpoint === undefined) return no('AUDIT_MALFORMED', 'not a signed checkpoint');
  const { good, bad } = checkNote(note, [...keys, ...witnesses]);
  const [broken] = bad;
  if (broken !== undefined) return no('AUDIT_SIGNATURE', `the signature by ${broken.name}+${broken.id} does not hold`);
  const signer = keys.find((key) => folderOf(checkpoint.origin, key) !== undefined && good.some((seal) => seal.key === key));
  if (signer === undefined) {
    const by = note.signatures.map(({ name, id }) => `${name}+${id}`).join(', ');
    return no('AUDIT_KEY', `signed by ${by.slice(0, 300)}, none of which is a key that you trust for ${checkpoint.origin.slice(0, 200)}`);
  }
  const cosigned = good.filter(({ key }) => witnesses.includes(key));
  if (checkpoint.origin === signer.name && cosigned.length < quorum)
    return no('AUDIT_KEY', `cosigned by ${cosigned.length} of the witnesses that you trust, ${quorum} are asked for`);
  return { ok: true, checkpoint: { ...checkpoint, note: new TextDecoder().decode(bytes), signer, cosigned } };
};
