// SPDX-License-Identifier: Apache-2.0
// The one spelling in which a bundle is stored in the cluster. A file in Git may be laid out as its maker liked; a stored one says
// the same with nothing in it that could be other: no white space, no escape that is not needed, of the media types that mean the
// same one, of timestamps what is signed, under a checkpoint what its log signed. So a byte of it that changes makes another bundle, or none.
import { own } from '../document/json.ts';
import type { JsonObject } from '../document/json.ts';
import { bareTimestamp } from './bare-timestamp.ts';
import { bareCheckpoint } from './log-entry.ts';
import { bytesAt, objectAt, objectsAt, parseStrictObject, textAt } from './strict-json.ts';

const hasProofs = (bundle: JsonObject): boolean =>
  (objectsAt(objectAt(bundle, 'verificationMaterial') ?? {}, 'tlogEntries') ?? []).every(
    (entry) => (own(entry, 'inclusionProof') ?? null) !== null,
  );

/** 0.1 asks for promises, 0.2 and later for proofs: with both a bundle is of either, and is called by the later. */
const mediaTypeOf = (bundle: JsonObject): string | undefined => {
  const type = textAt(bundle, 'mediaType');
  if (type === 'application/vnd.dev.sigstore.bundle+json;version=0.3') return 'application/vnd.dev.sigstore.bundle.v0.3+json';
  const isOldest = type === 'application/vnd.dev.sigstore.bundle+json;version=0.1';
  return isOldest && hasProofs(bundle) ? 'application/vnd.dev.sigstore.bundle+json;version=0.2' : type;
};

/** Each response reduced to what is signed in it. */
const timestampsOf = (material: JsonObject): JsonObject => {
  const data = objectAt(material, 'timestampVerificationData');
  const list = data === undefined ? undefined : objectsAt(data, 'rfc3161Timestamps');
  if (data === undefined || list === undefined || list.length === 0) return material;
  const rfc3161Timestamps = list.map((item) => {
    const der = bytesAt(item, 'signedTimestamp');
    return der === undefined ? item : { ...item, signedTimestamp: bareTimestamp(der).toString('base64') };
  });
  return { ...material, timestampVerificationData: { ...data, rfc3161Timestamps } };
};

/** Under each checkpoint only the line of its log. */
const entriesOf = (material: JsonObject): JsonObject => {
  const list = objectsAt(material, 'tlogEntries');
  if (list === undefined || list.length === 0) return material;
  const tlogEntries = list.map((entry) => {
    const proof = objectAt(entry, 'inclusionProof');
    const checkpoint = proof === undefined ? undefined : objectAt(proof, 'checkpoint');
    const envelope = checkpoint === undefined ? undefined : textAt(checkpoint, 'envelope');
    const logId = bytesAt(objectAt(entry, 'logId') ?? {}, 'keyId');
    if (envelope === undefined || logId === undefined) return entry;
    return { ...entry, inclusionProof: { ...proof, checkpoint: { ...checkpoint, envelope: bareCheckpoint(envelope, logId) } } };
  });
  return { ...material, tlogEntries };
};

/** What is no JSON object without repeated keys counts for nothing and stays as it is. Total. */
export const storedForm = (text: string): string => {
  const bundle = parseStrictObject(text);
  if (bundle === undefined) return text;
  const mediaType = mediaTypeOf(bundle);
  const material = objectAt(bundle, 'verificationMaterial');
  try {
    return JSON.stringify({
      ...bundle,
      ...(mediaType === undefined ? {} : { mediaType }),
      ...(material === undefined ? {} : { verificationMaterial: entriesOf(timestampsOf(material)) }),
    });
  } catch {
    // Nested deeper than can be walked.
    return text;
  }
};
