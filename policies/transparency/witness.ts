// SPDX-License-Identifier: Apache-2.0
/**
 * What a witness does (c2sp.org/tlog-witness): it cosigns a checkpoint only if the log that it speaks of has grown from the one
 * that it cosigned before. Who asks for cosignatures of witnesses in other hands need not trust the log not to show one history
 * here and another one there.
 */
import { Buffer } from 'node:buffer';
import { decodeBase64 } from '../trust/strict-json.ts';
import { readCheckpoint } from './checkpoint.ts';
import type { Checkpoint } from './checkpoint.ts';
import { EMPTY_ROOT, HASH_BYTES, isConsistent } from './merkle.ts';
import { checkNote, cosignText, readNote, writeSignatures } from './note.ts';
import type { NoteSigner, VerifierKey } from './note.ts';

export type AddCheckpoint = { readonly oldSize: number; readonly hashes: readonly Uint8Array[]; readonly note: Buffer };

export const writeAddCheckpoint = ({ oldSize, hashes, note }: AddCheckpoint): Buffer =>
  Buffer.concat([Buffer.from(`old ${oldSize}\n${hashes.map((hash) => `${Buffer.from(hash).toString('base64')}\n`).join('')}\n`), note]);

const HEAD = /^old (?<size>0|[1-9][0-9]{0,15})\n(?<hashes>(?:[A-Za-z0-9+/=]+\n){0,63})$/;

/** Undefined for any bytes that `writeAddCheckpoint` would not have written. Total. */
const readAddCheckpoint = (bytes: Uint8Array): AddCheckpoint | undefined => {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = all.indexOf('\n\n');
  const groups = end < 0 ? undefined : HEAD.exec(all.toString('latin1', 0, end + 1))?.groups;
  if (groups === undefined) return undefined;
  const lines = (groups['hashes'] ?? '').split('\n').slice(0, -1);
  const hashes = lines.map(decodeBase64).filter((hash) => hash !== undefined && hash.length === HASH_BYTES);
  const oldSize = Number(groups['size']);
  if (hashes.length !== lines.length || !Number.isSafeInteger(oldSize)) return undefined;
  return { oldSize, hashes: hashes.filter((hash) => hash !== undefined), note: all.subarray(end + 2) };
};

/** The log's newest checkpoint that was cosigned; undefined before the first. */
export type WitnessState = Pick<Checkpoint, 'size' | 'root'> | undefined;

export type WitnessAnswer =
  | { readonly status: 200; readonly body: string; /** To be stored before the answer leaves. */ readonly next: Checkpoint }
  | { readonly status: 400 | 403 | 404 | 409 | 422; readonly body: string; readonly why: string };

export type WitnessInput = {
  readonly request: Uint8Array;
  /** Keys of the logs that are witnessed; a key's name is the origin of its log. */
  readonly logs: readonly VerifierKey[];
  readonly stateOf: (origin: string) => WitnessState;
  readonly signer: NoteSigner;
  readonly nowMs: number;
};

/** Total: any bytes have an answer. */
export const judgeCheckpoint = ({ request, logs, stateOf, signer, nowMs }: WitnessInput): WitnessAnswer => {
  const no = (status: 400 | 403 | 404 | 409 | 422, why: string, body = ''): WitnessAnswer => ({ status, body, why });
  const asked = readAddCheckpoint(request);
  const note = asked === undefined ? undefined : readNote(asked.note);
  const checkpoint = note === undefined ? undefined : readCheckpoint(note.text);
  if (asked === undefined || note === undefined || checkpoint === undefined) return no(400, 'not a request to cosign a checkpoint');
  const keys = logs.filter(({ name }) => name === checkpoint.origin);
  if (keys.length === 0) return no(404, `the log ${checkpoint.origin.slice(0, 200)} is not witnessed`);
  const { good, bad } = checkNote(note, keys);
  if (good.length === 0 || bad.length > 0) return no(403, `not signed by the log ${checkpoint.origin}`);
  if (asked.oldSize > checkpoint.size) return no(400, 'the old size is larger than the new one');
  const state = stateOf(checkpoint.origin) ?? { size: 0, root: EMPTY_ROOT };
  if (asked.oldSize !== state.size) return no(409, `cosigned before: ${state.size} entries, not ${asked.oldSize}`, `${state.size}\n`);
  if (state.size === checkpoint.size && !state.root.equals(checkpoint.root))
    return no(409, `another root of the same ${state.size} entries`, `${state.size}\n`);
  const grown = isConsistent({
    oldSize: state.size,
    oldRoot: state.root,
    size: checkpoint.size,
    root: checkpoint.root,
    hashes: asked.hashes,
  });
  if (!grown) return no(422, `the ${checkpoint.size} entries do not begin with the ${state.size} that were cosigned before`);
  return { status: 200, body: writeSignatures([cosignText(note.text, signer, nowMs)]), next: checkpoint };
};
