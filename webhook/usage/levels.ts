// SPDX-License-Identifier: Apache-2.0
// Good and valid answers by tenant, objective and minute, for the ledger. A minute is told when it is over. Where nothing was asked
// one event speaks of a quarter of an hour at most, and of no minute in which this replica could not have answered: what nobody
// speaks of is missing in the ledger, and missing is never good. So is a minute in which somebody was refused of whom nobody knows who
// it was: it may have been any tenant, so it is bad for each that was answered then, and is not called quiet for any other. An objective
// that does not speak of refusals is left alone by it.
import { MINUTE_MS, dimsOf, levelMeter, minuteOf } from '../../policies/service-level/counts.ts';
import { speaksOfRefusals } from '../../policies/service-level/index.ts';
import type { Objective } from '../../policies/service-level/index.ts';
import type { Clock } from '../../process/clock.ts';
import type { Fact, Lost, Teller } from './index.ts';

export type Promised = { readonly tenant: string; readonly objectives: readonly Objective[] };

export type LevelCounts = Teller & {
  count(answer: { readonly tenant: string; readonly objective: Objective; readonly good: boolean }): void;
  /** Somebody was refused now, and nobody knows who. */
  unsure(): void;
};

const IDLE_MS = 15 * MINUTE_MS;
/** Who counts is asked at least so often. */
const LOOK_MS = 10_000;
/** Minutes in memory; reached only where neither ledger nor disk has taken anything for long. */
const MAX_CELLS = 100_000;

type Cell = { valid: number; good: number };
type Series = {
  readonly tenant: string;
  readonly objective: Objective;
  /** The first minute that it has not spoken of. */
  nextMs: number;
  readonly minutes: Map<number, Cell>;
};

type Asked = { readonly nowMs: number; readonly isEnding: boolean; readonly isLast: boolean; readonly room: number };
type Found = { readonly facts: readonly Fact[]; readonly told: readonly number[]; readonly nextMs: number };

const NOTHING = { facts: [], told: () => undefined };
const NO_REFUSALS: ReadonlyMap<number, number> = new Map();

const keyOf = (tenant: string, { name, percent, withinMs }: Objective): string => `${tenant}\n${name}\n${percent}\n${withinMs}`;

export const createLevelCounts = (options: {
  readonly clock: Clock;
  /** What each tenant is promised now. */
  readonly promised: () => readonly Promised[];
  /** Whether the API server would be answered. */
  readonly ready: () => boolean;
  readonly maxCells?: number;
}): LevelCounts => {
  const { clock, maxCells = MAX_CELLS } = options;
  const all = new Map<string, Series>();
  const lost = new Set<string>();
  /** How many were refused in a minute of whom nobody knows who they were. */
  const unsure = new Map<number, number>();
  let cells = 0;
  let restedMs = -1;
  /** Ready without a break since this minute, up to and with the other; neither where it never was. */
  let upFromMs = Number.POSITIVE_INFINITY;
  let upToMs = 0;
  let isUp = false;

  const seriesOf = (tenant: string, objective: Objective): Series => {
    const key = keyOf(tenant, objective);
    const known = all.get(key);
    if (known !== undefined) return known;
    // The minute that has begun was not counted from its begin.
    const made: Series = { tenant, objective, nextMs: minuteOf(clock.now()) + MINUTE_MS, minutes: new Map() };
    all.set(key, made);
    return made;
  };
  const drop = (series: Series): void => {
    cells -= series.minutes.size;
    series.minutes.clear();
    series.nextMs = minuteOf(clock.now()) + MINUTE_MS;
    lost.add(series.tenant);
  };
  const look = (nowMs: number): void => {
    if (options.ready()) {
      if (!isUp) upFromMs = nowMs + MINUTE_MS;
      upToMs = nowMs - MINUTE_MS;
    } else if (isUp) {
      upToMs = nowMs - MINUTE_MS;
    }
    isUp = options.ready();
  };
  /** Whether this replica could have answered from one minute to the one before the other. */
  const isSpanned = (fromMs: number, minuteMs: number): boolean => fromMs < minuteMs && minuteMs - MINUTE_MS <= upToMs;

  /** What one series has to tell, and up to where it has spoken then. */
  const factsOf = (series: Series, { nowMs, isEnding, isLast, room }: Asked): Found => {
    const { tenant: subject, objective, minutes } = series;
    const refusals = speaksOfRefusals(objective) ? unsure : NO_REFUSALS;
    const facts: Fact[] = [];
    const told: number[] = [];
    let { nextMs } = series;
    const tell = (minuteMs: number, { valid, good }: Cell): void => {
      const from = Math.max(nextMs, upFromMs);
      const dims = dimsOf(objective, isSpanned(from, minuteMs) ? from : minuteMs);
      const time = new Date(minuteMs).toISOString();
      facts.push({ subject, meter: levelMeter(objective.name, 'valid'), value: String(valid), time, dims });
      if (good > 0) facts.push({ subject, meter: levelMeter(objective.name, 'good'), value: String(good), time, dims });
      nextMs = Math.max(nextMs, minuteMs + MINUTE_MS);
    };
    // The two counts of a minute go together.
    const isFull = (): boolean => facts.length + 2 > room;
    const quietMs = (toMs: number): number => toMs - Math.max(nextMs, upFromMs) + MINUTE_MS;
    for (const minuteMs of [...new Set([...minutes.keys(), ...refusals.keys()])].toSorted((a, b) => a - b)) {
      const cell = minutes.get(minuteMs);
      if (minuteMs >= nowMs && (cell === undefined || !isLast)) continue;
      if (isFull()) return { facts, told, nextMs };
      const refused = refusals.get(minuteMs) ?? 0;
      if (cell !== undefined) {
        tell(minuteMs, { valid: cell.valid + refused, good: cell.good });
        told.push(minuteMs);
      } else if (minuteMs >= nextMs) {
        const beforeMs = Math.min(minuteMs - MINUTE_MS, upToMs);
        if (quietMs(beforeMs) > 0) tell(beforeMs, { valid: 0, good: 0 });
        nextMs = minuteMs + MINUTE_MS;
      }
    }
    const spanMs = quietMs(upToMs);
    if (spanMs > 0 && (isEnding || spanMs >= IDLE_MS) && !isFull()) tell(upToMs, { valid: 0, good: 0 });
    return { facts, told, nextMs };
  };

  return {
    suffix: '/levels',
    count: ({ tenant, objective, good }) => {
      const series = seriesOf(tenant, objective);
      const minuteMs = minuteOf(clock.now());
      let cell = series.minutes.get(minuteMs);
      if (cell === undefined) {
        if (cells >= maxCells) drop(series);
        cell = { valid: 0, good: 0 };
        series.minutes.set(minuteMs, cell);
        cells += 1;
      }
      cell.valid += 1;
      if (good) cell.good += 1;
    },
    unsure: () => {
      const minuteMs = minuteOf(clock.now());
      unsure.set(minuteMs, (unsure.get(minuteMs) ?? 0) + 1);
    },
    running: () => {
      const marks = new Map<string, Fact>();
      const nowMs = minuteOf(clock.now());
      // It may be killed as late as before the next look.
      const untilMs = minuteOf(clock.now() + LOOK_MS);
      const time = new Date(untilMs).toISOString();
      for (const { tenant: subject, objective, minutes } of all.values()) {
        if (!minutes.has(nowMs) || marks.has(subject)) continue;
        marks.set(subject, { subject, meter: levelMeter(objective.name, 'valid'), value: '0', time, dims: dimsOf(objective, untilMs) });
      }
      return [...marks.values()];
    },
    take: ({ max, isLast, isDry = false }) => {
      const nowMs = minuteOf(clock.now());
      const wasUp = isUp;
      if (!isDry) look(nowMs);
      // All that can be told before the minute ends was told.
      if (nowMs === restedMs && wasUp === isUp && !isLast) return NOTHING;
      const standing = new Set<string>();
      for (const { tenant, objectives } of options.promised()) {
        for (const objective of objectives) {
          if (!isDry) seriesOf(tenant, objective);
          standing.add(keyOf(tenant, objective));
        }
      }
      const gone = [...lost].slice(0, max);
      const facts: (Fact | Lost)[] = gone.map((subject) => ({ subject, lost: true }));
      const steps: (() => void)[] = [() => gone.forEach((tenant) => lost.delete(tenant))];
      for (const [key, series] of all) {
        const isEnding = isLast || !isUp || !standing.has(key);
        const found = factsOf(series, { nowMs, isEnding, isLast, room: max - facts.length });
        facts.push(...found.facts);
        steps.push(() => {
          for (const minuteMs of found.told) if (series.minutes.delete(minuteMs)) cells -= 1;
          series.nextMs = found.nextMs;
          if (!standing.has(key) && series.minutes.size === 0) all.delete(key);
        });
      }
      steps.push(() => {
        const isOpen = (minuteMs: number): boolean =>
          minuteMs >= nowMs || [...all.values()].some(({ nextMs, minutes }) => nextMs <= minuteMs || minutes.has(minuteMs));
        for (const minuteMs of unsure.keys()) if (!isOpen(minuteMs)) unsure.delete(minuteMs);
      });
      if (facts.length === 0 && !isDry) restedMs = nowMs;
      return { facts, told: () => steps.forEach((step) => step()) };
    },
  };
};
