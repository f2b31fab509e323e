// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { encodeInventory } from '../../crds/inventory.ts';
import type { Inventory } from '../../crds/inventory.ts';
import { MANAGED_BY, MANAGED_BY_LABEL, PRUNE_ANNOTATION, SOURCE_LABEL, policies } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import { KubeApiError } from '../../kube/errors.ts';
import { applyCommit } from './execute.ts';
import type { Plan } from './plan.ts';
import { scriptedClient } from '../../test/scripted-client.ts';

const DIGEST = `sha256:${'1'.repeat(64)}`;
const positionOf = () => ({ file: 'policies/a.yaml', line: 1, column: 1 });
const identity = (name: string) => ({ resource: policies, group: policies.group, kind: policies.kind, name, digest: DIGEST });
const target = { ...identity('a'), object: { metadata: { name: 'a' } }, path: 'policies/a.yaml', positionOf };
const plan: Plan = {
  operations: [
    { kind: 'apply', target, reason: 'new' },
    { kind: 'delete', target: identity('b'), seen: { metadata: { name: 'b', uid: 'u', resourceVersion: '1' } } },
  ],
  drifted: [],
  kept: [],
};
const inventory: Inventory = {
  source: 'writ-system/s',
  revision: 'main@sha1:1',
  documents: [{ group: policies.group, version: 'v1alpha1', kind: 'Policy', name: 'a', digest: DIGEST }],
};

/** Calls by name, such as `try delete` or `apply ConfigMap`; those named in `failing` answer so. */
const run = async (failing: Readonly<Record<string, number>> = {}, changed: Partial<Parameters<typeof applyCommit>[0]> = {}) => {
  const calls: string[] = [];
  const call = async (verb: string, resource: Resource, dryRun: boolean | undefined) => {
    const name = `${dryRun === true ? 'try ' : ''}${verb} ${resource.kind}`;
    calls.push(name);
    const status = failing[name];
    if (status !== undefined) throw new KubeApiError({ status, message: `no ${name}` });
  };
  const client = scriptedClient({
    get: async (_resource: Resource, { name }: { name: string }) =>
      name === 'b' ? { metadata: { name, uid: 'made since', resourceVersion: '2' } } : undefined,
    apply: (resource: Resource, _object: unknown, options: { dryRun?: boolean }) => call('apply', resource, options.dryRun),
    delete: (resource: Resource, _ref: unknown, options: { dryRun?: boolean }) => call('delete', resource, options.dryRun),
  });
  const widen = async () => {
    calls.push('widen');
    return undefined;
  };
  const signal = new AbortController().signal;
  const outcome = applyCommit({ plan, inventory, inventoryStands: false, namespace: 'writ-system', client, widen, signal, ...changed });
  return { calls, outcome };
};
const ALL = ['try apply Policy', 'widen', 'apply Policy', 'apply ConfigMap', 'delete Policy'];

describe('applying a commit', () => {
  it('tries every write first, widens, writes, marks it, and deletes last', async () => {
    const { calls, outcome } = await run();
    assert.deepEqual(await outcome, { ok: true, applied: 1, deleted: 1 });
    assert.deepEqual(calls, ALL);
  });

  for (const [index, step] of ALL.entries()) {
    if (step === 'widen') continue;
    it(`tells that the API server refuses to ${step}, and goes no further`, async () => {
      const { calls, outcome } = await run({ [step]: 422 });
      const result = await outcome;
      // Refused after the dry run let it pass: that may change again.
      assert.ok(!result.ok && result.transient === index >= 1);
      assert.deepEqual(
        result.problems.map(({ code }) => code),
        ['APPLY_REFUSED'],
      );
      assert.match(result.problems[0]?.message ?? '', /(Policy\/[ab]|ConfigMap\/writ-system\/writ-inventory-).*: no /);
      assert.deepEqual(calls, ALL.slice(0, index + 1));
    });
    it(`throws what may pass by itself: ${step}`, async () => {
      for (const status of [503, 409, 403]) await assert.rejects((await run({ [step]: status })).outcome, KubeApiError);
    });
  }

  describe('to an object that somebody else owns a part of', () => {
    const replacing = (conflicts: number, live: object | undefined) => {
      const calls: unknown[] = [];
      let left = conflicts;
      const client = scriptedClient({
        get: async () => live,
        apply: async (resource: Resource, _object: unknown, { dryRun }: { dryRun?: boolean }) => {
          calls.push(['apply', resource.kind, dryRun]);
        },
        replace: async (_resource: Resource, object: object, { dryRun }: { dryRun?: boolean }) => {
          calls.push([object, dryRun]);
          left -= 1;
          if (left >= 0) throw new KubeApiError({ status: 409, message: 'somebody was faster' });
        },
      });
      const operations = [{ kind: 'apply', target, reason: 'changed', replaces: true }] as const;
      return { calls, input: { client, inventoryStands: true, plan: { ...plan, operations } } };
    };
    const live = {
      metadata: { name: 'a', uid: 'u', resourceVersion: '7', labels: { team: 'x' }, finalizers: ['f'], managedFields: [{}] },
      spec: { left: 'over' },
      status: {},
    };
    const metadata = { name: 'a', uid: 'u', resourceVersion: '7', labels: { team: 'x' }, annotations: {}, finalizers: ['f'] };
    it('puts the document in its place, tried first, and keeps what others say in the metadata', async () => {
      const { calls, input } = replacing(0, live);
      assert.equal((await (await run({}, input)).outcome).ok, true);
      assert.deepEqual(calls, [
        [{ metadata }, true],
        [{ metadata }, false],
      ]);
    });
    it('tries again where somebody was faster, and not for ever', async () => {
      const { calls, input } = replacing(4, live);
      assert.equal((await (await run({}, input)).outcome).ok, true);
      assert.equal(calls.length, 6);
      await assert.rejects((await run({}, replacing(99, live).input)).outcome, KubeApiError);
    });
    it('makes it where it is gone meanwhile', async () => {
      const { calls, input } = replacing(0, undefined);
      assert.equal((await (await run({}, input)).outcome).ok, true);
      assert.deepEqual(calls, [
        ['apply', 'Policy', true],
        ['apply', 'Policy', false],
      ]);
    });
  });

  it('takes away what others keep in the metadata where the API server may refuse it for that, of the inventory too', async () => {
    const calls: unknown[] = [];
    const client = scriptedClient({
      get: async (_resource: Resource, { name }: { name: string }) => ({
        metadata: {
          name,
          uid: 'u',
          resourceVersion: '7',
          labels: { bulk: 'x' },
          finalizers: ['f', 'writ.dev/tenant'],
          ownerReferences: [],
        },
      }),
      apply: async (resource: Resource, _object: unknown, { dryRun }: { dryRun?: boolean }) => {
        if (dryRun !== true) throw new KubeApiError({ status: 500, message: 'etcdserver: request is too large' });
        return { metadata: { name: resource.kind } };
      },
      replace: async (_resource: Resource, { metadata }: { metadata: object }) => {
        calls.push(metadata);
        return { metadata };
      },
      delete: async () => true,
    });
    assert.equal((await (await run({}, { client })).outcome).ok, true);
    const { name, namespace, labels } = encodeInventory(inventory).metadata;
    assert.deepEqual(calls, [
      { name: 'a', uid: 'u', resourceVersion: '7', finalizers: ['writ.dev/tenant'] },
      { name, namespace, labels, uid: 'u', resourceVersion: '7', finalizers: ['writ.dev/tenant'] },
    ]);
  });

  describe('that deletes what others write to', () => {
    const labels = { [SOURCE_LABEL]: 's', [MANAGED_BY_LABEL]: MANAGED_BY };
    const seen = { metadata: { name: 'b', uid: 'u', resourceVersion: '1', labels }, spec: { version: 1 }, signature: { document: 'd' } };
    type Live = Omit<typeof seen, 'metadata'> & {
      readonly metadata: (typeof seen)['metadata'] & { readonly annotations?: Readonly<Record<string, string>> };
      readonly status?: object;
    };
    /** An API server at which the object has changed so before each of the first calls. */
    const deleting = (...changes: readonly (Live | undefined)[]) => {
      const calls: unknown[] = [];
      let live: Live | undefined = seen;
      let turn = 0;
      const client = scriptedClient({
        get: async () => live,
        delete: async (_resource: Resource, _ref: unknown, { preconditions }: { preconditions?: object }) => {
          calls.push(preconditions);
          if (turn < changes.length) live = changes[turn];
          turn += 1;
          if (live === undefined) return false;
          const { uid, resourceVersion } = live.metadata;
          if (!isDeepStrictEqual(preconditions, { uid, resourceVersion })) throw new KubeApiError({ status: 409, message: 'changed' });
          return true;
        },
      });
      const operations = [{ kind: 'delete', target: identity('b'), seen }] as const;
      return { calls, input: { client, inventoryStands: true, plan: { ...plan, operations } } };
    };
    const at = (resourceVersion: string, changed: Partial<Live> = {}): Live => ({
      ...seen,
      ...changed,
      metadata: { ...seen.metadata, ...changed.metadata, resourceVersion },
    });

    it('looks again at once where only its status was written', async () => {
      const { calls, input } = deleting(at('2', { status: { ready: true } }), at('3', { status: { ready: false } }));
      assert.deepEqual(await (await run({}, input)).outcome, { ok: true, applied: 0, deleted: 1 });
      assert.deepEqual(
        calls,
        ['1', '2', '3'].map((resourceVersion) => ({ uid: 'u', resourceVersion })),
      );
    });
    it('is content where it is gone', async () => {
      const { calls, input } = deleting(at('2'), undefined);
      assert.equal((await (await run({}, input)).outcome).ok, true);
      assert.equal(calls.length, 2);
    });
    const changes: Readonly<Record<string, Partial<Live>>> = {
      'made anew': { metadata: { ...seen.metadata, uid: 'v' } },
      'given another document': { signature: { document: 'e' } },
      'given another spec': { spec: { version: 2 } },
      'taken by another source': { metadata: { ...seen.metadata, labels: { ...labels, [SOURCE_LABEL]: 't' } } },
      'told to stay': { metadata: { ...seen.metadata, annotations: { [PRUNE_ANNOTATION]: 'Disabled' } } },
    };
    for (const [what, changed] of Object.entries(changes))
      it(`leaves what was ${what} meanwhile to the next plan`, async () => {
        const { calls, input } = deleting(at('2'), at('3', changed));
        await assert.rejects((await run({}, input)).outcome, KubeApiError);
        assert.equal(calls.length, 2);
      });
    it('does not try for ever', async () => {
      const { calls, input } = deleting(...Array.from({ length: 9 }, (_, index) => at(String(index + 2))));
      await assert.rejects((await run({}, input)).outcome, KubeApiError);
      assert.equal(calls.length, 5);
    });
  });

  it('waits for every write before it gives up, so that none lands after the next try', async () => {
    const slow = Promise.withResolvers<void>();
    const client = scriptedClient({
      apply: async (_resource: Resource, object: { metadata: { name: string } }, { dryRun }: { dryRun?: boolean }) => {
        if (dryRun === true) return;
        if (object.metadata.name === 'a') throw new KubeApiError({ status: 503, message: 'restarting' });
        await slow.promise;
      },
    });
    const other = { ...target, ...identity('c'), object: { metadata: { name: 'c' } } };
    const operations = [target, other].map((each) => ({ kind: 'apply', target: each, reason: 'new' }) as const);
    const { outcome } = await run({}, { client, plan: { ...plan, operations } });
    let ended = false;
    const end = assert.rejects(outcome, KubeApiError).finally(() => (ended = true));
    for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(ended, false);
    slow.resolve();
    await end;
  });

  it('stops before any write when the API server cannot be told to ask about it yet', async () => {
    const problem = { code: 'APPLY_NOT_READY', message: 'no certificate' } as const;
    const { calls, outcome } = await run({}, { widen: async () => problem });
    assert.deepEqual(await outcome, { ok: false, problems: [problem], transient: true });
    assert.deepEqual(calls, ALL.slice(0, 1));
  });

  it('writes no inventory that could not be read back', async () => {
    const [document] = inventory.documents;
    assert.ok(document);
    const hostile: readonly Inventory[] = [
      { ...inventory, documents: [{ ...document, digest: '' }] },
      { ...inventory, documents: [document, document] },
      { ...inventory, committedAt: '+010000-01-01T00:00:00.000Z' },
      { ...inventory, revision: 'x'.repeat(513) },
    ];
    for (const broken of hostile) {
      const { calls, outcome } = await run({}, { inventory: broken });
      const result = await outcome;
      assert.equal(result.ok ? '' : result.problems[0]?.code, 'INVENTORY_INVALID');
      assert.deepEqual(calls, []);
    }
  });
});
