// SPDX-License-Identifier: Apache-2.0
// The key that a replica seals its receipts with: read from a file that was mounted for it, or made at start and held in
// memory alone, so that it ends with the process.
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { Buffer } from 'node:buffer';
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { pemOf } from '../../policies/receipts/lines.ts';
import { SUPPORTED_KEYS, digestFor, keyRefusal, readPublicKey } from '../../policies/trust/key.ts';
import type { PublicKey } from '../../policies/trust/key.ts';

export type ReplicaKey = {
  readonly publicKey: PublicKey;
  readonly pem: string;
  /** Signs on a thread of the pool: requests do not wait for it. */
  sign(bytes: Uint8Array): Promise<Buffer>;
};

const signInPool = promisify<string | null, Uint8Array, KeyObject, Buffer>(sign);

const keyOf = (privateKey: KeyObject): ReplicaKey | undefined => {
  const digest = digestFor(privateKey);
  const pem = pemOf(createPublicKey(privateKey));
  const publicKey = readPublicKey(pem);
  if (digest === undefined || publicKey === undefined || keyRefusal(privateKey) !== undefined) return undefined;
  return { publicKey, pem: pemOf(publicKey.publicKey), sign: (bytes) => signInPool(digest, bytes, privateKey) };
};

const parse = (pem: string): KeyObject | undefined => {
  try {
    return createPrivateKey({ key: pem, format: 'pem' });
  } catch {
    return undefined;
  }
};

/** Rejects with what to do where the file holds no key that can seal. */
export const replicaKey = async (file: string | undefined): Promise<ReplicaKey> => {
  const privateKey = file === undefined ? generateKeyPairSync('ed25519').privateKey : parse(await readFile(file, 'utf8'));
  const key = privateKey === undefined ? undefined : keyOf(privateKey);
  if (key === undefined)
    throw new Error(`--receipt-key ${file ?? ''}: not a private key in PEM without a password; ${SUPPORTED_KEYS} are supported`);
  return key;
};
