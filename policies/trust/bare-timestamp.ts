// SPDX-License-Identifier: Apache-2.0
// An RFC 3161 response without what nothing signs in it: the words that go with its status, certificates and revocation lists that
// came along (the chain is that of the trusted root), digest algorithms named beside that of the signer.
import { Buffer } from 'node:buffer';
import { TAG, readDer, readInside } from './der.ts';
import type { Der } from './der.ts';
import { isTimestampResponse } from './timestamp.ts';

const SET = 0x31;
const CONTEXT = 0xa0;

const lengthOf = (length: number): readonly number[] => {
  if (length < 0x80) return [length];
  return length < 0x1_00
    ? [0x81, length]
    : length < 0x1_00_00
      ? [0x82, length >> 8, length & 0xff]
      : [0x83, length >> 16, (length >> 8) & 0xff, length & 0xff];
};

const element = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content.length)]), content]);
};

const inside = (item: Der | undefined): readonly Der[] => (item === undefined ? [] : (readDer(item.content) ?? []));

const GRANTED = element(TAG.sequence, element(TAG.integer, Buffer.of(0)));

/** Of a granted response with one signer; anything else stays as it is. Total. */
export const bareTimestamp = (der: Buffer): Buffer => {
  if (!isTimestampResponse(der)) return der;
  const [, token] = readInside(der, TAG.sequence) ?? [];
  const [type, wrapped] = inside(token);
  const [signed] = inside(wrapped);
  const parts = inside(signed);
  const [version, , content] = parts;
  const signers = parts.at(-1);
  const [, , digest] = inside(inside(signers)[0]);
  if (type === undefined || version === undefined || content === undefined || signers === undefined || digest === undefined) return der;
  const bare = element(TAG.sequence, version.whole, element(SET, digest.whole), content.whole, signers.whole);
  return element(TAG.sequence, GRANTED, element(TAG.sequence, type.whole, element(CONTEXT, bare)));
};
