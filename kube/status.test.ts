// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Condition } from '../crds/conditions.ts';
import { policies } from '../crds/kinds.ts';
import { fakeClock } from '../test/fake-clock.ts';
import { scriptedClient } from '../test/scripted-client.ts';
import type { ManagedFields } from './objects.ts';
import { applyStatus, mergeConditions } from './status.ts';
import type { StatusInput } from './status.ts';

const ready = (status: Condition['status'], message = 'm'): Condition => ({
  type: 'Ready',
  status,
  reason: 'R',
  message,
  lastTransitionTime: '2025-05-05T05:05:05Z',
  observedGeneration: 3,
});
const input = ({ lastTransitionTime: _, ...rest }: Condition) => rest;

describe('conditions', () => {
  it('keep the time of their transition while the status stays', () => {
    const [merged] = mergeConditions([ready('True')], [input(ready('True', 'other words'))], { nowMs: 0 });
    assert.equal(merged?.lastTransitionTime, '2025-05-05T05:05:05Z');
    assert.equal(merged?.message, 'other words');
  });

  it('take the time of now when the status changes or is new', () => {
    const nowMs = Date.UTC(2026, 1, 2, 3, 4, 5, 678);
    const merged = mergeConditions([ready('True')], [input(ready('False')), { ...input(ready('True')), type: 'Verified' }], { nowMs });
    assert.deepEqual(
      merged.map(({ lastTransitionTime }) => lastTransitionTime),
      ['2026-02-02T03:04:05Z', '2026-02-02T03:04:05Z'],
    );
  });

  it('carry the generation of the object unless they name one', () => {
    const { observedGeneration: _, ...plain } = input(ready('True'));
    assert.equal(mergeConditions([], [plain], { nowMs: 0, generation: 7 })[0]?.observedGeneration, 7);
    assert.equal(mergeConditions([], [input(ready('True'))], { nowMs: 0, generation: 7 })[0]?.observedGeneration, 3);
  });
});

describe('the status', () => {
  const apply = async (live: object, status: StatusInput, managed?: ManagedFields['fieldsV1']) => {
    const bodies: unknown[] = [];
    const client = scriptedClient({
      apply: async (_resource, body) => {
        bodies.push(body);
        return body;
      },
    });
    const managedFields = [{ manager: 'writ-status', operation: 'Apply', subresource: 'status', fieldsV1: managed ?? {} }];
    const object = { metadata: { name: 'p', uid: 'u', generation: 3, ...(managed === undefined ? {} : { managedFields }) }, status: live };
    const outcome = await applyStatus(client, { resource: policies, object, status, clock: fakeClock() });
    return { outcome, body: bodies[0] };
  };

  it('is not written when it shows already', async () => {
    const { outcome } = await apply({ digest: 'd', conditions: [ready('True')] }, { digest: 'd', conditions: [input(ready('True'))] });
    assert.equal(outcome.written, false);
  });

  it('leaves what others wrote out of the comparison', async () => {
    const other = { ...ready('True'), type: 'Audited' };
    const { outcome } = await apply({ other: 1, conditions: [other, ready('True')] }, { conditions: [input(ready('True'))] });
    assert.equal(outcome.written, false);
  });

  it('is written for any difference, whole', async () => {
    const { outcome, body } = await apply(
      { digest: 'd', conditions: [ready('True')] },
      { digest: 'e', left: undefined, conditions: [input(ready('True'))] },
    );
    assert.equal(outcome.written, true);
    assert.deepEqual(body, {
      apiVersion: 'writ.dev/v1alpha1',
      kind: 'Policy',
      metadata: { name: 'p' },
      status: { digest: 'e', conditions: [ready('True')] },
    });
  });

  const shown = { digest: 'd', conditions: [ready('True'), { ...ready('True'), type: 'Stalled' }] };
  it('is written to take away a condition that we stated before', async () => {
    const owned = { 'f:status': { 'f:conditions': { 'k:{"type":"Ready"}': {}, 'k:{"type":"Stalled"}': {} } } };
    const { outcome } = await apply(shown, { conditions: [input(ready('True'))] }, owned);
    assert.equal(outcome.written, true);
  });

  it('is written to take away a field that we stated before', async () => {
    const owned = { 'f:status': { 'f:digest': {}, 'f:conditions': { 'k:{"type":"Ready"}': {} } } };
    assert.equal((await apply(shown, { conditions: [input(ready('True'))] }, owned)).outcome.written, true);
    assert.equal((await apply(shown, { digest: 'd', conditions: [input(ready('True'))] }, owned)).outcome.written, false);
  });
});
