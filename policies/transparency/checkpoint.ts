// SPDX-License-Identifier: Apache-2.0
// Checkpoints (c2sp.org/tlog-checkpoint): a log's name, how many entries it has and the root of its tree, as a signed note.
import type { Buffer } from 'node:buffer';
import { decodeBase64 } from '../trust/strict-json.ts';
import { HASH_BYTES } from './merkle.ts';

export type Checkpoint = {
  /** Names the log, everywhere and for ever. */
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
};

/** The text of the note. Ours has no lines beyond these three: nobody could audit what they say. */
export const checkpointText = ({ origin, size, root }: Checkpoint): string => `${origin}\n${size}\n${root.toString('base64')}\n`;

const CHECKPOINT = /^(?<origin>[^\n]+)\n(?<size>0|[1-9][0-9]{0,15})\n(?<root>[A-Za-z0-9+/=]+)\n$/;

/** Undefined for any text that `checkpointText` would not have written. Total. */
export const readCheckpoint = (text: string): Checkpoint | undefined => {
  const { origin, size, root: encoded } = CHECKPOINT.exec(text)?.groups ?? {};
  const root = decodeBase64(encoded);
  const count = Number(size);
  return origin === undefined || root?.length !== HASH_BYTES || !Number.isSafeInteger(count) ? undefined : { origin, size: count, root };
};
