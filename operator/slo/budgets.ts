// SPDX-License-Identifier: Apache-2.0
/**
 * What is left of each error budget of the running month, followed from the ledger as counts come in.
 *
 * In: a ledger that this process writes. Out: the share that is left, of each tenant and objective, as `writ slo status` would reckon
 * it of all minutes. Sums by the hour are kept beside the events (`tables.ts`): what was stored since the last look says which hours
 * are reckoned anew, and who leads next goes on from there. After a pause of hours all of the month is.
 */
import { parseDecimal, ratio } from '../../policies/pricing/ratio.ts';
import type { Ratio } from '../../policies/pricing/ratio.ts';
import { MINUTE_MS } from '../../policies/service-level/counts.ts';
import { OBJECTIVES } from '../../policies/service-level/index.ts';
import type { ObjectiveName } from '../../policies/service-level/index.ts';
import type { Clock } from '../../process/clock.ts';
import { createSlices } from '../../process/slices.ts';
import type { Ledger } from '../usage/ledger.ts';
import { DAY_MS, HOUR_MS, hourOf, monthOf, nextMonth } from '../usage/period.ts';
import { integerOf, textOf } from '../usage/store.ts';
import type { Reader, Row, Tx } from '../usage/store.ts';
import { attainmentOf } from './attainment.ts';
import type { Span } from './attainment.ts';
import { changedSince } from './changed.ts';
import { levelTenants, readLevels } from './levels.ts';
import type { Levels } from './levels.ts';
import { BACK_MS, budgetOf, monthSpan } from './standing.ts';

/** Longer than this ago: the whole month is read rather than what was stored since. */
const PAUSE_MS = 2 * HOUR_MS;

type Sum = { readonly good: number; readonly bad: number; readonly firstMs: number; readonly lastMs: number };
type Told = { readonly target: string; readonly atMs: number };
type Hour = Sum & { readonly hourMs: number; readonly objective: ObjectiveName };

export type Remaining = { readonly tenant: string; readonly objective: ObjectiveName; readonly left: Ratio };

export type Budgets = {
  /** Takes in what was stored since the last time. */
  update(signal: AbortSignal): Promise<void>;
  /** Of each of which something is known in this month. */
  remaining(): readonly Remaining[];
};

const objectiveOf = (row: Row): ObjectiveName | undefined => OBJECTIVES.find((name) => name === textOf(row, 'objective'));

/** Hours of a span of which something is known. */
const hoursOf = (levels: ReadonlyMap<ObjectiveName, Levels>, span: Span, targetOf: (name: ObjectiveName) => string): readonly Hour[] =>
  [...levels].flatMap(([objective, { minutes }]) => {
    const hours: Hour[] = [];
    for (let hourMs = span.startMs; hourMs < span.endMs; hourMs += HOUR_MS) {
      const known: number[] = [];
      for (let atMs = hourMs; atMs < hourMs + HOUR_MS; atMs += MINUTE_MS) if (minutes.has(atMs)) known.push(atMs);
      const [firstMs, lastMs] = [known[0], known.at(-1)];
      if (firstMs === undefined || lastMs === undefined) continue;
      const { good, bad } = attainmentOf({
        minutes,
        span: { startMs: hourMs, endMs: hourMs + HOUR_MS },
        excluded: [],
        target: targetOf(objective),
      });
      hours.push({ objective, hourMs, good, bad, firstMs, lastMs });
    }
    return hours;
  });

const saveHours = async (tx: Tx, { tenant, span, hours }: { tenant: string; span: Span; hours: readonly Hour[] }): Promise<void> => {
  await tx.run('DELETE FROM slo_hour WHERE tenant = ? AND hour_ms >= ? AND hour_ms < ?', [tenant, span.startMs, span.endMs]);
  await tx.insert({
    into: 'slo_hour',
    columns: ['tenant', 'hour_ms', 'objective', 'good', 'bad', 'first_ms', 'last_ms'],
    rows: hours.map(({ hourMs, objective, good, bad, firstMs, lastMs }) => [tenant, hourMs, objective, good, bad, firstMs, lastMs]),
  });
};

export const createBudgets = ({
  ledger,
  clock,
}: {
  readonly ledger: Pick<Ledger, 'store' | 'storedBefore'>;
  readonly clock: Clock;
}): Budgets => {
  const { store } = ledger;
  const sums = new Map<string, ReadonlyMap<ObjectiveName, Sum>>();
  const told = new Map<string, Told>();
  let monthMs = -1;
  let storedMs = 0;
  const keyOf = (tenant: string, objective: ObjectiveName): string => `${tenant}\n${objective}`;

  const loadSums = async (reader: Reader, tenant?: string): Promise<void> => {
    const rows = await reader.all(
      `SELECT tenant, objective, CAST(SUM(CASE WHEN hour_ms >= ? THEN good ELSE 0 END) AS BIGINT) AS good,
        CAST(SUM(CASE WHEN hour_ms >= ? THEN bad ELSE 0 END) AS BIGINT) AS bad, MIN(first_ms) AS first_ms, MAX(last_ms) AS last_ms
        FROM slo_hour WHERE hour_ms >= ?${tenant === undefined ? '' : ' AND tenant = ?'} GROUP BY tenant, objective`,
      [monthMs, monthMs, monthMs - BACK_MS, ...(tenant === undefined ? [] : [tenant])],
    );
    const found = new Map<string, Map<ObjectiveName, Sum>>(tenant === undefined ? [] : [[tenant, new Map()]]);
    for (const row of rows) {
      const objective = objectiveOf(row);
      if (objective === undefined) continue;
      const ofTenant = found.get(textOf(row, 'tenant')) ?? new Map<ObjectiveName, Sum>();
      const [good, bad] = [integerOf(row, 'good'), integerOf(row, 'bad')];
      ofTenant.set(objective, { good, bad, firstMs: integerOf(row, 'first_ms'), lastMs: integerOf(row, 'last_ms') });
      found.set(textOf(row, 'tenant'), ofTenant);
    }
    for (const [name, ofTenant] of found) sums.set(name, ofTenant);
  };

  /** A month began, or this process has just begun to lead. */
  const begin = async (nowMs: number): Promise<void> => {
    monthMs = monthOf(nowMs);
    sums.clear();
    await store.transact((tx) => tx.run('DELETE FROM slo_hour WHERE hour_ms < ?', [monthMs - BACK_MS]));
    await store.read(async (reader) => {
      const [state] = await reader.all('SELECT stored_ms FROM slo_state WHERE one = 1');
      storedMs = state === undefined ? 0 : integerOf(state, 'stored_ms');
      for (const row of await reader.all('SELECT tenant, objective, target, at_ms FROM slo_told')) {
        const objective = objectiveOf(row);
        if (objective === undefined) continue;
        told.set(keyOf(textOf(row, 'tenant'), objective), { target: textOf(row, 'target'), atMs: integerOf(row, 'at_ms') });
      }
      await loadSums(reader);
    });
  };

  /** Names those objectives of which something else is promised now. */
  const learn = async (tenant: string, levels: ReadonlyMap<ObjectiveName, Levels>): Promise<boolean> => {
    let isChanged = false;
    for (const [objective, { told: latest }] of levels) {
      const known = told.get(keyOf(tenant, objective));
      if (latest === undefined || latest.atMs < (known?.atMs ?? 0)) continue;
      isChanged ||= latest.target !== known?.target;
      const { target, atMs } = latest;
      await store.transact((tx) =>
        tx.insert({
          into: 'slo_told',
          columns: ['tenant', 'objective', 'target', 'at_ms'],
          rows: [[tenant, objective, target, atMs]],
          onConflict: 'ON CONFLICT (tenant, objective) DO UPDATE SET target = excluded.target, at_ms = excluded.at_ms',
        }),
      );
      told.set(keyOf(tenant, objective), { target, atMs });
    }
    return isChanged;
  };

  const reckon = async (tenant: string, span: Span, cutMs: number): Promise<{ readonly isTargetNew: boolean }> => {
    const levels = await store.read((reader) => readLevels(reader, { tenant, fromMs: span.startMs, toMs: span.endMs, cutMs }));
    const isTargetNew = await learn(tenant, levels);
    const hours = hoursOf(levels, span, (objective) => told.get(keyOf(tenant, objective))?.target ?? '100');
    await store.transact((tx) => saveHours(tx, { tenant, span, hours }));
    return { isTargetNew };
  };

  /** All of the month, a day at a time; the last one first, which says what is promised. */
  const reckonMonth = async (tenant: string, cutMs: number, signal: AbortSignal): Promise<void> => {
    const slices = createSlices(clock);
    const firstMs = monthMs - BACK_MS;
    const days = Math.ceil((hourOf(clock.now()) + HOUR_MS - firstMs) / DAY_MS);
    for (let day = days - 1; day >= 0 && !signal.aborted; day -= 1) {
      await reckon(tenant, { startMs: firstMs + day * DAY_MS, endMs: firstMs + (day + 1) * DAY_MS }, cutMs);
      await slices.rest();
    }
  };

  return {
    update: async (signal) => {
      const nowMs = clock.now();
      if (monthMs !== monthOf(nowMs)) await begin(nowMs);
      const cutMs = await ledger.storedBefore();
      const isPaused = storedMs < cutMs - PAUSE_MS;
      const slices = createSlices(clock);
      const everything: Span = { startMs: monthMs - BACK_MS, endMs: nextMonth(monthMs) };
      const changed = isPaused
        ? new Map((await store.read((reader) => levelTenants(reader, everything.startMs))).map((tenant) => [tenant, everything] as const))
        : await store.read((reader) => changedSince(reader, storedMs, cutMs));
      for (const [tenant, { startMs, endMs }] of changed) {
        if (signal.aborted) return;
        const span = { startMs: Math.max(startMs, everything.startMs), endMs: Math.min(endMs, everything.endMs) };
        // Read by the day then, whatever made it so long.
        const isLong = span.endMs - span.startMs > DAY_MS;
        const isAll = isPaused || isLong || (span.startMs < span.endMs && (await reckon(tenant, span, cutMs)).isTargetNew);
        if (isAll) await reckonMonth(tenant, cutMs, signal);
        await store.read((reader) => loadSums(reader, tenant));
        await slices.rest();
      }
      if (signal.aborted) return;
      await store.transact((tx) => tx.run('UPDATE slo_state SET stored_ms = ? WHERE one = 1', [cutMs]));
      storedMs = cutMs;
    },
    remaining: () => {
      const nowMs = clock.now();
      const month = { startMs: monthMs, endMs: nextMonth(monthMs) };
      return [...sums].flatMap(([tenant, ofTenant]) =>
        [...ofTenant].flatMap(([objective, { good, bad, firstMs, lastMs }]): readonly Remaining[] => {
          const target = told.get(keyOf(tenant, objective))?.target;
          if (target === undefined || parseDecimal(target) === undefined) return [];
          const span = monthSpan({ month, firstMs, lastMs, nowMs });
          const missing = Math.max(0, (span.endMs - span.startMs) / MINUTE_MS) - good - bad;
          const { budget, left } = budgetOf({ month, span, target, used: bad + missing });
          // Of nothing all is left until something is used.
          const share =
            budget.count === 0n ? ratio(left.count < 0n ? 0 : 1, 1) : { count: left.count * budget.of, of: left.of * budget.count };
          return [{ tenant, objective, left: share }];
        }),
      );
    },
  };
};
