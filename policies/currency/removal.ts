// SPDX-License-Identifier: Apache-2.0
// How an enforced document ends: by a retired version of itself, or by the seal of the whole source that lists it no more.
// Deleting an object, a label or an inventory is no such proof.
//
// A set seal ends a document only where it speaks of that document's source (a set of another repository, which anyone may
// copy, lists other files) and is newer than the document is there: an older set did not list it either.
import type { Problem } from '../problem.ts';
import type { Marked } from './index.ts';

/** There is one catalog, so its file needs no name. */
export const TIER_CATALOG_FILE = 'tiers.yaml';

/** A set seal that verifies now. */
export type SetProof = {
  /** `NAMESPACE/NAME` of the GitSource that it was made for; undefined where it does not say, and then it ends nothing. */
  readonly source: string | undefined;
  readonly sequence: number;
  /** `sha256:hex` over what it says, whoever signed it. */
  readonly digest: string;
  /** Path in the repository → `sha256:hex`. */
  readonly files: ReadonlyMap<string, string>;
  readonly signers: readonly string[];
  /** Whether its signers may decide about documents of this kind, and publisher's tier; of an unknown one, about all there are. */
  readonly mayDecide: (kind: string, tier: string | undefined) => boolean;
};

export type Standing = Omit<Marked, 'source'> & {
  /** `NAMESPACE/NAME` of the source that ordered it; undefined where none did. */
  readonly source: string | undefined;
  /** The sequence of the set seal that was in force when it was ordered; 0 without one. */
  readonly sequence: number;
  /** Of a Ruleset's publisher. */
  readonly tier?: string | undefined;
};

/** The tier of a publisher whose document is not there any more; no schema has it. */
export const UNKNOWN_TIER = '?';

/** A source that orders the document now, and whether its set seal, by those who may decide about it, lists these very bytes. */
export type Claim = { readonly source: string; readonly isSealed: boolean };

/** Whether the set seal claims these bytes. */
export const listsDocument = (set: SetProof | undefined, document: Pick<Standing, 'kind' | 'name' | 'digest' | 'tier'>): boolean =>
  set?.files.get(fileOf(document)) === document.digest && set.mayDecide(document.kind, document.tier);

export type OwnerInput = {
  /** Whose it was, where it stood before: that source may be none. */
  readonly before: { readonly source: string | undefined } | undefined;
  /** In one order wherever this is asked. */
  readonly claims: readonly Claim[];
  /** Whether the set seal of the source before lets it go. */
  readonly isReleased: boolean;
};

/**
 * Whose set seal may end the document. Nobody signs an inventory, so one that names a document of another source, or one that
 * was applied by hand, takes nothing over: only a set seal that lists it does, or whoever orders it once it was let go.
 */
export const ownerOf = ({ before, claims, isReleased }: OwnerInput): string | undefined => {
  const sealed = claims.filter(({ isSealed }) => isSealed);
  if (sealed.length > 0) return (sealed.find(({ source }) => source === before?.source) ?? sealed[0])?.source;
  return before === undefined || isReleased ? claims[0]?.source : before.source;
};

/** Where a document of this kind lies in a repository. */
export const fileOf = ({ kind, name }: Pick<Marked, 'kind' | 'name'>): string => {
  switch (kind) {
    case 'Ruleset':
      return `rulesets/${name}/ruleset.yaml`;
    case 'TierCatalog':
      return TIER_CATALOG_FILE;
    case 'License':
      return `licenses/${name}.yaml`;
    case 'PriceBook':
      return `prices/${name}.yaml`;
    case 'Tenant':
      return `tenants/${name}.yaml`;
    default:
      return `policies/${name}.yaml`;
  }
};

const FOLDERS: ReadonlyMap<string, string> = new Map([
  ['policies', 'Policy'],
  ['rulesets', 'Ruleset'],
  ['licenses', 'License'],
  ['prices', 'PriceBook'],
  ['tenants', 'Tenant'],
]);

/** The other way round: of what kind the file is, or a part of it; undefined where it is none of these. */
export const kindOfFile = (path: string): string | undefined =>
  path === TIER_CATALOG_FILE ? 'TierCatalog' : FOLDERS.get(path.slice(0, Math.max(0, path.indexOf('/'))));

/** Why the document may not end; undefined = it may. `set`: that of its source, where one was given. */
export const mayRemove = (document: Standing, set: SetProof | undefined): Problem | undefined => {
  if (document.retired === true) return undefined;
  const file = fileOf(document);
  const refuse = (why: string): Problem => ({ code: 'REMOVAL_UNSEALED', message: `${file} may not end: ${why}` });
  if (document.source === undefined) return refuse('no source ordered it, so only a retired version of it ends it');
  if (set === undefined) return refuse(`version ${document.version} is enforced, and no good set seal of ${document.source} says so`);
  if (set.source !== document.source)
    return refuse(
      set.source === undefined ? 'the set seal does not name its source' : `the set seal is of ${set.source}, not of ${document.source}`,
    );
  if (set.files.has(file)) return refuse(`set seal ${set.sequence} lists it`);
  if (set.sequence <= document.sequence)
    return refuse(`set seal ${set.sequence} is no newer than set seal ${document.sequence}, under which it was ordered`);
  return set.mayDecide(document.kind, document.tier)
    ? undefined
    : refuse(`those who signed set seal ${set.sequence} (${set.signers.join(', ')}) are not enough for a ${document.kind}`);
};
