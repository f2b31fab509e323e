// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fakeClock } from '../../test/fake-clock.ts';
import type { SetRecord } from './record.ts';
import { createRecorder } from './recorder.ts';

const record = (setDigest: string): SetRecord => ({ msg: 'policy set', time: '', setDigest, trustDigest: '', revisions: {}, policies: [] });

const recorderOf = (clock = fakeClock()) => {
  const handed: string[] = [];
  const handOn = (one: { readonly setDigest: string }): void => void handed.push(one.setDigest);
  return { clock, handed, recorder: createRecorder({ clock, handOn, onBug: assert.ifError, holdMs: 100, most: 3 }) };
};

it('records are handed on in their order, none before the time and none long after it', async () => {
  const { clock, handed, recorder } = recorderOf();
  recorder.record(record('a'));
  await clock.advance(99);
  recorder.record(record('b'));
  assert.deepEqual(handed, []);
  await clock.advance(1);
  assert.deepEqual(handed, ['a', 'b']);
  recorder.record(record('c'));
  await clock.advance(100);
  assert.deepEqual(handed, ['a', 'b', 'c']);
});

it('so many are handed on at once, but not before the request has its answer, and the next wait as long as any', async () => {
  const { clock, handed, recorder } = recorderOf();
  for (const name of ['a', 'b', 'c', 'd']) recorder.record(record(name));
  assert.deepEqual(handed, []);
  await clock.advance(0);
  assert.deepEqual(handed, ['a', 'b', 'c', 'd']);
  assert.equal(clock.pending, 0);
  recorder.record(record('e'));
  await clock.advance(99);
  assert.equal(handed.length, 4);
  await clock.advance(1);
  assert.deepEqual(handed, ['a', 'b', 'c', 'd', 'e']);
});

it('no more than four times as many are held, however many come in one turn', async () => {
  const { clock, handed, recorder } = recorderOf();
  const names = Array.from({ length: 13 }, (_, at) => `r${at}`);
  for (const name of names.slice(0, 11)) recorder.record(record(name));
  assert.equal(handed.length, 0);
  for (const name of names.slice(11)) recorder.record(record(name));
  assert.deepEqual(handed, names.slice(0, 12));
  await clock.advance(100);
  assert.deepEqual(handed, names);
});

it('a flush leaves nothing behind, and what comes while it hands on is not lost', async () => {
  const clock = fakeClock();
  const handed: string[] = [];
  const recorder = createRecorder({
    clock,
    onBug: assert.ifError,
    handOn: (one) => {
      handed.push(one.setDigest);
      if (one.setDigest === 'a') recorder.record(record('late'));
    },
  });
  recorder.record(record('a'));
  recorder.flush();
  assert.deepEqual(handed, ['a']);
  recorder.flush();
  assert.deepEqual(handed, ['a', 'late']);
  recorder.flush();
  assert.equal(handed.length, 2);
});

it('a bug costs one record, and is told', () => {
  const bugs: unknown[] = [];
  const handed: string[] = [];
  const recorder = createRecorder({
    clock: fakeClock(),
    onBug: (error) => bugs.push(error),
    handOn: (one) => {
      if (one.setDigest === 'b') throw new Error('odd');
      handed.push(one.setDigest);
    },
  });
  for (const name of ['a', 'b', 'c']) recorder.record(record(name));
  recorder.flush();
  assert.deepEqual([handed, bugs.length], [['a', 'c'], 1]);
});
