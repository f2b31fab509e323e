// SPDX-License-Identifier: Apache-2.0
// For tests of the two endpoints: a tenant, what is known of it, and a request as the API server sends it.
import type { TenantSpec } from '../../crds/generated/objects.ts';
import type { QuotaLedger } from '../../crds/quota-ledger.ts';
import { reviewText } from '../../policies/tenancy/test-request.ts';
import type { Asked } from '../../policies/tenancy/test-request.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { createNamespaceCache } from '../admission/namespaces.ts';
import { handleTenancy } from './index.ts';
import type { TenancyDeps } from './index.ts';
import { createNamespaceTenant } from './namespace-tenant.ts';
import { createReservations } from './reservations.ts';
import { createTenantLookup } from './tenants.ts';
import type { LiveTenant } from './tenants.ts';
import { ledgerCluster } from '../../test/ledger-cluster.ts';
import { scriptedClient } from '../../test/scripted-client.ts';

type Options = {
  readonly spec?: TenantSpec;
  readonly cached?: boolean;
  readonly get?: () => Promise<unknown>;
  readonly ledger?: QuotaLedger;
  /** Of its limit on reasoning units. */
  readonly used?: string;
};

export const scene = ({ spec = {}, cached = true, get, ledger, used }: Options = {}) => {
  const clock = fakeClock();
  const tenant: LiveTenant = { metadata: { name: 'acme' }, spec };
  const { cluster, client } = ledgerCluster(ledger);
  const errors: unknown[] = [];
  const namespaces = createNamespaceCache(
    {
      get: (name) => (name.startsWith('acme-') ? { metadata: { name, labels: { 'writ.dev/tenant': 'acme' } } } : undefined),
      onArrival: () => undefined,
    },
    clock,
  );
  let looks = 0;
  const lookingUp = scriptedClient({
    get: async () => {
      looks += 1;
      return get === undefined ? tenant : get();
    },
  });
  const deps: TenancyDeps = {
    namespaceTenant: createNamespaceTenant({ namespaces, systemNamespace: 'writ-system', timeoutMs: 1000 }),
    tenantOf: createTenantLookup({
      client: lookingUp,
      cached: (name) => (cached && name === 'acme' ? tenant : undefined),
      effective: ({ metadata, spec: written }) => ({ name: metadata.name, spec: written }),
      timeoutMs: 1000,
    }),
    unknownTenant: () => undefined,
    isTenantNamespace: (name) => name.startsWith('acme-'),
    reservations: createReservations({
      client,
      clock,
      systemNamespace: 'writ-system',
      timeoutMs: 3000,
      observe: () => undefined,
      onError: (error) => errors.push(error),
    }),
    standingOf: (name) =>
      name === 'acme' && used !== undefined
        ? { limits: [{ name: 'units', meter: 'reasoning_units', window: '24h', used, limit: '10', exceeded: false }] }
        : undefined,
    systemNamespace: 'writ-system',
    clock,
    onError: (error) => errors.push(error),
  };
  const ask = async (asked: Asked) => {
    const { body, outcome } = await handleTenancy(reviewText(asked), deps);
    return { outcome, response: JSON.parse(body).response };
  };
  return { deps, ask, clock, cluster, errors, looks: () => looks };
};
