// SPDX-License-Identifier: Apache-2.0
// What each Tenant comes to, worked out once for each Tenant, catalog and set of licenses: on the way to a verdict it is a look-up.
import { effectiveTenant } from './effective.ts';
import type { EffectiveTenant, EntitlementInput } from './effective.ts';
import { licenseFor } from './license.ts';
import type { LicenseTerms } from './license.ts';
import type { TierTable } from './tier.ts';

/** Immutable; what changes is another object. */
export type EntitlementState = {
  /** Undefined: there is none. */
  readonly catalog: TierTable | undefined;
  readonly licenses: readonly LicenseTerms[];
  /** metadata.uid of the namespace kube-system; undefined while it is not known. */
  readonly installation: string | undefined;
};

export const NO_ENTITLEMENTS: EntitlementState = { catalog: undefined, licenses: [], installation: undefined };

/** `tenant`: objects of a cache are replaced when they change, and never changed in place. */
export type Entitle = (tenant: EntitlementInput['tenant'], state: EntitlementState, atMs: number) => EffectiveTenant;

export const entitle: Entitle = (tenant, { catalog, licenses, installation }, atMs) => {
  const license =
    catalog === undefined ? undefined : licenseFor({ licenses, table: catalog, installation, tenant: tenant.metadata.name, atMs });
  return effectiveTenant({ tenant, catalog, license, atMs });
};

type Remembered = {
  readonly state: EntitlementState;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly effective: EffectiveTenant;
};

/** The first moment after `atMs` at which time alone may change anything: a license ends. */
const nextEndMs = ({ licenses }: EntitlementState, atMs: number): number =>
  Math.min(...licenses.flatMap(({ closesMs }) => (closesMs !== undefined && closesMs > atMs ? [closesMs] : [])), Number.POSITIVE_INFINITY);

export const rememberEntitled = (): Entitle => {
  const known = new WeakMap<EntitlementInput['tenant'], Remembered>();
  return (tenant, state, atMs) => {
    const found = known.get(tenant);
    // A clock that was put back makes nothing of the future current.
    if (found?.state === state && found.fromMs <= atMs && atMs < found.untilMs) return found.effective;
    const effective = entitle(tenant, state, atMs);
    known.set(tenant, { state, fromMs: atMs, untilMs: nextEndMs(state, atMs), effective });
    return effective;
  };
};
