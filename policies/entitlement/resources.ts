// SPDX-License-Identifier: Apache-2.0
// Quotas of resources in a tier: what all of a tenant's namespaces together may ask for, whatever the Tenant says.
import type { TenantResourceQuota, TenantSpec } from '../../crds/generated/objects.ts';
import { nanosOfQuantity } from '../quota/quantity.ts';
import { excessAt } from './excess.ts';
import type { Bounded, Excess } from './excess.ts';
import { resourceKey } from './tier.ts';
import type { Tier } from './tier.ts';

const capped = (
  quota: TenantResourceQuota,
  index: number,
  { resources }: Tier,
): { readonly quota: TenantResourceQuota; readonly excesses: readonly Excess[] } => {
  const excesses: Excess[] = [];
  const hard = Object.fromEntries(
    Object.entries(quota.hard).map(([name, asked]) => {
      const cap = resources.get(resourceKey(name));
      if (cap === undefined) return [name, asked];
      const nano = nanosOfQuantity(asked);
      // What cannot be read is not known to be within.
      if (nano !== undefined && nano <= cap.nano) return [name, asked];
      excesses.push(excessAt(['resourceQuotas', index, 'hard', name], String(asked), cap.text));
      return [name, cap.text];
    }),
  );
  return excesses.length === 0 ? { quota, excesses } : { quota: { ...quota, hard }, excesses };
};

const freeName = (taken: ReadonlySet<string>): string => {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? 'tier' : `tier-${number}`;
    if (!taken.has(name)) return name;
  }
};

/** A quota that does not say is summed. */
const isSummed = ({ scope }: TenantResourceQuota): boolean => scope !== 'Namespace';

export const boundResources = (spec: TenantSpec, tier: Tier): Bounded => {
  if (tier.resources.size === 0) return { spec, excesses: [] };
  const bounded = (spec.resourceQuotas ?? []).map((quota, index) => capped(quota, index, tier));
  const quotas = bounded.map(({ quota }) => quota);
  const summed = new Set(quotas.filter(isSummed).flatMap(({ hard }) => Object.keys(hard).map(resourceKey)));
  const rest = [...tier.resources].filter(([key]) => !summed.has(key)).map(([, { name, text }]) => [name, text] as const);
  const added: readonly TenantResourceQuota[] =
    rest.length === 0 ? [] : [{ name: freeName(new Set(quotas.map(({ name }) => name))), scope: 'Tenant', hard: Object.fromEntries(rest) }];
  return { spec: { ...spec, resourceQuotas: [...quotas, ...added] }, excesses: bounded.flatMap(({ excesses }) => excesses) };
};
