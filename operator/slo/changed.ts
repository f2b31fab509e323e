// SPDX-License-Identifier: Apache-2.0
// What was stored since a moment → the hours of each tenant of which something else may be known now: those that its events speak of, and
// those around numbers that are missing now or were.
import { MINUTE_MS, levelOf, minuteOf, readDims } from '../../policies/service-level/counts.ts';
import { OBJECTIVES } from '../../policies/service-level/index.ts';
import { HOUR_MS, hourOf } from '../usage/period.ts';
import { integerOf, textOf } from '../usage/store.ts';
import type { Reader, Row } from '../usage/store.ts';
import { LEVEL_EVENTS } from '../usage/tables.ts';
import type { Span } from './attainment.ts';
import { AROUND_A_HOLE, bootMinute, cursorOf, cursorWithout } from './holes.ts';
import { parsedDims } from './levels.ts';

/** Of a source whose hole was filled: what was unknown for it may lie anywhere. */
const ANYWHERE: Span = { startMs: 0, endMs: Number.POSITIVE_INFINITY };

type Fresh = { startMs: number; endMs: number; readonly seqs: number[]; readonly later: number[]; readonly names: Set<string> };

const freshSince = async (reader: Reader, sinceMs: number, beforeMs: number): Promise<ReadonlyMap<number, Fresh>> => {
  const rows = await reader.all(
    `SELECT source, seq, meter, at_ms, stored_ms, dims FROM usage_event WHERE ${LEVEL_EVENTS} AND stored_ms >= ? ORDER BY source`,
    [sinceMs],
  );
  const bySource = new Map<number, Fresh>();
  for (const row of rows) {
    const source = integerOf(row, 'source');
    const fresh = bySource.get(source) ?? { startMs: Number.POSITIVE_INFINITY, endMs: 0, seqs: [], later: [], names: new Set() };
    bySource.set(source, fresh);
    if (integerOf(row, 'stored_ms') >= beforeMs) {
      fresh.later.push(integerOf(row, 'seq'));
      continue;
    }
    const atMs = minuteOf(integerOf(row, 'at_ms'));
    fresh.startMs = Math.min(fresh.startMs, readDims(parsedDims(row), atMs)?.sinceMs ?? atMs);
    fresh.endMs = Math.max(fresh.endMs, atMs + MINUTE_MS);
    fresh.seqs.push(integerOf(row, 'seq'));
    fresh.names.add(nameOf(row));
  }
  return bySource;
};

const nameOf = (row: Row): string => levelOf(textOf(row, 'meter'))?.name ?? '';

/** What is missing is felt up to the events of each objective around it. */
const feltOf = async (
  reader: Reader,
  row: Row,
  { fresh, beforeMs }: { readonly fresh: Fresh; readonly beforeMs: number },
): Promise<Span> => {
  const { startMs, endMs, seqs, later, names } = fresh;
  const now = cursorWithout(cursorOf(row), later);
  const then = cursorWithout(now, seqs);
  if (now.gaps.length === 0 && then.gaps.length === 0) return { startMs, endMs };
  if (seqs.some((seq) => seq < then.highest)) return ANYWHERE;
  const isNew = now.gaps.some(([first]) => first > then.highest);
  const around = (where: string, values: readonly number[], order: 'ASC' | 'DESC'): Promise<readonly Row[]> =>
    reader.all(
      `SELECT meter, at_ms FROM usage_event WHERE source = ? AND ${LEVEL_EVENTS} AND stored_ms < ?${where}
        ORDER BY at_ms ${order} LIMIT ${AROUND_A_HOLE}`,
      [integerOf(row, 'number'), beforeMs, ...values],
    );
  const before = await around(' AND at_ms < ?', [startMs], 'DESC');
  const after = await around(' AND at_ms >= ?', [endMs], 'ASC');
  const [latest] = await around('', [], 'DESC');
  const minute = (one: Row | undefined, otherwise: number): number => (one === undefined ? otherwise : minuteOf(integerOf(one, 'at_ms')));
  const bootMs = bootMinute(textOf(row, 'source'));
  const begins = OBJECTIVES.map((name) => {
    // Of an objective that is not told of any more only the end of what is unknown moves on.
    const mine = isNew || names.has(name) ? before.find((one) => nameOf(one) === name) : before[0];
    return minute(mine, bootMs);
  });
  const ends = OBJECTIVES.map((name) => minute(after.find((one) => nameOf(one) === name) ?? latest, endMs) + MINUTE_MS);
  return { startMs: Math.min(startMs, ...begins), endMs: Math.max(endMs, ...ends) };
};

/** By tenant, in whole hours. */
export const changedSince = async (reader: Reader, sinceMs: number, beforeMs: number): Promise<ReadonlyMap<string, Span>> => {
  const changed = new Map<string, Span>();
  for (const [source, fresh] of await freshSince(reader, sinceMs, beforeMs)) {
    const [row] = await reader.all('SELECT number, tenant, source, highest, gaps FROM usage_source WHERE number = ?', [source]);
    if (row === undefined || fresh.seqs.length === 0) continue;
    const { startMs, endMs } = await feltOf(reader, row, { fresh, beforeMs });
    const tenant = textOf(row, 'tenant');
    const known = changed.get(tenant);
    changed.set(tenant, {
      startMs: Math.min(hourOf(startMs), known?.startMs ?? Number.POSITIVE_INFINITY),
      endMs: Math.max(hourOf(endMs + HOUR_MS - 1), known?.endMs ?? 0),
    });
  }
  return changed;
};
