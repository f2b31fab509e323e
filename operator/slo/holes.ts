// SPDX-License-Identifier: Apache-2.0
// Numbers that a source of answers left out → minutes in which it may have counted what never arrived. Its numbers rise with its minutes
// for one objective, and not for several together where many minutes were told at once: availability of an hour, then latency of it.
// So what is missing lies, of each objective, between the two of its events that have the numbers before and after.
import { OBJECTIVES } from '../../policies/service-level/index.ts';
import type { ObjectiveName } from '../../policies/service-level/index.ts';
import { minuteOf } from '../../policies/service-level/counts.ts';
import { parseGaps } from '../usage/cursor.ts';
import type { Cursor } from '../usage/cursor.ts';
import { HOUR_MS } from '../usage/period.ts';
import { integerOf, textOf } from '../usage/store.ts';
import type { Reader, Row } from '../usage/store.ts';
import { LEVEL_EVENTS } from '../usage/tables.ts';

/** Of a source that is told of every quarter of an hour, more than enough to find each objective's last event. */
export const AROUND_A_HOLE = 500;

/** The minute in which a source began. */
export const bootMinute = (source: string): number => minuteOf(Number(/\/boots\/(\d{1,15})\//.exec(source)?.[1] ?? 0));

/** A cursor as it was before these numbers were seen. */
export const cursorWithout = ({ highest, gaps }: Cursor, late: readonly number[]): Cursor => {
  const missing = [...gaps, ...late.map((seq) => [seq, seq] as const)].toSorted(([a], [b]) => a - b);
  let last = highest;
  while (last > 0 && missing.at(-1)?.[1] === last) last = (missing.pop()?.[0] ?? 1) - 1;
  return { highest: last, gaps: missing };
};

/** Of a row of `usage_source`. */
export const cursorOf = (row: Row): Cursor => ({ highest: integerOf(row, 'highest'), gaps: parseGaps(textOf(row, 'gaps')) ?? [] });

/** The cursor of a row of `usage_source` (number, highest, gaps, last_ms) as of what was stored before `cutMs`. */
export const cursorAt = async (reader: Reader, row: Row, cutMs: number): Promise<Cursor> => {
  const cursor = cursorOf(row);
  const lastMs = integerOf(row, 'last_ms');
  if (lastMs < cutMs) return cursor;
  // `+` keeps an engine from the index of sources: of a moment ago little was stored since, of all sources.
  const ofSource = lastMs - cutMs < HOUR_MS ? '+source' : 'source';
  const late = await reader.all(`SELECT seq FROM usage_event WHERE ${ofSource} = ? AND ${LEVEL_EVENTS} AND stored_ms >= ?`, [
    integerOf(row, 'number'),
    cutMs,
  ]);
  return cursorWithout(
    cursor,
    late.map((one) => integerOf(one, 'seq')),
  );
};

/** Whether a number between the two is missing. */
const isBroken = ({ gaps }: Cursor, one: number, other: number): boolean => {
  const [after, before] = [Math.min(one, other), Math.max(one, other)];
  let [low, high] = [0, gaps.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((gaps[middle]?.[1] ?? 0) > after) high = middle;
    else low = middle + 1;
  }
  return (gaps[low]?.[0] ?? Number.POSITIVE_INFINITY) < before;
};

export type Numbered = { readonly seq: number; readonly atMs: number; readonly name: ObjectiveName };

export type Hole = { readonly name: ObjectiveName; readonly fromMs: number; readonly toMs: number };

/** Both minutes of a hole are in it: the other count of either may be what is missing. */
export const holesOf = (
  events: readonly Numbered[],
  source: { readonly cursor: Cursor; readonly bootMs: number; readonly lastMs: number },
): readonly Hole[] => {
  const { cursor, bootMs, lastMs } = source;
  if (cursor.gaps.length === 0) return [];
  return OBJECTIVES.flatMap((name) => {
    const mine = events.filter((event) => event.name === name).toSorted((a, b) => a.atMs - b.atMs || a.seq - b.seq);
    const holes: Hole[] = [];
    let before = { seq: 0, atMs: bootMs };
    for (const { seq, atMs } of [...mine, { seq: Number.POSITIVE_INFINITY, atMs: lastMs }]) {
      if (isBroken(cursor, before.seq, seq)) holes.push({ name, fromMs: Math.min(before.atMs, atMs), toMs: Math.max(before.atMs, atMs) });
      before = { seq, atMs };
    }
    return holes;
  });
};
