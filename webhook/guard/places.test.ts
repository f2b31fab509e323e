// SPDX-License-Identifier: Apache-2.0
// Whoever asks a lot keeps nobody else out.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fakeClock } from '../../test/fake-clock.ts';
import { handleGuard } from './index.ts';
import type { Guarded } from './index.ts';
import { AT_MS, answerOf, depsOf, enforced, nothing, policyAt, reviewOf, sealer, stranger, three, two } from './test-guard.ts';
import type { Change } from './test-guard.ts';
import { createWaiting } from './wait.ts';

const OPERATOR = 'system:serviceaccount:writ-system:writ-operator';
const bad = policyAt(3, {}, stranger);

/** A guard at which `many` ask at once, each of them for something that it would wait for. */
const crowded = async (many: readonly string[], more: Change = { after: bad }) => {
  const clock = fakeClock(AT_MS);
  let view = nothing;
  const waiting = createWaiting({ clock, timeoutMs: 1000, stateOf: () => view });
  const deps = { ...depsOf(view), view: () => view, waiting };
  const ask = (username: string, change: Change): Guarded | Promise<Guarded> =>
    handleGuard(reviewOf({ ...change, user: { username, groups: [] } }), deps);
  for (const username of many) void ask(username, more);
  return {
    ask,
    waiting: () => clock.pending,
    /** What is said of it once this replica has heard of the trust policy. */
    arriving: async (username: string, change: Change): Promise<string> => {
      const asked = ask(username, change);
      view = enforced;
      waiting.wake();
      const { allowed, code } = answerOf(await asked);
      return allowed ? 'pass' : code;
    },
  };
};

const many = (count: number, username: (index: number) => string): readonly string[] =>
  Array.from({ length: count }, (_, at) => username(at));

describe('a storm of writes that are to wait', () => {
  it('by one user leaves room for every other', async () => {
    const { waiting, ask, arriving } = await crowded(many(64, () => 'editor'));
    assert.equal(waiting(), 4);
    assert.equal(answerOf(await ask('editor', { after: bad })).code, 'TRUST_MISSING', 'the last word, at once');
    assert.equal(await arriving('another', { before: two, after: three }), 'pass');
  });

  it('by many users leaves room for the operator and the trust policy', async () => {
    const storm = many(64, (at) => `editor-${at}`);
    const swapped = { resource: 'trustpolicies', name: 'cluster', after: sealer.trustPolicy };
    const { waiting } = await crowded(storm);
    assert.equal(waiting(), 12);
    assert.equal(await (await crowded(storm)).arriving('another', { after: three }), 'TRUST_MISSING');
    assert.equal(await (await crowded(storm)).arriving(OPERATOR, { before: two, after: three }), 'pass');
    assert.equal(await (await crowded(storm)).arriving('admin', swapped), 'pass');
  });

  it('of the trust policy leaves room for the operator', async () => {
    const storm = many(64, (at) => `admin-${at}`);
    const stray = { resource: 'trustpolicies', name: 'cluster', after: { ...stranger.trustPolicy } };
    assert.equal((await crowded(storm, stray)).waiting(), 4);
    assert.equal(await (await crowded(storm, stray)).arriving(OPERATOR, { before: two, after: three }), 'pass');
  });

  it('gives its places back', async () => {
    const clock = fakeClock(AT_MS);
    const deps = { ...depsOf(undefined), waiting: createWaiting({ clock, timeoutMs: 1000, stateOf: () => 0 }) };
    for (let round = 0; round < 6; round += 1) {
      void handleGuard(reviewOf({ after: two }), deps);
      assert.equal(clock.pending, 1);
      await clock.advance(1000);
    }
    assert.equal(clock.pending, 0);
  });
});
