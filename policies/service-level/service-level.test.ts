// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { OBJECTIVES, REFUSED, keeps, objectivesOf, speaksOfRefusals } from './index.ts';
import type { Answered } from './index.ts';
import { LEVEL_METERS, dimsOf, levelOf, readDims } from './counts.ts';

const slo = (...objectives: readonly unknown[]): unknown => ({ objectives });

describe('objectives of a tenant', () => {
  it('are those that admission can be held to, as shares', () => {
    assert.deepEqual(
      objectivesOf(slo({ name: 'availability', target: '99.9' }, { name: 'admission-latency', target: '95', threshold: '50ms' })),
      [
        { name: 'availability', target: 0.9990000000000001, percent: '99.9', withinMs: Number.POSITIVE_INFINITY },
        { name: 'admission-latency', target: 0.95, percent: '95', withinMs: 50 },
      ],
    );
    // A threshold is a latency's alone.
    assert.deepEqual(objectivesOf(slo({ name: 'policy-evaluation', target: '50', threshold: '50ms' })), [
      { name: 'policy-evaluation', target: 0.5, percent: '50', withinMs: Number.POSITIVE_INFINITY },
    ]);
  });

  it('leave out what is measured elsewhere, has no threshold or is no share', () => {
    const rows = [
      { name: 'reply-time', target: '99' },
      { name: 'admission-latency', target: '99' },
      { name: 'admission-latency', target: '99', threshold: 'soon' },
      { name: 'availability', target: '101' },
      { name: 'availability', target: 99 },
      { name: 'constructor', target: '99' },
      null,
      'availability',
    ];
    for (const row of rows) assert.deepEqual(objectivesOf(slo(row)), [], JSON.stringify(row));
  });

  it('are one a name', () => {
    const both = slo({ name: 'availability', target: '99' }, { name: 'availability', target: '10' });
    assert.deepEqual(
      objectivesOf(both).map(({ target }) => target),
      [0.99],
    );
  });

  it('are read from anything without an exception', () => {
    fc.assert(
      fc.property(
        fc.anything({ withNullPrototype: true }),
        (value) => Array.isArray(objectivesOf(value)) && Array.isArray(objectivesOf(slo(value))),
      ),
    );
  });
});

describe('an answer', () => {
  const promised = objectivesOf(slo(...OBJECTIVES.map((name) => ({ name, target: '99', threshold: '50ms' }))));
  const judged = (answered: Answered): readonly unknown[] => promised.map((objective) => keeps(objective, answered));

  it('keeps the promise where policies decided, in time, and each to its end', () => {
    assert.deepEqual(
      promised.map(({ name }) => name),
      OBJECTIVES,
    );
    const rows = [
      ['decided', 50, 'whole', [true, true, true]],
      ['decided', 50.1, 'whole', [true, false, true]],
      ['decided', 1, 'failed', [true, true, false]],
      ['decided', 1, 'none', [true, true, undefined]],
      ['closed', 1, 'none', [false, false, undefined]],
    ] as const;
    for (const [outcome, durationMs, evaluation, expected] of rows)
      assert.deepEqual(judged({ outcome, durationMs, evaluation }), expected, `${outcome} ${durationMs} ${evaluation}`);
  });

  it('that was refused before a policy was asked is availability, and no evaluation', () => {
    assert.deepEqual(judged({ ...REFUSED, durationMs: 1 }), [false, false, undefined]);
    assert.deepEqual(promised.map(speaksOfRefusals), [true, true, false]);
  });
});

describe('what the ledger is told', () => {
  it('has two meters for each objective, which name it', () => {
    assert.equal(LEVEL_METERS.length, 2 * OBJECTIVES.length);
    assert.deepEqual(levelOf('slo.policy_evaluation.good'), { name: 'policy-evaluation', count: 'good' });
    for (const name of ['slo.policy-evaluation.good', 'slo.constructor.good', 'api_calls', '__proto__'])
      assert.equal(levelOf(name), undefined);
  });

  it('proves by its dims what was promised, of each objective', () => {
    const atMs = Date.UTC(2026, 10, 22, 10, 5);
    for (const objective of objectivesOf(slo(...OBJECTIVES.map((name) => ({ name, target: '99.5', threshold: '50ms' }))))) {
      const { percent: target, withinMs } = objective;
      assert.deepEqual(readDims(dimsOf(objective, atMs - 60_000), atMs), { sinceMs: atMs - 60_000, target, withinMs });
    }
  });
});
