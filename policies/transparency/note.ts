// SPDX-License-Identifier: Apache-2.0
// Signed notes (c2sp.org/signed-note): a text and under it signatures by named keys. Two sorts of Ed25519 signatures are known:
// plain ones (0x01) and timestamped cosignatures of witnesses (0x04, c2sp.org/tlog-cosignature). Those of other keys are ignored.
import { Buffer } from 'node:buffer';
import { createPublicKey, hash, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { decodeBase64 } from '../trust/strict-json.ts';

/** ed25519 signs the text; cosignature signs a time and the text. */
export type NoteKeyKind = 'ed25519' | 'cosignature';

export type VerifierKey = {
  readonly name: string;
  /** 8 hexadecimal digits. With the name it tells keys apart; it proves nothing. */
  readonly id: string;
  readonly kind: NoteKeyKind;
  readonly publicKey: KeyObject;
  /** `NAME+ID+BASE64`, as people hand it on. */
  readonly text: string;
};

export type NoteSignature = { readonly name: string; readonly id: string; /** Without the id. */ readonly bytes: Buffer };

export type Note = { /** With its last line feed. */ readonly text: string; readonly signatures: readonly NoteSignature[] };

const KIND_BYTES: Readonly<Record<NoteKeyKind, number>> = { ed25519: 1, cosignature: 4 };
const KEY_BYTES = 32;
const ID_BYTES = 4;
const TIME_BYTES = 8;
const MAX_NOTE_BYTES = 1_000_000;
const MAX_SIGNATURES = 100;
const PREFIX = '\u2014 ';

const isKeyName = (name: string): boolean => name !== '' && !/[\s+\u0085]/u.test(name);
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/;

const bytesOfKey = (key: KeyObject): Buffer | undefined => {
  if (key.asymmetricKeyType !== 'ed25519') return undefined;
  const { x } = key.export({ format: 'jwk' });
  return x === undefined ? undefined : Buffer.from(x, 'base64url');
};

/** Of the public key, or of the public half of a private one; undefined for a key or a name that can sign no note. */
export const verifierKey = (name: string, key: KeyObject, kind: NoteKeyKind = 'ed25519'): VerifierKey | undefined => {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const bytes = bytesOfKey(publicKey);
  if (bytes === undefined || !isKeyName(name)) return undefined;
  const typed = Buffer.concat([Buffer.of(KIND_BYTES[kind]), bytes]);
  const id = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), typed]), 'hex').slice(0, 2 * ID_BYTES);
  return { name, id, kind, publicKey, text: `${name}+${id}+${typed.toString('base64')}` };
};

/** Reads `NAME+ID+BASE64`; undefined for any other text, also where the id is not that of the key. Total. */
export const readVerifierKey = (text: string): VerifierKey | undefined => {
  const [, name = '', , encoded] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text) ?? [];
  const typed = decodeBase64(encoded);
  if (typed?.length !== 1 + KEY_BYTES) return undefined;
  const kind = typed[0] === KIND_BYTES.ed25519 ? 'ed25519' : typed[0] === KIND_BYTES.cosignature ? 'cosignature' : undefined;
  if (kind === undefined) return undefined;
  try {
    const x = typed.subarray(1).toString('base64url');
    const key = verifierKey(name, createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }), kind);
    return key?.text === text ? key : undefined;
  } catch {
    return undefined;
  }
};

const readSignature = (line: string): NoteSignature | undefined => {
  if (!line.startsWith(PREFIX)) return undefined;
  const [name = '', encoded, ...rest] = line.slice(PREFIX.length).split(' ');
  const bytes = decodeBase64(encoded);
  if (!isKeyName(name) || bytes === undefined || bytes.length <= ID_BYTES || rest.length > 0) return undefined;
  return { name, id: bytes.toString('hex', 0, ID_BYTES), bytes: bytes.subarray(ID_BYTES) };
};

/** The lines of signatures that a witness answers with; undefined where one of them is none. */
export const readSignatures = (lines: string): readonly NoteSignature[] | undefined => {
  if (!lines.endsWith('\n')) return undefined;
  const read = lines.slice(0, -1).split('\n').map(readSignature);
  const found = read.filter((one) => one !== undefined);
  return found.length === read.length && found.length <= MAX_SIGNATURES ? found : undefined;
};

/** Reads a note without looking at who signed it; undefined for anything that is none. Total. */
export const readNote = (bytes: Uint8Array): Note | undefined => {
  if (bytes.length > MAX_NOTE_BYTES) return undefined;
  let whole: string;
  try {
    whole = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
  const end = whole.lastIndexOf('\n\n');
  if (end < 0 || CONTROL.test(whole) || whole.includes('\uFFFD')) return undefined;
  const signatures = readSignatures(whole.slice(end + 2));
  return signatures === undefined ? undefined : { text: whole.slice(0, end + 1), signatures };
};

const signatureLine = ({ name, id, bytes }: NoteSignature): string =>
  `${PREFIX}${name} ${Buffer.concat([Buffer.from(id, 'hex'), bytes]).toString('base64')}\n`;

export const writeNote = ({ text, signatures }: Note): string => `${text}\n${signatures.map(signatureLine).join('')}`;

export const writeSignatures = (signatures: readonly NoteSignature[]): string => signatures.map(signatureLine).join('');

const cosigned = (text: string, timeS: bigint): Buffer => Buffer.from(`cosignature/v1\ntime ${timeS}\n${text}`);

export type NoteSigner = { readonly key: VerifierKey; readonly privateKey: KeyObject };

/** Of a signer of the kind ed25519. Ed25519 is deterministic: the same text gives the same signature. */
export const signText = (text: string, { key, privateKey }: NoteSigner): NoteSignature => ({
  name: key.name,
  id: key.id,
  bytes: sign(null, Buffer.from(text), privateKey),
});

/** A cosignature says: at this time, this was the newest tree of that log that I had seen, and it followed from those before. */
export const cosignText = (text: string, { key, privateKey }: NoteSigner, nowMs: number): NoteSignature => {
  const time = Buffer.alloc(TIME_BYTES);
  const timeS = BigInt(Math.floor(nowMs / 1000));
  time.writeBigUInt64BE(timeS);
  return { name: key.name, id: key.id, bytes: Buffer.concat([time, sign(null, cosigned(text, timeS), privateKey)]) };
};

/** Undefined where the signature does not hold. */
const checkOne = (text: string, { bytes }: NoteSignature, { kind, publicKey }: VerifierKey): { readonly timeMs?: number } | undefined => {
  if (kind === 'ed25519') return bytes.length === 64 && verify(null, Buffer.from(text), publicKey, bytes) ? {} : undefined;
  if (bytes.length !== TIME_BYTES + 64) return undefined;
  const timeS = bytes.readBigUInt64BE();
  const holds = timeS < 2n ** 63n && verify(null, cosigned(text, timeS), publicKey, bytes.subarray(TIME_BYTES));
  return holds ? { timeMs: Number(timeS) * 1000 } : undefined;
};

export type NoteSeal = { readonly key: VerifierKey; /** When it was cosigned. */ readonly timeMs?: number };

/** Who of the known keys signed, and whose signature does not hold. A note with one that does not is to be refused whole. */
export type NoteCheck = { readonly good: readonly NoteSeal[]; readonly bad: readonly VerifierKey[] };

export const checkNote = ({ text, signatures }: Note, known: readonly VerifierKey[]): NoteCheck => {
  const good = new Map<string, NoteSeal>();
  const bad: VerifierKey[] = [];
  for (const signature of signatures) {
    const key = known.find(({ name, id }) => name === signature.name && id === signature.id);
    if (key === undefined) continue;
    const held = checkOne(text, signature, key);
    if (held === undefined) bad.push(key);
    else good.set(key.text, { key, ...held });
  }
  return { good: [...good.values()], bad };
};
