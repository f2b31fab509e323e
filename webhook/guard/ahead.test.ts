// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadTrust } from '../../policies/trust/index.ts';
import { POD_RULES, createSealer } from '../../test/faults/webhook/sealed.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { handleGuard } from './index.ts';
import { viewOf } from './test-view.ts';
import { createWaiting } from './wait.ts';

const AT_MS = Date.UTC(2026, 0, 1);
const sealer = createSealer();
const loaded = loadTrust(Buffer.from(sealer.trustPolicy.signature.document), { pinnedDigest: sealer.trustDigest });
assert.ok(loaded.ok);
const view = viewOf(loaded.trust, { atMs: AT_MS });

const reviewOf = (after: object): string =>
  JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u',
      kind: { group: 'writ.dev', version: 'v1alpha1', kind: 'Policy' },
      resource: { group: 'writ.dev', version: 'v1alpha1', resource: 'policies' },
      name: 'pinned',
      operation: 'CREATE',
      userInfo: { username: 'admin', groups: [] },
      object: after,
      oldObject: null,
    },
  });

/** Of `count` rules with long texts of their own; and the turns that the event loop made before the answer. */
const turnsOf = async (count: number): Promise<number> => {
  const validations = Array.from({ length: count }, (_, at) => ({
    expression: `object.metadata.name != '${'x'.repeat(300)}${count}-${at}'`,
  }));
  const policy = sealer.policy('pinned', { version: 1, matchConstraints: POD_RULES, validations });
  let readings = 0;
  // Each look at it finds that a piece has taken long enough.
  const clock = { ...fakeClock(AT_MS), monotonicMs: () => (readings += 10) };
  const waiting = createWaiting({ clock, timeoutMs: 1000, stateOf: () => 0 });
  const beat = { turns: 0, on: true };
  const turn = (): void => {
    beat.turns += 1;
    if (beat.on) setImmediate(turn);
  };
  setImmediate(turn);
  const { outcome, body } = await handleGuard(reviewOf(policy), { view: () => view, waiting, systemNamespace: 'writ-system', clock });
  beat.on = false;
  assert.equal(outcome, 'passed', body);
  return beat.turns;
};

describe('a policy at admission', () => {
  it('is compiled in pieces, between which others are answered, where it is long', async () => {
    const turns = await turnsOf(30);
    assert.ok(turns >= 30, `${turns} turns`);
  });

  it('is compiled at once where it is short', async () => {
    assert.equal(await turnsOf(3), 0);
  });
});
