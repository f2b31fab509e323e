// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { cursorOf, detailKinds, readQuery } from './detail-query.ts';

const query = (target: string): unknown => {
  const read = readQuery(target);
  return read.kind === 'query' ? read.query : read.kind === 'refused' ? read.path : read.kind;
};

describe('a question for detail', () => {
  it('is read, with what it leaves out', () => {
    const place = { beforeMs: 5, source: '/a?b=c', id: '"\\' };
    const filters = 'meter=api_calls&source=%2Fa&from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00%2B01:00&limit=1000';
    assert.deepEqual(query(`/v1/usage/acme/events?${filters}&cursor=${cursorOf('events', place)}`), {
      what: 'events',
      tenant: 'acme',
      limit: 1000,
      meter: 'api_calls',
      fromMs: Date.UTC(2026, 10),
      toMs: Date.UTC(2026, 10, 30, 23),
      source: '/a',
      after: place,
    });
    assert.deepEqual(query('/v1/usage/acme/statements'), { what: 'statements', tenant: 'acme', limit: 100, after: undefined });
  });

  const others: readonly (readonly [string, string])[] = [
    ['/v1/usage/acme', 'nothing'],
    ['/v1/usage/Acme/events', 'nothing'],
    ['/v1/usage/__proto__/events', 'nothing'],
    ['/v1/usage/acme/constructor', 'nothing'],
    ['/v1/usage/acme/events/', 'nothing'],
    ['//v1/usage/acme/events', 'nothing'],
    [`/v1/usage/acme/events?source=${'x'.repeat(5000)}`, 'nothing'],
    ['/v1/usage/acme/hours?source=/a', 'query'],
    ['/v1/usage/acme/events?__proto__=1', 'query'],
    ['/v1/usage/acme/events?limit=1&limit=2', 'limit'],
    ['/v1/usage/acme/events?limit=0', 'limit'],
    ['/v1/usage/acme/events?limit=1001', 'limit'],
    ['/v1/usage/acme/events?limit=1e3', 'limit'],
    ['/v1/usage/acme/events?meter=', 'meter'],
    ['/v1/usage/acme/events?source=a%00', 'source'],
    ['/v1/usage/acme/events?from=yesterday', 'from'],
    ['/v1/usage/acme/hours?to=2026-02-31', 'to'],
    ['/v1/usage/acme/hours?cursor=', 'cursor'],
    [`/v1/usage/acme/hours?cursor=${cursorOf('statements', { periodMs: 1, revision: 1 })}`, 'cursor'],
    [`/v1/usage/acme/hours?cursor=${cursorOf('hours', { meter: 'x'.repeat(300), hourMs: 1 })}`, 'cursor'],
    [`/v1/usage/acme/hours?cursor=${cursorOf('hours', { meter: 'x', hourMs: 1.5 })}`, 'cursor'],
  ];
  for (const [target, outcome] of others) {
    it(`is refused: ${target.slice(0, 80)}`, () => assert.equal(query(target), outcome));
  }

  it('of any shape ends in an answer', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.webUrl());
    fc.assert(fc.property(text, (target) => readQuery(target).kind !== 'query'));
    const value = fc.oneof(
      fc.string(),
      fc.json(),
      fc.json().map((json) => Buffer.from(json).toString('base64url')),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...detailKinds),
        fc.constantFrom('meter', 'source', 'from', 'to', 'limit', 'cursor'),
        value,
        (kind, name, one) => {
          const read = readQuery(`/v1/usage/acme/${kind}?${name}=${encodeURIComponent(one.toWellFormed())}`);
          return read.kind === 'refused' || (read.kind === 'query' && read.query.tenant === 'acme') || read.kind === 'nothing';
        },
      ),
    );
  });
});
