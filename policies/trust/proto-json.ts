// SPDX-License-Identifier: Apache-2.0
// What the JSON mapping of protobuf lets a writer choose (protobuf.dev, ProtoJSON format), put the way in which bundles are read:
// whole numbers of 64 bits as text, and a message that is left out as an empty one. For bundles of anybody; a seal has one form.
import { isJsonObject, own } from '../document/json.ts';
import type { JsonObject, JsonValue } from '../document/json.ts';
import { objectAt, objectsAt } from './strict-json.ts';

const NUMBERS = ['logIndex', 'integratedTime', 'treeSize'] as const;

/** Beyond 2^53 a number may have been another before it was read; it stays one, and is refused. */
const isWhole = (value: JsonValue | undefined): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

const withTexts = (object: JsonObject): JsonObject => {
  const texts = NUMBERS.flatMap((field) => {
    const value = own(object, field);
    return isWhole(value) ? [[field, String(value)] as const] : [];
  });
  return { ...object, ...Object.fromEntries(texts) };
};

const withTextsInside = (entry: JsonObject): JsonObject => {
  const proof = objectAt(entry, 'inclusionProof');
  return withTexts(proof === undefined ? entry : { ...entry, inclusionProof: withTexts(proof) });
};

export const inReadersForm = (bundle: JsonObject): JsonObject => {
  const message = objectAt(bundle, 'messageSignature');
  const material = objectAt(bundle, 'verificationMaterial');
  const entries = material === undefined ? undefined : objectsAt(material, 'tlogEntries');
  const isClaimless =
    message !== undefined && !isJsonObject(own(message, 'messageDigest')) && (own(message, 'messageDigest') ?? null) === null;
  return {
    ...bundle,
    ...(isClaimless ? { messageSignature: { ...message, messageDigest: {} } } : {}),
    ...(material === undefined || entries === undefined || entries.length === 0
      ? {}
      : { verificationMaterial: { ...material, tlogEntries: entries.map(withTextsInside) } }),
  };
};
