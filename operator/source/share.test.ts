// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeClock } from '../../test/fake-clock.ts';
import { createShare } from './share.ts';

const forever = (): AbortSignal => new AbortController().signal;

test('one answer for all within the window, a new one afterwards', async () => {
  const clock = fakeClock();
  const share = createShare<number>({ clock, windowMs: 1000 });
  let made = 0;
  const ask = (since?: number, key = 'k'): Promise<number | undefined> =>
    share({ key, since, signal: forever(), make: () => Promise.resolve((made += 1)) });
  assert.deepEqual(await Promise.all([ask(), ask(), ask()]), [1, 1, 1]);
  await clock.advance(999);
  assert.equal(await ask(), 1);
  assert.equal(await ask(undefined, 'other'), 2);
  await clock.advance(1);
  assert.equal(await ask(), 3);
  assert.equal(await ask(clock.now()), 3);
  await clock.advance(1);
  assert.equal(await ask(clock.now()), 4);
});

test('the work ends when the last asker left, and not before', async () => {
  const clock = fakeClock();
  const share = createShare<string>({ clock, windowMs: 1000 });
  const signals: AbortSignal[] = [];
  const make = (signal: AbortSignal): Promise<string> => {
    signals.push(signal);
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve('ended')));
  };
  const [one, two] = [new AbortController(), new AbortController()];
  const first = share({ key: 'k', since: undefined, signal: one.signal, make });
  const second = share({ key: 'k', since: undefined, signal: two.signal, make });
  one.abort();
  assert.equal(await first, undefined);
  assert.equal(signals[0]?.aborted, false);
  two.abort();
  assert.equal(await second, undefined);
  assert.equal(signals[0]?.aborted, true);
  const third = share({ key: 'k', since: undefined, signal: AbortSignal.abort(), make });
  assert.equal(await third, undefined);
  assert.equal(signals.length, 2, 'work that was ended is not joined');
});

test('work that throws fails all who asked, and the next one tries again after the window', async () => {
  const clock = fakeClock();
  const share = createShare<number>({ clock, windowMs: 10 });
  const ask = (): Promise<number | undefined> =>
    share({ key: 'k', since: undefined, signal: forever(), make: () => Promise.reject(new Error('bug')) });
  await Promise.all([assert.rejects(ask), assert.rejects(ask)]);
});
