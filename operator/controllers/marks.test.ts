// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Inventory } from '../../crds/inventory.ts';
import { decodeMarks, encodeMarks } from '../../crds/marks.ts';
import type { Mark } from '../../crds/marks.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { judgePolicyObject } from '../../policies/policy-object.ts';
import type { TenantObject } from '../../policies/tenant-object.ts';
import { loadTrust } from '../../policies/trust/index.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { POD_RULES, createSealer, inventoryOf, policyDigest } from '../../test/faults/webhook/sealed.ts';
import type { SealedPolicy } from '../../test/faults/webhook/sealed.ts';
import type { LivePolicy } from './live.ts';
import { createMarkLedger } from './mark-ledger.ts';
import { recallMarks, reconcileMarks } from './marks.ts';
import type { TrustState } from './trust-policy.ts';
import { scriptedClient } from '../../test/scripted-client.ts';

const SOURCE = 'writ-system/policies';
const sealer = createSealer();
const trust = loadTrust(Buffer.from(sealer.trustPolicy.signature.document), { pinnedDigest: sealer.trustDigest });
assert.ok(trust.ok);
const spec = (version: number) => ({ version, matchConstraints: POD_RULES, jsonSchema: { type: 'object' } });
const a1 = sealer.policy('a', spec(1), SOURCE);
const a2 = sealer.policy('a', spec(2), SOURCE);
const b1 = sealer.policy('b', spec(1), SOURCE);
const alone = sealer.policy('alone', spec(4));

type Marks = KubeObject & { readonly data?: unknown; readonly immutable?: boolean };
type World = {
  tenants?: readonly TenantObject[];
  trust?: TrustState;
  policies: readonly SealedPolicy[];
  inventories: readonly Inventory[];
  object: Marks | undefined;
  home?: KubeObject & { readonly spec: object };
};

const scene = (start: Partial<World> = {}) => {
  const world: World = { policies: [], inventories: [], object: undefined, ...start };
  const clock = fakeClock();
  const events: string[] = [];
  const counts: Record<string, number> = {};
  let writes = 0;
  let onRecord: readonly Mark[] = [];
  const client = scriptedClient({
    get: async () => world.object,
    apply: async (_resource: unknown, object: Marks) => {
      writes += 1;
      world.object = {
        ...object,
        metadata: { ...object.metadata, labels: { ...world.object?.metadata.labels, ...object.metadata.labels } },
      };
      return object;
    },
    delete: async () => {
      world.object = undefined;
      return true;
    },
    // Takes the label of an inventory off, which is all that is patched.
    patch: async () => {
      const { 'writ.dev/inventory': _, ...labels } = world.object?.metadata.labels ?? {};
      if (world.object !== undefined) world.object = { ...world.object, metadata: { ...world.object.metadata, labels } };
      return world.object;
    },
  });
  // The schema was asked when they were written.
  const live = (): readonly LivePolicy[] => JSON.parse(JSON.stringify(world.policies));
  const term = () => {
    const ledger = createMarkLedger({
      sealed: { list: live },
      tenants: { list: () => world.tenants ?? [] },
      book: { judge: (object) => judgePolicyObject(object, trust.trust, clock.now()) },
      inventories: () => world.inventories,
      trust: { current: () => world.trust ?? trust },
      clock,
    });
    const standing = ({ name }: { readonly name: string }): number | undefined =>
      live().find(({ metadata }) => metadata.name === name)?.spec.version;
    const deps = {
      client,
      ledger,
      standing,
      namespace: 'writ-system',
      home: () => world.home,
      recorder: { record: async ({ reason }: { reason: string }) => events.push(reason) > 0 },
      observe: (problem: string, count: number) => void (counts[problem] = count),
    };
    return async (change: Partial<World> & { readonly recorded?: readonly Mark[] } = {}): Promise<readonly string[]> => {
      const { recorded, ...changed } = change;
      Object.assign(world, changed);
      if (recorded !== undefined) await recallMarks(deps, recorded);
      await reconcileMarks({ ...deps, onRecord: (marks) => void (onRecord = marks) }, new AbortController().signal);
      const told = (decodeMarks(world.object) ?? []).filter(({ kind }) => kind !== 'TrustPolicy');
      return told.map(({ name, version, gone }) => `${name}-${version}${gone === true ? ' gone' : ''}`);
    };
  };
  const ofPolicies = (): readonly string[] =>
    onRecord
      .filter(({ kind }) => kind === 'Policy')
      .map(({ name, version, gone }) => `${name}-${version}${gone === true ? ' gone' : ''}`)
      .toSorted();
  return { world, events, counts, term, writes: () => writes, onRecord: ofPolicies };
};
const named = (...policies: readonly SealedPolicy[]): Pick<World, 'policies' | 'inventories'> => ({
  policies,
  inventories: [inventoryOf(SOURCE, 'r', policies)],
});
const sealedSet = (sequence: number, ...policies: readonly SealedPolicy[]): Pick<World, 'inventories'> => ({
  inventories: [inventoryOf(SOURCE, 'r', policies, { sets: [sealer.set(SOURCE, sequence, policies)] })],
});

describe('the marks in the cluster', () => {
  it('name what inventories name and what stands alone, and nothing that is only on its way', async () => {
    const { term, writes } = scene();
    const look = term();
    assert.deepEqual(await look(), []);
    assert.deepEqual(await look({ policies: [a1, b1, alone], inventories: [inventoryOf(SOURCE, 'r', [a1])] }), ['a-1', 'alone-4']);
    assert.deepEqual(await look(named(a2, b1)), ['a-2', 'alone-4', 'b-1']);
    const before = writes();
    await look();
    assert.equal(writes(), before, 'nothing changed, nothing is written');
  });

  it('never fall: objects, inventories and the marks themselves may be taken away or lowered', async () => {
    const { term, events } = scene();
    const look = term();
    await look(named(a2, b1));
    assert.deepEqual(await look({ policies: [], inventories: [] }), ['a-2', 'b-1']);
    assert.deepEqual(await look({ object: undefined }), ['a-2', 'b-1']);
    const lowered: Mark[] = [{ kind: 'Policy', name: 'a', version: 1, digest: policyDigest(a1) }];
    assert.deepEqual(await look({ object: encodeMarks(lowered) }), ['a-2', 'b-1']);
    const forged: Mark[] = [{ kind: 'Policy', name: 'a', version: 2, digest: policyDigest(a2), gone: true }];
    assert.deepEqual(await look({ object: encodeMarks(forged) }), ['a-2', 'b-1']);
    const damaged = { ...encodeMarks([]), data: { format: '1', 'marks.json': '{' } };
    assert.deepEqual(await look({ object: damaged }), ['a-2', 'b-1']);
    assert.deepEqual([...new Set(events)].toSorted(), ['MarkUnmet', 'MarksUnreadable']);
  });

  it('are what is on record too, where a backup has lowered them: told, and written once they are proven', async () => {
    const { term, events, counts, onRecord, world } = scene(named(a1));
    const look = term();
    const recorded: Mark[] = [{ kind: 'Policy', name: 'a', version: 2, digest: policyDigest(a2), source: SOURCE }];
    assert.deepEqual(await look(), ['a-1']);
    assert.deepEqual([events, onRecord()], [[], ['a-1']]);
    assert.deepEqual(await look({ recorded }), ['a-1'], 'the guard lets no mark rise without its document');
    assert.deepEqual([events, counts['unmet'], onRecord()], [['MarksLowered', 'MarkUnmet'], 1, ['a-2']], 'and on record it does not fall');
    world.object = undefined;
    assert.deepEqual(await look(), ['a-1']);
    assert.deepEqual(await look(named(a2)), ['a-2']);
    assert.deepEqual([counts['unmet'], onRecord()], [0, ['a-2']]);
    events.length = 0;
    await look({ recorded });
    assert.deepEqual(events, [], 'nothing is lower now');
  });

  it('go on record as they were verified, not as the object says, so that a forged one is taken back with the object', async () => {
    const highest = Number.MAX_SAFE_INTEGER;
    const forged: Mark[] = [
      { kind: 'Policy', name: 'a', version: highest, digest: policyDigest(b1), source: SOURCE },
      { kind: 'Policy', name: 'c', version: highest, digest: policyDigest(b1), source: SOURCE },
      { kind: 'Set', name: SOURCE, version: 3, digest: policyDigest(b1) },
    ];
    const { term, onRecord } = scene(named(a1));
    const look = term();
    assert.deepEqual(await look({ object: encodeMarks(forged) }), [`a-${highest}`, `c-${highest}`, `${SOURCE}-3`]);
    assert.deepEqual(onRecord(), ['a-1']);
    assert.deepEqual(await look({ policies: [a2], ...sealedSet(4, a2) }), [`a-${highest}`, `c-${highest} gone`, `${SOURCE}-4`]);
    assert.deepEqual(onRecord(), ['a-2'], 'a set seal that ends what was only heard of makes nothing of it');
    const recorded: Mark[] = [{ kind: 'Policy', name: 'a', version: 2, digest: policyDigest(a2), source: SOURCE }];
    assert.deepEqual(await term()({ object: undefined, recorded }), ['a-2', `${SOURCE}-4`]);
    assert.deepEqual(onRecord(), ['a-2']);
  });

  it('go on record as ended where the version on record ended, though its object was gone before', async () => {
    const { term, onRecord } = scene({ policies: [a2], ...sealedSet(3, a2) });
    const recorded: Mark[] = [{ kind: 'Policy', name: 'b', version: 1, digest: policyDigest(b1), source: SOURCE }];
    const look = term();
    await look({ recorded });
    assert.deepEqual(onRecord(), ['a-2', 'b-1']);
    await look(sealedSet(4, a2));
    assert.deepEqual(onRecord(), ['a-2', 'b-1 gone']);
  });

  it('say nothing without the label by which the guard is asked about them, and get it back', async () => {
    const { term, world, events } = scene(named(a2));
    const forged = encodeMarks([{ kind: 'Policy', name: 'a', version: Number.MAX_SAFE_INTEGER, digest: policyDigest(b1) }]);
    world.object = { ...forged, metadata: { ...forged.metadata, labels: {} } };
    assert.deepEqual(await term()(), ['a-2']);
    assert.deepEqual([world.object?.metadata.labels?.['writ.dev/marks'], events], ['true', ['MarksUnreadable']]);
  });

  it('name the trust policy in force, whoever wrote it', async () => {
    const { term, world } = scene();
    await term()();
    assert.deepEqual(decodeMarks(world.object), [{ kind: 'TrustPolicy', name: 'cluster', version: 1, digest: sealer.trustDigest }]);
  });

  it('name the source of a document, and another only when its set seal lists it', async () => {
    const { term, world } = scene(named(a1));
    const look = term();
    const other = 'writ-system/alpha';
    const sourceOf = async (change: Partial<World>): Promise<string | undefined> => {
      await look(change);
      return decodeMarks(world.object)?.find(({ name }) => name === 'a')?.source;
    };
    assert.equal(await sourceOf({}), SOURCE);
    const written = (policy: SealedPolicy, sets: readonly string[] = []): Partial<World> => ({
      policies: [policy],
      inventories: [inventoryOf(SOURCE, 'r', [policy]), inventoryOf(other, 'o', [policy], { sets })],
    });
    assert.equal(await sourceOf(written(a1)), SOURCE);
    assert.equal(await sourceOf({ ...written(a2), inventories: [inventoryOf(other, 'o', [a2])] }), SOURCE);
    assert.equal(await sourceOf({ inventories: [inventoryOf(other, 'o', [a2], { sets: [sealer.set(other, 1, [a1])] })] }), SOURCE);
    assert.equal(await sourceOf({ inventories: [inventoryOf(other, 'o', [a2], { sets: [sealer.set(other, 2, [a2])] })] }), other);
  });

  it('say which set seal counts on', async () => {
    const { world } = scene();
    const ledger = createMarkLedger({
      sealed: { list: () => [] },
      tenants: { list: () => world.tenants ?? [] },
      book: { judge: (object) => judgePolicyObject(object, trust.trust, 0) },
      inventories: () => world.inventories,
      trust: { current: () => trust },
      clock: fakeClock(),
    });
    const [inventory] = sealedSet(6, a1).inventories;
    assert.ok(inventory);
    const sequence = () => ledger.setIn(inventory)?.sequence;
    assert.equal(sequence(), 6);
    ledger.hear([{ kind: 'Set', name: SOURCE, version: 7, digest: policyDigest(a2) }]);
    assert.equal(sequence(), undefined);
    assert.equal(ledger.setIn(inventoryOf(SOURCE, 'r', [], { sets: [createSealer().set(SOURCE, 9, [])] })), undefined);
  });

  it('are raised by no set of those who may not decide about what stands of its source, though its inventory names nothing of it', () => {
    const [rule] = trust.trust.rules;
    assert.ok(rule);
    const strange = { ...rule, kinds: new Set(['Ruleset']), allOf: [{ threshold: 1, principals: new Set(['nobody']) }] };
    const lesser: TrustState = { ok: true, trust: { ...trust.trust, rules: [{ ...rule, kinds: new Set(['License']) }, strange] } };
    const setsBeside = (gone: object): readonly string[] => {
      const ledger = createMarkLedger({
        sealed: { list: () => [] },
        tenants: { list: () => [] },
        book: { judge: (object) => judgePolicyObject(object, trust.trust, 0) },
        inventories: () => sealedSet(9, a1).inventories.map((inventory) => ({ ...inventory, documents: [] })),
        trust: { current: () => lesser },
        clock: fakeClock(),
      });
      ledger.hear([{ kind: 'Ruleset', name: 'r', version: 1, digest: policyDigest(a1), source: SOURCE, ...gone }]);
      return [...ledger.own().values()].flatMap(({ kind, version }) => (kind === 'Set' ? [`${kind} ${version}`] : []));
    };
    assert.deepEqual(setsBeside({}), []);
    assert.deepEqual(setsBeside({ gone: true }), ['Set 9']);
  });

  it('are what a new leader begins with', async () => {
    const { term, world } = scene();
    await term()(named(a2, b1));
    assert.deepEqual(await term()({ policies: [], inventories: [] }), ['a-2', 'b-1']);
    assert.equal(decodeMarks(world.object)?.[0]?.source, SOURCE);
  });

  it('end by a newer set seal of the source, also by a leader that comes after the inventory', async () => {
    // The one that stands alone is in no set, and its object is gone when the others come.
    const both = { policies: [a2, b1, alone], ...sealedSet(3, a2, b1) };
    const { term, world } = scene();
    assert.deepEqual(await term()(both), ['a-2', 'alone-4', 'b-1', `${SOURCE}-3`]);
    const told = world.object;
    const next = { policies: [a2], object: told };
    assert.deepEqual(await term()({ ...next, inventories: [inventoryOf(SOURCE, 'r', [a2])] }), ['a-2', 'alone-4', 'b-1', `${SOURCE}-3`]);
    const stranger = [inventoryOf(SOURCE, 'r', [a2], { sets: [createSealer().set(SOURCE, 4, [a2])] })];
    assert.deepEqual(await term()({ ...next, inventories: stranger }), ['a-2', 'alone-4', 'b-1', `${SOURCE}-3`]);
    const elsewhere = [inventoryOf(SOURCE, 'r', [a2], { sets: [sealer.set('writ-system/other', 4, [a2])] })];
    assert.deepEqual(await term()({ ...next, inventories: elsewhere }), ['a-2', 'alone-4', 'b-1', `${SOURCE}-3`]);
    assert.deepEqual(await term()({ ...next, ...sealedSet(4, a2) }), ['a-2', 'alone-4', 'b-1 gone', `${SOURCE}-4`]);
  });

  it('are of nothing whose seals do not count', async () => {
    const judged = judgePolicyObject(alone, trust.trust, 0);
    assert.ok(judged.ok);
    const marksUnder = (document: Partial<typeof judged.document>): readonly string[] => {
      const ledger = createMarkLedger({
        sealed: { list: () => [alone] },
        tenants: { list: () => [] },
        book: { judge: () => ({ ok: true, document: { ...judged.document, ...document } }) },
        inventories: () => sealedSet(4, a2).inventories,
        trust: { current: () => trust },
        clock: fakeClock(),
      });
      ledger.hear([{ kind: 'TrustPolicy', name: 'cluster', version: 1, digest: sealer.trustDigest, source: SOURCE }]);
      return [...ledger.known().values()].map(({ name, gone }) => `${name}${gone === true ? ' gone' : ''}`);
    };
    assert.deepEqual(marksUnder({}).toSorted(), ['alone', 'cluster', SOURCE]);
    assert.deepEqual(marksUnder({ unsigned: true }).toSorted(), ['cluster', SOURCE]);
    assert.deepEqual(marksUnder({ withdrawn: { code: 'SEAL_REVOKED', message: 'of nobody' } }).toSorted(), ['cluster', SOURCE]);
  });

  describe('of a Tenant', () => {
    const tenantAt = (version: number, more: object = {}): TenantObject => {
      const document = JSON.stringify({
        apiVersion: 'writ.dev/v1alpha1',
        kind: 'Tenant',
        metadata: { name: 'acme' },
        spec: { version, ...more },
      });
      return { metadata: { name: 'acme' }, signature: sealer.sealAgain({ ...a1, signature: { document, bundles: [] } }, 0).signature };
    };
    const leaving = tenantAt(2, { deletionPolicy: 'Orphan' });
    const inventory = inventoryOf(SOURCE, 'r', [], { sets: [sealer.set(SOURCE, 1, [])] });
    const [sample] = inventoryOf(SOURCE, 'r', [a1]).documents;
    assert.ok(sample);
    const ordering = { ...inventory, documents: [{ ...sample, plural: 'tenants', kind: 'Tenant', name: 'acme' }] };
    const tenantsOnly = (told: readonly string[]): readonly string[] => told.filter((mark) => mark.startsWith('acme'));

    it('rise with what stands, and say gone once it may end, is not there and nobody orders it', async () => {
      const { term, world, events } = scene();
      const look = term();
      const told = async (change: Partial<World>): Promise<readonly string[]> => tenantsOnly(await look(change));
      assert.deepEqual(await told({ tenants: [tenantAt(1)] }), ['acme-1']);
      assert.deepEqual(await told({ tenants: [leaving], inventories: [ordering] }), ['acme-2']);
      assert.deepEqual(await told({ tenants: [] }), ['acme-2'], 'a commit brings it back');
      assert.deepEqual(await told({ inventories: [inventory] }), ['acme-2 gone']);
      assert.deepEqual(events, [], 'nothing is amiss');
      assert.deepEqual(await told({ tenants: [leaving] }), ['acme-2 gone'], 'whatever comes while nobody is asked');
      assert.deepEqual(tenantsOnly(await term()()), ['acme-2 gone'], 'a new leader');
      assert.deepEqual(tenantsOnly(await term()({ tenants: [tenantAt(1)] })), ['acme-2 gone']);
      assert.deepEqual(await told({ tenants: [tenantAt(3)] }), ['acme-3']);
      assert.equal(decodeMarks(world.object)?.find(({ kind }) => kind === 'Tenant')?.mayEnd, undefined);
    });

    it('say gone for a leader that begins after it went, and nothing of what only vanished', async () => {
      const { term, events, counts } = scene({ tenants: [leaving] });
      await term()();
      assert.deepEqual(tenantsOnly(await term()({ tenants: [] })), ['acme-2 gone']);
      const look = term();
      assert.deepEqual(tenantsOnly(await look({ tenants: [tenantAt(3)] })), ['acme-3']);
      assert.deepEqual(events, []);
      assert.deepEqual(tenantsOnly(await look({ tenants: [], ...sealedSet(4) })), ['acme-3'], 'no set seal ends it');
      assert.deepEqual([events, counts['unmet']], [['MarkUnmet'], 1]);
      assert.deepEqual(tenantsOnly(await look({ tenants: [leaving] })), ['acme-3']);
      assert.equal(counts['unmet'], 1);
      await look({ tenants: [tenantAt(3)] });
      assert.equal(counts['unmet'], 0);
    });

    it('are kept and not looked at while the trust policy does not name the kind', async () => {
      const { term, counts } = scene({ tenants: [leaving] });
      const look = term();
      await look();
      const rules = trust.trust.rules.map((rule) => ({ ...rule, kinds: new Set(['Policy']) }));
      const lenient: TrustState = { ok: true, trust: { ...trust.trust, digest: policyDigest(a1), rules } };
      assert.deepEqual(tenantsOnly(await look({ trust: lenient, tenants: [tenantAt(9)] })), ['acme-2']);
      assert.deepEqual([tenantsOnly(await look({ tenants: [] })), counts['unmet']], [['acme-2'], 0]);
      assert.deepEqual(tenantsOnly(await look({ trust })), ['acme-2 gone'], 'named again');
    });
  });

  it('are made again with all that is known where somebody made them unwritable', async () => {
    const { term, events, counts, world } = scene();
    const look = term();
    await look(named(a1));
    assert.ok(world.object);
    assert.deepEqual(await look({ object: { ...world.object, immutable: true }, ...named(a2) }), ['a-2']);
    assert.deepEqual([world.object?.immutable, events, counts['held']], [undefined, ['MarksHeld'], 1]);
    await look();
    assert.equal(counts['held'], 0);
  });

  it('are freed of the label of an inventory', async () => {
    const { term, events, world } = scene();
    const look = term();
    await look(named(a1));
    assert.ok(world.object);
    const labels = { ...world.object.metadata.labels, 'writ.dev/inventory': 'true' };
    assert.deepEqual(await look({ object: { ...world.object, metadata: { ...world.object.metadata, labels } } }), ['a-1']);
    assert.deepEqual([world.object?.metadata.labels?.['writ.dev/inventory'], events], [undefined, ['MarksHeld']]);
    assert.equal(world.object?.metadata.labels?.['writ.dev/marks'], 'true');
  });

  it('tell of a namespace that is deleted and never goes', async () => {
    const { term, counts } = scene();
    const look = term();
    const metadata = { name: 'writ-system', deletionTimestamp: '2026-01-01T00:00:00Z' };
    for (const [home, held] of [
      [{ metadata, spec: { finalizers: ['kubernetes'] } }, 0],
      [{ metadata, spec: {} }, 1],
      [{ metadata: { name: 'writ-system' }, spec: {} }, 0],
    ] as const) {
      await look({ ...named(a1), home });
      assert.equal(counts['held'], held);
    }
  });

  it('are used and told while somebody deletes them', async () => {
    const { term, events, counts, world } = scene();
    const look = term();
    await look(named(a1));
    const deleting = {
      ...world.object,
      metadata: { ...world.object?.metadata, name: 'writ-marks', deletionTimestamp: '2026-01-01T00:00:00Z' },
    };
    assert.deepEqual(await look({ object: deleting, ...named(a2) }), ['a-2']);
    assert.deepEqual([events, counts['deleting'], counts['unmet']], [['MarksDeleted'], 1, 0]);
  });
});
