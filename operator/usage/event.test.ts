// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readEvent } from './event.ts';

const NOW = Date.UTC(2026, 10, 21, 10);
const at = (offsetMs: number): string => new Date(NOW + offsetMs).toISOString();
const good = {
  specversion: '1.0',
  type: 'dev.writ.usage.v1',
  source: '/clusters/c1/agents/7f3/boots/18',
  id: '000000000042',
  subject: 'acme',
  time: '2026-11-21T10:00:00.123Z',
  datacontenttype: 'application/json',
  seq: '42',
  data: { meter: 'reasoning_units', value: '12.5', unit: '1', dims: { model: 'm-large' } },
};

describe('an event', () => {
  it('is read', () => {
    const read = readEvent(good, NOW);
    assert.ok(read.ok);
    const { digest, ...facts } = read.event;
    assert.deepEqual(facts, {
      tenant: 'acme',
      source: good.source,
      id: good.id,
      seq: 42,
      atMs: NOW + 123,
      meter: 'reasoning_units',
      value: 12_500_000n,
      dims: '{"model":"m-large"}',
    });
    assert.equal(digest.length, 32);
  });

  it('has the same digest however it is spelled, and another for each change that counts', () => {
    const digest = (event: unknown): string => {
      const read = readEvent(event, NOW);
      assert.ok(read.ok);
      return Buffer.from(read.event.digest).toString('hex');
    };
    const same = [
      { ...good, time: '2026-11-21T11:00:00.123+01:00' },
      { ...good, seq: 42 },
      { ...good, data: { ...good.data, value: '12.50' } },
      { ...good, traceparent: 'x' },
    ];
    for (const event of same) assert.equal(digest(event), digest(good));
    const others = [
      { ...good, id: '43' },
      { ...good, seq: '43' },
      { ...good, subject: 'other' },
      { ...good, source: '/x' },
      { ...good, time: '2026-11-21T10:00:00.124Z' },
      { ...good, data: { ...good.data, value: '12.6' } },
      { ...good, data: { ...good.data, meter: 'api_calls' } },
      { ...good, data: { ...good.data, dims: {} } },
    ];
    assert.equal(new Set([good, ...others].map(digest)).size, others.length + 1);
  });

  const { time: _time, ...timeless } = good;
  const refusals: readonly (readonly [string, unknown, string])[] = [
    ['no object', [], 'USAGE_EVENT_INVALID'],
    ['null', null, 'USAGE_EVENT_INVALID'],
    ['another version', { ...good, specversion: '0.3' }, 'USAGE_EVENT_INVALID'],
    ['another type', { ...good, type: 'constructor' }, 'USAGE_EVENT_INVALID'],
    ['an id with a blank', { ...good, id: 'a b' }, 'USAGE_EVENT_INVALID'],
    ['an id of a megabyte', { ...good, id: 'a'.repeat(1_000_000) }, 'USAGE_EVENT_INVALID'],
    ['a source with a line end', { ...good, source: '/a\n/b' }, 'USAGE_EVENT_INVALID'],
    ['a tenant that is none', { ...good, subject: '__proto__' }, 'USAGE_EVENT_INVALID'],
    ['no time', timeless, 'USAGE_EVENT_INVALID'],
    ['a time without its zone', { ...good, time: '2026-11-21T10:00:00' }, 'USAGE_EVENT_INVALID'],
    // Date.parse takes them for days of other months.
    ['31 November', { ...good, time: '2026-11-31T10:00:00Z' }, 'USAGE_EVENT_INVALID'],
    ['29 February of a common year', { ...good, time: '2027-02-29T10:00:00Z' }, 'USAGE_EVENT_INVALID'],
    ['the 24th hour', { ...good, time: '2026-11-20T24:00:00Z' }, 'USAGE_EVENT_INVALID'],
    ['seq 0', { ...good, seq: '0' }, 'USAGE_EVENT_INVALID'],
    ['seq 1.5', { ...good, seq: 1.5 }, 'USAGE_EVENT_INVALID'],
    ['seq beyond what a number holds', { ...good, seq: '9'.repeat(20) }, 'USAGE_EVENT_INVALID'],
    ['a value that is a number', { ...good, data: { ...good.data, value: 12.5 } }, 'USAGE_EVENT_INVALID'],
    ['16 digits', { ...good, data: { ...good.data, value: '1234567890123456' } }, 'USAGE_EVENT_INVALID'],
    ['a negative value', { ...good, data: { ...good.data, value: '-1' } }, 'USAGE_EVENT_INVALID'],
    ['a meter that is a path', { ...good, data: { ...good.data, meter: '../x' } }, 'USAGE_EVENT_INVALID'],
    ['a dimension that no column could be named after', { ...good, data: { ...good.data, dims: { A: 'x' } } }, 'USAGE_EVENT_INVALID'],
    ['a dimension that is no text', { ...good, data: { ...good.data, dims: { a: 1 } } }, 'USAGE_EVENT_INVALID'],
    ['a dimension that no database takes', { ...good, data: { ...good.data, dims: { a: '\0' } } }, 'USAGE_EVENT_INVALID'],
    [
      'nine dimensions',
      { ...good, data: { ...good.data, dims: Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`d${index}`, 'x'])) } },
      'USAGE_EVENT_INVALID',
    ],
    ['a clock six minutes fast', { ...good, time: at(6 * 60_000) }, 'USAGE_EVENT_EARLY'],
    ['36 days late', { ...good, time: at(-36 * 86_400_000) }, 'USAGE_EVENT_LATE'],
  ];
  for (const [name, event, code] of refusals) {
    it(`is refused: ${name}`, () => {
      const read = readEvent(event, NOW);
      assert.equal(read.ok ? 'read' : read.problem.code, code);
    });
  }

  it('is taken to the last moment of its 35 days and of five minutes ahead', () => {
    for (const offsetMs of [-35 * 86_400_000, 5 * 60_000]) assert.ok(readEvent({ ...good, time: at(offsetMs) }, NOW).ok);
  });

  it('of any shape ends in an answer', () => {
    fc.assert(fc.property(fc.anything(), (value) => typeof readEvent(value, NOW).ok === 'boolean'));
    const part = fc.oneof(fc.anything(), fc.constantFrom('constructor', '__proto__', 'toString'));
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(good)),
        part,
        (key, value) => typeof readEvent({ ...good, [key]: value }, NOW).ok === 'boolean',
      ),
    );
  });
});

it('gives dimensions one digest in whatever order they are sent', () => {
  const dims = fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9_]{0,5}$/), fc.string({ maxLength: 5 }), { minKeys: 2, maxKeys: 8 });
  fc.assert(
    fc.property(dims, (one) => {
      const read = [one, Object.fromEntries(Object.entries(one).toReversed())].map((each) =>
        readEvent({ ...good, data: { ...good.data, dims: each } }, NOW),
      );
      const digests = read.map((each) => (each.ok ? Buffer.from(each.event.digest).toString('hex') : 'refused'));
      assert.equal(digests[0], digests[1]);
    }),
  );
});
