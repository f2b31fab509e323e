// SPDX-License-Identifier: Apache-2.0
// Making a seal: the Sigstore bundle that `cosign sign-blob --key … --bundle` or `cosign attest-blob` would write.
import { Buffer } from 'node:buffer';
import { hash, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { HashAlgorithm } from '@sigstore/protobuf-specs';
import { bundleToJSON, toDSSEBundle, toMessageSignatureBundle } from '@sigstore/bundle';
import { digestFor, hintOf, keyRefusal } from './key.ts';
import { PAYLOAD_TYPE, preAuthEncoding } from './statement.ts';

/** What a seal is made over: exact bytes, or an in-toto statement (`writeStatement`). */
export type Sealed = { readonly message: Uint8Array } | { readonly statement: Uint8Array };

/** What the signature of the seal is over. */
export const bytesToSign = (sealed: Sealed): Uint8Array =>
  'message' in sealed ? sealed.message : preAuthEncoding(PAYLOAD_TYPE, sealed.statement);

/** By the key, private or public, that made it. */
export type Signature = { readonly signature: Buffer; readonly key: KeyObject };

const bundleOfMessage = (bytes: Uint8Array, { signature, key }: Signature): string => {
  const algorithm = digestFor(key) ?? 'sha256';
  const bundle = toMessageSignatureBundle({ digest: hash(algorithm, bytes, 'buffer'), signature, keyHint: hintOf(key) });
  if (algorithm === 'sha384') bundle.content.messageSignature.messageDigest.algorithm = HashAlgorithm.SHA2_384;
  return JSON.stringify(bundleToJSON(bundle));
};

const bundleOfStatement = (payload: Uint8Array, { signature, key }: Signature): string => {
  const bundle = toDSSEBundle({ artifact: Buffer.from(payload), artifactType: PAYLOAD_TYPE, signature, keyHint: hintOf(key) });
  // cosign names a key in the envelope in another way and refuses a name that it does not know; nothing signs it anyway.
  for (const one of bundle.content.dsseEnvelope.signatures) one.keyid = '';
  return JSON.stringify(bundleToJSON(bundle));
};

/** JSON text of a bundle v0.3 with a signature that was made elsewhere; whether it holds is not asked. */
export const bundleOf = (sealed: Sealed, signature: Signature): string =>
  'message' in sealed ? bundleOfMessage(sealed.message, signature) : bundleOfStatement(sealed.statement, signature);

const signWith = (bytes: Uint8Array, privateKey: KeyObject): Buffer => {
  const refusal = privateKey.type === 'private' ? keyRefusal(privateKey)?.message : 'it is not a private key';
  const digest = digestFor(privateKey);
  if (refusal !== undefined || digest === undefined) throw new TypeError(`the key can make no seal: ${refusal ?? 'unknown kind'}`);
  return sign(digest, bytes, privateKey);
};

/** JSON text of a bundle v0.3; throws TypeError for a key that can make no seal. */
export const makeSeal = (sealed: Sealed, key: KeyObject): string =>
  bundleOf(sealed, { signature: signWith(bytesToSign(sealed), key), key });

/** `makeSeal` over exact bytes. */
export const seal = (bytes: Uint8Array, privateKey: KeyObject): string => makeSeal({ message: bytes }, privateKey);

/** `makeSeal` over an in-toto statement. */
export const sealStatement = (payload: Uint8Array, privateKey: KeyObject): string => makeSeal({ statement: payload }, privateKey);
