// SPDX-License-Identifier: Apache-2.0
// The controllers of what tenants are held to, put together for `term.ts`: the status of TierCatalog and Licenses, and the
// look at all of them that tenants go by.
import { INSTALLATION_NAMESPACE, licenses, priceBooks, tierCatalogs } from '../crds/kinds.ts';
import type { Resource } from '../crds/kinds.ts';
import type { Controller } from '../kube/controller.ts';
import type { KubeObject } from '../kube/objects.ts';
import { keyOf } from '../kube/objects.ts';
import { after } from '../kube/outcome.ts';
import type { Outcome } from '../kube/outcome.ts';
import type { EffectiveTenant } from '../policies/entitlement/effective.ts';
import { rememberEntitled } from '../policies/entitlement/remembered.ts';
import { REFUSAL_LASTS_MS } from '../policies/trust/term.ts';
import type { Caches } from './caches.ts';
import { isStatusOnly } from './changes.ts';
import { reconcileEntitlementDocument } from './controllers/entitlement-document.ts';
import type { EntitlementDocumentDeps } from './controllers/entitlement-document.ts';
import { createEntitlementHolder } from './controllers/entitlements.ts';
import type { EntitlementHolder } from './controllers/entitlements.ts';
import type { LiveEntitlement, LiveTenant } from './controllers/live.ts';
import type { MarkLedger } from './controllers/mark-ledger.ts';
import type { PolicyBook } from './controllers/policy-book.ts';

export type EntitlementControllersDeps = Omit<EntitlementDocumentDeps, 'resource' | 'objects' | 'installation' | 'book'> & {
  readonly caches: Pick<Caches, 'tierCatalogs' | 'licenses' | 'priceBooks' | 'namespaces'>;
  readonly book: PolicyBook;
  readonly ledger: Pick<MarkLedger, 'known'>;
  readonly controller: (name: string, reconcile: (key: string) => Promise<Outcome>) => Controller;
  /** Tenants are held to something else than before. */
  readonly onTurn: () => void;
  /** A catalog or license came, changed or went. */
  readonly onDocument: (change: { readonly object: LiveEntitlement; readonly isDeleted: boolean }) => void;
};

export type EntitlementControllers = {
  readonly holder: Pick<EntitlementHolder, 'current'>;
  /** A Tenant as it counts now; by its own word while nobody has looked. */
  readonly effective: (tenant: LiveTenant) => Pick<EffectiveTenant, 'name' | 'spec'>;
  readonly all: Controller;
  readonly byKind: { readonly TierCatalog: Controller; readonly License: Controller; readonly PriceBook: Controller };
  readonly subscriptions: readonly (() => void)[];
};

const SINGLE_KEY = 'writ';

export const createEntitlementControllers = (deps: EntitlementControllersDeps): EntitlementControllers => {
  const { caches, book, ledger, controller, onTurn, onDocument } = deps;
  const holder = createEntitlementHolder({
    objects: { list: () => [...caches.tierCatalogs.list(), ...caches.licenses.list()] },
    namespaces: caches.namespaces,
    book,
    marks: () => ledger.known(),
  });
  const all = controller('entitlements', async () => {
    await book.prepare();
    if (holder.look()) onTurn();
    return after(REFUSAL_LASTS_MS);
  });
  const installation = (): string | undefined => caches.namespaces.get(INSTALLATION_NAMESPACE)?.metadata.uid;
  const statusOf = (resource: Resource, objects: EntitlementDocumentDeps['objects']) => (name: string) =>
    reconcileEntitlementDocument({ ...deps, resource, objects, installation }, name);
  const byKind = {
    TierCatalog: controller('tier-catalog', statusOf(tierCatalogs, caches.tierCatalogs)),
    License: controller('license', statusOf(licenses, caches.licenses)),
    PriceBook: controller('price-book', statusOf(priceBooks, caches.priceBooks)),
  };
  type Change = { readonly type: string; readonly object: LiveEntitlement; readonly previous?: KubeObject | undefined };
  const changed = ({ type, object, previous }: Change): void => {
    byKind[object.kind].enqueue(keyOf(object));
    if (type === 'updated' && isStatusOnly(previous, object)) return;
    all.enqueue(SINGLE_KEY);
    onDocument({ object, isDeleted: type === 'deleted' });
  };
  const subscriptions = [caches.tierCatalogs.onChange(changed), caches.licenses.onChange(changed), caches.priceBooks.onChange(changed)];
  const entitle = rememberEntitled();
  const effective = (tenant: LiveTenant): Pick<EffectiveTenant, 'name' | 'spec'> => {
    const known = holder.current();
    return known?.ok === true ? entitle(tenant, known.state, deps.clock.now()) : { name: tenant.metadata.name, spec: tenant.spec };
  };
  return { holder, effective, all, byKind, subscriptions };
};
