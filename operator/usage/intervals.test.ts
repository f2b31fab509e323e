// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { hourPieces, vanished } from './intervals.ts';
import { HOUR_MS, hourOf } from './period.ts';
import { quantityBytes } from './storage-quantity.ts';
import { watchedClaim, watchedPod } from './watched-pods.ts';

it('time is cut at full hours, without a gap and without an overlap', () => {
  fc.assert(
    fc.property(fc.nat(10 * HOUR_MS), fc.nat(30 * HOUR_MS), (fromMs, lengthMs) => {
      const pieces = hourPieces({ fromMs, toMs: fromMs + lengthMs });
      assert.equal(
        pieces.reduce((sum, piece) => sum + piece.toMs - piece.fromMs, 0),
        lengthMs,
      );
      for (const [index, piece] of pieces.entries()) {
        assert.equal(piece.fromMs, index === 0 ? fromMs : pieces[index - 1]?.toMs);
        assert.equal(hourOf(piece.fromMs), hourOf(piece.toMs - 1));
      }
    }),
  );
  assert.deepEqual(hourPieces({ fromMs: 5, toMs: 3 }), []);
});

it('what vanished unseen ran for a minute more at most, what was seen to go until then', () => {
  const followed = ['a', 'b', 'c'].map((source) => ({ tenant: 't', source, untilMs: 1000 }));
  const gone = vanished(followed, { sources: new Set(['t\na']), endOf: (source) => (source === 'c' ? 5000 : undefined) });
  assert.deepEqual(
    gone.map(({ source, endMs }) => `${source} ${endMs}`),
    ['b 61000', 'c 5000'],
  );
});

it('sizes are read as Kubernetes writes them', () => {
  const rows: readonly (readonly [unknown, bigint | undefined])[] = [
    ['1Gi', 2n ** 30n],
    ['1.5Gi', 3n * 2n ** 29n],
    ['10G', 10n ** 10n],
    ['100', 100n],
    ['1e3', 1000n],
    ['0.5', 1n],
    ['5Ei', 5n * 2n ** 60n],
    ['-1', undefined],
    ['1GiB', undefined],
    ['', undefined],
    [5, undefined],
    ['__proto__', undefined],
  ];
  for (const [text, bytes] of rows) assert.equal(quantityBytes(text), bytes, String(text));
});

const pod = (status: unknown, labels: Readonly<Record<string, string>> = { 'writ.dev/agent': 'true' }) =>
  watchedPod({ metadata: { name: 'p', namespace: 'n', uid: 'u', labels }, ...(status === undefined ? {} : { status }) });
const running = (startedAt: string) => ({ state: { running: { startedAt } } });

it('an agent runs from its first container’s start to its last one’s end', () => {
  const containerStatuses = [running('2026-11-21T10:00:05Z'), running('2026-11-21T10:00:02Z')];
  assert.deepEqual(pod({ phase: 'Running', startTime: '2026-11-21T09:59:00Z', containerStatuses }).agent, {
    runningSinceMs: Date.UTC(2026, 10, 21, 10, 0, 2),
  });
  const ended = { state: { terminated: { startedAt: '2026-11-21T10:00:00Z', finishedAt: '2026-11-21T11:00:00Z' } } };
  assert.deepEqual(pod({ phase: 'Succeeded', containerStatuses: [ended] }).agent, {
    runningSinceMs: Date.UTC(2026, 10, 21, 10),
    endedMs: Date.UTC(2026, 10, 21, 11),
  });
  assert.equal(pod({ phase: 'Pending', containerStatuses }).agent, undefined);
  assert.equal(pod({ phase: 'Running', containerStatuses }, { app: 'web' }).agent, undefined, 'no agent by proof');
  assert.deepEqual(
    Object.keys(pod({ phase: 'Running', containerStatuses }).metadata),
    ['name', 'namespace', 'uid'],
    'nothing else is kept',
  );
});

const withStatus = (status: unknown): { readonly metadata: { readonly name: string }; readonly status: unknown } => ({
  metadata: { name: 'c' },
  status,
});

it('objects of any shape are looked at without falling', () => {
  fc.assert(fc.property(fc.anything(), (status) => pod(status).metadata.name === 'p'));
  fc.assert(fc.property(fc.anything(), (status) => watchedClaim(withStatus(status)).metadata.name === 'c'));
});
