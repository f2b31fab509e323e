// SPDX-License-Identifier: Apache-2.0
// crypto_secretbox of NaCl: XSalsa20 and Poly1305, which Node's OpenSSL does not have. Only for the key files that cosign
// writes, so it is written to be read, not to be fast. Papers: cr.yp.to/snuffle/xsalsa-20110204.pdf, RFC 8439 2.5.
import { Buffer } from 'node:buffer';
import { timingSafeEqual } from 'node:crypto';

const SIGMA = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;
const TAG_BYTES = 16;
/** Of the key stream: the first 32 bytes are the key of the authenticator. */
const MAC_KEY_BYTES = 32;

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

/** Which words a quarter round takes: four columns, then four rows. */
const QUARTERS: readonly (readonly [number, number, number, number])[] = [
  [0, 4, 8, 12],
  [5, 9, 13, 1],
  [10, 14, 2, 6],
  [15, 3, 7, 11],
  [0, 1, 2, 3],
  [5, 6, 7, 4],
  [10, 11, 8, 9],
  [15, 12, 13, 14],
];

const twentyRounds = (input: Uint32Array): Uint32Array => {
  const words = Uint32Array.from(input);
  const word = (index: number): number => words[index] ?? 0;
  const mix = (into: number, a: number, b: number, bits: number): void => {
    words[into] = word(into) ^ rotate((word(a) + word(b)) | 0, bits);
  };
  for (let round = 0; round < 10; round += 1) {
    for (const [a, b, c, d] of QUARTERS) {
      mix(b, a, d, 7);
      mix(c, b, a, 9);
      mix(d, c, b, 13);
      mix(a, d, c, 18);
    }
  }
  return words;
};

/** The block of Salsa20: constants on the diagonal, the key in two halves, nonce and counter between them. */
const stateOf = (key: Buffer, middle: Buffer): Uint32Array => {
  const state = new Uint32Array(16);
  for (const [index, constant] of SIGMA.entries()) state[index * 5] = constant;
  for (let index = 0; index < 4; index += 1) {
    state[1 + index] = key.readUInt32LE(4 * index);
    state[6 + index] = middle.readUInt32LE(4 * index);
    state[11 + index] = key.readUInt32LE(16 + 4 * index);
  }
  return state;
};

const toBytes = (words: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * words.length);
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word >>> 0, 4 * index);
  return bytes;
};

const subkey = (key: Buffer, nonce: Buffer): Buffer => {
  const words = twentyRounds(stateOf(key, nonce));
  return toBytes([0, 5, 10, 15, 6, 7, 8, 9].map((index) => words[index] ?? 0));
};

const keyStream = (key: Buffer, nonce: Buffer, length: number): Buffer => {
  const derived = subkey(key, nonce.subarray(0, 16));
  const blocks: Buffer[] = [];
  for (let counter = 0; 64 * counter < length; counter += 1) {
    const middle = Buffer.alloc(16);
    nonce.copy(middle, 0, 16);
    middle.writeBigUInt64LE(BigInt(counter), 8);
    const state = stateOf(derived, middle);
    blocks.push(toBytes([...twentyRounds(state)].map((word, index) => (word + (state[index] ?? 0)) | 0)));
  }
  return Buffer.concat(blocks);
};

const littleEndian = (bytes: Buffer): bigint => BigInt(`0x0${Buffer.from(bytes).reverse().toString('hex')}`);

const poly1305 = (message: Buffer, key: Buffer): Buffer => {
  const prime = (1n << 130n) - 5n;
  const factor = littleEndian(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16) {
    const block = message.subarray(at, at + 16);
    sum = ((sum + littleEndian(block) + (1n << BigInt(8 * block.length))) * factor) % prime;
  }
  const tag = (sum + littleEndian(key.subarray(16))) & ((1n << 128n) - 1n);
  return Buffer.from(tag.toString(16).padStart(32, '0'), 'hex').reverse();
};

const mask = (text: Buffer, stream: Buffer): Buffer => Buffer.from(text.map((byte, index) => byte ^ (stream[MAC_KEY_BYTES + index] ?? 0)));

/** Key of 32 bytes, nonce of 24 bytes. */
export type BoxKey = { readonly key: Buffer; readonly nonce: Buffer };

/** The message in the box; undefined where key or box are not the right ones. */
export const openBox = (box: Buffer, { key, nonce }: BoxKey): Buffer | undefined => {
  if (box.length < TAG_BYTES || key.length !== 32 || nonce.length !== 24) return undefined;
  const text = box.subarray(TAG_BYTES);
  const stream = keyStream(key, nonce, MAC_KEY_BYTES + text.length);
  const tag = poly1305(text, stream.subarray(0, MAC_KEY_BYTES));
  return timingSafeEqual(tag, box.subarray(0, TAG_BYTES)) ? mask(text, stream) : undefined;
};
