// SPDX-License-Identifier: Apache-2.0
// Status and events as the API server takes them: owned conditions beside other people's, no write without a change, removal
// of what is not stated any more, typed refusals.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Condition } from '../../../crds/conditions.ts';
import { configMaps, customResourceDefinitions, events, namespaces } from '../../../crds/kinds.ts';
import type { Resource } from '../../../crds/kinds.ts';
import { createKubeClient } from '../../../kube/client.ts';
import type { KubeClient } from '../../../kube/client.ts';
import { isAlreadyExists, isConflict, isNotFound, KubeApiError } from '../../../kube/errors.ts';
import { createEventRecorder, regardingOf } from '../../../kube/events.ts';
import type { KubeObject } from '../../../kube/objects.ts';
import { applyStatus } from '../../../kube/status.ts';
import { systemClock } from '../../../process/clock.ts';
import { startControlPlane } from '../../cluster/control-plane.ts';
import type { ControlPlane } from '../../cluster/control-plane-handle.ts';

type Thing = KubeObject & { readonly status?: { readonly digest?: string; readonly conditions?: readonly Condition[] } };
const things: Resource = { group: 'test.writ.dev', version: 'v1', plural: 'things', kind: 'Thing', namespaced: false };

let plane: ControlPlane;
let client: KubeClient;

before(async () => {
  plane = await startControlPlane();
  client = createKubeClient({ kubeconfigPath: plane.kubeconfig, clock: systemClock, userAgent: 'test' });
  const text = { type: 'string' };
  const condition = {
    type: 'object',
    properties: {
      type: text,
      status: text,
      reason: text,
      message: text,
      lastTransitionTime: text,
      observedGeneration: { type: 'integer' },
    },
    required: ['type'],
  };
  const conditions = { type: 'array', items: condition, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] };
  const schema = {
    openAPIV3Schema: {
      type: 'object',
      properties: {
        spec: { type: 'object', properties: { size: { type: 'integer' } } },
        status: { type: 'object', properties: { digest: text, conditions } },
      },
    },
  };
  const crd = {
    metadata: { name: 'things.test.writ.dev' },
    spec: {
      group: things.group,
      scope: 'Cluster',
      names: { plural: things.plural, kind: things.kind, singular: 'thing' },
      versions: [{ name: things.version, served: true, storage: true, subresources: { status: {} }, schema }],
    },
  };
  await client.create<KubeObject>(customResourceDefinitions, crd);
  while (!(await isServed())) await new Promise((resolve) => setImmediate(resolve));
});
after(async () => {
  await client?.close();
  await plane?.stop();
});

const isServed = async (): Promise<boolean> => {
  try {
    await client.list(things);
    return true;
  } catch (error) {
    if (isNotFound(error) || (error instanceof KubeApiError && error.status === 503)) return false;
    throw error;
  }
};

const ready = (status: Condition['status'], message = 'm') => ({ type: 'Ready', status, reason: 'R', message });
const live = async (name: string): Promise<Thing> => (await client.get<Thing>(things, { name })) ?? assert.fail();
const typesOf = (thing: Thing): string[] => (thing.status?.conditions ?? []).map(({ type }) => type).toSorted();

describe('the status', () => {
  it('is written on change only, beside the conditions of others, and takes back what is not stated any more', async () => {
    const name = 'one';
    await client.create<KubeObject>(things, { metadata: { name } });
    const other: Thing = {
      metadata: { name },
      status: { conditions: [{ ...ready('True'), type: 'Audited', lastTransitionTime: '2026-01-01T00:00:00Z' }] },
    };
    await client.apply(things, other, { fieldManager: 'someone-else', subresource: 'status' });

    const state = async (status: Parameters<typeof applyStatus>[1]['status']) =>
      await applyStatus(client, { resource: things, object: await live(name), status, clock: systemClock });
    assert.equal((await state({ digest: 'd', conditions: [ready('False'), { ...ready('True'), type: 'Stalled' }] })).written, true);
    const first = await live(name);
    assert.deepEqual(typesOf(first), ['Audited', 'Ready', 'Stalled']);

    assert.equal((await state({ digest: 'd', conditions: [ready('False'), { ...ready('True'), type: 'Stalled' }] })).written, false);
    assert.equal((await live(name)).metadata.resourceVersion, first.metadata.resourceVersion);

    assert.equal((await state({ digest: 'd', conditions: [ready('False', 'said otherwise')] })).written, true);
    const second = await live(name);
    assert.deepEqual(typesOf(second), ['Audited', 'Ready']);
    const timeOf = (thing: Thing) => thing.status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime;
    assert.equal(timeOf(second), timeOf(first));

    assert.equal((await state({ conditions: [ready('False', 'said otherwise')] })).written, true);
    assert.equal((await live(name)).status?.digest, undefined);
    assert.equal((await state({ conditions: [ready('False', 'said otherwise')] })).written, false);
  });

  it('of an object that is gone makes it not come back', async () => {
    const name = 'two';
    const old = await client.create<KubeObject>(things, { metadata: { name } });
    await client.delete(things, { name });
    const gone = applyStatus(client, { resource: things, object: old, status: { conditions: [ready('True')] }, clock: systemClock });
    await assert.rejects(gone, isNotFound);
    assert.equal(await client.get(things, { name }), undefined);
  });
});

describe('events', () => {
  it('are taken for cluster-scoped and namespaced objects', async () => {
    const recorder = createEventRecorder({ client, clock: systemClock, reportingController: 'writ.dev/test', reportingInstance: 'test-1' });
    const thing = await client.create<KubeObject>(things, { metadata: { name: 'three' } });
    const said = { type: 'Warning', reason: 'VerificationFailed', note: 'x'.repeat(5000), action: 'Verify' } as const;
    assert.equal(await recorder.record({ ...said, regarding: regardingOf(things, thing) }), true);
    assert.equal(await recorder.record({ ...said, regarding: regardingOf(things, thing) }), false);
    const map = await client.create<KubeObject>(configMaps, { metadata: { name: 'm', namespace: 'default' } });
    assert.equal(await recorder.record({ ...said, regarding: regardingOf(configMaps, map) }), true);
    const { items } = await client.list(events, { namespace: 'default', fieldSelector: 'reason=VerificationFailed' });
    assert.equal(items.length, 2);
  });
});

describe('a refusal', () => {
  it('has its type', async () => {
    await assert.rejects(client.create(namespaces, { metadata: { name: 'default' } }), isAlreadyExists);
    await assert.rejects(
      client.create(namespaces, { metadata: { name: 'Not Valid' } }),
      (error) => error instanceof KubeApiError && error.status === 422 && (error.details?.causes?.length ?? 0) > 0,
    );
    const unknown = { metadata: { name: 'four' }, spec: { sise: 1 } };
    await assert.rejects(client.apply<KubeObject>(things, unknown, { fieldManager: 'test' }), /unknown field|field not declared/);
    const thing = await client.create<KubeObject>(things, { metadata: { name: 'five' } });
    await client.patch(things, { name: 'five' }, { type: 'merge', body: { spec: { size: 1 } } });
    await assert.rejects(client.replace(things, thing), isConflict);
    assert.equal(await client.delete(things, { name: 'never-was' }), false);
    assert.equal(await client.get(things, { name: 'never-was' }), undefined);
  });

  it('stores nothing in a dry run', async () => {
    await client.apply<KubeObject>(things, { metadata: { name: 'six' } }, { fieldManager: 'test', dryRun: true });
    assert.equal(await client.get(things, { name: 'six' }), undefined);
  });
});
