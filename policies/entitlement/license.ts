// SPDX-License-Identifier: Apache-2.0
// Which license gives a tenant the most. One that is for another installation, for other tenants, withdrawn or past its end gives
// nothing; so does any while it is not known which installation this is.
import type { License } from '../../crds/generated/objects.ts';
import type { TierName, TierTable } from './tier.ts';

/** A License whose seals count, or counted until a time. */
export type LicenseTerms = {
  readonly name: string;
  readonly spec: License['spec'];
  /** Its own end, or that of its seals, epoch ms; undefined = never. */
  readonly expiresMs: number | undefined;
  /** When its grace is over too. */
  readonly closesMs: number | undefined;
};

export type LicenseGrant = Pick<LicenseTerms, 'name' | 'expiresMs' | 'closesMs'> & { readonly tier: TierName };

export type LicenseQuestion = {
  readonly licenses: readonly LicenseTerms[];
  readonly table: Pick<TierTable, 'tiers'>;
  /** metadata.uid of the namespace kube-system; undefined while it is not known. */
  readonly installation: string | undefined;
  readonly tenant: string;
  readonly atMs: number;
};

export const isOver = ({ closesMs }: Pick<LicenseTerms, 'closesMs'>, atMs: number): boolean => closesMs !== undefined && !(atMs < closesMs);

export const licenseFor = ({ licenses, table, installation, tenant, atMs }: LicenseQuestion): LicenseGrant | undefined => {
  const rankOf = (name: string): number => table.tiers.findIndex((tier) => tier.name === name);
  let best: LicenseGrant | undefined;
  for (const license of licenses) {
    const { tier, tenants, retired, installation: meant } = license.spec;
    if (tier === undefined || retired === true || meant === undefined || meant !== installation || isOver(license, atMs)) continue;
    if (tenants !== undefined && !tenants.includes(tenant)) continue;
    const { name, expiresMs, closesMs } = license;
    const ends = (one: Pick<LicenseTerms, 'closesMs'>): number => one.closesMs ?? Number.POSITIVE_INFINITY;
    const isBetter = best === undefined || rankOf(tier) > rankOf(best.tier) || (tier === best.tier && ends(license) > ends(best));
    if (isBetter) best = { name, tier, expiresMs, closesMs };
  }
  return best;
};
