// SPDX-License-Identifier: Apache-2.0
// The ledger's counts of answers → what is known of each minute of a tenant's objective, of the events within both bounds: the
// minutes asked for, and stored before `cutMs`. So what was read once is read again the same, whatever has come since.
//
// A minute is known where some source speaks of it. Where a source left a number out, it may have counted anything: what lies
// between the events of an objective around the hole is known of nobody (`holes.ts`).
import { LEVEL_SOURCES, MAX_STRETCH_MS, MINUTE_MS, levelOf, minuteOf, readDims } from '../../policies/service-level/counts.ts';
import type { CountDims } from '../../policies/service-level/counts.ts';
import type { ObjectiveName } from '../../policies/service-level/index.ts';
import { SCALE } from '../usage/quantity.ts';
import { integerOf, textOf } from '../usage/store.ts';
import type { Reader, Row } from '../usage/store.ts';
import { LEVEL_EVENTS } from '../usage/tables.ts';
import { bigintText } from '../usage/tallies.ts';
import { AROUND_A_HOLE, bootMinute, cursorAt, holesOf } from './holes.ts';

/** Answers of a minute; none where it is known that nobody asked. */
export type MinuteCount = { readonly valid: bigint; readonly good: bigint };

export type Levels = {
  /** By the begin of each minute of which something is known. */
  readonly minutes: ReadonlyMap<number, MinuteCount>;
  /** What the latest event says was promised. */
  readonly told: (Pick<CountDims, 'target' | 'withinMs'> & { readonly atMs: number }) | undefined;
};

export type LevelsAsked = {
  readonly tenant: string;
  /** Both on a minute; `toMs` is the first that is not asked for. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly cutMs: number;
  /** Longest time that is good of what is asked about: counts by a longer one prove nothing. Absent: whatever was told. */
  readonly withinMs?: (name: ObjectiveName) => number | undefined;
};

type Event = {
  readonly seq: number;
  readonly atMs: number;
  readonly name: ObjectiveName;
  readonly count: 'valid' | 'good';
  readonly value: bigint;
  readonly dims: CountDims | undefined;
};

const COLUMNS = 'seq, meter, at_ms, value, dims';

/** What the `dims` of an event hold, whatever it is. */
export const parsedDims = (row: Row): unknown => {
  try {
    return JSON.parse(textOf(row, 'dims'));
  } catch {
    return undefined;
  }
};

const eventOf = (row: Row): readonly Event[] => {
  const level = levelOf(textOf(row, 'meter'));
  if (level === undefined) return [];
  const atMs = minuteOf(integerOf(row, 'at_ms'));
  const dims = readDims(parsedDims(row), atMs);
  return [{ seq: integerOf(row, 'seq'), atMs, ...level, value: bigintText(row, 'value') / SCALE, dims }];
};

/** The events of one source, with so many before and after what is asked for. */
const eventsOf = async (
  reader: Reader,
  source: number,
  { fromMs, toMs, cutMs, around }: LevelsAsked & { readonly around: number },
): Promise<readonly Event[]> => {
  const from = `FROM usage_event WHERE source = ? AND ${LEVEL_EVENTS} AND stored_ms < ?`;
  // A stretch that begins in what is asked for may end after it.
  const endMs = toMs + MAX_STRETCH_MS;
  const bounds = [source, cutMs];
  const before = await reader.all(`SELECT ${COLUMNS} ${from} AND at_ms < ? ORDER BY at_ms DESC LIMIT ?`, [...bounds, fromMs, around]);
  const after = await reader.all(`SELECT ${COLUMNS} ${from} AND at_ms >= ? ORDER BY at_ms LIMIT ?`, [...bounds, endMs, around]);
  const within = await reader.all(`SELECT ${COLUMNS} ${from} AND at_ms >= ? AND at_ms < ?`, [...bounds, fromMs, endMs]);
  return [...before, ...within, ...after].flatMap(eventOf);
};

/** The latest minute of which a source spoke by then. */
const lastMinute = async (reader: Reader, source: number, cutMs: number): Promise<number> => {
  const [row] = await reader.all(
    `SELECT at_ms FROM usage_event WHERE source = ? AND ${LEVEL_EVENTS} AND stored_ms < ? ORDER BY at_ms DESC LIMIT 1`,
    [source, cutMs],
  );
  return row === undefined ? 0 : minuteOf(integerOf(row, 'at_ms'));
};

type Draft = { readonly minutes: Map<number, { valid: bigint; good: bigint }>; told: (CountDims & { readonly atMs: number }) | undefined };

const eachMinute = (fromMs: number, toMs: number, bounds: Pick<LevelsAsked, 'fromMs' | 'toMs'>, visit: (atMs: number) => void): void => {
  for (let atMs = Math.max(fromMs, bounds.fromMs); atMs <= toMs && atMs < bounds.toMs; atMs += MINUTE_MS) visit(atMs);
};

/** Tenants of whose answers something was told since. */
export const levelTenants = async (reader: Reader, sinceMs: number): Promise<readonly string[]> =>
  (await reader.all('SELECT DISTINCT tenant FROM usage_source WHERE source LIKE ? AND last_ms >= ?', [`${LEVEL_SOURCES}%/levels`, sinceMs]))
    .map((row) => textOf(row, 'tenant'))
    .toSorted();

/** Only of objectives of which something is known within the bounds. */
export const readLevels = async (reader: Reader, asked: LevelsAsked): Promise<ReadonlyMap<ObjectiveName, Levels>> => {
  const { tenant, fromMs, withinMs = () => undefined } = asked;
  const drafts = new Map<ObjectiveName, Draft>();
  const unknown = new Map<ObjectiveName, Set<number>>();
  const forget = (name: ObjectiveName, atMs: number): void => {
    const minutes = unknown.get(name) ?? new Set();
    unknown.set(name, minutes.add(atMs));
  };
  const rows = await reader.all(
    'SELECT number, source, highest, gaps, last_ms FROM usage_source WHERE tenant = ? AND source LIKE ? AND last_ms >= ? ORDER BY number',
    [tenant, `${LEVEL_SOURCES}%`, fromMs - MAX_STRETCH_MS],
  );
  for (const row of rows) {
    const number = integerOf(row, 'number');
    const cursor = await cursorAt(reader, row, asked.cutMs);
    const isWhole = cursor.gaps.length === 0;
    const events = await eventsOf(reader, number, { ...asked, around: isWhole ? 1 : AROUND_A_HOLE });
    const [bootMs, lastMs] = [bootMinute(textOf(row, 'source')), isWhole ? 0 : await lastMinute(reader, number, asked.cutMs)];
    for (const hole of holesOf(events, { cursor, bootMs, lastMs }))
      eachMinute(hole.fromMs, hole.toMs, asked, (atMs) => forget(hole.name, atMs));
    for (const { name, count, atMs, value, dims } of events) {
      const draft: Draft = drafts.get(name) ?? { minutes: new Map(), told: undefined };
      drafts.set(name, draft);
      // Answers of which nobody can say by which measure they were good.
      const isLax = dims === undefined || dims.withinMs > (withinMs(name) ?? Number.POSITIVE_INFINITY);
      if (dims !== undefined && atMs >= (draft.told?.atMs ?? 0) && atMs < asked.toMs) draft.told = { ...dims, atMs };
      if (isLax && value > 0n) eachMinute(atMs, atMs, asked, (at) => forget(name, at));
      if (count === 'valid') {
        eachMinute(dims?.sinceMs ?? atMs, atMs, asked, (at) => {
          if (!draft.minutes.has(at)) draft.minutes.set(at, { valid: 0n, good: 0n });
        });
      }
      eachMinute(atMs, atMs, asked, (at) => {
        const sum = draft.minutes.get(at) ?? { valid: 0n, good: 0n };
        sum[count] += value;
        draft.minutes.set(at, sum);
      });
    }
  }
  for (const [name, { minutes }] of drafts) {
    for (const atMs of unknown.get(name) ?? []) minutes.delete(atMs);
  }
  return new Map(
    [...drafts]
      .filter(([, { minutes, told }]) => minutes.size > 0 || told !== undefined)
      .map(([name, { minutes, told }]) => [
        name,
        { minutes, told: told === undefined ? undefined : { target: told.target, withinMs: told.withinMs, atMs: told.atMs } },
      ]),
  );
};
