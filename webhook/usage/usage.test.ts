// SPDX-License-Identifier: Apache-2.0
// Counts become events that are sent until the ledger has them, in their order and under the same names.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { fakeClock } from '../../test/fake-clock.ts';
import type { DecisionRecord } from '../decisions/record.ts';
import { createExecutionCounts } from './executions.ts';
import { createUsageReports } from './index.ts';

const root = await mkdtemp(join(tmpdir(), 'writ-executions-'));
after(() => rm(root, { recursive: true }));

const record = (tenant: string, ran: number, metered = true): DecisionRecord => ({
  msg: 'decision',
  id: 'd-1',
  time: '',
  uid: '',
  tenant,
  namespace: '',
  kind: '',
  name: '',
  operation: 'CREATE',
  user: '',
  dryRun: !metered,
  metered,
  verdict: 'Allow',
  setDigest: '',
  trustDigest: '',
  revisions: {},
  allowed: Array.from({ length: ran }, (_, index) => `p${index}`),
  spoke: [],
  violations: [],
  durationUs: 1,
});

type Sent = { readonly subject: string; readonly source: string; readonly seq: string; readonly data: { readonly value: string } };
const shown = (batches: readonly string[]): readonly string[] =>
  batches.flatMap((batch) => (JSON.parse(batch) as readonly Sent[]).map(({ subject, seq, data }) => `${subject} ${seq} ${data.value}`));
const settle = async (done: () => boolean): Promise<void> => {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
};

it('counts what ran, and nothing of a dry run', async () => {
  const folder = join(root, 'plain');
  const sent: string[] = [];
  const clock = fakeClock();
  const meter = createExecutionCounts(clock, 10_000);
  const reports = await createUsageReports({
    folder,
    replica: 'one',
    intervalMs: 10_000,
    clock,
    send: async (batch) => (sent.push(batch), 200),
    onRefused: () => assert.fail(),
    onError: (error) => assert.fail(String(error)),
  });
  reports.add(meter);
  for (const one of [record('acme', 3), record('acme', 2), record('beta', 1), record('acme', 9, false), record('', 4)]) meter.count(one);
  const stopping = new AbortController();
  const running = reports.run(stopping.signal);
  await settle(() => sent.length === 1);
  meter.count(record('acme', 4));
  await settle(() => clock.pending > 0);
  stopping.abort();
  await running;
  assert.deepEqual(shown(sent), ['acme 1 5', 'beta 1 1', 'acme 2 4']);
  assert.deepEqual(await readdir(folder), []);
});

it('keeps what is not acknowledged, also for the next process, and repeats it byte for byte', async () => {
  const folder = join(root, 'kept');
  const tried: string[] = [];
  const refused: number[] = [];
  const clock = fakeClock();
  const make = async (answers: (number | Error)[]) => {
    const counts = createExecutionCounts(clock, 10_000);
    const reports = await createUsageReports({
      folder,
      replica: 'one',
      intervalMs: 10_000,
      clock,
      send: async (batch) => {
        tried.push(batch);
        const answer = answers.shift() ?? 200;
        if (answer instanceof Error) throw answer;
        return answer;
      },
      onRefused: (status) => refused.push(status),
      onError: () => refused.push(0),
    });
    reports.add(counts);
    return {
      count: (one: DecisionRecord) => counts.count(one),
      run: (signal: AbortSignal) => reports.run(signal),
      left: () => reports.waiting,
    };
  };
  const first = await make([503, new Error('reset')]);
  first.count(record('acme', 3));
  const stopping = new AbortController();
  const running = first.run(stopping.signal);
  await settle(() => tried.length === 1 && clock.pending > 0);
  stopping.abort();
  await running;
  assert.deepEqual([refused, first.left(), tried[0] === tried[1]], [[503, 0], 1, true]);
  await clock.advance(1);
  const second = await make([200, 409]);
  second.count(record('acme', 1));
  const ending = new AbortController();
  const again = second.run(ending.signal);
  await settle(() => tried.length === 4);
  ending.abort();
  await again;
  assert.equal(tried[2], tried[0]);
  assert.deepEqual(shown(tried.slice(3)), ['acme 1 1']);
  const sources = tried.slice(2).map((batch) => (JSON.parse(batch) as readonly Sent[])[0]?.source);
  assert.notEqual(sources[0], sources[1], 'a process that starts anew is a new source');
  assert.deepEqual([refused, second.left()], [[503, 0, 409], 0]);
});

it('tells executions no more often than it is told to, and all of them at the end', async () => {
  const sent: string[] = [];
  const clock = fakeClock();
  const counts = createExecutionCounts(clock, 3_600_000);
  const reports = await createUsageReports({
    folder: join(root, 'seldom'),
    replica: 'one',
    intervalMs: 3_600_000,
    clock,
    send: async (batch) => (sent.push(batch), 200),
    onRefused: () => assert.fail(),
    onError: (error) => assert.fail(String(error)),
  });
  reports.add(counts);
  const stopping = new AbortController();
  const running = reports.run(stopping.signal);
  for (let look = 0; look < 12; look += 1) {
    await settle(() => clock.pending > 0);
    counts.count(record('acme', 1));
    await clock.advance(10_000);
  }
  await settle(() => clock.pending > 0);
  assert.deepEqual(shown(sent), ['acme 1 1']);
  stopping.abort();
  await running;
  assert.deepEqual(shown(sent), ['acme 1 1', 'acme 2 11']);
});
