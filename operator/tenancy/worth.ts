// SPDX-License-Identifier: Apache-2.0
// A Tenant as it counts: after the defaults and within the limits of its tier. All of this folder goes by that, never by the spec as it
// is written; while it is not known what the tenant may have, nothing of it is made, changed or counted.
import type { EffectiveTenant } from '../../policies/entitlement/effective.ts';
import { rememberEntitled } from '../../policies/entitlement/remembered.ts';
import type { Problem } from '../../policies/problem.ts';
import type { Clock } from '../../process/clock.ts';
import type { KnownEntitlements } from '../controllers/entitlements.ts';
import type { LiveTenant } from '../controllers/live.ts';

export type Worth =
  | { readonly ok: true; /** With the spec that counts. */ readonly tenant: LiveTenant; readonly effective: EffectiveTenant }
  | { readonly ok: false; readonly problem: Problem };

/** Undefined: nobody has looked yet; the first look wakes every tenant. */
export type WorthOf = (tenant: LiveTenant) => Worth | undefined;

export const rememberWorth = (entitlements: () => KnownEntitlements | undefined, clock: Pick<Clock, 'now'>): WorthOf => {
  const entitle = rememberEntitled();
  return (tenant) => {
    const known = entitlements();
    if (known?.ok !== true) return known;
    const effective = entitle(tenant, known.state, clock.now());
    const { spec } = effective;
    return { ok: true, tenant: spec === tenant.spec ? tenant : { ...tenant, spec }, effective };
  };
};
