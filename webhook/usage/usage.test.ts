// SPDX-License-Identifier: Apache-2.0
// Counts become events that are sent until the ledger has them, in their order and under the same names.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
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
const sentIn = (batch: string): readonly Sent[] => JSON.parse(batch);
const shown = (batches: readonly string[]): readonly string[] =>
  batches.flatMap((batch) => sentIn(batch).map(({ subject, seq, data }) => `${subject} ${seq} ${data.value}`));
const settle = async (done: () => boolean): Promise<void> => {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
};

type Options = Parameters<typeof createUsageReports>[0];
type Reporting = Pick<Options, 'folder' | 'clock' | 'send'> & Partial<Options>;
/** Of replica `one`, every ten seconds; a refusal or an error fails the test that does not say what it makes of it. */
const reportsOf = (more: Reporting) =>
  createUsageReports({
    replica: 'one',
    intervalMs: 10_000,
    onRefused: () => assert.fail(),
    onError: (error) => assert.fail(String(error)),
    ...more,
  });

it('counts what ran, and nothing of a dry run', async () => {
  const folder = join(root, 'plain');
  const sent: string[] = [];
  const clock = fakeClock();
  const meter = createExecutionCounts(clock, 10_000);
  const reports = await reportsOf({
    folder,
    clock,
    send: async (batch) => (sent.push(batch), 200),
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
    const reports = await reportsOf({
      folder,
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
  const sources = tried.slice(2).map((batch) => sentIn(batch)[0]?.source);
  assert.notEqual(sources[0], sources[1], 'a process that starts anew is a new source');
  assert.deepEqual([refused, second.left()], [[503, 0, 409], 0]);
});

it('sets aside what stays refused, goes on with the rest, and tries it again each hour and in the next process', async () => {
  const folder = join(root, 'aside');
  const clock = fakeClock();
  const tried: string[] = [];
  const refused: (readonly [number, boolean])[] = [];
  let answer = (_said: string): number => 200;
  const start = async () => {
    const counts = createExecutionCounts(clock, 10_000);
    const reports = await reportsOf({
      folder,
      clock,
      send: async (batch) => {
        const [said = ''] = shown([batch]);
        tried.push(said);
        return answer(said);
      },
      onRefused: (status, isAside) => refused.push([status, isAside]),
    });
    reports.add(counts);
    const stopping = new AbortController();
    const running = reports.run(stopping.signal);
    const look = async (value?: number): Promise<void> => {
      await settle(() => clock.pending > 0);
      if (value !== undefined) counts.count(record('acme', value));
      await clock.advance(10_000);
      await settle(() => clock.pending > 0);
    };
    return { reports, look, end: async () => (stopping.abort(), await running) };
  };
  const first = await start();
  answer = (said) => (said.endsWith(' 2') ? 422 : said.endsWith(' 3') ? 403 : 200);
  for (const value of [1, 2, 3, 4]) await first.look(value);
  await first.look();
  assert.deepEqual(tried, ['acme 1 1', 'acme 2 2', 'acme 3 3', 'acme 4 4'], 'each once, whatever became of the one before it');
  assert.deepEqual(refused, [
    [422, true],
    [403, true],
  ]);
  assert.deepEqual([first.reports.waiting, first.reports.aside, (await readdir(folder)).length], [0, 2, 2]);
  answer = (said) => (said.endsWith(' 2') ? 422 : 200);
  await clock.advance(3_600_000);
  await first.look();
  assert.deepEqual(tried.splice(0).slice(4), ['acme 2 2', 'acme 3 3']);
  assert.deepEqual([refused.length, first.reports.aside], [2, 1], 'told of once');
  await first.end();

  const next = await start();
  answer = () => 503;
  await next.look(5);
  assert.deepEqual(tried.splice(0), ['acme 2 2', 'acme 2 2'], 'what an earlier process set aside is tried by the next one');
  answer = () => 200;
  await next.look();
  assert.deepEqual(tried, ['acme 2 2', 'acme 1 5']);
  await next.end();
  assert.deepEqual(await readdir(folder), []);
});

it('keeps what is refused in its place where no more can be set aside', async () => {
  const folder = join(root, 'full');
  await mkdir(folder);
  const names = Array.from({ length: 500 }, (_, index) => `${String(index).padStart(16, '0')}-000001.json.refused`);
  for (const name of names) await writeFile(join(folder, name), '[]');
  const clock = fakeClock();
  const counts = createExecutionCounts(clock, 10_000);
  const refused: (readonly [number, boolean])[] = [];
  const reports = await reportsOf({
    folder,
    clock,
    send: async () => 403,
    onRefused: (status, isAside) => refused.push([status, isAside]),
  });
  reports.add(counts);
  counts.count(record('acme', 1));
  const stopping = new AbortController();
  const running = reports.run(stopping.signal);
  await settle(() => clock.pending > 0);
  assert.deepEqual([refused, reports.waiting, reports.aside], [[[403, false]], 1, 500]);
  // Somebody looked, and took them away.
  for (const name of names) await rm(join(folder, name));
  await clock.advance(3_600_000);
  await settle(() => clock.pending > 0);
  await clock.advance(10_000);
  await settle(() => clock.pending > 0);
  assert.deepEqual([reports.waiting, reports.aside], [0, 1]);
  stopping.abort();
  await running;
});

it('tells executions no more often than it is told to, and all of them at the end', async () => {
  const sent: string[] = [];
  const clock = fakeClock();
  const counts = createExecutionCounts(clock, 3_600_000);
  const reports = await reportsOf({
    folder: join(root, 'seldom'),
    intervalMs: 3_600_000,
    clock,
    send: async (batch) => (sent.push(batch), 200),
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

it('spools what is counted while a long backlog is sent, and while an answer is awaited', async () => {
  const folder = join(root, 'backlog');
  await mkdir(folder);
  const backlog = Array.from({ length: 6 }, (_, at) => `${String(at).padStart(16, '0')}-000001.json`);
  for (const name of backlog) await writeFile(join(folder, name), '[]');
  const clock = fakeClock();
  const counts = createExecutionCounts(clock, 10_000);
  const answers: (() => void)[] = [];
  let isSlow = true;
  const reports = await reportsOf({
    folder,
    clock,
    send: () => (isSlow ? new Promise((resolve) => answers.push(() => resolve(200))) : Promise.resolve(200)),
  });
  reports.add(counts);
  const spooled = async (): Promise<readonly string[]> => {
    const names = (await readdir(folder)).filter((name) => !backlog.includes(name) && name.endsWith('.json'));
    return shown(await Promise.all(names.toSorted().map((name) => readFile(join(folder, name), 'utf8'))));
  };
  const stopping = new AbortController();
  const running = reports.run(stopping.signal);
  await settle(() => answers.length === 1);
  // One batch whose answer takes thirty seconds, then some that take four each.
  for (const value of [1, 2, 3]) {
    counts.count(record('acme', value));
    await clock.advance(10_000);
    await settle(() => reports.waiting === 6 + value);
  }
  assert.deepEqual(await spooled(), ['acme 1 1', 'acme 2 2', 'acme 3 3']);
  counts.count(record('acme', 4));
  for (let sent = 1; sent <= 3; sent += 1) {
    answers.shift()?.();
    await settle(() => answers.length === 1);
    await clock.advance(4_000);
  }
  await settle(() => reports.waiting === 7);
  assert.deepEqual(await spooled(), ['acme 1 1', 'acme 2 2', 'acme 3 3', 'acme 4 4']);
  isSlow = false;
  stopping.abort();
  answers.shift()?.();
  await running;
  assert.deepEqual(await readdir(folder), []);
});

it('sends what waits though the disk takes nothing more', async () => {
  const folder = join(root, 'disk');
  const clock = fakeClock();
  const sent: string[] = [];
  const errors: unknown[] = [];
  await mkdir(folder);
  await writeFile(join(folder, '0000000000000001-000001.json'), '[]');
  const reports = await reportsOf({
    folder,
    clock,
    send: async (batch) => (sent.push(batch), 200),
    onError: (error) => errors.push(error),
  });
  reports.add({
    suffix: '',
    take: () => {
      throw new Error('no room');
    },
  });
  const stopping = new AbortController();
  const running = reports.run(stopping.signal);
  await settle(() => clock.pending > 0);
  assert.deepEqual([sent, reports.waiting, errors.length], [['[]'], 0, 1]);
  stopping.abort();
  await running;
});

it('leaves on the disk what it could not tell, where it ends with a spool that is full', async () => {
  const left = async (waiting: number): Promise<readonly string[]> => {
    const folder = join(root, `ended-${waiting}`);
    await mkdir(folder);
    const earlier = Array.from({ length: waiting }, (_, at) => `${String(at).padStart(16, '0')}-000001.json`);
    for (const name of earlier) await writeFile(join(folder, name), '[]');
    const clock = fakeClock();
    const reports = await reportsOf({ folder, clock, send: async () => 503, onRefused: () => undefined });
    const time = new Date(clock.now()).toISOString();
    let toTell: readonly string[] = ['7'];
    reports.add({
      suffix: '/levels',
      running: () => [{ subject: 'acme', meter: 'm', value: '0', time }],
      take: ({ isLast }) => ({
        facts: isLast ? toTell.map((value) => ({ subject: 'acme', meter: 'm', value, time })) : [],
        told: () => void (toTell = []),
      }),
    });
    const stopping = new AbortController();
    const running = reports.run(stopping.signal);
    await settle(() => clock.pending > 0);
    stopping.abort();
    await running;
    const names = (await readdir(folder)).filter((name) => !earlier.includes(name));
    return shown(await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8'))));
  };
  assert.deepEqual(await left(1), ['acme 1 7']);
  assert.deepEqual(await left(5000), ['acme 1 7', 'acme 3 0'], 'and a number left out for the minute that runs');
});
