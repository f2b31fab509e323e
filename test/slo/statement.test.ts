// SPDX-License-Identifier: Apache-2.0
// From answers that two replicas gave to a credit on an invoice: counted by the minute, spooled, sent to a ledger that is away for a
// while, stated, signed, corrected by what came late, and rated once. One of the replicas is killed on the way.
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder, trustPolicy } from '../../cli/spawn-writ.ts';
import type { Ran } from '../../cli/spawn-writ.ts';
import { runInProcess } from '../../cli/test-run.ts';
import { takeBatch } from '../../operator/usage/batch.ts';
import { createLedger } from '../../operator/usage/ledger.ts';
import type { Ledger } from '../../operator/usage/ledger.ts';
import { readMeters } from '../../operator/usage/meters.ts';
import { openSqliteStore } from '../../operator/usage/sqlite-store.ts';
import { objectivesOf } from '../../policies/service-level/index.ts';
import { systemClock } from '../../process/clock.ts';
import { createUsageReports } from '../../webhook/usage/index.ts';
import { createLevelCounts } from '../../webhook/usage/levels.ts';
import { fakeClock } from '../fake-clock.ts';
import type { FakeClock } from '../fake-clock.ts';

const MINUTE = 60_000;
const START = Date.UTC(2026, 9, 31, 22);
/** Of what was promised: two hours, until the end of October. */
const MINUTES = 120;

const [availability, latency] = objectivesOf({
  objectives: [
    { name: 'availability', target: '99.9' },
    { name: 'admission-latency', target: '95', threshold: '1s' },
  ],
});
if (availability === undefined || latency === undefined) throw new Error('the objectives are not read');

type Replica = {
  readonly answer: (good: boolean) => void;
  /** Tells what it still has to tell, and ends. */
  readonly end: () => Promise<void>;
  /** Ends with all that is not on disk. */
  readonly kill: () => Promise<void>;
};

type World = { readonly clock: FakeClock; readonly ledger: Ledger; readonly folder: string };

/** `isAway`: nothing that it sends arrives. */
const replica = async (name: string, { clock, ledger, folder }: World, isAway: () => boolean): Promise<Replica> => {
  let isDead = false;
  const reports = await createUsageReports({
    folder: join(folder, name),
    replica: name,
    intervalMs: 10_000,
    clock,
    send: async (batch) => {
      if (isAway() || isDead) throw new Error('no answer');
      const sender = {
        account: 'writ-system/writ-webhook',
        tenant: undefined,
        isWebhook: false,
        mayReport: () => true,
        mayUse: () => true,
        mayRead: () => true,
      };
      const onRefused = (code: string): never => assert.fail(code);
      return (await takeBatch({ value: JSON.parse(batch), sender, ledger, nowMs: clock.now(), onRefused })).status;
    },
    onRefused: (status) => assert.fail(String(status)),
    onError: () => undefined,
  });
  const counts = createLevelCounts({ clock, promised: () => [{ tenant: 'acme', objectives: [availability, latency] }], ready: () => true });
  reports.add({ suffix: counts.suffix, take: (asked) => (isDead ? { facts: [], told: () => undefined } : counts.take(asked)) });
  const stopping = new AbortController();
  const running = reports.run(stopping.signal);
  const end = async (): Promise<void> => {
    stopping.abort();
    await running;
  };
  return {
    answer: (good) => {
      counts.count({ tenant: 'acme', objective: availability, good });
      counts.count({ tenant: 'acme', objective: latency, good: true });
    },
    end,
    kill: async () => {
      isDead = true;
      await end();
    },
  };
};

/** Until each of them has nothing more to do before time moves on. */
const settle = async (clock: FakeClock, replicas: number): Promise<void> => {
  while (clock.pending < replicas) await new Promise((resolve) => setImmediate(resolve));
};

/** Two hours of answers, six a minute of each replica. */
const twoHours = async (world: World): Promise<void> => {
  const { clock } = world;
  let one: Replica | undefined;
  let two: Replica | undefined;
  for (let tick = -12; tick < MINUTES * 6 + 12; tick += 1) {
    const minute = Math.floor(tick / 6);
    if (tick === -12 || tick === 102 * 6 - 1) one = await replica('one', world, () => minute >= 40 && minute < 55);
    if (tick === -12) two = await replica('two', world, () => clock.now() >= START + 30 * MINUTE);
    await settle(clock, (one === undefined ? 0 : 1) + (two === undefined ? 0 : 1));
    // Nobody asks replica one from 60 to 90. What it says of minute 10 is bad; of replica two it is 30 to 33.
    if (minute >= 0 && (minute < 60 || minute >= 90) && minute !== 101) one?.answer(minute !== 10);
    if (minute >= 0) two?.answer(minute < 30 || minute > 33);
    if (tick === 60 * 6 - 1) {
      await two?.kill();
      two = undefined;
    }
    // For two minutes nobody answers.
    if (tick === 100 * 6 - 1) {
      await one?.end();
      one = undefined;
    }
    await clock.advance(10_000);
  }
  await one?.end();
};

const ACME = `tenant: acme
changes:
- {at: "2026-10-01T00:00:00Z", tier: Free, cycle: Monthly}
- {at: "2026-10-31T22:00:00Z", tier: Enterprise, cycle: Monthly}
`;

describe('answers of two replicas', () => {
  it('become a statement, and a credit that is rated once', async () => {
    using folder = temporaryFolder();
    const at = (name: string): string => join(folder.path, name);
    const clock = fakeClock(START - 2 * MINUTE);
    const store = await openSqliteStore({ file: at('ledger.db'), clock: systemClock, groupMs: 0 });
    const ledger = createLedger({ store, clock, hasTenant: (name) => name === 'acme' });
    await ledger.open('test');
    await ledger.declare(readMeters(undefined).meters);
    const world: World = { clock, ledger, folder: folder.path };
    await twoHours(world);

    assert.equal(folder.writ(['keygen', '--name', 'billing']).code, 0);
    folder.write({ 'prices.yaml': readFileSync(new URL('../../deploy/examples/prices.yaml', import.meta.url), 'utf8'), 'acme.yaml': ACME });
    const slo = (command: string, ...more: readonly string[]): Promise<Ran> =>
      runInProcess(['slo', command, '--ledger', at('ledger.db'), ...more], {}, clock);
    const documents = ['--prices', at('prices.yaml'), '--subscription', at('acme.yaml')];
    const state = (...more: readonly string[]): Promise<Ran> => slo('statement', ...documents, '--month', '2026-10', ...more);
    const pem = readFileSync(at('billing.pub'), 'utf8');
    folder.write({ 'trust.yaml': trustPolicy({ billing: pem }).replace('kinds: [Policy]', 'kinds: [PriceBook]') });
    assert.equal(folder.writ(['sign', 'prices.yaml', '--key', 'billing.key']).code, 0);
    const trust = ['--trust', at('trust.yaml')];
    const kept = [...trust, '--out', at('sla'), '--key', at('billing.key')];
    const verify = (): Promise<Ran> => slo('verify', ...documents, '--statements', at('sla'), '--key', at('billing.pub'));

    const status = await slo('status', '--at', '2026-11-01T00:00:00Z');
    assert.match(status.out, /^TENANT .*5m +30m +1h +2h +6h +1d +3d\n/);
    assert.equal((await state()).code, 1, 'the month is not over for two days');
    await clock.advance(2 * 86_400_000);

    const shown = await state('--output', 'json');
    const [, span] = JSON.parse(shown.out).spans;
    const [up, late] = span.objectives;
    assert.deepEqual([up.minutes, up.good, up.bad, up.missing, up.verdict], [MINUTES, 117, 1, 2, 'Missed']);
    // Six a minute: of replica one without half an hour and two minutes, of the other what was told before minute 30.
    assert.deepEqual(up.answers, { valid: String(6 * 88 + 6 * 29), good: String(6 * 87 + 6 * 29) });
    assert.deepEqual([late.bad, late.missing, late.verdict], [0, 2, 'Kept']);
    assert.match(
      (await state()).out,
      /availability: Missed: 97\.5 % of 99\.9 %\n.*117 good, 1 bad, 2 missing.*\n +below 99\.0 %: 25 % of the fee, 0\.67 USD/,
    );

    const made = await state(...kept);
    assert.equal(made.code, 0, made.err);
    const first = at('sla/acme/2026-10.r1.json');
    const bytes = readFileSync(first, 'utf8');
    await clock.advance(3_600_000);
    assert.match((await state(...kept)).out, /r1\.json: sha256:\w+, made before/);
    assert.equal(readFileSync(first, 'utf8'), bytes);
    const signed = await runInProcess(['verify-bundle', first, '--bundle', `${first}.sigstore.json`, '--key', at('billing.pub')]);
    assert.equal(signed.code, 0, signed.err);
    assert.match((await verify()).out, /acme: good: 1 statement of 1 month/);
    assert.equal(folder.writ(['keygen', '--name', 'other']).code, 0);
    const byOther = await state(...trust, '--out', at('sla'), '--key', at('other.key'));
    assert.deepEqual([byOther.code, byOther.out, /SLO_STATEMENT_UNSIGNED/.test(byOther.err)], [1, '', true], byOther.err);

    // The replica that was killed comes back with what it had on disk.
    const back = await replica('two', world, () => false);
    await settle(clock, 1);
    await back.end();
    await clock.advance(2 * MINUTE);
    assert.equal((await verify()).code, 0, 'what was stated is made again from what was there then');
    // It was cut short before it was signed: what is not its own is not signed, and it is.
    rmSync(`${first}.sigstore.json`);
    writeFileSync(first, bytes.replace('missing', 'MISSING'));
    assert.match((await state(...kept, '--correct')).err, /SLO_STATEMENT_UNSIGNED.*made again/);
    writeFileSync(first, bytes);
    const differs = await state(...kept);
    assert.deepEqual([differs.code, /SLO_STATEMENT_DIFFERS/.test(differs.err)], [1, true]);
    assert.equal((await verify()).code, 0, 'it is signed now');
    const corrected = await state(...kept, '--correct', '--output', 'json');
    assert.deepEqual([corrected.code, JSON.parse(corrected.out).revision, JSON.parse(corrected.out).total], [0, 2, 269]);
    assert.match((await verify()).out, /good: 2 statements of 1 month/);

    const second = at('sla/acme/2026-10.r2.json');
    const bill = async (subscription: string, ...files: readonly string[]): Promise<readonly string[]> => {
      const ran = await runInProcess(
        [
          'bill',
          'preview',
          '--prices',
          at('prices.yaml'),
          '--subscription',
          at(subscription),
          '--ledger',
          at('ledger.db'),
          '--at',
          '2026-12-01T00:00:00Z',
          '--sla-key',
          at('billing.pub'),
          '--sla',
          ...files,
        ],
        {},
        clock,
      );
      assert.equal(ran.code, 0, ran.err);
      return ran.out
        .split('\n')
        .filter((line) => /^ *(credit|charge) /.test(line))
        .map((line) => line.replace(/:.* /, ' ').trim());
    };
    // As the shell puts `*.json`.
    const credits = await bill('acme.yaml', first, `${first}.sigstore.json`, second, `${second}.sigstore.json`, first);
    assert.deepEqual(
      credits.map((line) => line.split(' ')[1]),
      ['sla-2026-10-availability-r1', 'sla-2026-10-availability-r2'],
    );
    // Where the subscription ended with the month that was stated, they are settled a month later.
    folder.write({ 'ended.yaml': `${ACME}end: "2026-11-01T00:00:00Z"\n` });
    assert.deepEqual(await bill('ended.yaml', first, second), credits);

    writeFileSync(second, readFileSync(second, 'utf8').replace('"total":269', '"total":268'));
    const tampered = await verify();
    assert.equal(tampered.code, 1);
    assert.match(tampered.err, /SLO_STATEMENT_UNSIGNED[^]*SLO_STATEMENT_DIFFERS/);
    await store.close();
  });
});
