// SPDX-License-Identifier: Apache-2.0
// What a replica holds tenants to while catalogs and licenses come, change, are damaged and go.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Inventory } from '../crds/inventory.ts';
import { SOURCE_LABEL, sourceLabel, tierCatalogs } from '../crds/kinds.ts';
import { digestOf } from '../policies/document/digest.ts';
import {
  INSTALLATION,
  catalogAt,
  digestOfObject,
  licenseAt,
  sealedEntitlement,
  trustBytesFor,
} from '../policies/entitlement/test-sealed.ts';
import type { SealedEntitlement } from '../policies/entitlement/test-sealed.ts';
import { rememberJudgements } from '../policies/judge-memory.ts';
import { createSealedJudge } from '../policies/sealed-object.ts';
import { provingHere } from '../policies/trust/evidence-task.ts';
import { NOW } from '../policies/trust/test-trust.ts';
import { fakeClock } from '../test/fake-clock.ts';
import { createEntitlements } from './entitlements.ts';
import { createLoader } from './policyset/loader.ts';
import type { LoaderState, Observed } from './policyset/loader.ts';
import { reportOf } from './policyset/report.ts';

const SOURCE = 'writ-system/policies';
const TRUST = trustBytesFor();

const scene = () => {
  const clock = fakeClock(NOW);
  let observed: Observed = {
    trustPolicy: { metadata: { name: 'cluster' }, signature: { document: TRUST.toString() } },
    sealed: [],
    inventories: [],
    unreadableInventories: [],
    marks: [],
  };
  let last: LoaderState | undefined;
  const loader = createLoader({
    clock,
    observe: () => observed,
    pinnedTrustDigest: digestOf(TRUST),
    judgements: rememberJudgements(createSealedJudge()),
    proving: provingHere(),
    onState: (state) => (last = state),
    onFlip: () => undefined,
    onBug: (error) => assert.fail(String(error)),
  });
  const entitlements = createEntitlements({
    loader,
    namespaces: { get: (name) => ({ metadata: { name, uid: INSTALLATION } }) },
    clock,
  });
  const tenant = { metadata: { name: 'acme' }, spec: { tier: 'Enterprise', namespaces: { quota: 1000 } } } as const;
  const look = (): string => {
    const { tier, spec } = entitlements.effective(tenant);
    return `${tier ?? 'no catalog'} ${spec.namespaces?.quota}`;
  };
  /** What the one tenant comes to, and may have. */
  const show = async (change: Partial<Observed>): Promise<string> => {
    observed = { ...observed, ...change };
    loader.request();
    await loader.settled();
    return look();
  };
  /** Looks take several turns, and what is due within them comes after them. */
  const pass = async (byMs: number): Promise<void> => {
    for (const ms of [byMs, 0, 0]) {
      await clock.advance(ms);
      await loader.settled();
    }
  };
  return { loader, entitlements, tenant, look, show, pass, state: () => last };
};

const from = (object: SealedEntitlement): SealedEntitlement => ({
  ...object,
  metadata: { ...object.metadata, labels: { [SOURCE_LABEL]: sourceLabel(SOURCE) } },
});
const inventoryOf = (...objects: readonly SealedEntitlement[]): Inventory => ({
  source: SOURCE,
  revision: 'r',
  documents: objects.map((object) => ({
    group: tierCatalogs.group,
    version: tierCatalogs.version,
    plural: object.kind === 'TierCatalog' ? 'tiercatalogs' : 'licenses',
    kind: object.kind,
    name: object.metadata.name,
    digest: digestOfObject(object),
  })),
});
const markOf = (object: SealedEntitlement, version: number) =>
  ({ kind: object.kind, name: object.metadata.name, version, digest: digestOfObject(object) }) as const;

describe('a replica', () => {
  it('lets a spec count as it is written until there is a catalog, and holds it to that one then', async () => {
    const { show } = scene();
    assert.equal(await show({}), 'no catalog 1000');
    assert.equal(await show({ sealed: [catalogAt(1)] }), 'Free 1');
    assert.equal(await show({ sealed: [catalogAt(1), licenseAt(1)] }), 'Enterprise 10');
    assert.equal(await show({ sealed: [catalogAt(2), licenseAt(1)] }), 'Enterprise 20');
  });

  it('goes by the last good catalog when its object is damaged, older, unsealed, a stranger or gone', async () => {
    const { show, state } = scene();
    const tiers = [{ name: 'Free', limits: { namespaces: 200 } }];
    await show({ sealed: [catalogAt(2)] });
    const stranger = sealedEntitlement('TierCatalog', 'cluster', { spec: { version: 9, tiers }, by: 'stranger' });
    const wrong = sealedEntitlement('TierCatalog', 'cluster', {
      spec: { version: 9, tiers: [{ name: 'Free', defaults: { owners: [] } }] },
    });
    const nobody = sealedEntitlement('TierCatalog', 'cluster', { spec: { version: 9, tiers }, by: 'nobody' });
    const { signature: _signature, ...bare } = stranger;
    for (const object of [catalogAt(1), stranger, wrong, nobody, bare]) {
      assert.equal(await show({ sealed: [object] }), 'Free 1');
      assert.ok(state()?.refused.has('TierCatalog/cluster'));
    }
    assert.equal(await show({ sealed: [] }), 'Free 1');
    assert.equal(await show({ sealed: [catalogAt(3, { retired: true, tiers: undefined })] }), 'no catalog 1000');
  });

  it('follows a commit whole or not at all', async () => {
    const { show, state } = scene();
    const [catalog, license] = [from(catalogAt(1)), from(licenseAt(1))];
    await show({ sealed: [catalog, license], inventories: [inventoryOf(catalog, license)] });
    const next = from(catalogAt(2));
    const better = from(licenseAt(2, { tier: 'Free' }));
    assert.equal(await show({ sealed: [next, license] }), 'Enterprise 10');
    assert.equal(await show({ inventories: [inventoryOf(next, better)] }), 'Enterprise 10');
    assert.equal(state()?.pending.length, 1);
    assert.equal(await show({ sealed: [next, better] }), 'Free 1');
  });

  it('that starts without the catalog that its mark names is not ready', async () => {
    const { show, loader } = scene();
    await show({ marks: [markOf(catalogAt(2), 2)] });
    assert.equal(loader.current.closed?.code, 'MARK_UNMET');
    assert.match(loader.current.closed?.message ?? '', /TierCatalog cluster version 2/);
    await show({ sealed: [catalogAt(1)] });
    assert.equal(loader.current.closed?.code, 'MARK_UNMET');
    assert.equal(await show({ sealed: [catalogAt(2)] }), 'Free 1');
    assert.equal(loader.current.closed, undefined);
  });

  it('gives by a license until its grace is over, with no event but time', async () => {
    const { show, look, pass, state } = scene();
    const license = licenseAt(1, { expires: '2026-06-01T01:00:00Z', gracePeriod: '1h' });
    assert.equal(await show({ sealed: [catalogAt(1), license] }), 'Enterprise 10');
    await pass(2 * 3_600_000 - 1);
    assert.equal(look(), 'Enterprise 10');
    await pass(1);
    assert.equal(look(), 'Free 1');
    assert.equal(state()?.refused.get('License/acme')?.code, 'POLICY_EXPIRED');
    assert.equal(await show({ sealed: [catalogAt(1), licenseAt(2)] }), 'Enterprise 10');
  });

  it('tells what it goes by and what it refuses, and decides requests by none of it', async () => {
    const { show, loader, state } = scene();
    await show({ sealed: [catalogAt(1), sealedEntitlement('License', 'b', { spec: { version: 1, retired: true }, by: 'stranger' })] });
    const whole = state();
    assert.ok(whole);
    const report = reportOf(whole, { replica: 'r' });
    assert.deepEqual(report.entitlements, { 'TierCatalog/cluster': digestOfObject(catalogAt(1)) });
    assert.equal(report.refusedEntitlements?.['License/b']?.code, 'SEAL_UNKNOWN_KEY');
    assert.deepEqual([report.policies, report.rulesets, report.refused, loader.current.set.policies], [{}, {}, {}, []]);
  });

  it('works out what a tenant comes to once, until something changes', async () => {
    const { show, entitlements, tenant } = scene();
    await show({ sealed: [catalogAt(1), licenseAt(1)] });
    const [first, state] = [entitlements.effective(tenant), entitlements.state()];
    await show({ unreadableInventories: [] });
    assert.equal(entitlements.effective(tenant), first);
    assert.equal(entitlements.state(), state);
    await show({ sealed: [catalogAt(2), licenseAt(1)] });
    assert.notEqual(entitlements.effective(tenant), first);
  });
});
