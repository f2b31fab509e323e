// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Tenant } from '../crds/generated/objects.ts';
import type { Mark } from '../crds/marks.ts';
import { createSealer } from '../test/faults/webhook/sealed.ts';
import { fakeClock } from '../test/fake-clock.ts';
import { digestOf } from './document/digest.ts';
import { createTenantCache } from './tenant-cache.ts';
import type { TenantSource } from './tenant-cache.ts';
import { rememberTenants } from './tenant-memory.ts';
import { withTenantDefaults } from './tenant-object.ts';
import { unsealedOf } from './tenant-standing.ts';
import { createEvidenceMemory } from './trust/evidence-memory.ts';
import { loadTrust } from './trust/index.ts';
import type { Trust } from './trust/index.ts';

const START = Date.UTC(2026, 0, 1);
const sealer = createSealer();
const loaded = loadTrust(Buffer.from(sealer.trustPolicy.signature.document), { pinnedDigest: sealer.trustDigest });
assert.ok(loaded.ok);
const { trust } = loaded;
const lenient: Trust = { ...trust, digest: 'lenient', rules: trust.rules.map((rule) => ({ ...rule, kinds: new Set(['Policy']) })) };

type Object = {
  readonly metadata: { readonly name: string; readonly uid?: string; readonly generation?: number };
  readonly spec: Tenant['spec'];
  readonly signature?: { readonly document: string; readonly bundles: readonly string[] };
};
const bounded = (version: number, more: object = {}): Object => {
  const spec = { version, images: { registries: [{ prefix: `ghcr.io/v${version}/` }] }, ...more };
  const document = JSON.stringify({ apiVersion: 'writ.dev/v1alpha1', kind: 'Tenant', metadata: { name: 'acme' }, spec });
  const any = sealer.policy('any', { version: 1, matchConstraints: {}, validations: [] });
  const { signature } = sealer.sealAgain({ ...any, signature: { document, bundles: [] } }, 0);
  return { metadata: { name: 'acme', uid: 'u', generation: version }, spec: withTenantDefaults(spec), signature };
};
const one = bounded(1);
const two = bounded(2);
const wide: Tenant['spec'] = { images: { registries: [{ prefix: '' }] } };
const edited: Object = { ...two, spec: { ...two.spec, ...wide } };
const { signature: _, ...stripped } = edited;
const markOf = ({ signature, spec: { version = 0 } }: Object, more: Partial<Mark> = {}): Mark => ({
  kind: 'Tenant',
  name: 'acme',
  version,
  digest: digestOf(Buffer.from(signature?.document ?? '')),
  ...more,
});

const scene = (first: readonly Object[], marks: readonly Mark[] = []) => {
  const objects = new Map(first.map((object) => [object.metadata.name, object]));
  const handlers = new Set<Parameters<TenantSource<Object>['onChange']>[0]>();
  const clock = fakeClock(START);
  const errors: unknown[] = [];
  const told: string[] = [];
  let rests = 0;
  const memory = rememberTenants(createEvidenceMemory());
  /** What happens while others have their turn. */
  const at = { rest: (): void => undefined };
  const source: TenantSource<Object> = {
    start: () => undefined,
    synced: Promise.resolve(),
    hasSynced: () => true,
    get: (name) => objects.get(name),
    list: () => [...objects.values()],
    byIndex: (_index, value) => [...objects.values()].filter(({ spec }) => spec.tier === value),
    onChange: (handler) => {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    lastEventAgeMs: () => 0,
    resourceVersion: '1',
  };
  const cache = createTenantCache<Object>({
    live: source,
    indexes: { tier: ({ spec }) => (spec.tier === undefined ? [] : [spec.tier]) },
    marks: () => marks,
    memory,
    ahead: async () => undefined,
    rest: () => {
      rests += 1;
      at.rest();
    },
    clock,
    onError: (error) => errors.push(error),
  });
  cache.onChange(({ type, object }) => void told.push(`${type} ${object.spec.version ?? '-'}`));
  return {
    cache,
    clock,
    told,
    rests: () => rests,
    memory,
    at,
    look: async (by: Trust | undefined = trust) => {
      cache.look(by);
      await cache.settled();
    },
    put: async (object: Object) => {
      const previous = objects.get(object.metadata.name);
      objects.set(object.metadata.name, object);
      for (const handler of handlers) handler(previous === undefined ? { type: 'added', object } : { type: 'updated', object, previous });
      await cache.settled();
    },
    remove: async (name = 'acme') => {
      const object = objects.get(name);
      assert.ok(object);
      objects.delete(name);
      for (const handler of handlers) handler({ type: 'deleted', object });
      await cache.settled();
    },
    /** The registry that counts, or why none is known. */
    counts: (): string => {
      assert.deepEqual(errors, []);
      const unknown = cache.unknown('acme');
      return unknown === undefined ? (cache.bound('acme')?.spec.images?.registries?.[0]?.prefix ?? 'nothing') : unknown.code;
    },
  };
};

describe('a Tenant under a rule for Tenants', () => {
  it('is not shown before a trust policy was looked at', async () => {
    const { cache, look, counts, told } = scene([one]);
    assert.deepEqual([cache.hasSynced(), cache.list()], [false, []]);
    await look();
    assert.deepEqual([cache.hasSynced(), counts(), told], [true, 'ghcr.io/v1/', ['added 1']]);
  });

  it('counts as its sealed bytes have it, whatever its spec says, also for a process that begins then', async () => {
    for (const first of [two, edited]) {
      const { cache, look, put, counts } = scene([first], [markOf(two)]);
      await look();
      await put(edited);
      assert.equal(counts(), 'ghcr.io/v2/');
      const unsealed = unsealedOf(cache.get('acme') ?? assert.fail());
      assert.deepEqual([unsealed?.problem.code, unsealed?.problem.path], ['TENANT_UNSEALED', 'spec.images.registries[0].prefix']);
      await put(two);
      assert.equal(unsealedOf(cache.get('acme') ?? assert.fail()), undefined);
      assert.equal(cache.get('acme'), two, 'the object itself where nothing is amiss');
    }
  });

  it('stands as it was verified last when what comes is unsealed, older, another of its version or damaged', async () => {
    const other = bounded(2, { tier: 'Enterprise' });
    const damaged: Object = { ...edited, signature: { document: `${two.signature?.document} `, bundles: two.signature?.bundles ?? [] } };
    for (const bad of [stripped, one, other, damaged]) {
      const { cache, look, put, counts } = scene([two]);
      await look();
      await put(bad);
      assert.deepEqual([counts(), cache.get('acme')?.spec.tier], ['ghcr.io/v2/', undefined]);
      await put(bounded(3));
      assert.equal(counts(), 'ghcr.io/v3/');
    }
  });

  it('is closed where a process begins and finds nothing that counts', async () => {
    for (const bad of [stripped, one]) {
      const { cache, look, put, counts, told } = scene([bad], [markOf(two)]);
      await look();
      assert.equal(counts(), 'TENANT_UNSEALED');
      assert.deepEqual([cache.get('acme')?.spec.suspend, cache.get('acme')?.spec.images, cache.holdsAny()], [true, undefined, true]);
      assert.match(cache.held('acme')?.message ?? '', /POLICY_(UNSIGNED|ROLLBACK)/);
      assert.equal(unsealedOf(cache.counted(stripped))?.isClosed, true);
      await put(two);
      assert.deepEqual([counts(), cache.holdsAny(), told], ['ghcr.io/v2/', false, ['added -', 'updated 2']]);
    }
  });

  it('that is deleted without a seal bounds on, and is held', async () => {
    const { cache, look, put, remove, counts } = scene([two], [markOf(two)]);
    await look();
    await remove();
    assert.deepEqual(
      [counts(), cache.get('acme'), cache.held('acme')?.code, cache.holdsAny()],
      ['ghcr.io/v2/', undefined, 'TENANT_UNSEALED', true],
    );
    await put(one);
    assert.equal(counts(), 'ghcr.io/v2/', 'it does not come back as it was before');
    const begun = scene([], [markOf(two)]);
    await begun.look();
    assert.deepEqual([begun.counts(), begun.cache.holdsAny()], ['TENANT_UNSEALED', true]);
  });

  it('that its seal lets go is gone', async () => {
    const visitor = bounded(2, { deletionPolicy: 'Orphan' });
    // Its mark is of the version before.
    const { cache, look, remove, counts, told } = scene([visitor], [markOf(one)]);
    await look();
    await remove();
    assert.deepEqual([counts(), cache.held('acme'), cache.holdsAny(), told], ['nothing', undefined, false, ['added 2', 'deleted 2']]);
    for (const more of [{ mayEnd: true }, { gone: true }] as const) {
      const begun = scene([], [markOf(visitor, more)]);
      await begun.look();
      assert.deepEqual([begun.counts(), begun.cache.holdsAny()], ['nothing', false]);
    }
  });

  it('is looked at again when time may have changed a refusal', async () => {
    const { cache, clock, look, rests } = scene([stripped]);
    await look();
    const before = rests();
    await clock.advance(60_000);
    await cache.settled();
    assert.equal(rests(), before + 1);
    cache.close();
  });

  it('is found by what it is indexed by as it counts', async () => {
    const gold = bounded(2, { tier: 'Enterprise' });
    const { cache, look, put } = scene([gold]);
    await look();
    await put({ ...gold, spec: { ...gold.spec, tier: 'Starter' } });
    assert.deepEqual(
      ['Enterprise', 'Starter'].map((tier) => cache.byIndex('tier', tier).length),
      [1, 0],
    );
  });
});

describe('when the trust policy changes', () => {
  it('to one that names Tenants, what counted stands until a sealed one comes', async () => {
    const before: Object = {
      metadata: { name: 'acme', uid: 'u', generation: 1 },
      spec: { images: { registries: [{ prefix: 'before/' }] } },
    };
    const { look, put, counts, told } = scene([before]);
    await look(lenient);
    await put({ ...before, spec: wide });
    assert.equal(counts(), '');
    await put(before);
    await look();
    assert.equal(counts(), 'before/');
    await put({ ...before, spec: wide });
    assert.equal(counts(), 'before/');
    await put(one);
    assert.equal(counts(), 'ghcr.io/v1/');
    assert.equal(told.at(-1), 'updated 1');
  });

  it('to one that leaves them to RBAC, what is there counts, and whoever goes by generations hears of it', async () => {
    const { cache, look, counts } = scene([edited]);
    await look();
    assert.equal(counts(), 'ghcr.io/v2/');
    const generations: unknown[] = [];
    cache.onChange((change) => generations.push(change.previous?.metadata.generation, change.object.metadata.generation));
    await look(lenient);
    assert.deepEqual([counts(), generations], ['', [undefined, 2, -1, 2]]);
  });

  it('without any, a mark alone tells that a seal was asked for', async () => {
    const marked = scene([edited], [markOf(two)]);
    marked.cache.look(undefined);
    await marked.cache.settled();
    assert.equal(marked.counts(), 'TENANT_UNSEALED');
    await marked.look();
    assert.equal(marked.counts(), 'ghcr.io/v2/');
    const unmarked = scene([stripped]);
    unmarked.cache.look(undefined);
    assert.equal(unmarked.counts(), '');
  });
});

it('where no rule names Tenants it is the cache itself, and nothing is verified', async () => {
  const { cache, look, put, remove, told, rests } = scene([stripped], [markOf(two)]);
  await look(lenient);
  assert.equal(cache.get('acme'), stripped);
  await put(one);
  assert.equal(cache.list()[0], one);
  await remove();
  assert.deepEqual([told, rests(), cache.holdsAny(), cache.unknown('acme')], [['added 2', 'updated 1', 'deleted 1'], 0, false, undefined]);
});

it('one with many seals is judged in steps, and known to others then', async () => {
  const { signature } = two;
  const [bundle = ''] = signature?.bundles ?? [];
  const heavy: Object = { ...two, signature: { document: signature?.document ?? '', bundles: Array.from({ length: 8 }, () => bundle) } };
  const { cache, look, rests, counts, memory } = scene([heavy]);
  await look();
  assert.equal(counts(), 'ghcr.io/v2/');
  assert.ok(rests() > 8, `${rests()} rests`);
  assert.ok(memory.knows(heavy, trust, START));
  cache.close();
});

it('one that is replaced while it is judged counts as it is then', async () => {
  const { cache, put, counts, at } = scene([one]);
  at.rest = () => {
    at.rest = () => undefined;
    void put(two);
  };
  cache.look(trust);
  await cache.settled();
  assert.equal(counts(), 'ghcr.io/v2/');
  cache.close();
});

it('two thousand are judged with a rest after each', async () => {
  const objects = Array.from({ length: 2000 }, (_, index): Object => ({ ...stripped, metadata: { name: `tenant-${index}` } }));
  const { cache, look, rests } = scene([...objects, { ...stripped, metadata: { name: '__proto__' } }]);
  await look();
  assert.deepEqual([cache.list().length, rests()], [2001, 2001]);
  cache.close();
});
