// SPDX-License-Identifier: Apache-2.0
// What the operator says of a Tenant that is not as its seal has it, and that it makes nothing by what nobody sealed.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Condition } from '../../crds/conditions.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { NO_ENTITLEMENTS } from '../../policies/entitlement/remembered.ts';
import { createTenantCache } from '../../policies/tenant-cache.ts';
import { rememberTenants } from '../../policies/tenant-memory.ts';
import { withTenantDefaults } from '../../policies/tenant-object.ts';
import { createEvidenceMemory } from '../../policies/trust/evidence-memory.ts';
import { loadTrust } from '../../policies/trust/index.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { createSealer } from '../../test/faults/webhook/sealed.ts';
import { scriptedClient } from '../../test/scripted-client.ts';
import { createCaches } from '../caches.ts';
import type { LiveTenant } from '../controllers/live.ts';
import { tenantIndexes } from './caches.ts';
import { reconcileTenant } from './index.ts';
import { NO_QUOTA_FACTS } from './quota-book.ts';
import { createTenancyMemory } from './recent.ts';
import { rememberWorth } from './worth.ts';

const sealer = createSealer();
const loaded = loadTrust(Buffer.from(sealer.trustPolicy.signature.document), { pinnedDigest: sealer.trustDigest });
assert.ok(loaded.ok);
const { trust } = loaded;

type Object = LiveTenant & { readonly signature?: { readonly document: string; readonly bundles: readonly string[] } };
const sealed = (version: number): Object => {
  const spec = { version, namespaces: { items: [{ name: `acme-v${version}` }] } };
  const document = JSON.stringify({ apiVersion: 'writ.dev/v1alpha1', kind: 'Tenant', metadata: { name: 'acme' }, spec });
  const any = sealer.policy('any', { version: 1, matchConstraints: {}, validations: [] });
  const { signature } = sealer.sealAgain({ ...any, signature: { document, bundles: [] } }, 0);
  return {
    metadata: { name: 'acme', uid: 'u', generation: version, finalizers: ['writ.dev/tenant'] },
    spec: withTenantDefaults(spec),
    signature,
  };
};

const scene = async (first: Object) => {
  const clock = fakeClock(Date.UTC(2026, 0, 1));
  let object = first;
  let conditions: readonly Condition[] = [];
  const made = new Set<string>();
  const write = async (
    resource: { readonly plural: string },
    body: KubeObject & { readonly status?: { readonly conditions: readonly Condition[] } },
  ) => {
    if (resource.plural === 'tenants' && body.status !== undefined) conditions = body.status.conditions;
    else made.add(`${resource.plural}/${body.metadata.name}`);
    return body;
  };
  const client = scriptedClient({ apply: write, create: write, get: async () => undefined, list: async () => ({ items: [] }) });
  const cluster = createCaches({ client, clock, systemNamespace: 'writ-system', observe: () => ({}) });
  const handlers = new Set<(change: { type: 'updated'; object: LiveTenant; previous: LiveTenant }) => unknown>();
  const tenants = createTenantCache<LiveTenant>({
    live: {
      ...cluster.tenants,
      synced: Promise.resolve(),
      hasSynced: () => true,
      get: () => object,
      list: () => [object],
      onChange: (handler) => {
        handlers.add(handler);
        return () => handlers.delete(handler);
      },
    },
    indexes: tenantIndexes,
    marks: () => [],
    memory: rememberTenants(createEvidenceMemory()),
    ahead: async () => undefined,
    rest: () => undefined,
    clock,
    onError: assert.ifError,
  });
  tenants.look(trust);
  await tenants.settled();
  const look = async (
    next: Object = object,
  ): Promise<{ readonly made: readonly string[]; readonly told: Readonly<Record<string, Condition>> }> => {
    const previous = object;
    object = next;
    for (const handler of handlers) handler({ type: 'updated', object, previous });
    await tenants.settled();
    made.clear();
    conditions = [];
    const deps = {
      client,
      clock,
      recorder: { record: async () => true },
      memory: createTenancyMemory(clock),
      caches: { ...cluster, tenants },
      counted: (live: LiveTenant) => tenants.counted(live),
      held: (name: string) => tenants.held(name),
      worth: rememberWorth(() => ({ ok: true, state: NO_ENTITLEMENTS }), clock),
      releases: () => [],
      quotaFacts: () => NO_QUOTA_FACTS,
      networkEnforces: [],
      systemNamespace: 'writ-system',
    };
    await reconcileTenant(deps, 'acme', { signal: AbortSignal.timeout(60_000), attempt: 0 });
    return { made: [...made], told: Object.fromEntries(conditions.map((condition) => [condition.type, condition])) };
  };
  return { look };
};

const one = sealed(1);
const two = sealed(2);
const { signature: _, ...stripped } = one;
const damaged = { ...one, signature: { document: one.signature?.document ?? '', bundles: ['{}'] } };

it('says nothing of a seal that is good, and makes what it says', async () => {
  const { look } = await scene(one);
  const { made, told } = await look();
  assert.deepEqual(made, ['namespaces/acme-v1']);
  assert.deepEqual([told['Ready']?.status, told['Sealed']], ['True', undefined]);
});

it('says where a Tenant was changed beside its seal, and makes what the seal says', async () => {
  const { look } = await scene(one);
  const { made, told } = await look({ ...one, spec: two.spec });
  assert.deepEqual(made, ['namespaces/acme-v1']);
  assert.deepEqual([told['Ready']?.status, told['Sealed']?.status, told['Sealed']?.reason], ['True', 'False', 'TenantUnsealed']);
  assert.match(told['Sealed']?.message ?? '', /^TENANT_UNSEALED: spec\.version: .* version 1, as it is sealed, counts \(.+\)$/);
});

it('goes by the last sealed version where the seal is gone, damaged, or of an older one, and says why', async () => {
  const { look } = await scene(two);
  for (const [object, why] of [
    [stripped, /POLICY_UNSIGNED/],
    [damaged, /SEAL_/],
    [one, /POLICY_ROLLBACK/],
  ] as const) {
    const { made, told } = await look(object);
    assert.deepEqual(made, ['namespaces/acme-v2']);
    assert.deepEqual([told['Sealed']?.status, told['Sealed']?.reason], ['False', 'TenantUnsealed']);
    assert.match(told['Sealed']?.message ?? '', /version 2 counts on/);
    assert.match(told['Sealed']?.message ?? '', why);
  }
  assert.equal((await look(two)).told['Sealed'], undefined);
});

it('makes nothing where it starts and finds no seal, until it is sealed', async () => {
  for (const first of [stripped, damaged]) {
    const { look } = await scene(first);
    const closed = await look();
    assert.deepEqual(closed.made, []);
    assert.deepEqual(Object.keys(closed.told).toSorted(), ['Ready', 'Sealed', 'Stalled']);
    for (const type of ['Ready', 'Sealed'])
      assert.deepEqual([closed.told[type]?.status, closed.told[type]?.reason], ['False', 'TenantUnsealed']);
    const { made, told } = await look(one);
    assert.deepEqual([made, told['Ready']?.status, told['Sealed']], [['namespaces/acme-v1'], 'True', undefined]);
  }
});
