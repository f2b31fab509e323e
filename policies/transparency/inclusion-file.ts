// SPDX-License-Identifier: Apache-2.0
// Proofs for the hand (c2sp.org/tlog-proof): that an entry is in a log, with the checkpoint that says so. A `.tlog-proof` file.
import { Buffer } from 'node:buffer';
import { decodeBase64 } from '../trust/strict-json.ts';
import { HASH_BYTES } from './merkle.ts';

export type InclusionFile = {
  readonly index: number;
  /** The nearest first. */
  readonly hashes: readonly Buffer[];
  /** The signed note, as it stands. */
  readonly checkpoint: Buffer;
  /** Ours: the entry itself. */
  readonly extra?: Buffer;
};

const FIRST = 'c2sp.org/tlog-proof@v1\n';
const MAX_BYTES = 200_000;
const MAX_HASHES = 63;

export const writeInclusion = ({ index, hashes, checkpoint, extra }: InclusionFile): Buffer =>
  Buffer.concat([
    Buffer.from(
      [
        FIRST,
        extra === undefined ? '' : `extra ${extra.toString('base64')}\n`,
        `index ${index}\n`,
        ...hashes.map((hash) => `${hash.toString('base64')}\n`),
        '\n',
      ].join(''),
    ),
    checkpoint,
  ]);

const HEAD =
  /^c2sp\.org\/tlog-proof@v1\n(?:extra (?<extra>[A-Za-z0-9+/=]+)\n)?index (?<index>0|[1-9][0-9]{0,15})\n(?<hashes>(?:[A-Za-z0-9+/=]+\n)*)$/;

/** Undefined for any bytes that `writeInclusion` would not have written. Whether it proves anything is not looked at. Total. */
export const readInclusion = (bytes: Uint8Array): InclusionFile | undefined => {
  if (bytes.length > MAX_BYTES) return undefined;
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = all.indexOf('\n\n');
  const groups = end < 0 ? undefined : HEAD.exec(all.toString('latin1', 0, end + 1))?.groups;
  if (groups === undefined) return undefined;
  const lines = (groups['hashes'] ?? '').split('\n').slice(0, -1);
  const hashes = lines.map(decodeBase64).filter((hash) => hash?.length === HASH_BYTES);
  const extra = groups['extra'] === undefined ? undefined : decodeBase64(groups['extra']);
  const index = Number(groups['index']);
  if (hashes.length !== lines.length || hashes.length > MAX_HASHES || !Number.isSafeInteger(index)) return undefined;
  if (groups['extra'] !== undefined && extra === undefined) return undefined;
  const whole = hashes.filter((hash) => hash !== undefined);
  return { index, hashes: whole, checkpoint: all.subarray(end + 2), ...(extra === undefined ? {} : { extra }) };
};
