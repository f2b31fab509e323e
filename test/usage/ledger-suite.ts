// SPDX-License-Identifier: Apache-2.0
// What the ledger promises of what it takes in, asked on each engine: once, whatever the order, and nothing lost from sight.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { UsageEvent } from '../../operator/usage/event.ts';
import { createLedger } from '../../operator/usage/ledger.ts';
import { SHIPPED_METERS, readMeters } from '../../operator/usage/meters.ts';
import { HOUR_MS } from '../../operator/usage/period.ts';
import { MAX_LEAP } from '../../operator/usage/cursor.ts';
import { quarantined } from '../../operator/usage/quarantine.ts';
import { verifyLedger } from '../../operator/usage/verify.ts';
import { openSources, pastSources } from '../../operator/usage/sources.ts';
import { statementText } from '../../operator/usage/statement.ts';
import { systemClock } from '../../process/clock.ts';
import type { EngineUnderTest } from './store-suite.ts';
import { NEVER, OCTOBER, START, event, lines, scene } from './ledger-scene.ts';

export const describeLedger = (engine: EngineUnderTest): void => {
  describe('a ledger', () => {
    it('counts an event once, however often it comes, and refuses another under its identity', async () => {
      const conflicts: string[] = [];
      const { ledger } = await scene(engine, { onConflicts: async (_tx, events) => void conflicts.push(...events.map(({ id }) => id)) });
      const one = event({ value: '2.5' });
      assert.deepEqual(await ledger.accept([one, event({ seq: 2 }), one]), ['stored', 'stored', 'duplicate']);
      assert.deepEqual(await ledger.accept([one]), ['duplicate']);
      assert.deepEqual(await ledger.accept([event({ value: '3' }), event({ seq: 9, id: '1' }), event({ seq: 2, id: 'other' })]), [
        'conflict',
        'conflict',
        'conflict',
      ]);
      assert.deepEqual(conflicts, ['1', '1', 'other']);
      assert.deepEqual(await lines(ledger, 'acme', OCTOBER), ['api_calls 3.5']);
      assert.deepEqual(await ledger.accept([event({ tenant: 'beta', value: '7' })]), ['stored'], 'an identity is one tenant’s');
      await ledger.store.close();
    });

    it('leaves a number unseen that came with an identity that was there, so that its own event is taken in later', async () => {
      const { ledger } = await scene(engine);
      assert.deepEqual(await ledger.accept([event({ seq: 1 }), event({ seq: 2 })]), ['stored', 'stored']);
      assert.deepEqual(await ledger.accept([event({ seq: 3, id: '1' }), event({ seq: 4 })]), ['conflict', 'stored']);
      const [source] = await ledger.store.read((reader) => openSources(reader, 0));
      assert.deepEqual(source?.cursor, { highest: 4, gaps: [[3, 3]] });
      assert.deepEqual(await ledger.accept([event({ seq: 3 })]), ['stored']);
      await ledger.store.close();
    });

    it('tells of each meter that is known, also of one that was declared long ago', async () => {
      const store = await engine.open('known');
      const told = async (json: string | undefined): Promise<ReadonlySet<string>> => {
        const names = new Set<string>();
        const ledger = createLedger({
          store,
          clock: systemClock,
          hasTenant: () => true,
          observe: { declared: (name) => void names.add(name) },
        });
        await ledger.open('test');
        await ledger.declare(readMeters(json).meters);
        return names;
      };
      await told(JSON.stringify([{ name: 'gpu_hours', unit: 'h', aggregation: 'sum' }]));
      assert.deepEqual([...(await told(undefined))].toSorted(), [...SHIPPED_METERS.map(({ name }) => name), 'gpu_hours'].toSorted());
      await store.close();
    });

    it('counts events of meters that nobody declared under one name', async () => {
      const counted: string[] = [];
      const clock = { ...systemClock, now: () => START };
      const ledger = createLedger({
        store: await engine.open('uncounted'),
        clock,
        hasTenant: () => true,
        observe: { events: (meter, outcome, count) => void counted.push(`${meter} ${outcome} ${count}`) },
      });
      await ledger.open('test');
      await ledger.declare(readMeters(undefined).meters);
      await ledger.accept([event({ seq: 1 }), event({ seq: 2, meter: 'made.up_1' }), event({ seq: 3, meter: 'made.up_2' })]);
      assert.deepEqual(counted, ['api_calls stored 1', '_unknown unknown-meter 2']);
      await ledger.store.close();
    });

    it('gives the same statement for every order, repetition and cut of a stream', async () => {
      const meters = ['api_calls', 'users', 'agent_hours', 'storage_bytes', 'reasoning_units'];
      const stream = fc.array(
        fc.record({
          tenant: fc.constantFrom('acme', 'beta'),
          source: fc.constantFrom('/a', '/b'),
          meter: fc.constantFrom(...meters),
          units: fc.integer({ min: 0, max: 10 ** 9 }),
          hour: fc.integer({ min: 0, max: 30 * 24 }),
        }),
        { minLength: 1, maxLength: 40 },
      );
      const events = (rows: readonly { tenant: string; source: string; meter: string; units: number; hour: number }[]): UsageEvent[] => {
        const seqs = new Map<string, number>();
        return rows.map(({ tenant, source, meter, units, hour }) => {
          const seq = (seqs.get(`${tenant}${source}`) ?? 0) + 1;
          seqs.set(`${tenant}${source}`, seq);
          return event({ tenant, source, meter, seq, value: `${units}.25`, atMs: START - hour * HOUR_MS }, START);
        });
      };
      await fc.assert(
        fc.asyncProperty(stream, fc.infiniteStream(fc.nat()), async (rows, random) => {
          const whole = events(rows);
          const shuffled = [...whole, ...whole.filter(() => (random.next().value ?? 0) % 3 === 0)]
            .map((one) => ({ one, key: random.next().value ?? 0 }))
            .toSorted((a, b) => a.key - b.key)
            .map(({ one }) => one);
          const [plain, mixed] = [await scene(engine), await scene(engine)];
          await plain.ledger.accept(whole);
          while (shuffled.length > 0) await mixed.ledger.accept(shuffled.splice(0, ((random.next().value ?? 0) % 7) + 1));
          for (const tenant of ['acme', 'beta']) {
            const texts = await Promise.all(
              [plain, mixed].map(async ({ ledger }) =>
                Promise.all([Date.UTC(2026, 8), OCTOBER].map(async (periodMs) => statementText(await ledger.preview(tenant, periodMs)))),
              ),
            );
            assert.deepEqual(texts[0], texts[1]);
          }
          await plain.ledger.store.close();
          await mixed.ledger.store.close();
        }),
        { numRuns: 12 },
      );
    });

    it('sees a gap, and sees it filled', async () => {
      const { ledger } = await scene(engine);
      await ledger.accept([event({ seq: 1 }), event({ seq: 4 })]);
      const gaps = async () => (await ledger.store.read((reader) => openSources(reader, 0))).slice(0, 1).map(({ cursor }) => cursor.gaps);
      assert.deepEqual(await gaps(), [[[2, 3]]]);
      await ledger.accept([event({ source: '/writ/webhook/r1/boots/1' }), event({ source: '/writ/webhook/r2/boots/1' })]);
      const past = async (missingSinceMs: number, sinceMs: number) =>
        (await ledger.store.read((reader) => pastSources(reader, { beforeMs: START + 1, missingSinceMs, sinceMs, replicas: ['r1'] }))).map(
          ({ source }) => source,
        );
      assert.deepEqual(await past(0, START), ['/a/boots/1', '/writ/webhook/r1/boots/1']);
      assert.deepEqual(await past(START, START + 1), ['/a/boots/1']);
      assert.deepEqual(await past(START + 1, START + 1), []);
      await ledger.accept([event({ seq: 3 })]);
      assert.deepEqual(await gaps(), [[[2, 2]]]);
      await ledger.accept([event({ seq: 2 })]);
      assert.deepEqual(await gaps(), [[]]);
      await ledger.store.close();
    });

    it('keeps the unknown aside, in sight, and counts it as soon as it is known', async () => {
      const { ledger, tenants } = await scene(engine);
      const strangers = [event({ tenant: 'new', value: '5' }), event({ seq: 2, meter: 'gpu_seconds', value: '9' }), event({ seq: 1 })];
      assert.deepEqual(await ledger.accept(strangers), ['unknown-tenant', 'unknown-meter', 'stored']);
      assert.deepEqual(await ledger.accept(strangers), ['unknown-tenant', 'unknown-meter', 'duplicate']);
      assert.deepEqual(await ledger.accept([event({ tenant: 'new', value: '6' })]), ['conflict']);
      const waiting = () => ledger.store.read(quarantined);
      const problems = async () => (await verifyLedger(ledger.store)).problems;
      assert.deepEqual(await problems(), []);
      assert.deepEqual(await waiting(), [
        { tenant: 'acme', meter: 'gpu_seconds', events: 1 },
        { tenant: 'new', meter: 'api_calls', events: 1 },
      ]);
      tenants.add('new');
      await ledger.settle(NEVER);
      assert.deepEqual(await lines(ledger, 'new', OCTOBER), ['api_calls 5']);
      assert.deepEqual(await problems(), []);
      await ledger.declare(readMeters('[{"name":"gpu_seconds","unit":"s","aggregation":"sum"}]').meters);
      await ledger.settle(NEVER);
      assert.deepEqual(await waiting(), []);
      assert.deepEqual(await lines(ledger, 'acme', OCTOBER), ['api_calls 1', 'gpu_seconds 9']);
      assert.deepEqual(await ledger.accept(strangers), ['duplicate', 'duplicate', 'duplicate']);
      assert.deepEqual(await problems(), []);
      assert.deepEqual(await ledger.store.read((reader) => reader.all('SELECT * FROM usage_aside')), []);
      await ledger.store.close();
    });

    it('refuses a number that is far off, and what it keeps aside waits for what its source left out', async () => {
      const { ledger } = await scene(engine);
      assert.deepEqual(await ledger.accept([event({ seq: MAX_LEAP + 1 }), event({ seq: 1 })]), ['gaps', 'stored']);
      // Of a meter that nobody knows the number is not looked at yet.
      assert.deepEqual(await ledger.accept([event({ seq: MAX_LEAP + 2, meter: 'gpu_seconds' })]), ['unknown-meter']);
      await ledger.declare(readMeters('[{"name":"gpu_seconds","unit":"s","aggregation":"sum"}]').meters);
      await ledger.settle(NEVER);
      assert.equal((await ledger.store.read(quarantined)).length, 1);
      assert.deepEqual(await ledger.accept([event({ seq: 2 })]), ['stored']);
      await ledger.settle(NEVER);
      assert.deepEqual(await ledger.store.read(quarantined), []);
      assert.deepEqual(await lines(ledger, 'acme', OCTOBER), ['api_calls 2', 'gpu_seconds 1']);
      await ledger.store.close();
    });

    it('keeps aside a share of each tenant, and what Writ counts whoever filled the rest', async () => {
      const { ledger } = await scene(engine);
      const filling = async (tenant: string, events: number): Promise<readonly string[]> => {
        const meter = 'gpu_seconds';
        const all = Array.from({ length: events }, (_, at) => event({ tenant, source: '/x', seq: at + 1, meter }));
        return [...new Set(await ledger.accept(all))];
      };
      assert.deepEqual(await filling('acme', 10_000), ['unknown-meter']);
      assert.deepEqual(await filling('acme', 10_001), ['unknown-meter', 'full'], 'what is kept is kept, however full it is');
      const gone = (source: string, seq = 1) => ledger.accept([event({ tenant: 'gone', source, seq })]);
      assert.deepEqual(await gone('/gateways/g'), ['unknown-tenant']);
      // As if eight tenants had filled all of it; nothing else looks at these rows here.
      await ledger.store.transact((tx) =>
        tx.run(`INSERT INTO usage_quarantine SELECT 't' || CAST(n AS TEXT), source, id, seq, meter, at_ms, stored_ms, value, dims, digest
          FROM usage_quarantine, (SELECT 1 AS n UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7) AS many
          WHERE tenant = 'acme'`),
      );
      assert.deepEqual(await gone('/gateways/g', 2), ['full']);
      assert.deepEqual(await gone('/writ/webhook/r1/boots/1'), ['unknown-tenant']);
      const minutes = Array.from({ length: 1001 }, (_, at) => event({ tenant: 'gone', source: '/writ/webhook/r1/boots/1', seq: at + 1 }));
      assert.deepEqual((await ledger.accept(minutes)).filter((one) => one === 'full').length, 1);
      assert.deepEqual(await ledger.accept([event({ tenant: 'beta' })]), ['stored']);
      await ledger.store.close();
    });

    it('lets out what lies behind events that stay, and counts none that stayed', async () => {
      const told: string[] = [];
      const { ledger } = await scene(engine, {}, undefined, (outcome, count) => void told.push(`${outcome} ${count}`));
      const leaping = Array.from({ length: 750 }, (_, at) => event({ source: '/a/boots/1', seq: 2 * at + 2, meter: 'gpu_seconds' }));
      const whole = Array.from({ length: 10 }, (_, at) =>
        event({ source: '/b/boots/1', seq: at + 1, meter: 'gpu_seconds', value: '1000' }),
      );
      await ledger.accept([...leaping, ...whole]);
      await ledger.declare(readMeters('[{"name":"gpu_seconds","unit":"s","aggregation":"sum"}]').meters);
      told.splice(0);
      await ledger.settle(NEVER);
      await ledger.settle(NEVER);
      assert.deepEqual(await lines(ledger, 'acme', OCTOBER), ['gpu_seconds 10200']);
      assert.deepEqual(await ledger.store.read(quarantined), [{ tenant: 'acme', meter: 'gpu_seconds', events: 550 }]);
      assert.deepEqual(told, ['stored 200', 'stored 10']);
      assert.deepEqual((await verifyLedger(ledger.store)).problems, []);
      await ledger.store.close();
    });

    it('lets a tenant begin a bounded number of sources in an hour, and Writ’s own besides', async () => {
      const { ledger, clock } = await scene(engine);
      const begin = (from: number, tenant = 'acme', place = '/x') =>
        ledger.accept(Array.from({ length: 300 }, (_, at) => event({ tenant, source: `${place}/boots/${from + at}` })));
      const counted = (outcomes: readonly string[]): number => outcomes.filter((one) => one === 'sources').length;
      assert.equal(counted(await begin(0)), 0);
      assert.equal(counted(await begin(300)), 100);
      assert.equal(counted(await begin(300, 'beta')), 0, 'another tenant');
      assert.equal(counted(await begin(0, 'acme', '/writ/webhook/r1')), 0);
      assert.deepEqual(await ledger.accept([event({ source: '/x/boots/7', seq: 2 }), event({ source: '/y' })]), ['stored', 'sources']);
      // What was kept aside of a new one stays there until it may begin.
      await ledger.accept([event({ source: '/z', meter: 'gpu_seconds' })]);
      await ledger.declare(readMeters('[{"name":"gpu_seconds","unit":"s","aggregation":"sum"}]').meters);
      await ledger.settle(NEVER);
      assert.equal((await ledger.store.read(quarantined)).length, 1);
      clock.set(START + HOUR_MS);
      await ledger.settle(NEVER);
      assert.deepEqual(await ledger.store.read(quarantined), []);
      assert.equal(counted(await begin(300)), 0);
      await ledger.store.close();
    });

    it('tells of what was kept aside under an identity that became another event’s', async () => {
      const conflicts: string[] = [];
      const { ledger } = await scene(engine, {
        onConflicts: async (_tx, events) => void conflicts.push(...events.map(({ meter }) => meter)),
      });
      assert.deepEqual(await ledger.accept([event({ meter: 'gpu_seconds' })]), ['unknown-meter']);
      assert.deepEqual(await ledger.accept([event({ value: '2' })]), ['stored']);
      await ledger.declare(readMeters('[{"name":"gpu_seconds","unit":"s","aggregation":"sum"}]').meters);
      await ledger.settle(NEVER);
      assert.deepEqual(conflicts, ['gpu_seconds']);
      assert.deepEqual(await ledger.store.read(quarantined), []);
      assert.deepEqual(await lines(ledger, 'acme', OCTOBER), ['api_calls 2']);
      await ledger.store.close();
    });

    it('keeps the first definition of a meter, and tells of it once', async () => {
      const told: string[] = [];
      const { ledger } = await scene(engine, {
        onMeters: async (_tx, meters) => void told.push(...meters.map(({ name, aggregation }) => `${name} ${aggregation}`)),
      });
      assert.equal(told.splice(0).length, SHIPPED_METERS.length);
      await ledger.declare(readMeters('[{"name":"gpu","unit":"s","aggregation":"sum"}]').meters);
      assert.deepEqual(await ledger.declare(readMeters('[{"name":"gpu","unit":"s","aggregation":"peak"}]').meters), ['gpu']);
      assert.equal(ledger.meter('gpu').aggregation, 'sum');
      assert.deepEqual(told, ['gpu sum']);
      await ledger.store.close();
    });
  });
};
