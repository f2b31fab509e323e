// SPDX-License-Identifier: Apache-2.0
// Public keys: reading them, naming them, and which of them can make a seal.
import { createHash, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

export type PublicKey = {
  readonly publicKey: KeyObject;
  /** base64 of the SHA-256 of SubjectPublicKeyInfo in DER, as cosign writes it into bundles. */
  readonly hint: string;
  /** For people: `ECDSA P-256`, `RSA 4096`, … */
  readonly algorithm: string;
  readonly supported: boolean;
};

const CURVES: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

const algorithmOf = (key: KeyObject): string => {
  const type = key.asymmetricKeyType ?? 'unknown';
  const details = key.asymmetricKeyDetails;
  if (type === 'ec') {
    const curve = details?.namedCurve ?? 'of an unnamed curve';
    return `ECDSA ${Object.hasOwn(CURVES, curve) ? CURVES[curve] : curve}`;
  }
  if (type === 'rsa' || type === 'rsa-pss') return `${type.toUpperCase()} ${details?.modulusLength ?? ''}`.trim();
  return type === 'ed25519' ? 'Ed25519' : type;
};

export const isP256 = (key: KeyObject): boolean => key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';

/** One point can be written compressed and not: only the same form gives one key one hint, and so one principal. */
const canonical = (key: KeyObject): KeyObject =>
  isP256(key) ? createPublicKey({ key: key.export({ format: 'jwk' }), format: 'jwk' }) : key;

export const hintOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(canonical(key).export({ type: 'spki', format: 'der' }))
    .digest('base64');

// Node would make a public key out of a private one, a certificate or PKCS#1 as well; a trust policy holds none of them.
const PEM = /^\s*-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+\n-----END PUBLIC KEY-----\s*$/;

/** Reads one PEM block; undefined = it is not a public key. */
export const readPublicKey = (pem: string): PublicKey | undefined => {
  if (!PEM.test(pem)) return undefined;
  try {
    const publicKey = canonical(createPublicKey({ key: pem, format: 'pem' }));
    return { publicKey, hint: hintOf(publicKey), algorithm: algorithmOf(publicKey), supported: isP256(publicKey) };
  } catch {
    return undefined;
  }
};
