// SPDX-License-Identifier: Apache-2.0
// Whether a signature is by a key, for bundles of anybody: wider than what makes a seal (policies/trust/key.ts), since
// cosign signed SHA-256 with every curve for years, and RSA of 2048 bits is a key that Sigstore takes.
import { Buffer } from 'node:buffer';
import { constants, publicDecrypt, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { algorithmOf, digestFor } from '../../policies/trust/key.ts';
import { isEcdsaOfDigest } from './curves.ts';

const MIN_RSA_BITS = 2048;

/** Why nothing that this key signs is believed; undefined = it may be. */
export const keyProblem = (key: KeyObject): string | undefined => {
  if (digestFor(key) === undefined) return `${algorithmOf(key)} is not supported`;
  const bits = key.asymmetricKeyDetails?.modulusLength ?? MIN_RSA_BITS;
  return bits < MIN_RSA_BITS ? `RSA of ${bits} bits is too short` : undefined;
};

const verifies = (digest: string | null, bytes: Uint8Array, { key, signature }: Signed): boolean => {
  try {
    return verify(digest, bytes, key, signature);
  } catch {
    return false;
  }
};

export type Signed = { readonly key: KeyObject; readonly signature: Buffer };

/** ECDSA, RSA with PKCS#1 v1.5, pure Ed25519. Total. */
export const isSignatureOf = (bytes: Uint8Array, signed: Signed): boolean => {
  const digest = digestFor(signed.key);
  if (digest === undefined) return false;
  return verifies(digest, bytes, signed) || (digest === 'sha384' && verifies('sha256', bytes, signed));
};

/** DigestInfo of SHA-256, RFC 8017 9.2. */
const DIGEST_INFO = '3031300d060960864801650304020105000420';

const isRsaOfDigest = (sha256: string, { key, signature }: Signed): boolean => {
  try {
    return publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature).toString('hex') === `${DIGEST_INFO}${sha256}`;
  } catch {
    return false;
  }
};

/** The same where nothing but the SHA-256 of the file is known; `unknown` where the key signs something else than that. */
export const isSignatureOfDigest = (sha256: string, signed: Signed): boolean | 'unknown' => {
  const { key, signature } = signed;
  if (key.asymmetricKeyType === 'rsa') return isRsaOfDigest(sha256, signed);
  if (key.asymmetricKeyType !== 'ec') return 'unknown';
  if (isEcdsaOfDigest(Buffer.from(sha256, 'hex'), signature, key)) return true;
  return digestFor(key) === 'sha256' ? false : 'unknown';
};

/** The same by the SHA-384, which P-384 signs. */
export const isSignatureOfLongDigest = (sha384: string, { key, signature }: Signed): boolean | 'unknown' =>
  digestFor(key) === 'sha384' ? isEcdsaOfDigest(Buffer.from(sha384, 'hex'), signature, key) : 'unknown';
