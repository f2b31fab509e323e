// SPDX-License-Identifier: Apache-2.0
// What the ledger promises as time passes, asked on each engine: closed on time, sealed, and the same bytes again.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hoursSealed } from '../../operator/audit/facts.ts';
import { periodDigest } from '../../operator/usage/close.ts';
import type { UsageEvent } from '../../operator/usage/event.ts';
import { readLevels } from '../../operator/slo/levels.ts';
import { DAY_MS, HOUR_MS } from '../../operator/usage/period.ts';
import { statementText } from '../../operator/usage/statement.ts';
import type { EngineUnderTest } from './store-suite.ts';
import { verifyLedger } from '../../operator/usage/verify.ts';
import { NEVER, NOVEMBER, OCTOBER, START, event, lines, scene } from './ledger-scene.ts';

export const describeLedgerPeriods = (engine: EngineUnderTest): void => {
  describe('a ledger, as time passes,', () => {
    it('closes a period 48 hours after its end, and carries what comes later into the next', async () => {
      const closed: string[] = [];
      const { ledger, clock } = await scene(engine, {
        onStatements: async (_tx, statements) => void closed.push(...statements.map(statementText)),
      });
      await ledger.accept([
        event({ seq: 1, value: '10' }),
        event({ seq: 2, meter: 'users', value: '4' }),
        event({ seq: 3, meter: 'agent_hours', value: '5400' }),
        event({ seq: 4, meter: 'storage_bytes', value: String(31 * 86_400 * 7) }),
      ]);
      clock.set(NOVEMBER + 47 * HOUR_MS);
      await ledger.accept([event({ seq: 5, value: '2' }, clock.now()), event({ seq: 6, atMs: clock.now(), value: '100' })]);
      await ledger.settle(NEVER);
      assert.deepEqual(closed, []);
      clock.set(NOVEMBER + 48 * HOUR_MS);
      await ledger.settle(NEVER);
      assert.equal(closed.length, 1);
      const october = await lines(ledger, 'acme', OCTOBER);
      assert.deepEqual(october, ['agent_hours 1.5', 'api_calls 12', 'storage_bytes 7', 'users 4']);
      await ledger.accept([
        event({ seq: 7, value: '0.5' }, clock.now()),
        event({ seq: 8, meter: 'users', value: '6' }, clock.now()),
        event({ seq: 9, meter: 'users', value: '3' }, clock.now()),
        event({ seq: 10, atMs: clock.now(), value: '1' }),
      ]);
      assert.deepEqual(await lines(ledger, 'acme', OCTOBER), october, 'what was billed does not change');
      assert.deepEqual(await lines(ledger, 'acme', NOVEMBER), ['api_calls 101', 'api_calls 0.5 of 2026-10', 'users 2 of 2026-10']);
      clock.set(Date.UTC(2026, 11, 3));
      await ledger.settle(NEVER);
      await ledger.settle(NEVER);
      assert.equal(closed.length, 2);
      assert.deepEqual(closed, await Promise.all([OCTOBER, NOVEMBER].map(async (ms) => statementText(await ledger.preview('acme', ms)))));
      assert.deepEqual((await verifyLedger(ledger.store)).problems, []);
      await ledger.store.close();
    });

    it('closes a period of which it knows answers alone, and those after it in which it heard nothing', async () => {
      const { ledger, clock } = await scene(engine);
      const dims = { target: '99', within_ms: '1', since: new Date(START).toISOString() };
      await ledger.accept([event({ source: '/writ/webhook/a/boots/1/levels', meter: 'slo.availability.valid', value: '0', dims })]);
      clock.set(Date.UTC(2026, 11, 3));
      await ledger.settle(NEVER);
      const frozen = await ledger.store.read((reader) => reader.all('SELECT period_ms FROM usage_period ORDER BY period_ms'));
      assert.deepEqual(
        frozen.map((row) => Number(row['period_ms'])),
        [OCTOBER, NOVEMBER],
      );
      assert.deepEqual((await verifyLedger(ledger.store)).problems, []);
      await ledger.store.close();
    });

    it('has in a period what was stored in the very moment before it was frozen', async () => {
      const { ledger, clock } = await scene(engine);
      clock.set(NOVEMBER + 48 * HOUR_MS);
      await ledger.accept([event({ value: '3' }, clock.now())]);
      await ledger.settle(NEVER);
      assert.deepEqual(await lines(ledger, 'acme', OCTOBER), ['api_calls 3']);
      await ledger.accept([event({ seq: 2, value: '4' }, clock.now())]);
      assert.deepEqual(await lines(ledger, 'acme', NOVEMBER), ['api_calls 4 of 2026-10']);
      assert.deepEqual((await verifyLedger(ledger.store)).problems, []);
      await ledger.store.close();
    });

    it('is not led astray by a clock that goes back over a cut', async () => {
      const { ledger, clock } = await scene(engine);
      await ledger.accept([event({ value: '1' })]);
      clock.set(NOVEMBER + 3 * DAY_MS);
      await ledger.settle(NEVER);
      clock.set(START);
      await ledger.accept([event({ seq: 2, value: '5' })]);
      assert.deepEqual(await lines(ledger, 'acme', OCTOBER), ['api_calls 1']);
      assert.deepEqual(await lines(ledger, 'acme', NOVEMBER), ['api_calls 5 of 2026-10']);
      assert.deepEqual((await verifyLedger(ledger.store)).problems, []);
      await ledger.store.close();
    });

    it('gives the same bytes when the close is interrupted anywhere and gone on with', async () => {
      const build = async (failures: number): Promise<string> => {
        let left = failures;
        const { ledger, clock } = await scene(engine, {
          onStatements: async () => {
            if ((left -= 1) >= 0) throw new RangeError('interrupted');
          },
        });
        for (let index = 0; index < 3; index += 1)
          await ledger.accept([event({ tenant: index % 2 === 0 ? 'acme' : 'beta', seq: index + 1 })]);
        clock.set(NOVEMBER + 3 * DAY_MS);
        for (let tries = 0; tries <= failures; tries += 1) await ledger.settle(NEVER).catch(() => undefined);
        const digest = await ledger.store.read((reader) => periodDigest(reader, OCTOBER));
        await ledger.store.close();
        return digest;
      };
      assert.equal(await build(3), await build(0));
    });

    it('seals an hour once it is over, and again when something comes late', async () => {
      const seals: string[] = [];
      const { ledger, clock } = await scene(engine, {
        onSeals: async (_tx, some) => void seals.push(...some.map(({ hourMs, revision }) => `${(hourMs - START) / HOUR_MS}r${revision}`)),
      });
      await ledger.accept([event({ seq: 1 })]);
      clock.set(START + HOUR_MS + 14 * 60_000);
      await ledger.settle(NEVER);
      assert.deepEqual(seals, []);
      clock.set(START + HOUR_MS + 15 * 60_000);
      await ledger.settle(NEVER);
      await ledger.settle(NEVER);
      assert.deepEqual(seals, ['0r1']);
      await ledger.accept([event({ seq: 2 }, clock.now()), event({ seq: 3, atMs: clock.now() })]);
      await ledger.settle(NEVER);
      assert.deepEqual(seals, ['0r1']);
      clock.set(START + 2 * HOUR_MS);
      await ledger.settle(NEVER);
      assert.deepEqual(seals, ['0r1', '0r2']);
      assert.deepEqual((await verifyLedger(ledger.store)).problems, []);
      await ledger.store.close();
    });

    it('seals hours again by the round, however often something late comes', async () => {
      const rounds: string[] = [];
      let entries = 0;
      const { ledger, clock } = await scene(engine, {
        onSeals: async (_tx, some) => {
          rounds.push(
            `${new Date(clock.now()).getUTCHours()}: ${some.map(({ hourMs, revision }) => `${(hourMs - START) / HOUR_MS}r${revision}`).join()}`,
          );
          entries += hoursSealed(some).length;
        },
      });
      const hours = [-50, -49, -3];
      let seq = 0;
      const late = async (): Promise<void> => {
        await ledger.accept(hours.map((hour) => event({ seq: (seq += 1), atMs: START + hour * HOUR_MS }, clock.now())));
        await ledger.settle(NEVER);
      };
      for (let minute = 0; minute <= 180; minute += 20) {
        clock.set(START + 10 * HOUR_MS + minute * 60_000);
        await late();
        assert.deepEqual((await verifyLedger(ledger.store)).problems, [], 'also with hours that wait for their seal');
      }
      // Noon, when the first seals were made, is half a day before midnight.
      assert.deepEqual(rounds, ['22: -50r1,-49r1,-3r1', '23: -3r2', '0: -50r2,-49r2,-3r3', '1: -3r4']);
      assert.equal(entries, 3 + 3);
      clock.set(START + 30 * HOUR_MS);
      await ledger.settle(NEVER);
      assert.equal(rounds.at(-1), '18: -50r3,-49r3');
      assert.deepEqual(await ledger.store.read((reader) => reader.all('SELECT hour_ms FROM usage_reopened')), []);
      assert.deepEqual((await verifyLedger(ledger.store)).problems, []);
      await ledger.store.close();
    });

    it('vouches by each seal for all hours before it', async () => {
      const rootsAfter = async (value: string): Promise<readonly string[]> => {
        const roots: string[] = [];
        const { ledger, clock } = await scene(engine, { onSeals: async (_tx, some) => void roots.push(...some.map(({ root }) => root)) });
        await ledger.accept([event({ seq: 1, value, atMs: START - HOUR_MS }), event({ seq: 2 })]);
        clock.set(START + 2 * HOUR_MS);
        await ledger.settle(NEVER);
        await ledger.store.close();
        return roots;
      };
      const [one, again, other] = [await rootsAfter('1'), await rootsAfter('1'), await rootsAfter('2')];
      assert.equal(one.length, 2);
      assert.deepEqual(one, again);
      // The hours are alike; what differs is the one before.
      assert.notEqual(one[1], other[1]);
    });

    it('reads counts of answers by tenant, objective and minute, and bills none of them', async () => {
      const { ledger, clock } = await scene(engine);
      const source = (boot: number): string => `/writ/webhook/one/boots/${boot}/levels`;
      const counted = (
        boot: number,
        seq: number,
        minute: number,
        rest: { meter: string; value: string; since?: number; tenant?: string },
      ) =>
        event({
          source: source(boot),
          seq,
          atMs: START + minute * 60_000,
          ...rest,
          dims: { since: new Date(START + (rest.since ?? minute) * 60_000).toISOString(), target: '99.9' },
        });
      const [valid, good] = ['slo.availability.valid', 'slo.availability.good'];
      const first = [
        counted(1, 1, 1, { meter: valid, value: '10' }),
        counted(1, 2, 1, { meter: good, value: '9' }),
        counted(1, 3, 5, { meter: valid, value: '0', since: 2 }),
        counted(2, 1, 1, { meter: valid, value: '2' }),
        counted(2, 2, 1, { meter: good, value: '2' }),
        counted(2, 1, 9, { meter: valid, value: '4', tenant: 'beta' }),
        event({ source: '/a/boots/1', seq: 1, atMs: START }),
      ];
      clock.set(START + 3_600_000);
      await ledger.accept(first);
      assert.deepEqual(
        await ledger.accept(first),
        first.map(() => 'duplicate'),
      );
      const cutMs = START + 2 * 3_600_000;
      clock.set(cutMs);
      // A number was left out: what it counted may lie anywhere from the event before it to its own.
      await ledger.accept([counted(1, 5, 7, { meter: valid, value: '1', since: 6 })]);
      const read = async (tenant: string, cut: number): Promise<readonly string[]> => {
        const levels = await ledger.store.read((reader) =>
          readLevels(reader, { tenant, fromMs: START, toMs: START + 10 * 60_000, cutMs: cut }),
        );
        const minutes = [...(levels.get('availability')?.minutes ?? [])].toSorted(([a], [b]) => a - b);
        return minutes.map(([atMs, counts]) => `${(atMs - START) / 60_000}: ${counts.good} of ${counts.valid}`);
      };
      const before = ['1: 11 of 12', '2: 0 of 0', '3: 0 of 0', '4: 0 of 0', '5: 0 of 0'];
      assert.deepEqual(await read('acme', cutMs), before);
      assert.deepEqual(await read('acme', cutMs + 1), ['1: 11 of 12', '2: 0 of 0', '3: 0 of 0', '4: 0 of 0']);
      assert.deepEqual(await read('beta', cutMs), ['9: 0 of 4']);
      clock.set(cutMs + 60_000);
      await ledger.accept([counted(1, 4, 6, { meter: valid, value: '0' })]);
      assert.deepEqual(await read('acme', cutMs + 60_001), [...before, '6: 0 of 0', '7: 0 of 1']);
      assert.deepEqual(await read('acme', cutMs), before, 'what was read once is read again');

      // What was judged by a longer time than is asked about proves nothing of its minute.
      const late = (seq: number, minute: number, within: string): UsageEvent => {
        const dims = { since: new Date(START + minute * 60_000).toISOString(), target: '95', within_ms: within };
        return event({ source: source(3), seq, atMs: START + minute * 60_000, meter: 'slo.admission_latency.valid', value: '1', dims });
      };
      await ledger.accept([late(1, 1, '50'), late(2, 2, '500'), late(3, 3, 'soon')]);
      const proven = async (withinMs: number): Promise<number> => {
        const asked = { tenant: 'acme', fromMs: START, toMs: START + 600_000, cutMs: clock.now() + 1, withinMs: () => withinMs };
        return (await ledger.store.read((reader) => readLevels(reader, asked))).get('admission-latency')?.minutes.size ?? 0;
      };
      assert.deepEqual([await proven(500), await proven(100), await proven(10)], [2, 1, 0]);

      clock.set(Date.UTC(2026, 10, 3));
      await ledger.settle(NEVER);
      assert.deepEqual(await lines(ledger, 'acme', OCTOBER), ['api_calls 1']);
      assert.deepEqual(await lines(ledger, 'beta', OCTOBER), []);
      const report = await verifyLedger(ledger.store);
      assert.deepEqual([report.problems, report.seals > 0], [[], true]);
      await ledger.store.close();
    });

    it('knows all minutes of objectives that were told one after the other, but those around a number that is missing', async () => {
      const { ledger, clock } = await scene(engine);
      const told = (boot: number): UsageEvent[] =>
        ['availability', 'admission_latency'].flatMap((name, series) =>
          Array.from({ length: 10 }, (_, minute) => {
            const atMs = START + minute * 60_000;
            const dims = { since: new Date(atMs).toISOString(), target: '99', within_ms: '1' };
            const source = `/writ/webhook/one/boots/${boot}/levels`;
            return event({ source, seq: series * 10 + minute + 1, atMs, meter: `slo.${name}.valid`, value: '1', dims });
          }),
        );
      const known = async (fromMinute: number, toMinute: number, cutMs = clock.now() + 1): Promise<readonly string[]> => {
        const asked = { tenant: 'acme', fromMs: START + fromMinute * 60_000, toMs: START + toMinute * 60_000, cutMs };
        const levels = await ledger.store.read((reader) => readLevels(reader, asked));
        return (['availability', 'admission-latency'] as const).map((name) =>
          [...(levels.get(name)?.minutes.keys() ?? [])].map((atMs) => (atMs - START) / 60_000).join(' '),
        );
      };
      clock.set(START + 3_600_000);
      const events = told(START);
      // Of availability the last minute, of latency the first: told one after the other, nine minutes lie between them.
      const isLost = (seq: number): boolean => seq === 10 || seq === 11 || seq === 15;
      await ledger.accept(events.filter(({ seq }) => !isLost(seq)));
      assert.deepEqual(await known(0, 10), ['0 1 2 3 4 5 6 7', '2 6 7 8 9']);
      assert.deepEqual(await known(0, 3), ['0 1 2', '2']);
      assert.deepEqual(await known(6, 8), ['6 7', '6 7']);
      // Other replicas may speak of these, and it may have counted something there.
      await ledger.accept(told(START + 1));
      assert.deepEqual(await known(0, 10), ['0 1 2 3 4 5 6 7', '2 6 7 8 9']);
      const cutMs = clock.now() + 1;
      clock.set(cutMs);
      await ledger.accept(events);
      assert.deepEqual(await known(3, 10), ['3 4 5 6 7 8 9', '3 4 5 6 7 8 9']);
      assert.deepEqual(await known(0, 10, cutMs), ['0 1 2 3 4 5 6 7', '2 6 7 8 9'], 'as it was before');
      await ledger.store.close();
    });

    it('knows how much of a window is used, also after a restart', async () => {
      const { ledger, clock, name } = await scene(engine);
      const series = { tenant: 'acme', meter: 'api_calls' };
      await ledger.accept([event({ seq: 1, value: '1', atMs: START - 30 * HOUR_MS }), event({ seq: 2, value: '10' })]);
      await ledger.follow([series]);
      await ledger.accept([event({ seq: 3, value: '100', atMs: START - 5 * 60_000 })]);
      assert.deepEqual(
        [60_000, 10 * 60_000, 24 * HOUR_MS, 31 * HOUR_MS, 'Month' as const].map((window) => Number(ledger.used(series, window)) / 1e6),
        [10, 110, 110, 111, 111],
      );
      await ledger.store.close();
      const again = await scene(engine, {}, name);
      await again.ledger.follow([series]);
      assert.equal(again.ledger.used(series, 24 * HOUR_MS), 110_000_000n);
      assert.ok(again.ledger.used(series, 60_000) >= 10_000_000n, 'rather too much than too little');
      clock.set(START);
      again.clock.set(START + 40 * DAY_MS);
      await again.ledger.settle(NEVER);
      assert.equal(again.ledger.used(series, 24 * HOUR_MS), 0n);
      await again.ledger.follow([]);
      assert.equal(again.ledger.used(series, 'Month'), 0n);
      await again.ledger.store.close();
    });
  });
};
