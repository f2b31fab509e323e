// SPDX-License-Identifier: Apache-2.0
// What an informer does with its handlers and its signal; how it holds against a bad connection is proven in test/faults/kube.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configMaps } from '../crds/kinds.ts';
import { fakeClock } from '../test/fake-clock.ts';
import { scriptedClient } from '../test/scripted-client.ts';
import { KubeApiError, KubeTransportError } from './errors.ts';
import { createInformer } from './informer.ts';
import type { InformerOptions } from './informer.ts';
import type { KubeObject } from './objects.ts';
import type { WatchEvent } from './watch.ts';

type Watch = readonly (WatchEvent<KubeObject> | Error)[];
const object = (name: string, version: number): KubeObject => ({ metadata: { name, uid: name, resourceVersion: String(version) } });
const event = (type: WatchEvent<KubeObject>['type'], name: string, version: number): WatchEvent<KubeObject> => ({
  type,
  object: object(name, version),
});

/** Plays one list or watch after another; the last watch stays open. */
const make = (lists: readonly (readonly KubeObject[])[], watches: readonly Watch[], more: Partial<InformerOptions<KubeObject>> = {}) => {
  const clock = fakeClock();
  const from: string[] = [];
  let listed = 0;
  const client = scriptedClient({
    list: async () => ({ items: lists[Math.min(listed++, lists.length - 1)], resourceVersion: `list-${listed}` }),
    async *watch(_resource, { resourceVersion, signal }) {
      const watch = watches[from.length];
      from.push(resourceVersion);
      for (const one of watch ?? []) {
        if (one instanceof Error) throw one;
        yield one;
      }
      if (from.length >= watches.length)
        await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
    },
  });
  const errors: unknown[] = [];
  const observe = { handlerError: (error: unknown) => void errors.push(error), ...more.observe };
  const informer = createInformer<KubeObject>(client, configMaps, { clock, random: () => 0.5, ...more, observe });
  const stop = new AbortController();
  return { clock, informer, stop, from, errors, listed: () => listed };
};

describe('an informer', () => {
  it('tells every change, to late comers too', async () => {
    const { informer, stop, clock } = make(
      [[object('a', 1)]],
      [[event('ADDED', 'b', 2), event('MODIFIED', 'a', 3), event('DELETED', 'b', 4)]],
    );
    const told: string[] = [];
    informer.onChange(({ type, object: one }) => told.push(`${type} ${one.metadata.name}`));
    informer.start(stop.signal);
    await informer.synced;
    await clock.advance(0);
    assert.deepEqual(told, ['added a', 'added b', 'updated a', 'deleted b']);
    const late: string[] = [];
    const end = informer.onChange(({ type, object: one }) => late.push(`${type} ${one.metadata.resourceVersion}`));
    assert.deepEqual(late, ['added 3']);
    end();
    assert.equal(informer.resourceVersion, '4');
    stop.abort();
  });

  it('is stopped by no handler, observer or transform that throws, and counts them', async () => {
    const { informer, stop, clock, errors } = make([[object('a', 1)]], [[event('ADDED', 'b', 2)]], {
      transform: () => assert.fail('transform'),
      observe: { event: () => assert.fail('observer') },
    });
    const told: string[] = [];
    informer.onChange(() => assert.fail('handler'));
    informer.onChange(() => Promise.reject(new Error('rejected')));
    informer.onChange(({ object: one }) => told.push(one.metadata.name));
    informer.start(stop.signal);
    await clock.advance(0);
    assert.deepEqual(told, ['a', 'b']);
    const counted = errors.map(String).toSorted();
    for (const [what, times] of [
      ['transform', 2],
      ['handler', 2],
      ['rejected', 2],
      ['observer', 1],
    ] as const) {
      assert.equal(counted.filter((one) => one.includes(what)).length, times, what);
    }
    stop.abort();
  });

  it('goes on from where the watch broke', async () => {
    const { informer, stop, clock, from, listed } = make(
      [[]],
      [[event('ADDED', 'a', 5), new KubeTransportError('RESET', 'x')], [event('BOOKMARK', '', 9)], []],
    );
    informer.start(stop.signal);
    await clock.advance(60_000);
    assert.deepEqual(from, ['list-1', '5', '9']);
    assert.equal(listed(), 1);
    stop.abort();
  });

  it('lists again when its version is gone, and finds what was deleted meanwhile', async () => {
    const gone = new KubeApiError({ status: 410, reason: 'Expired' });
    const { informer, stop, clock, from } = make([[object('a', 1), object('b', 1)], [object('b', 1)]], [[gone], []]);
    const told: string[] = [];
    informer.onChange(({ type, object: one }) => told.push(`${type} ${one.metadata.name}`));
    informer.start(stop.signal);
    await clock.advance(60_000);
    assert.deepEqual(told, ['added a', 'added b', 'deleted a']);
    assert.deepEqual(from, ['list-1', 'list-2']);
    stop.abort();
  });

  it('waits longer after each failure, 30 s at most, and as long as the server asks', async () => {
    const atMs: number[] = [];
    const failures = Array.from({ length: 8 }, () => [new KubeTransportError('RESET', 'x')]);
    const busy = [new KubeApiError({ status: 429, retryAfterMs: 50_000 })];
    const setup = make([[]], [...failures, busy, []], { observe: { restart: () => void atMs.push(setup.clock.monotonicMs()) } });
    setup.informer.start(setup.stop.signal);
    await setup.clock.advance(400_000);
    const waits = atMs.slice(1).map((at, index) => at - (atMs[index] ?? 0));
    assert.deepEqual(waits.slice(0, 8), [800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
    assert.equal(setup.from.length, 10);
    setup.stop.abort();
  });

  it('knows how long it has heard nothing', async () => {
    const { informer, stop, clock } = make([[]], [[]]);
    assert.equal(informer.lastEventAgeMs(), Number.POSITIVE_INFINITY);
    informer.start(stop.signal);
    await clock.advance(7000);
    assert.equal(informer.lastEventAgeMs(), 7000);
    stop.abort();
  });

  it('that is stopped before the first list says so', async () => {
    const { informer, stop } = make([[]], [[]]);
    stop.abort(new Error('stopped'));
    informer.start(stop.signal);
    await assert.rejects(informer.synced, /stopped/);
    assert.equal(informer.hasSynced(), false);
    assert.throws(() => informer.start(stop.signal), /runs already/);
  });
});
