// SPDX-License-Identifier: Apache-2.0
// Bundle text → what it claims, before any of it is believed: strict JSON of known fields, canonical base64, and the kind
// of proof. The Sigstore library reads far more leniently; what passes here means the same to every reader of the
// format (protojson refuses unknown and repeated fields too).
import { Buffer } from 'node:buffer';
import { bundleFromJSON } from '@sigstore/bundle';
import type { Bundle } from '@sigstore/bundle';
import { isJsonObject, own } from '../document/json.ts';
import type { JsonObject, JsonValue } from '../document/json.ts';
import type { Problem, ProblemCode } from '../problem.ts';

export const MAX_BUNDLE_BYTES = 64 * 1024;
export const MAX_BUNDLES = 8;

/** A signature over the file itself, by a key that the hint names. */
export type KeySeal = {
  readonly hint: string;
  /** `sha256:hex` that the bundle claims to be for. */ readonly digest: string;
  readonly bundle: Bundle;
};

export type BundleOutcome = { readonly ok: true; readonly seal: KeySeal } | { readonly ok: false; readonly problem: Problem };

// Later spellings belong here once the library verifies them; the library itself would take any digits.
const MEDIA_TYPES: ReadonlySet<string> = new Set([
  'application/vnd.dev.sigstore.bundle.v0.3+json',
  'application/vnd.dev.sigstore.bundle+json;version=0.3',
  'application/vnd.dev.sigstore.bundle+json;version=0.2',
  'application/vnd.dev.sigstore.bundle+json;version=0.1',
]);

const refuse = (code: ProblemCode, message: string): BundleOutcome => ({ ok: false, problem: { code, message } });
const malformed = (message: string): BundleOutcome => refuse('SEAL_MALFORMED', message);
const unsupported = (message: string): BundleOutcome => refuse('SEAL_UNSUPPORTED', message);

const countKeys = (value: JsonValue): number => {
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + countKeys(item), 0);
  if (!isJsonObject(value)) return 0;
  return Object.values(value).reduce<number>((sum, item) => sum + 1 + countKeys(item ?? null), 0);
};

/** `JSON.parse` keeps the last of two equal keys where other readers keep the first or refuse; keys in the text tell. */
const hasRepeatedKey = (text: string, value: JsonValue): boolean => {
  let keys = 0;
  for (const match of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)) keys += match[1] === undefined ? 0 : 1;
  return keys !== countKeys(value);
};

const parseJson = (text: string): JsonValue | undefined => {
  try {
    const value: JsonValue = JSON.parse(text);
    return hasRepeatedKey(text, value) ? undefined : value;
  } catch {
    return undefined;
  }
};

/** The name of a field that is not in the list. */
const strangerIn = (object: JsonObject, known: readonly string[]): string | undefined =>
  Object.keys(object).find((key) => !known.includes(key));

const objectAt = (object: JsonObject, field: string): JsonObject | undefined => {
  const value = own(object, field);
  return isJsonObject(value) ? value : undefined;
};

const bytesAt = (object: JsonObject, field: string): Buffer | undefined => {
  const value = own(object, field);
  if (typeof value !== 'string') return undefined;
  const bytes = Buffer.from(value, 'base64');
  return bytes.length > 0 && bytes.toString('base64') === value ? bytes : undefined;
};

const isEmpty = (value: JsonValue | undefined): boolean => {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isJsonObject(value) && Object.values(value).every(isEmpty);
};

/** The hint of the key; evidence of other sorts is named and refused, never skipped. */
const readMaterial = (material: JsonObject): { readonly hint: string } | BundleOutcome => {
  for (const field of ['certificate', 'x509CertificateChain']) {
    if (own(material, field) !== undefined) return unsupported('a certificate (keyless signing) is not supported');
  }
  if (!isEmpty(own(material, 'tlogEntries'))) return unsupported('a transparency log entry is not supported');
  if (!isEmpty(own(material, 'timestampVerificationData'))) return unsupported('a signed timestamp is not supported');
  const stranger = strangerIn(material, ['publicKey', 'tlogEntries', 'timestampVerificationData']);
  if (stranger !== undefined) return malformed(`unknown field verificationMaterial.${stranger}`);
  const publicKey = objectAt(material, 'publicKey');
  const hint = publicKey === undefined ? undefined : own(publicKey, 'hint');
  if (publicKey === undefined || typeof hint !== 'string' || strangerIn(publicKey, ['hint']) !== undefined) {
    return malformed('verificationMaterial.publicKey must hold a hint and nothing else');
  }
  return { hint };
};

const readSignature = (signature: JsonObject): { readonly digest: string } | BundleOutcome => {
  const stranger = strangerIn(signature, ['messageDigest', 'signature']);
  if (stranger !== undefined) return malformed(`unknown field messageSignature.${stranger}`);
  const digest = objectAt(signature, 'messageDigest');
  if (digest === undefined || strangerIn(digest, ['algorithm', 'digest']) !== undefined) {
    return malformed('messageSignature.messageDigest must hold algorithm and digest');
  }
  const algorithm = own(digest, 'algorithm');
  if (algorithm !== 'SHA2_256') return unsupported('a digest by another algorithm than SHA2_256 is not supported');
  const bytes = bytesAt(digest, 'digest');
  if (bytes?.length !== 32) return malformed('messageSignature.messageDigest.digest is not the base64 of 32 bytes');
  if (bytesAt(signature, 'signature') === undefined) return malformed('messageSignature.signature is not canonical base64');
  return { digest: `sha256:${bytes.toString('hex')}` };
};

const read = (text: string): BundleOutcome => {
  if (Buffer.byteLength(text) > MAX_BUNDLE_BYTES) return refuse('SEAL_TOO_LARGE', `more than ${MAX_BUNDLE_BYTES} bytes`);
  const root = parseJson(text);
  if (!isJsonObject(root)) return malformed('not a JSON object without repeated keys');
  const mediaType = own(root, 'mediaType');
  if (typeof mediaType !== 'string' || !MEDIA_TYPES.has(mediaType))
    return malformed('mediaType is not that of a Sigstore bundle 0.1 to 0.3');
  if (own(root, 'dsseEnvelope') !== undefined) return unsupported('a DSSE envelope (attestation) is not supported');
  const stranger = strangerIn(root, ['mediaType', 'verificationMaterial', 'messageSignature']);
  if (stranger !== undefined) return malformed(`unknown field ${stranger.slice(0, 40)}`);
  const material = objectAt(root, 'verificationMaterial');
  if (material === undefined) return malformed('verificationMaterial is missing');
  const key = readMaterial(material);
  if ('ok' in key) return key;
  const message = objectAt(root, 'messageSignature');
  if (message === undefined) return malformed('messageSignature is missing');
  const signature = readSignature(message);
  if ('ok' in signature) return signature;
  return { ok: true, seal: { hint: key.hint, digest: signature.digest, bundle: bundleFromJSON(root) } };
};

/** Total: whatever the library throws is a refusal. */
export const readBundle = (text: string): BundleOutcome => {
  try {
    return read(text);
  } catch {
    return malformed('it does not follow the bundle format');
  }
};
