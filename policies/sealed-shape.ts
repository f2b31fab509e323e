// SPDX-License-Identifier: Apache-2.0
// `signature` of an object as far as it has the shape that its schema allows. The API server holds to the schema as long as nobody
// loosens or prunes the CustomResourceDefinition, which no webhook is asked about: what then comes must not stop anybody who reads.
import { isRecord } from '../crds/wire.ts';
import type { SealedObject } from './policy-object.ts';
import type { TrustSignature } from './trust/load.ts';

const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((item) => typeof item === 'string');

type Link = NonNullable<TrustSignature['chain']>[number];

const linksOf = (chain: unknown): readonly Link[] =>
  (Array.isArray(chain) ? chain : []).flatMap((link: unknown): readonly Link[] => {
    if (!isRecord(link)) return [];
    const { document, bundles, trustedRoot } = link;
    if (typeof document !== 'string') return [];
    return [{ document, ...(isTexts(bundles) ? { bundles } : {}), ...(typeof trustedRoot === 'string' ? { trustedRoot } : {}) }];
  });

type Members = NonNullable<NonNullable<SealedObject['signature']>['members']>;

const membersOf = (members: unknown): Members =>
  (Array.isArray(members) ? members : []).flatMap((member: unknown): Members => {
    if (!isRecord(member)) return [];
    const { path, document } = member;
    return typeof path === 'string' && typeof document === 'string' ? [{ path, document }] : [];
  });

/** Undefined: it has no signed document. Total. */
export const signatureOf = (signature: unknown): SealedObject['signature'] => {
  const document: unknown = isRecord(signature) ? signature['document'] : undefined;
  if (!isRecord(signature) || typeof document !== 'string') return undefined;
  const { bundles, trustedRoot, chain, members } = signature;
  return {
    document,
    ...(isTexts(bundles) ? { bundles } : {}),
    ...(typeof trustedRoot === 'string' ? { trustedRoot } : {}),
    ...(chain === undefined ? {} : { chain: linksOf(chain) }),
    ...(members === undefined ? {} : { members: membersOf(members) }),
  };
};

/** For caches: what they hold may be read without a second look. */
export const shapeOf = (signature: unknown): Pick<SealedObject, 'signature'> => {
  const shaped = signatureOf(signature);
  return shaped === undefined ? {} : { signature: shaped };
};
