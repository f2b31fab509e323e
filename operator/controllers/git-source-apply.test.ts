// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INVENTORY_TEXT_MAX_BYTES, decodeInventory, encodeInventory, inventoryFits, inventoryName } from '../../crds/inventory.ts';
import type { Inventory } from '../../crds/inventory.ts';
import { INVENTORY_LABEL, MANAGED_BY, MANAGED_BY_LABEL, SOURCE_LABEL, policies, tenants } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import { digestOf } from '../../policies/document/digest.ts';
import { objectKey } from '../apply/identity.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { KubeApiError, KubeFencedError } from '../../kube/errors.ts';
import { compilePolicies } from '../../policies/compile/index.ts';
import { marksOf, noMarks } from '../../policies/currency/index.ts';
import type { RecordedObject } from '../apply/plan.ts';
import type { CommitObjects } from './commit.ts';
import { bringToCluster, inventoryOf, staleVersions } from './git-source-apply.ts';
import type { ApplyDeps, CommitToApply } from './git-source-apply.ts';
import { applyDepsWith as depsWith } from './test-apply.ts';
import { scriptedClient } from '../../test/scripted-client.ts';

const [D1, D2] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`];

const commit = (version: number, digest: string): CommitObjects => {
  const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE' as const], resources: ['pods'] };
  const spec = { version, matchConstraints: { resourceRules: [rule] }, validations: [{ expression: 'true' }] };
  const policy = { apiVersion: 'writ.dev/v1alpha1' as const, kind: 'Policy' as const, metadata: { name: 'p' }, spec };
  const positionOf = () => ({ file: 'policies/p.yaml', line: 6, column: 3 });
  const desired = { ...policies, resource: policies, name: 'p', object: policy, digest, path: 'policies/p.yaml', positionOf };
  const sealed = [{ kind: 'Policy', name: 'p', version, digest }];
  return {
    desired: [desired],
    sealed,
    set: undefined,
    setProblem: undefined,
    releases: [],
    policies: compilePolicies([{ policy, digest }]).set.policies,
    expiresMs: undefined,
  };
};

const rows: readonly [
  what: string,
  version: number,
  digest: string,
  standing: { version: number; digest: string } | undefined,
  code: string | undefined,
][] = [
  ['a first version', 1, D1, undefined, undefined],
  ['the same document', 2, D1, { version: 2, digest: D1 }, undefined],
  ['a higher version', 3, D2, { version: 2, digest: D1 }, undefined],
  ['a lower version', 1, D2, { version: 2, digest: D1 }, 'POLICY_ROLLBACK'],
  ['other bytes under the same version', 2, D2, { version: 2, digest: D1 }, 'POLICY_EQUIVOCATION'],
];
for (const [what, version, digest, standing, code] of rows) {
  test(`a commit with ${what}: ${code ?? 'applied'}`, () => {
    const problems = staleVersions(
      commit(version, digest),
      standing === undefined ? noMarks : marksOf([{ kind: 'Policy', name: 'p', ...standing }]),
    );
    assert.deepEqual(
      problems.map((problem) => problem.code),
      code === undefined ? [] : [code],
    );
    if (code !== undefined) assert.deepEqual(problems[0]?.at, { file: 'policies/p.yaml', line: 6, column: 3 });
  });
}

test('an inventory names what is kept by the document that it carries, and leaves out what has none', () => {
  const recorded = { ...policies, resource: policies, name: 'recorded', digest: D2 };
  const found = { ...policies, resource: policies, name: 'found', digest: '' };
  const bare = { ...policies, resource: policies, name: 'bare', digest: '' };
  const tenant = { ...tenants, resource: tenants, name: 'acme', digest: '' };
  const foreign = { ...policies, resource: policies, name: 'foreign', digest: D2 };
  const live = new Map([
    [objectKey(found), { metadata: { name: 'found' }, signature: { document: 'the document', bundles: [] } }],
    [objectKey(bare), { metadata: { name: 'bare' }, signature: 'none' }],
    [objectKey(tenant), { metadata: { name: 'acme' }, spec: {} }],
  ]);
  const keep = (target: RecordedObject, ours = true) => ({ target, reason: 'kept', ours });
  const kept = [keep(recorded), keep(found), keep(bare), keep(tenant), keep(foreign, false)];
  const facts = { key: 'writ-system/s', revision: 'main@sha1:1', objects: commit(1, D1), committedAtMs: 0, receivedAtMs: 0 };
  const inventory = inventoryOf({ kept }, facts, live);
  assert.deepEqual(
    inventory.documents.map(({ name, digest }) => [name, digest]),
    [
      ['found', digestOf(Buffer.from('the document'))],
      ['p', D1],
      ['recorded', D2],
    ],
  );
  assert.deepEqual(decodeInventory(encodeInventory(inventory)), inventory);
});

for (const ms of [Number.NaN, Infinity, 8.64e15, 8.65e15, -8.64e15, Date.UTC(10_000, 0), Date.parse('0000-01-01T00:00:00Z') - 1]) {
  test(`an inventory leaves out a time that RFC 3339 cannot say: ${ms}`, () => {
    const facts = { key: 'writ-system/s', revision: 'main@sha1:1', objects: commit(1, D1), committedAtMs: ms, receivedAtMs: 0 };
    const inventory = inventoryOf({ kept: [] }, facts, new Map());
    assert.equal(inventory.committedAt, undefined);
    assert.equal(inventory.receivedAt, '1970-01-01T00:00:00.000Z');
    assert.deepEqual(decodeInventory(encodeInventory(inventory)), inventory);
  });
}

const storeOf = (stored: Map<string, KubeObject>): KubeClient =>
  scriptedClient({
    get: async (resource: Resource, { name }: { name: string }) => stored.get(`${resource.kind} ${name}`),
    apply: async (resource: Resource, object: KubeObject, { dryRun }: { dryRun?: boolean }) => {
      if (dryRun !== true) stored.set(`${resource.kind} ${object.metadata.name}`, object);
      return object;
    },
  });
const commitOf = (name: string): CommitToApply => ({
  key: `writ-system/${name}`,
  source: { metadata: { name, namespace: 'writ-system' }, spec: { url: 'https://git.example/a.git' } },
  revision: 'main@sha1:1',
  objects: commit(1, D1),
  committedAtMs: 0,
  receivedAtMs: 0,
});

test('two sources that name the same new policy: one has it, the other is told whose it is, also before any cache knows', async () => {
  const signal = new AbortController().signal;
  const stored = new Map<string, KubeObject>();
  const writers: unknown[] = [];
  const client = scriptedClient({
    get: async (resource: Resource, { name }: { name: string }) => stored.get(`${resource.kind} ${name}`),
    apply: async (resource: Resource, object: KubeObject, { dryRun }: { dryRun?: boolean }) => {
      await new Promise((resolve) => setImmediate(resolve));
      if (dryRun === true) return object;
      if (resource === policies) writers.push(object.metadata.labels?.[SOURCE_LABEL]);
      stored.set(`${resource.kind} ${object.metadata.name}`, object);
      return object;
    },
  });
  const existing = new Set(['writ-system/one', 'writ-system/two']);
  const deps: ApplyDeps = {
    ...depsWith(client),
    gitSources: { get: (key) => (existing.has(key) ? commitOf(key.slice('writ-system/'.length)).source : undefined) },
  };
  const labelled = (name: string): CommitToApply => {
    const one = commitOf(name);
    const desired = one.objects.desired.map((target) => ({
      ...target,
      object: { ...target.object, metadata: { name: target.name, labels: { [SOURCE_LABEL]: `writ-system.${name}` } } },
    }));
    return { ...one, objects: { ...one.objects, desired } };
  };
  const [first, second] = await Promise.all([bringToCluster(deps, labelled('one'), signal), bringToCluster(deps, labelled('two'), signal)]);
  assert.equal(first.ok, true);
  assert.ok(!second.ok);
  assert.deepEqual([second.problems[0]?.code, second.transient], ['APPLY_OWNED_ELSEWHERE', true]);
  const again = await bringToCluster(deps, labelled('two'), signal);
  assert.ok(!again.ok);
  assert.deepEqual([again.problems[0]?.code, again.transient], ['APPLY_OWNED_ELSEWHERE', false]);
  assert.match(again.problems[0]?.message ?? '', /writ-system\/one/);
  assert.deepEqual(again.problems[0]?.at, { file: 'policies/p.yaml', line: 6, column: 3 });
  assert.deepEqual(writers, ['writ-system.one']);
  // What one that was deleted has left is anybody's.
  existing.delete('writ-system/one');
  assert.equal((await bringToCluster(deps, labelled('two'), signal)).ok, true);
  assert.deepEqual(writers, ['writ-system.one', 'writ-system.two']);
});

test('an inventory without its label is written again: replicas do not see it', async () => {
  const signal = new AbortController().signal;
  const stored = new Map<string, KubeObject>();
  const deps: ApplyDeps = { ...depsWith(storeOf(stored)), liveObject: (kind, name) => stored.get(`${kind} ${name}`) };
  const applied = async (): Promise<boolean> => {
    const outcome = await bringToCluster(deps, commitOf('s'), signal);
    assert.ok(outcome.ok);
    return outcome.wrote;
  };
  assert.deepEqual([await applied(), await applied()], [true, false]);
  const [key = '', inventory] = [...stored].find(([name]) => name.startsWith('ConfigMap')) ?? [];
  assert.ok(inventory);
  stored.set(key, { ...inventory, metadata: { ...inventory.metadata, labels: {} } });
  assert.deepEqual([await applied(), stored.get(key)?.metadata.labels?.[INVENTORY_LABEL]], [true, 'true']);
});

test('what somebody wrote into the inventory holds up no commit, and is neither ended nor deleted', async () => {
  const signal = new AbortController().signal;
  const foreign = { kind: 'Policy', name: 'foreign', version: 3, digest: D2 };
  const stored = new Map<string, KubeObject>();
  const deletions: string[] = [];
  const client = scriptedClient({
    ...storeOf(stored),
    delete: async (_: Resource, { name }: { name: string }) => void deletions.push(name),
  });
  for (const source of ['writ-system/other', undefined]) {
    const known = marksOf([{ ...foreign, ...(source === undefined ? {} : { source }) }]);
    const deps: ApplyDeps = {
      ...depsWith(client),
      marks: { ...depsWith(client).marks, known: () => known },
      liveOwned: () => [{ resource: policies, name: 'foreign' }],
    };
    const named = { group: 'writ.dev', version: 'v1alpha1', plural: 'policies', kind: 'Policy', name: 'foreign', digest: D2 };
    const forged = { source: 'writ-system/s', revision: 'main@sha1:0', documents: [named] };
    stored.set(`ConfigMap ${inventoryName(forged.source)}`, encodeInventory(forged));
    const labels = { [SOURCE_LABEL]: 'writ-system.s', [MANAGED_BY_LABEL]: MANAGED_BY };
    stored.set('Policy foreign', { metadata: { name: 'foreign', uid: 'u', resourceVersion: '1', labels } });
    const outcome = await bringToCluster(deps, commitOf('s'), signal);
    assert.ok(outcome.ok, JSON.stringify(outcome));
    assert.deepEqual(outcome.kept, ['Policy/foreign (it is not of this source, whatever its inventory or a label says)']);
    const written = decodeInventory(stored.get(`ConfigMap ${inventoryName(forged.source)}`));
    assert.deepEqual([written?.documents.map(({ name }) => name), deletions], [['p'], []]);
  }
});

test('what another inventory orders does not end by a set seal of this source: replicas go on with it', async () => {
  const signal = new AbortController().signal;
  const stored = new Map<string, KubeObject>();
  const held = { kind: 'Policy', name: 'moved', version: 3, digest: D2, source: 'writ-system/s' };
  const proof = { source: 'writ-system/s', sequence: 6, digest: D2, files: new Map(), signers: ['ci'], mayDecide: () => true };
  const named = { group: 'writ.dev', version: 'v1alpha1', plural: 'policies', kind: 'Policy', name: 'moved', digest: D2 };
  const look = async (digest: string) => {
    stored.set(
      `ConfigMap ${inventoryName('writ-system/s')}`,
      encodeInventory({ source: 'writ-system/s', revision: 'main@sha1:0', documents: [named] }),
    );
    const ended: string[] = [];
    const base = depsWith(storeOf(stored));
    const other: Inventory = { source: 'writ-system/other', revision: 'o', documents: [{ ...named, digest }] };
    const deps: ApplyDeps = {
      ...base,
      inventories: () => [other],
      marks: { ...base.marks, known: () => marksOf([held]), record: (change) => void ended.push(...change.ended.map(({ name }) => name)) },
    };
    const one = commitOf('s');
    const source = { ...one.source, spec: { ...one.source.spec, prune: { maxDeletions: '100%' } } };
    const outcome = await bringToCluster(deps, { ...one, source, objects: { ...one.objects, set: { proof, bundles: ['{}'] } } }, signal);
    assert.ok(outcome.ok, JSON.stringify(outcome));
    return [ended, outcome.kept];
  };
  assert.deepEqual(await look(D2), [[], ['Policy/moved (the inventory of writ-system/other orders it too)']]);
  assert.deepEqual(await look(D1), [['moved'], []]);
});

test('the set seal in force goes on with a commit that brings none, as long as it counts', async () => {
  const signal = new AbortController().signal;
  const stored = new Map<string, KubeObject>();
  const proof = { source: 'writ-system/s', sequence: 6, digest: D2, files: new Map(), signers: ['ci'], mayDecide: () => true };
  const setsAfter = async (bundles: readonly string[] | undefined, isGood: boolean): Promise<readonly string[] | undefined> => {
    const base = depsWith(storeOf(stored));
    const deps: ApplyDeps = { ...base, marks: { ...base.marks, setIn: () => (isGood ? proof : undefined) } };
    const one = commitOf('s');
    const set = bundles === undefined ? undefined : { proof, bundles };
    assert.ok((await bringToCluster(deps, { ...one, objects: { ...one.objects, set } }, signal)).ok);
    return decodeInventory(stored.get(`ConfigMap ${inventoryName('writ-system/s')}`))?.sets;
  };
  assert.deepEqual(await setsAfter(['{"six":6}'], true), ['{"six":6}']);
  assert.deepEqual(await setsAfter(undefined, true), ['{"six":6}']);
  assert.deepEqual(await setsAfter(['{"seven":7}'], true), ['{"seven":7}']);
  assert.equal(await setsAfter(undefined, false), undefined);
  // It is no reason to refuse a commit that has just room enough for itself.
  const large = 'x'.repeat(INVENTORY_TEXT_MAX_BYTES - 200);
  const before: Inventory = { source: 'writ-system/s', revision: 'r', documents: [], sets: [large] };
  assert.equal(inventoryFits(before), true);
  stored.set(`ConfigMap ${inventoryName('writ-system/s')}`, encodeInventory(before));
  assert.equal(await setsAfter(undefined, true), undefined);
});

test('what the API server says no to on the way is told: refusals for a person, trouble to be tried again', async () => {
  const signal = new AbortController().signal;
  const said = async (error: unknown) => {
    const client = scriptedClient({ get: () => Promise.reject(error) });
    const applied = await bringToCluster(depsWith(client), commitOf('s'), signal);
    return applied.ok ? undefined : [applied.problems[0]?.code, applied.transient];
  };
  assert.deepEqual(await said(new KubeApiError({ status: 403 })), ['APPLY_REFUSED', true]);
  assert.deepEqual(await said(new KubeApiError({ status: 422 })), ['APPLY_REFUSED', false]);
  assert.deepEqual(await said(new KubeApiError({ status: 503 })), ['APPLY_INTERRUPTED', true]);
  assert.deepEqual(await said(new KubeApiError({ status: 409 })), ['APPLY_INTERRUPTED', true]);
  await assert.rejects(said(new TypeError('a bug')), TypeError);
  await assert.rejects(said(new KubeFencedError('deposed')), KubeFencedError);
});
