// SPDX-License-Identifier: Apache-2.0
// Public keys: reading them, naming them, which of them can make a seal, and whether a signature is by one.
import type { Buffer } from 'node:buffer';
import { createPublicKey, hash, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Problem } from '../problem.ts';

export type PublicKey = {
  readonly publicKey: KeyObject;
  /** base64 of the SHA-256 of SubjectPublicKeyInfo in DER, as cosign writes it into bundles. */
  readonly hint: string;
  /** For people: `ECDSA P-256`, `RSA 4096`, … */
  readonly algorithm: string;
  /** Why the key can make no seal, whoever has it. */
  readonly refusal: Problem | undefined;
};

const CURVES: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

/** The fewest bits of an RSA key for any principal (NIST SP 800-57 part 1: 128 bits of security). */
const MIN_RSA_BITS = 3072;
const RSA_EXPONENT = 65537n;

export const SUPPORTED_KEYS = 'ECDSA P-256 and P-384, Ed25519 and RSA of 3072 bits or more';

export const algorithmOf = (key: KeyObject): string => {
  const type = key.asymmetricKeyType ?? 'unknown';
  const details = key.asymmetricKeyDetails;
  if (type === 'ec') {
    const curve = details?.namedCurve ?? 'of an unnamed curve';
    return `ECDSA ${Object.hasOwn(CURVES, curve) ? CURVES[curve] : curve}`;
  }
  if (type === 'rsa' || type === 'rsa-pss') return `${type.toUpperCase()} ${details?.modulusLength ?? ''}`.trim();
  return type === 'ed25519' ? 'Ed25519' : type;
};

/** The digest that each kind of key signs; null = the bytes themselves; undefined = a key that can make no seal. */
export const digestFor = (key: KeyObject): 'sha256' | 'sha384' | null | undefined => {
  if (key.asymmetricKeyType === 'rsa') return 'sha256';
  if (key.asymmetricKeyType === 'ed25519') return null;
  if (key.asymmetricKeyType !== 'ec') return undefined;
  const curve = key.asymmetricKeyDetails?.namedCurve;
  return curve === 'prime256v1' ? 'sha256' : curve === 'secp384r1' ? 'sha384' : undefined;
};

/** Why a seal by such a key never counts. */
export const keyRefusal = (key: KeyObject): Problem | undefined => {
  if (digestFor(key) === undefined)
    return { code: 'SEAL_UNSUPPORTED', message: `${algorithmOf(key)} is not supported; ${SUPPORTED_KEYS} are` };
  if (key.asymmetricKeyType !== 'rsa') return undefined;
  const { modulusLength = 0, publicExponent } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < MIN_RSA_BITS)
    return { code: 'SEAL_KEY_WEAK', message: `RSA of ${modulusLength} bits, at least ${MIN_RSA_BITS} are needed` };
  return publicExponent === RSA_EXPONENT ? undefined : { code: 'SEAL_KEY_WEAK', message: 'RSA with another public exponent than 65537' };
};

const spkiOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });

/** SubjectPublicKeyInfo of P-256 and P-384 whose point is not compressed. */
const UNCOMPRESSED_BYTES = new Set([91, 120]);

/** One point can be written compressed and not: only the same form gives one key one hint, and so one principal. */
const canonical = (key: KeyObject): KeyObject =>
  key.asymmetricKeyType !== 'ec' || digestFor(key) === undefined || UNCOMPRESSED_BYTES.has(spkiOf(key).length)
    ? key
    : createPublicKey({ key: key.export({ format: 'jwk' }), format: 'jwk' });

const hintOfDer = (der: Uint8Array): string => hash('sha256', der, 'base64');

/** Of a public key, or of the public half of a private one. */
export const hintOf = (key: KeyObject): string => hintOfDer(spkiOf(canonical(key.type === 'private' ? createPublicKey(key) : key)));

/** Whether these bytes are the SubjectPublicKeyInfo of the key that the hint names. */
export const isKeyOfHint = (der: Uint8Array, hint: string): boolean => hintOfDer(der) === hint;

const toPublicKey = (key: KeyObject): PublicKey => {
  const publicKey = canonical(key);
  return { publicKey, hint: hintOf(publicKey), algorithm: algorithmOf(publicKey), refusal: keyRefusal(publicKey) };
};

// Node would make a public key out of a private one, a certificate or PKCS#1 as well; a trust policy holds none of them.
const PEM = /^\s*-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+\n-----END PUBLIC KEY-----\s*$/;

/** Reads one PEM block; undefined = it is not a public key. */
export const readPublicKey = (pem: string): PublicKey | undefined => {
  if (!PEM.test(pem)) return undefined;
  try {
    return toPublicKey(createPublicKey({ key: pem, format: 'pem' }));
  } catch {
    return undefined;
  }
};

/** Reads SubjectPublicKeyInfo in DER. */
export const readKeyDer = (der: Buffer): PublicKey | undefined => {
  try {
    return toPublicKey(createPublicKey({ key: der, format: 'der', type: 'spki' }));
  } catch {
    return undefined;
  }
};

/**
 * Whether this is a signature of these bytes by this key: ECDSA with the digest of its curve, pure Ed25519, RSA with
 * PKCS#1 v1.5 and SHA-256. Total.
 */
export const isSignedBy = (bytes: Uint8Array, signature: Uint8Array, key: KeyObject): boolean => {
  const digest = digestFor(key);
  if (digest === undefined) return false;
  try {
    return verify(digest, bytes, key, signature);
  } catch {
    return false;
  }
};
