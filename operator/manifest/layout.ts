// SPDX-License-Identifier: Apache-2.0
// What the names of a policy repository mean. Pure, over paths alone, so that only files of ours are ever read.

import { TIER_CATALOG_NAME, TRUST_POLICY_NAME } from '../../crds/kinds.ts';
import type { WritKind } from '../../crds/kinds.ts';
import { TIER_CATALOG_FILE } from '../../policies/currency/removal.ts';
import { TRUSTED_ROOT_FILE } from '../../policies/trust/index.ts';

export type KindHint = 'trust' | 'policy' | 'tenant' | 'ruleset' | 'tiers' | 'license' | 'prices';

/** The kind that each place holds. */
export const KINDS = {
  trust: 'TrustPolicy',
  policy: 'Policy',
  tenant: 'Tenant',
  ruleset: 'Ruleset',
  tiers: 'TierCatalog',
  license: 'License',
  prices: 'PriceBook',
} as const satisfies Readonly<Record<KindHint, WritKind>>;

export type Place =
  | { readonly is: 'document'; readonly kindHint: KindHint; readonly name: string }
  /** `subject` is the path without the ending: `FILE`, or `FILE.WHO` for a second seal. */
  | { readonly is: 'seal'; readonly subject: string }
  | { readonly is: 'repository-seal' }
  /** The Sigstore trusted root, which the trust policy pins. */
  | { readonly is: 'trusted-root' }
  /** An earlier version of the trust policy; its seals are those of any document. */
  | { readonly is: 'trust-version'; readonly version: number }
  /** The root that such a version pinned. */
  | { readonly is: 'trust-version-root'; readonly version: number }
  /** A file below the folder of a ruleset, which the ruleset must name; `path` is relative to that folder. */
  | { readonly is: 'member'; readonly ruleset: string; readonly path: string }
  | { readonly is: 'cases' }
  /** Looks like a document, in a folder of documents, but under a name that would leave it unread. */
  | { readonly is: 'misplaced' }
  | { readonly is: 'foreign' };

const SEAL = '.sigstore.json';
// RFC 1123 subdomain: what the API server accepts as metadata.name.
const NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const FOLDERS: Readonly<Record<string, KindHint>> = {
  policies: 'policy',
  tenants: 'tenant',
  rulesets: 'ruleset',
  licenses: 'license',
  prices: 'prices',
};

/** Documents of which there is one, beside the folders. */
const SINGLE_FILES: ReadonlyMap<string, { readonly kindHint: KindHint; readonly name: string }> = new Map([
  ['trust.yaml', { kindHint: 'trust', name: TRUST_POLICY_NAME }],
  [TIER_CATALOG_FILE, { kindHint: 'tiers', name: TIER_CATALOG_NAME }],
]);
/** The document of a ruleset, in its folder `rulesets/NAME`. */
const RULESET_FILE = 'ruleset.yaml';

const TRUST_VERSION = /^trust\/([1-9][0-9]{0,15})\.(yaml|trusted_root\.json)$/;

/** Where an earlier version of the trust policy is kept. */
export const trustVersionPath = (version: number): string => `trust/${version}.yaml`;

const placeInTrust = (path: string): Place => {
  if (path.endsWith(SEAL)) return { is: 'seal', subject: path.slice(0, -SEAL.length) };
  const [, version, ending] = TRUST_VERSION.exec(path) ?? [];
  if (version === undefined) return isYaml(path) ? { is: 'misplaced' } : { is: 'foreign' };
  return { is: ending === 'yaml' ? 'trust-version' : 'trust-version-root', version: Number(version) };
};

const isYaml = (path: string): boolean => /\.ya?ml$/i.test(path);

const placeInFolder = (kindHint: KindHint, path: string): Place => {
  if (path.endsWith(SEAL)) return { is: 'seal', subject: path.slice(0, -SEAL.length) };
  if (!isYaml(path)) return { is: 'foreign' };
  if (path.endsWith('.cases.yaml')) return { is: 'cases' };
  if (kindHint === 'ruleset') return placeInRuleset(path);
  const name = path.slice(path.indexOf('/') + 1, -'.yaml'.length);
  return path.endsWith('.yaml') && NAME.test(name) ? { is: 'document', kindHint, name } : { is: 'misplaced' };
};

const placeInRuleset = (path: string): Place => {
  const [, name = '', ...rest] = path.split('/');
  if (rest.length === 0 || !NAME.test(name)) return { is: 'misplaced' };
  const inside = rest.join('/');
  return inside === RULESET_FILE ? { is: 'document', kindHint: 'ruleset', name } : { is: 'member', ruleset: name, path: inside };
};

/** The file of a ruleset's document. */
export const rulesetPath = (name: string): string => `rulesets/${name}/${RULESET_FILE}`;

/** What the file at this path, relative to `spec.path`, is to us. */
export const placeOf = (path: string): Place => {
  const single = SINGLE_FILES.get(path);
  if (single !== undefined) return { is: 'document', ...single };
  if (/^seal(?:\.[A-Za-z0-9_-]+)?\.sigstore\.json$/.test(path)) return { is: 'repository-seal' };
  if (path === TRUSTED_ROOT_FILE) return { is: 'trusted-root' };
  if (path.endsWith(SEAL) && [...SINGLE_FILES.keys()].some((file) => path.startsWith(`${file}.`)))
    return { is: 'seal', subject: path.slice(0, -SEAL.length) };
  if (path.startsWith('trust/')) return placeInTrust(path);
  const folder = path.slice(0, Math.max(0, path.indexOf('/')));
  const kindHint = Object.hasOwn(FOLDERS, folder) ? FOLDERS[folder] : undefined;
  return kindHint === undefined ? { is: 'foreign' } : placeInFolder(kindHint, path);
};

/** The document that a seal is for: the subject itself, or the subject without its last part, `WHO`. */
export const sealedPath = (subject: string, documents: ReadonlySet<string>): string | undefined => {
  if (documents.has(subject)) return subject;
  const owner = subject.slice(0, Math.max(0, subject.lastIndexOf('.')));
  return documents.has(owner) && /^[A-Za-z0-9_-]+$/.test(subject.slice(owner.length + 1)) ? owner : undefined;
};
