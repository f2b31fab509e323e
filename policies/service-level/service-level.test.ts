// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isGood, objectivesOf } from './index.ts';

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
  const [availability, latency] = objectivesOf(
    slo({ name: 'availability', target: '99' }, { name: 'admission-latency', target: '99', threshold: '50ms' }),
  );
  assert.ok(availability !== undefined && latency !== undefined);

  it('keeps the promise where policies decided, and in time', () => {
    const rows = [
      ['decided', 50, true, true],
      ['decided', 50.1, true, false],
      ['closed', 1, false, false],
    ] as const;
    for (const [outcome, durationMs, available, quick] of rows)
      assert.deepEqual([isGood(availability, { outcome, durationMs }), isGood(latency, { outcome, durationMs })], [available, quick]);
  });
});
