// SPDX-License-Identifier: Apache-2.0
// What the operator exports of error budgets is what all minutes of the ledger come to, however they came in and whoever leads.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import fc from 'fast-check';
import { createBudgets } from '../../operator/slo/budgets.ts';
import { createBudgetView } from '../../operator/slo/exported.ts';
import { readLevels } from '../../operator/slo/levels.ts';
import { createOperatorMetrics } from '../../operator/metrics.ts';
import { BACK_MS, standingOf } from '../../operator/slo/standing.ts';
import { SLO_TABLES } from '../../operator/slo/tables.ts';
import { openSqliteStore } from '../../operator/usage/sqlite-store.ts';
import { LEVEL_EVENTS } from '../../operator/usage/tables.ts';
import { OBJECTIVES } from '../../policies/service-level/index.ts';
import type { ObjectiveName } from '../../policies/service-level/index.ts';
import { MINUTE_MS, levelMeter } from '../../policies/service-level/counts.ts';
import { systemClock } from '../../process/clock.ts';
import { NEVER, NOVEMBER, OCTOBER, event, scene } from '../usage/ledger-scene.ts';
import type { Scene } from '../usage/ledger-scene.ts';
import type { EngineUnderTest } from '../usage/store-suite.ts';

const folder = await mkdtemp(join(tmpdir(), 'writ-budgets-'));
after(() => rm(folder, { recursive: true }));
const engine: EngineUnderTest = { open: (name) => openSqliteStore({ file: join(folder, `${name}.db`), clock: systemClock, groupMs: 0 }) };

const opened = async (): Promise<Scene> => {
  const made = await scene(engine);
  await made.ledger.store.migrate(SLO_TABLES);
  return made;
};

type Count = {
  readonly objective?: ObjectiveName;
  readonly tenant?: string;
  readonly replica?: number;
  readonly seq: number;
  readonly atMs: number;
  /** Minutes before it of which it speaks. */
  readonly quiet?: number;
  readonly valid: number;
  readonly target?: string;
  readonly count?: 'valid' | 'good';
};
const counted = ({
  objective = 'availability',
  tenant = 'acme',
  replica = 0,
  seq,
  atMs,
  quiet = 0,
  valid,
  target = '99',
  count = 'valid',
}: Count) =>
  event(
    {
      tenant,
      source: `/writ/webhook/r${replica}/boots/${OCTOBER - BACK_MS}/levels`,
      seq,
      atMs,
      meter: levelMeter(objective, count),
      value: String(valid),
      dims: { since: new Date(atMs - quiet * MINUTE_MS).toISOString(), target },
    },
    NOVEMBER,
  );

type Left = Readonly<Record<string, number>>;

/** As `writ slo status` reckons it, of every minute. */
const reckoned = async ({ ledger, clock }: Scene, monthMs: number, endMs: number): Promise<Left> => {
  const nowMs = clock.now();
  const left: Record<string, number> = {};
  for (const tenant of ['acme', 'beta']) {
    const asked = { tenant, fromMs: monthMs - BACK_MS, toMs: Math.floor(nowMs / MINUTE_MS + 1) * MINUTE_MS, cutMs: nowMs + MINUTE_MS };
    for (const [objective, levels] of await ledger.store.read((reader) => readLevels(reader, asked))) {
      const standing = standingOf({ tenant, objective, levels, month: { startMs: monthMs, endMs }, nowMs });
      if (standing === undefined) continue;
      const [used, whole] = [
        Number(standing.left.count) / Number(standing.left.of),
        Number(standing.budget.count) / Number(standing.budget.of),
      ];
      left[`${tenant} ${objective}`] = whole === 0 ? (used < 0 ? 0 : 1) : used / whole;
    }
  }
  return left;
};

const followed = (budgets: ReturnType<typeof createBudgets>): Left =>
  Object.fromEntries(
    budgets.remaining().map(({ tenant, objective, left }) => [`${tenant} ${objective}`, Number(left.count) / Number(left.of)]),
  );

const assertSame = (found: Left, expected: Left, what: string): void => {
  assert.deepEqual(Object.keys(found).toSorted(), Object.keys(expected).toSorted(), what);
  for (const [name, value] of Object.entries(expected))
    assert.ok(Math.abs((found[name] ?? Number.NaN) - value) < 1e-9, `${what}: ${name} is ${found[name]}, not ${value}`);
};

it('is what all minutes come to: quiet and asked ones, late ones, lost ones, another promise, another leader', async () => {
  // 199 of 200 is enough for one of the promises.
  const goodOf = (valid: number): number => Math.max(0, valid - 1);
  const step = fc.record({
    what: fc.constantFrom('tell', 'tell', 'tell', 'late', 'lose', 'at once', 'promise', 'restart', 'pause'),
    replica: fc.constantFrom(0, 0, 0, 1),
    objective: fc.constantFrom('availability', ...OBJECTIVES),
    tenant: fc.constantFrom('acme', 'acme', 'acme', 'beta'),
    minutes: fc.integer({ min: 1, max: 90 }),
    valid: fc.constantFrom(0, 1, 200),
  });
  const first = fc.constantFrom(OCTOBER - 2 * 3_600_000, OCTOBER + 5 * 86_400_000, NOVEMBER - 3 * 3_600_000);
  await fc.assert(
    fc.asyncProperty(first, fc.array(step, { minLength: 1, maxLength: 20 }), async (startMs, steps) => {
      const world = await opened();
      const { ledger, clock } = world;
      clock.set(startMs);
      const seqs = new Map<string, number>();
      const lasts = new Map<string, number>();
      const held: Parameters<typeof ledger.accept>[0][] = [];
      let budgets = createBudgets({ ledger, clock });
      let target = '99';
      for (const [index, { what, replica, objective, tenant, minutes, valid }] of steps.entries()) {
        clock.set(clock.now() + (what === 'pause' ? 5 * 3_600_000 : minutes * MINUTE_MS));
        if (what === 'promise') target = target === '99' ? '99.9' : '99';
        if (what === 'restart') budgets = createBudgets({ ledger, clock });
        const name = `${tenant} ${replica}`;
        const seq = (seqs.get(name) ?? 0) + 1;
        const atMs = Math.floor(clock.now() / MINUTE_MS) * MINUTE_MS - MINUTE_MS;
        if (what !== 'restart' && what !== 'pause' && atMs > (lasts.get(name) ?? 0)) {
          // Of what it spoke of before it does not speak again.
          const quiet = Math.min(
            minutes - 1,
            what === 'at once' ? 5 : 200,
            (atMs - Math.max(lasts.get(name) ?? 0, OCTOBER - BACK_MS)) / MINUTE_MS - 1,
          );
          lasts.set(name, atMs);
          const told = { objective, tenant, replica, atMs, target };
          if (what === 'at once') {
            // Minutes of one objective, then the same ones of others; one number of them may be lost, or come late.
            const told = OBJECTIVES.flatMap((objective) =>
              Array.from({ length: quiet + 1 }, (_, back) => ({ objective, atMs: atMs - (quiet - back) * MINUTE_MS })),
            ).map((one, at) => counted({ ...one, tenant, replica, target, valid: 1, seq: seq + at }));
            const lost = valid === 0 ? [] : told.splice(minutes % told.length, 1);
            if (valid === 200) held.push(lost);
            seqs.set(name, seq + told.length + lost.length - 1);
            await ledger.accept(told);
            continue;
          }
          const events = [
            counted({ ...told, seq, quiet, valid }),
            ...(goodOf(valid) === 0 ? [] : [counted({ ...told, seq: seq + 1, valid: goodOf(valid), count: 'good' })]),
          ];
          seqs.set(name, seq + events.length - 1);
          if (what === 'late') held.push(events);
          else if (what !== 'lose') await ledger.accept(events);
        }
        if (index % 3 === 0) continue;
        await budgets.update(NEVER);
        // What comes in the same millisecond as the look is the next one's.
        if (index % 3 === 1) for (const events of held.splice(0)) await ledger.accept(events);
        await budgets.update(NEVER);
        const monthMs = clock.now() < OCTOBER ? Date.UTC(2026, 8) : clock.now() < NOVEMBER ? OCTOBER : NOVEMBER;
        const endMs = monthMs === OCTOBER ? NOVEMBER : monthMs < OCTOBER ? OCTOBER : Date.UTC(2026, 11);
        assertSame(followed(budgets), await reckoned(world, monthMs, endMs), `after step ${index}`);
      }
      await ledger.store.close();
    }),
    { numRuns: 40 },
  );
});

it('knows again what lay around a number that comes late', async () => {
  const world = await opened();
  const { ledger, clock } = world;
  const atMs = OCTOBER + 86_400_000;
  clock.set(atMs);
  const budgets = createBudgets({ ledger, clock });
  const told = [0, 90, 180, 270].map((minutes, index) =>
    counted({ seq: index + 1, atMs: atMs - (270 - minutes) * MINUTE_MS, quiet: index === 0 ? 0 : 89, valid: 0 }),
  );
  await ledger.accept(told.filter((_, index) => index !== 2));
  await budgets.update(NEVER);
  assertSame(followed(budgets), await reckoned(world, OCTOBER, NOVEMBER), 'with a hole');
  const before = followed(budgets);
  await ledger.accept(told);
  await budgets.update(NEVER);
  assertSame(followed(budgets), await reckoned(world, OCTOBER, NOVEMBER), 'filled');
  assert.notDeepEqual(followed(budgets), before);
  assert.deepEqual(followed(budgets), { 'acme availability': 1 });
  await ledger.store.close();
});

it('reads what was stored since, by an index, and goes on where the one before stopped', async () => {
  const { ledger, clock } = await opened();
  const atMs = OCTOBER + 10 * 86_400_000;
  clock.set(atMs);
  await ledger.accept(
    Array.from({ length: 100 }, (_, index) => counted({ seq: index + 1, atMs: atMs - (200 - index) * MINUTE_MS, valid: 0 })),
  );
  await createBudgets({ ledger, clock }).update(NEVER);
  clock.set(atMs + 10 * MINUTE_MS);
  await ledger.accept([counted({ seq: 101, atMs: atMs + 9 * MINUTE_MS, quiet: 30, valid: 1 })]);
  let rows = 0;
  const store: typeof ledger.store = {
    ...ledger.store,
    read: (work) =>
      ledger.store.read((reader) =>
        work({ all: async (sql, values) => ((found) => ((rows += found.length), found))(await reader.all(sql, values)) }),
      ),
  };
  const next = createBudgets({ ledger: { store, storedBefore: () => ledger.storedBefore() }, clock });
  await next.update(NEVER);
  assert.ok(rows < 60, `${rows} rows were read`);
  assert.equal(next.remaining().length, 1);
  for (const [condition, index] of [
    ['source = ? AND at_ms >= ?', 'usage_event_level'],
    ['stored_ms >= ? AND stored_ms < ?', 'usage_event_level_stored'],
  ] as const) {
    const plan = await ledger.store.read((reader) =>
      reader.all(`EXPLAIN QUERY PLAN SELECT seq FROM usage_event WHERE ${LEVEL_EVENTS} AND ${condition}`, [1, 2]),
    );
    assert.match(String(plan[0]?.['detail']), new RegExp(`USING INDEX ${index} \\(`));
  }
  await ledger.store.close();
});

it('is exported of tenants that there are and what they are promised, and gone with the term', async () => {
  const { ledger, clock } = await opened();
  const atMs = OCTOBER + 86_400_000;
  clock.set(atMs + MINUTE_MS);
  // Half of the budget of 1 % of 30 days: 216 minutes; the first day was not counted.
  for (const tenant of ['acme', 'beta'])
    await ledger.accept([
      counted({ tenant, seq: 1, atMs: atMs - 217 * MINUTE_MS, valid: 0 }),
      ...Array.from({ length: 216 }, (_, index) => counted({ tenant, seq: index + 2, atMs: atMs - (216 - index) * MINUTE_MS, valid: 1 })),
      counted({ tenant, objective: 'policy-evaluation', seq: 218, atMs, valid: 0 }),
    ]);
  const metrics = createOperatorMetrics();
  const promised = (name: string, ...objectives: readonly ObjectiveName[]) => ({
    metadata: { name },
    spec: { slo: { objectives: objectives.map((one) => ({ name: one, target: '99' })) } },
  });
  const view = createBudgetView({
    clock,
    log: { warn: (told: unknown) => assert.fail(JSON.stringify(told)) },
    metrics,
    tenants: () => [
      promised('acme', 'availability', 'policy-evaluation'),
      promised('beta', 'policy-evaluation'),
      promised('none', 'availability'),
    ],
  });
  const lines = async (): Promise<readonly string[]> =>
    (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith('writ_slo_error_budget_remaining_ratio{'));
  await view.look(ledger, NEVER);
  const shown = await lines();
  assert.deepEqual(
    shown.map((line) => line.replace(/ .*/, '')),
    [
      'writ_slo_error_budget_remaining_ratio{tenant="acme",slo="availability"}',
      'writ_slo_error_budget_remaining_ratio{tenant="acme",slo="policy-evaluation"}',
      'writ_slo_error_budget_remaining_ratio{tenant="beta",slo="policy-evaluation"}',
    ],
  );
  const left = Number(shown[0]?.split(' ')[1]);
  assert.ok(left > 0.49 && left < 0.52, String(left));
  // Nothing is heard any more: after 17 minutes silence uses it up.
  clock.set(atMs + 77 * MINUTE_MS);
  await view.look(ledger, NEVER);
  assert.ok(Number((await lines())[0]?.split(' ')[1]) < left - 0.1);
  view.end();
  assert.deepEqual(await lines(), []);
  await ledger.store.close();
});
