// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../policies/decide/request.ts';
import { podReview } from '../../policies/decide/test-review.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { createNamespaceCache } from './namespaces.ts';
import { depsFor, noLatest, review, setOf } from './test-admission.ts';

describe('a namespace that has not arrived', () => {
  const late = (clock = fakeClock()) => {
    const held = new Map<string, JsonObject>();
    let arrived: (name: string) => void = () => undefined;
    const cache = createNamespaceCache({ get: (name) => held.get(name), onArrival: (handler) => void (arrived = handler) }, clock);
    const add = (name: string, labels: JsonObject): void => {
      held.set(name, { metadata: { name, labels } });
      arrived(name);
    };
    return { clock, add, deps: depsFor(setOf(noLatest), { namespaces: cache, clock }) };
  };

  it('is waited for, and then decided by', async () => {
    const { add, deps, clock } = late();
    const waiting = review(podReview(), deps);
    add('other', {});
    add('team', { 'writ.dev/tenant': 'acme' });
    assert.equal((await waiting).response.allowed, false);
    const second = review(podReview({ namespace: 'fresh' }), deps);
    add('fresh', { 'writ.dev/tenant': '' });
    assert.equal((await second).response.allowed, false);
    assert.equal(clock.pending, 0);
  });

  it('that is held without its label is an old copy: waited for, through other changes, then closed', async () => {
    const { add, deps, clock } = late();
    add('team', {});
    const labelled = review(podReview({}, { image: 'app:1' }), deps);
    add('team', { more: 'x' });
    add('team', { 'writ.dev/tenant': 'acme' });
    assert.equal((await labelled).outcome, 'decided');
    add('team', {});
    const stale = review(podReview({}, { image: 'app:1' }), deps);
    await clock.advance(1000);
    const { response, record } = await stale;
    assert.equal(response.allowed, false);
    assert.equal(record?.closed, 'NAMESPACE_UNKNOWN');
    assert.equal(clock.pending, 0);
  });

  it('closes after a bounded time', async () => {
    const { deps, clock } = late();
    const waiting = review(podReview(), deps);
    await clock.advance(1000);
    const { response, record } = await waiting;
    assert.equal(response.allowed, false);
    assert.match(
      response.status?.message ?? '',
      /^NAMESPACE_UNKNOWN: namespace team did not reach this replica with its tenant label within 1000 ms/,
    );
    assert.equal(record?.closed, 'NAMESPACE_UNKNOWN');
    assert.equal(clock.pending, 0);
  });
});
