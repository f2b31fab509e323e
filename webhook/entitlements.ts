// SPDX-License-Identifier: Apache-2.0
// What tenants are held to, as this replica enforces it: the catalog and the licenses that stand, so that it follows whole commits
// and the last good one stands, like every policy. What a Tenant comes to is worked out once for each.
import { INSTALLATION_NAMESPACE } from '../crds/kinds.ts';
import type { KubeObject } from '../kube/objects.ts';
import { isEntitlementKind } from '../policies/entitlement-object.ts';
import type { EffectiveTenant, EntitlementInput } from '../policies/entitlement/effective.ts';
import { NO_ENTITLEMENTS, rememberEntitled } from '../policies/entitlement/remembered.ts';
import type { EntitlementState } from '../policies/entitlement/remembered.ts';
import { entitlementState } from '../policies/entitlement/state.ts';
import type { PolicyDocument } from '../policies/policy-object.ts';
import type { Clock } from '../process/clock.ts';
import type { Loader } from './policyset/loader.ts';

export type Entitlements = {
  /** The same object until something of it changes. */
  state(): EntitlementState;
  /** A Tenant as it counts now. The same object for the same Tenant until something changes. */
  effective(tenant: EntitlementInput['tenant']): EffectiveTenant;
};

export type EntitlementsOptions = {
  readonly loader: Pick<Loader, 'enforcement'>;
  readonly namespaces: { get(name: string): KubeObject | undefined };
  readonly clock: Pick<Clock, 'now'>;
};

const isSame = (one: readonly PolicyDocument[], other: readonly PolicyDocument[]): boolean =>
  one.length === other.length && one.every((document, index) => document === other[index]);

export const createEntitlements = ({ loader, namespaces, clock }: EntitlementsOptions): Entitlements => {
  const remembered = rememberEntitled();
  let seen: Loader['enforcement']['standing'] | undefined;
  let documents: readonly PolicyDocument[] = [];
  let known: EntitlementState = NO_ENTITLEMENTS;
  const state = (): EntitlementState => {
    const { standing } = loader.enforcement;
    const installation = namespaces.get(INSTALLATION_NAMESPACE)?.metadata.uid;
    if (standing === seen && installation === known.installation) return known;
    seen = standing;
    const now = [...standing.values()].flatMap(({ document }) => (isEntitlementKind(document.kind) ? [document] : []));
    if (isSame(now, documents) && installation === known.installation) return known;
    documents = now;
    known = entitlementState(now, installation);
    return known;
  };
  return { state, effective: (tenant) => remembered(tenant, state(), clock.now()) };
};

/** The tier that counts of a Tenant by its name; undefined where there is no such Tenant, or it has none. */
export const tierLookup =
  (
    tenants: { get(name: string): EntitlementInput['tenant'] | undefined },
    entitlements: Pick<Entitlements, 'effective'>,
  ): ((tenant: string) => string | undefined) =>
  (name) => {
    const tenant = name === '' ? undefined : tenants.get(name);
    return tenant === undefined ? undefined : (entitlements.effective(tenant).tier ?? tenant.spec.tier);
  };
