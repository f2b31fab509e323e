// SPDX-License-Identifier: Apache-2.0
// Making a seal: the Sigstore bundle that `cosign sign-blob --key … --bundle` would write for these bytes.
import { Buffer } from 'node:buffer';
import { createHash, createPublicKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { bundleToJSON, toMessageSignatureBundle } from '@sigstore/bundle';
import { hintOf, isP256 } from './key.ts';

/** JSON text of a bundle v0.3 over exact bytes, by an ECDSA P-256 private key; throws TypeError for any other key. */
export const seal = (bytes: Uint8Array, privateKey: KeyObject): string => {
  if (privateKey.type !== 'private' || !isP256(privateKey)) throw new TypeError('the key must be an ECDSA P-256 private key');
  const bundle = toMessageSignatureBundle({
    digest: createHash('sha256').update(bytes).digest(),
    signature: sign('sha256', Buffer.from(bytes), privateKey),
    keyHint: hintOf(createPublicKey(privateKey)),
  });
  return JSON.stringify(bundleToJSON(bundle));
};
