// SPDX-License-Identifier: Apache-2.0
// The lines of a spool's file: a header that names replica and key, then records (the leaves, byte for byte as the decision
// log has them), and after the records of a batch its seal. Each line has one spelling; any other is none of them.
import { Buffer } from 'node:buffer';
import type { KeyObject } from 'node:crypto';
import { isJsonObject, own } from '../document/json.ts';
import { readPublicKey } from '../trust/key.ts';
import type { PublicKey } from '../trust/key.ts';
import { parseStrictBytes, textAt } from '../trust/strict-json.ts';
import { envelopeOf, readEnvelope } from './batch.ts';
import type { SignedBatch } from './batch.ts';

const FORMAT = 1;
const HEADER = 'receipt spool';
const SEAL = 'receipt batch';
const SEAL_START = Buffer.from(`{"msg":"${SEAL}"`);
const NEWLINE = 0x0a;

export type SpoolHeader = { readonly replica: string; readonly key: PublicKey };

export const pemOf = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString();

const headerText = (replica: string, publicKey: KeyObject): string =>
  JSON.stringify({ msg: HEADER, format: FORMAT, replica, publicKey: pemOf(publicKey) });

export const writeHeader = ({ replica, key }: SpoolHeader): string => `${headerText(replica, key.publicKey)}\n`;

export const readHeader = (line: Uint8Array): SpoolHeader | undefined => {
  const object = parseStrictBytes(line);
  if (object === undefined || own(object, 'msg') !== HEADER) return undefined;
  const replica = textAt(object, 'replica');
  const key = readPublicKey(textAt(object, 'publicKey') ?? '');
  if (replica === undefined || key === undefined) return undefined;
  return Buffer.from(headerText(replica, key.publicKey)).equals(line) ? { replica, key } : undefined;
};

const sealText = (batch: Omit<SignedBatch, 'claim'>): string => JSON.stringify({ msg: SEAL, envelope: envelopeOf(batch) });

export const writeSeal = (batch: Omit<SignedBatch, 'claim'>): string => `${sealText(batch)}\n`;

/** Whether the line is meant as a seal: records begin in another way. */
export const isSealLine = (line: Uint8Array): boolean => SEAL_START.equals(line.subarray(0, SEAL_START.length));

export const readSeal = (line: Uint8Array): SignedBatch | undefined => {
  const object = parseStrictBytes(line);
  const envelope = object === undefined ? undefined : own(object, 'envelope');
  const batch = isJsonObject(envelope) ? readEnvelope(envelope) : undefined;
  return batch !== undefined && Buffer.from(sealText(batch)).equals(line) ? batch : undefined;
};

export type Line = { readonly bytes: Buffer; /** Where the next line begins. */ readonly end: number };

/** Whole lines, without their ends. */
export function* linesOf(content: Buffer): Generator<Line> {
  let start = 0;
  for (let end = content.indexOf(NEWLINE); end >= 0; end = content.indexOf(NEWLINE, start)) {
    yield { bytes: content.subarray(start, end), end: end + 1 };
    start = end + 1;
  }
}
