// SPDX-License-Identifier: Apache-2.0
// Making a seal: the Sigstore bundle that `cosign sign-blob --key … --bundle` or `cosign attest-blob` would write.
import { Buffer } from 'node:buffer';
import { hash, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { HashAlgorithm } from '@sigstore/protobuf-specs';
import { bundleToJSON, toDSSEBundle, toMessageSignatureBundle } from '@sigstore/bundle';
import { digestFor, hintOf, keyRefusal } from './key.ts';
import { PAYLOAD_TYPE, preAuthEncoding } from './statement.ts';

const signWith = (bytes: Uint8Array, privateKey: KeyObject): Buffer => {
  const refusal = privateKey.type === 'private' ? keyRefusal(privateKey)?.message : 'it is not a private key';
  const digest = digestFor(privateKey);
  if (refusal !== undefined || digest === undefined) throw new TypeError(`the key can make no seal: ${refusal ?? 'unknown kind'}`);
  return sign(digest, bytes, privateKey);
};

/** JSON text of a bundle v0.3 over exact bytes; throws TypeError for a key that can make no seal. */
export const seal = (bytes: Uint8Array, privateKey: KeyObject): string => {
  const signature = signWith(bytes, privateKey);
  const algorithm = digestFor(privateKey) ?? 'sha256';
  const bundle = toMessageSignatureBundle({ digest: hash(algorithm, bytes, 'buffer'), signature, keyHint: hintOf(privateKey) });
  if (algorithm === 'sha384') bundle.content.messageSignature.messageDigest.algorithm = HashAlgorithm.SHA2_384;
  return JSON.stringify(bundleToJSON(bundle));
};

/** The same over an in-toto statement (`writeStatement`). */
export const sealStatement = (payload: Uint8Array, privateKey: KeyObject): string => {
  const signature = signWith(preAuthEncoding(PAYLOAD_TYPE, payload), privateKey);
  const bundle = toDSSEBundle({ artifact: Buffer.from(payload), artifactType: PAYLOAD_TYPE, signature, keyHint: hintOf(privateKey) });
  // cosign names a key in the envelope in another way and refuses a name that it does not know; nothing signs it anyway.
  for (const one of bundle.content.dsseEnvelope.signatures) one.keyid = '';
  return JSON.stringify(bundleToJSON(bundle));
};
