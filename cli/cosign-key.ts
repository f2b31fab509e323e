// SPDX-License-Identifier: Apache-2.0
// The private key files that `cosign generate-key-pair` and `import-key-pair` write: PKCS#8 in a NaCl secretbox, its key
// derived by scrypt. Format: github.com/secure-systems-lab/go-securesystemslib, encrypted.
import { Buffer } from 'node:buffer';
import { createPrivateKey, scryptSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { isJsonObject, own } from '../policies/document/json.ts';
import type { JsonObject } from '../policies/document/json.ts';
import { bytesAt, objectAt, parseStrictBytes, textAt } from '../policies/trust/strict-json.ts';
import { openBox } from './secretbox.ts';

const PEM = /^\s*-----BEGIN ENCRYPTED (SIGSTORE|COSIGN) PRIVATE KEY-----\n([A-Za-z0-9+/=\n]+)\n-----END ENCRYPTED \1 PRIVATE KEY-----\s*$/;
/** Above these a key file would cost more memory or time than any that cosign writes (N 65536, r 8, p 1: 64 MiB). */
const MAX = { N: 2 ** 17, r: 8, p: 4 } as const;

export const isCosignKey = (pem: string): boolean => /-----BEGIN ENCRYPTED (?:SIGSTORE|COSIGN) PRIVATE KEY-----/.test(pem);

export type CosignKeyOutcome =
  | { readonly kind: 'key'; readonly key: KeyObject }
  | { readonly kind: 'wrong-password' }
  | { readonly kind: 'malformed' };

const MALFORMED: CosignKeyOutcome = { kind: 'malformed' };

const costsOf = (params: JsonObject): { readonly N: number; readonly r: number; readonly p: number } | undefined => {
  const [N, r, p] = ['N', 'r', 'p'].map((name) => own(params, name));
  const isWithin = (value: unknown, most: number): value is number =>
    typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most;
  return isWithin(N, MAX.N) && isWithin(r, MAX.r) && isWithin(p, MAX.p) && Number.isInteger(Math.log2(N)) && N > 1
    ? { N, r, p }
    : undefined;
};

export const openCosignKey = (pem: string, password: string): CosignKeyOutcome => {
  const file = parseStrictBytes(Buffer.from(PEM.exec(pem)?.[2] ?? '', 'base64'));
  const kdf = file === undefined ? undefined : objectAt(file, 'kdf');
  const cipher = file === undefined ? undefined : objectAt(file, 'cipher');
  const params = kdf === undefined ? undefined : objectAt(kdf, 'params');
  if (file === undefined || kdf === undefined || cipher === undefined || !isJsonObject(params)) return MALFORMED;
  const [salt, nonce, box, costs] = [bytesAt(kdf, 'salt'), bytesAt(cipher, 'nonce'), bytesAt(file, 'ciphertext'), costsOf(params)];
  const isKnown = textAt(kdf, 'name') === 'scrypt' && textAt(cipher, 'name') === 'nacl/secretbox' && nonce?.length === 24;
  if (!isKnown || salt === undefined || box === undefined || costs === undefined) return MALFORMED;
  const key = scryptSync(password, salt, 32, { ...costs, maxmem: 256 * costs.N * costs.r });
  const der = openBox(box, { key, nonce });
  if (der === undefined) return { kind: 'wrong-password' };
  try {
    return { kind: 'key', key: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }) };
  } catch {
    return MALFORMED;
  }
};
