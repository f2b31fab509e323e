// SPDX-License-Identifier: Apache-2.0
// Attacks on what tenants may have: catalogs and licenses that are forged, rolled back, sealed by whom another kind takes, past their end, or
// another's; and tenants that help themselves to a tier.
import type { TenantSpec } from '../../../crds/generated/objects.ts';
import { digestOf } from '../../../policies/document/digest.ts';
import type { SealedObject } from '../../../policies/policy-object.ts';
import { seal } from '../../../policies/trust/seal.ts';
import { pairs, trustOf } from './gate.ts';
import type { Attack, Control, Pair } from './gate.ts';

const HERE = '0f9f2f0e-6a39-4a4e-b14e-3b7d8b1f9e11';
const ELSEWHERE = '11111111-6a39-4a4e-b14e-3b7d8b1f9e11';
const ENDS_MS = Date.UTC(2026, 11, 1);

/** Bob alone seals catalogs, edward alone licenses, alice policies. */
const trust = trustOf({
  rules: [
    { kinds: ['TierCatalog'], allOf: [{ threshold: 1, principals: ['bob'] }] },
    { kinds: ['License'], allOf: [{ threshold: 1, principals: ['edward'] }] },
    { kinds: ['Policy'], allOf: [{ threshold: 1, principals: ['alice'] }] },
  ],
});

type Kind = 'TierCatalog' | 'License';
const textOf = (kind: Kind, name: string, spec: object): string =>
  JSON.stringify({ apiVersion: 'writ.dev/v1alpha1', kind, metadata: { name }, spec });

const object = (
  kind: Kind,
  document: string,
  { by = pairs.edward, name = kind === 'License' ? 'acme' : 'cluster' } = {},
): SealedObject => ({
  kind,
  metadata: { name },
  signature: { document, bundles: [seal(Buffer.from(document), by.privateKey)] },
});

const catalogText = (version: number, free = 1): string =>
  textOf('TierCatalog', 'cluster', {
    version,
    tiers: [
      { name: 'Free', limits: { namespaces: free } },
      { name: 'Enterprise', license: 'Required', limits: { namespaces: 50 } },
    ],
  });
const catalog = (version = 2, free = 1): SealedObject => object('TierCatalog', catalogText(version, free), { by: pairs.bob });

const licenseText = (more: object = {}): string =>
  textOf('License', 'acme', {
    version: 2,
    installation: HERE,
    tier: 'Enterprise',
    tenants: ['acme'],
    expires: new Date(ENDS_MS).toISOString(),
    ...more,
  });
const license = (more: object = {}): SealedObject => object('License', licenseText(more));

/** The bytes are changed after they were sealed. */
const edited = (kind: Kind, document: string, by: Pair, [from, to]: readonly [string, string]): SealedObject => {
  const sealed = object(kind, document, { by });
  return { ...sealed, signature: { document: document.replace(from, to), bundles: sealed.signature?.bundles ?? [] } };
};

type Asked = {
  readonly documents: readonly SealedObject[];
  readonly name?: string;
  readonly spec?: TenantSpec;
  readonly installation?: string | undefined;
  readonly atMs?: number;
};

/** The tenant acme asks for the tier Enterprise here, unless that is said otherwise. */
const asking = ({ documents, name = 'acme', spec = { tier: 'Enterprise' }, ...more }: Asked) => ({
  documents,
  trust,
  tenant: { metadata: { name }, spec },
  installation: HERE,
  ...more,
});

const marked = (kind: Kind, name: string, document: string) => ({ kind, name, version: 2, digest: digestOf(Buffer.from(document)) });

export const entitlementAttacks: readonly Attack[] = [
  {
    name: 'catalog: a limit is raised under the old seal',
    code: 'SEAL_DIGEST_MISMATCH',
    attempt: () => ({ object: edited('TierCatalog', catalogText(2), pairs.bob, ['"namespaces":1', '"namespaces":9']), trust }),
  },
  {
    name: 'catalog: the one before, well sealed, which allowed more',
    code: 'POLICY_ROLLBACK',
    attempt: () => ({ object: catalog(1, 9), trust, mark: marked('TierCatalog', 'cluster', catalogText(2)) }),
  },
  {
    name: 'catalog: another one of the same version',
    code: 'POLICY_EQUIVOCATION',
    attempt: () => ({ object: catalog(2, 9), trust, mark: marked('TierCatalog', 'cluster', catalogText(2)) }),
  },
  {
    name: 'catalog: sealed by whom licenses take',
    code: 'SEAL_THRESHOLD',
    attempt: () => ({ object: object('TierCatalog', catalogText(2)), trust }),
  },
  {
    name: 'catalog: sealed by nobody known',
    code: 'SEAL_UNKNOWN_KEY',
    attempt: () => ({ object: object('TierCatalog', catalogText(2), { by: pairs.stranger }), trust }),
  },
  {
    name: 'catalog: a sealed License in its place',
    code: 'POLICY_NAME_MISMATCH',
    attempt: () => ({ object: { ...license(), kind: 'TierCatalog', metadata: { name: 'cluster' } }, trust }),
  },
  {
    name: 'license: a higher tier under the old seal',
    code: 'SEAL_DIGEST_MISMATCH',
    attempt: () => ({ object: edited('License', licenseText(), pairs.edward, ['Enterprise', 'MissionCritical']), trust }),
  },
  {
    name: 'license: a later end under the old seal',
    code: 'SEAL_DIGEST_MISMATCH',
    attempt: () => ({ object: edited('License', licenseText(), pairs.edward, ['2026-12', '2036-12']), trust }),
  },
  {
    name: 'license: the one before, well sealed, which was for all tenants',
    code: 'POLICY_ROLLBACK',
    attempt: () => ({ object: license({ version: 1, tenants: undefined }), trust, mark: marked('License', 'acme', licenseText()) }),
  },
  {
    name: 'license: sealed by whom policies take',
    code: 'SEAL_THRESHOLD',
    attempt: () => ({ object: object('License', licenseText(), { by: pairs.alice }), trust }),
  },
  {
    name: 'license: sealed by whom catalogs take',
    code: 'SEAL_THRESHOLD',
    attempt: () => ({ object: object('License', licenseText(), { by: pairs.bob }), trust }),
  },
  { name: 'license: past its end', code: 'POLICY_EXPIRED', attempt: () => ({ object: license(), trust, atMs: ENDS_MS }) },
  {
    name: 'license: under the name of another',
    code: 'POLICY_NAME_MISMATCH',
    attempt: () => ({ object: object('License', licenseText(), { name: 'umbrella' }), trust }),
  },
  {
    name: 'tier: a license that was moved to another installation',
    code: 'TIER_UNLICENSED',
    attempt: () => asking({ documents: [catalog(), license()], installation: ELSEWHERE }),
  },
  {
    name: 'tier: a license where nobody knows which installation this is',
    code: 'TIER_UNLICENSED',
    attempt: () => asking({ documents: [catalog(), license()], installation: undefined }),
  },
  {
    name: 'tier: by the license of another tenant',
    code: 'TIER_UNLICENSED',
    attempt: () => asking({ documents: [catalog(), license()], name: 'umbrella' }),
  },
  {
    name: 'tier: by a license that has ended',
    code: 'TIER_UNLICENSED',
    attempt: () => asking({ documents: [catalog(), license()], atMs: ENDS_MS }),
  },
  {
    name: 'tier: by a license that was retired',
    code: 'TIER_UNLICENSED',
    attempt: () => asking({ documents: [catalog(), object('License', textOf('License', 'acme', { version: 3, retired: true }))] }),
  },
  { name: 'tier: without any license', code: 'TIER_UNLICENSED', attempt: () => asking({ documents: [catalog()] }) },
  {
    name: 'tier: more than a tier without a license allows',
    code: 'ENTITLEMENT_EXCEEDED',
    attempt: () => asking({ documents: [catalog(), license()], spec: { tier: 'Free', namespaces: { quota: 40 } } }),
  },
];

export const entitlementControls: readonly Control[] = [
  {
    name: 'a catalog after the one before',
    attempt: () => ({ object: catalog(3), trust, mark: marked('TierCatalog', 'cluster', catalogText(2)) }),
  },
  { name: 'a license just before its end', attempt: () => ({ object: license(), trust, atMs: ENDS_MS - 1 }) },
  {
    name: 'a license in its grace period',
    attempt: () => ({ object: license({ gracePeriod: '24h' }), trust, atMs: ENDS_MS + 3_600_000 }),
  },
  {
    name: 'a license after the one before',
    attempt: () => ({ object: license({ version: 3 }), trust, mark: marked('License', 'acme', licenseText()) }),
  },
  { name: 'a tenant with the tier of its license', attempt: () => asking({ documents: [catalog(), license()] }) },
  {
    name: 'any tenant by a license for all',
    attempt: () => asking({ documents: [catalog(), license({ tenants: undefined })], name: 'umbrella' }),
  },
  {
    name: 'a tenant of a tier that needs no license, within it',
    attempt: () => asking({ documents: [catalog()], spec: { tier: 'Free', namespaces: { quota: 1 } } }),
  },
];
