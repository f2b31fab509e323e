// SPDX-License-Identifier: Apache-2.0
/**
 * Events that nothing needs any more leave the ledger; what they added up to stays. In: a ledger, how long events are kept, where they go
 * before. Out: whole months without events, from the oldest on. What leaves is added to a tally under the key of its total, and to one of
 * its source, so that hours, totals and sources still have to fit what is there; statements, seals, hours and totals are never touched.
 *
 * A month may go when it has been over for long enough, all that bills it is closed and stated, its hours are sealed, and no other room
 * needs it. Its events came more than 35 days late by then, so none of them is taken in again, and their numbers stay known. Every step is
 * a transaction of its own among those of intake; a pass that was cut short begins again and finds less.
 */
import type { Clock } from '../../process/clock.ts';
import { levelOf } from '../../policies/service-level/counts.ts';
import { DAY_MS, FREEZE_AFTER_MS, LATEST_MS, monthOf, nextMonth } from './period.ts';
import { NOTHING, addTally } from './meters.ts';
import type { Tally } from './meters.ts';
import { bytesOf, integerOf, textOf } from './store.ts';
import type { Reader, Row, Store, Tx } from './store.ts';
import { usageSteps } from './tables.ts';
import { PRUNED, PRUNED_NOWHERE, addCells, ledgerState } from './tallies.ts';

/** An event as it leaves: all that its digest is made of, and when it was stored. */
export type LeavingEvent = {
  readonly tenant: string;
  readonly source: string;
  readonly id: string;
  readonly seq: number;
  readonly meter: string;
  readonly atMs: number;
  readonly storedMs: number;
  /** Whole millionths. */
  readonly value: string;
  readonly dims: string;
  readonly digest: Uint8Array;
};

/** Where events go before they leave. */
export type Archive = {
  /** The digest of the file, which is on the disk and was read again. */
  write(position: number, events: readonly LeavingEvent[]): Promise<Uint8Array>;
};

/** What was pruned is told by it, in the transaction that ends a pass. */
export type Pruned = { readonly before: string; readonly events: number };
export type PruneHook = (tx: Tx, pruned: Pruned) => Promise<void>;

/** A year's invoice is checked hour by hour, and late use of it comes for 35 days more. */
export const SHORTEST_RETENTION_MS = 400 * DAY_MS;

const STEPS_WITH_PRUNING = 3;
const STEPS_WITH_NOWHERE = 4;

export type PruningState = {
  /** Of what was used before, events may be gone; 0: of nothing. */
  readonly prunedMs: number;
  /** Before that no event was left when it was looked at last. */
  readonly sweptMs: number;
};

/** Also of a ledger whose tables are older than pruning. */
export const pruningState = async (reader: Reader): Promise<PruningState> => {
  if ((await usageSteps(reader)) < STEPS_WITH_PRUNING) return { prunedMs: 0, sweptMs: 0 };
  const [row] = await reader.all('SELECT pruned_ms, swept_ms FROM usage_pruning WHERE one = 1');
  return row === undefined ? { prunedMs: 0, sweptMs: 0 } : { prunedMs: integerOf(row, 'pruned_ms'), sweptMs: integerOf(row, 'swept_ms') };
};

/** The months that were cut, and when. */
export type Cut = { readonly periodMs: number; readonly cutMs: number };

export const cutsOf = async (reader: Reader): Promise<readonly Cut[]> =>
  (await reader.all('SELECT period_ms, cut_ms FROM usage_period ORDER BY period_ms')).map((row) => ({
    periodMs: integerOf(row, 'period_ms'),
    cutMs: integerOf(row, 'cut_ms'),
  }));

/** The first period from its own on that was not cut before it was stored. */
export const billedMonth = (cuts: readonly Cut[], usedMs: number, storedMs: number): number => {
  const passed = cuts.findLast(({ periodMs, cutMs }) => periodMs >= usedMs && cutMs <= storedMs);
  return passed === undefined ? usedMs : nextMonth(passed.periodMs);
};

const firstOf = async (reader: Reader, sql: string, values: readonly number[]): Promise<number> => {
  const [row] = await reader.all(sql, values);
  return row === undefined || row['first_ms'] === null ? Number.POSITIVE_INFINITY : integerOf(row, 'first_ms');
};

/** Begin of the first month that must keep its events. */
export const prunableBefore = async (
  reader: Reader,
  { nowMs, retentionMs, neededMs }: { readonly nowMs: number; readonly retentionMs: number; readonly neededMs?: number | undefined },
): Promise<number> => {
  const { frozenMs, sealedMs } = await ledgerState(reader);
  if (frozenMs === undefined || sealedMs === undefined) return 0;
  const needed = [
    nowMs - Math.max(retentionMs, LATEST_MS + FREEZE_AFTER_MS),
    neededMs ?? Number.POSITIVE_INFINITY,
    await firstOf(reader, 'SELECT MIN(period_ms) AS first_ms FROM usage_period WHERE done = 0', []),
    await firstOf(reader, 'SELECT MIN(used_ms) AS first_ms FROM usage_total WHERE billed_ms > ?', [frozenMs]),
    await firstOf(
      reader,
      `SELECT MIN(t.used_ms) AS first_ms FROM usage_total t JOIN usage_period p ON p.period_ms = t.billed_ms WHERE p.done = 0 AND t.billed_ms <= ?`,
      [frozenMs],
    ),
    await firstOf(reader, 'SELECT MIN(hour_ms) AS first_ms FROM usage_bucket WHERE hour_ms > ?', [sealedMs]),
    await firstOf(reader, 'SELECT MIN(hour_ms) AS first_ms FROM usage_reopened', []),
  ];
  return Math.max(0, monthOf(Math.min(...needed)));
};

const AT_ONCE = 1000;
/** So many parameters in every statement, whatever there is to delete: each text of a statement is prepared once. */
const IDS_AT_ONCE = 50;
const DELETE = `DELETE FROM usage_event WHERE source = ? AND id IN (${Array.from({ length: IDS_AT_ONCE }, () => '?').join(', ')})`;

type Place = readonly [source: number, id: string];
const START: Place = [-1, ''];

type Found = { readonly source: number; readonly event: LeavingEvent };
type Looked = { readonly found: readonly Found[]; readonly next: Place | undefined };

const foundOf = (row: Row): Found => ({
  source: integerOf(row, 'number'),
  event: {
    tenant: textOf(row, 'tenant'),
    source: textOf(row, 'source'),
    id: textOf(row, 'id'),
    seq: integerOf(row, 'seq'),
    meter: textOf(row, 'meter'),
    atMs: integerOf(row, 'at_ms'),
    storedMs: integerOf(row, 'stored_ms'),
    value: textOf(row, 'value'),
    dims: textOf(row, 'dims'),
    digest: bytesOf(row, 'digest'),
  },
});

/** The next rows in the order of their key, whatever their time: an index of times would cost every event that is taken in. */
const look = async (reader: Reader, after: Place, beforeMs: number): Promise<Looked> => {
  const keys = await reader.all(
    `SELECT source, id, at_ms FROM usage_event WHERE (source, id) > (?, ?) ORDER BY source, id LIMIT ${AT_ONCE}`,
    after,
  );
  const last = keys.at(-1);
  const next: Place | undefined = last === undefined || keys.length < AT_ONCE ? undefined : [integerOf(last, 'source'), textOf(last, 'id')];
  if (last === undefined || keys.every((row) => integerOf(row, 'at_ms') >= beforeMs)) return { found: [], next };
  const rows = await reader.all(
    `SELECT e.source AS number, s.tenant, s.source, e.id, e.seq, e.meter, e.at_ms, e.stored_ms, e.value, e.dims, e.digest
      FROM usage_event e JOIN usage_source s ON s.number = e.source
      WHERE (e.source, e.id) > (?, ?) AND (e.source, e.id) <= (?, ?) AND e.at_ms < ?
      ORDER BY e.source, e.id`,
    [...after, integerOf(last, 'source'), textOf(last, 'id'), beforeMs],
  );
  return { found: rows.map(foundOf), next };
};

type Leaving = { readonly found: readonly Found[]; readonly isArchived: boolean };

const addPruned = async (tx: Tx, { found, isArchived }: Leaving): Promise<void> => {
  const cuts = await cutsOf(tx);
  const cells = new Map<string, { readonly key: readonly (string | number)[]; readonly tally: Tally }>();
  const sources = new Map<number, { count: number; highest: number }>();
  for (const { source, event } of found) {
    const { tenant, meter, atMs, storedMs, seq } = event;
    const usedMs = monthOf(atMs);
    const key = [levelOf(meter) === undefined ? billedMonth(cuts, usedMs, storedMs) : usedMs, tenant, usedMs, meter];
    const value = BigInt(event.value);
    const name = key.join(' ');
    cells.set(name, { key, tally: addTally(cells.get(name)?.tally ?? NOTHING, { count: 1, sum: value, peak: value }) });
    const mine = sources.get(source) ?? { count: 0, highest: 0 };
    sources.set(source, { count: mine.count + 1, highest: Math.max(mine.highest, seq) });
  }
  for (const table of isArchived ? [PRUNED] : [PRUNED, PRUNED_NOWHERE]) await addCells(tx, table, [...cells.values()]);
  await tx.insert({
    into: 'usage_pruned_source',
    columns: ['source', 'count', 'highest'],
    rows: [...sources].map(([source, { count, highest }]) => [source, count, highest]),
    onConflict: `ON CONFLICT (source) DO UPDATE SET count = usage_pruned_source.count + excluded.count,
      highest = CASE WHEN usage_pruned_source.highest > excluded.highest THEN usage_pruned_source.highest ELSE excluded.highest END`,
  });
};

const remove = async (tx: Tx, leaving: Leaving): Promise<void> => {
  const { found } = leaving;
  let removed = 0;
  for (let from = 0; from < found.length;) {
    const source = found[from]?.source ?? 0;
    let to = from;
    while (to < found.length && to - from < IDS_AT_ONCE && found[to]?.source === source) to += 1;
    const ids = found.slice(from, to).map(({ event }) => event.id);
    removed += await tx.run(DELETE, [source, ...Array.from({ length: IDS_AT_ONCE }, (_, at) => ids[Math.min(at, ids.length - 1)] ?? '')]);
    from = to;
  }
  // Undone with all else of this step: what is not there cannot have been added up.
  if (removed !== found.length) throw new Error(`${found.length} events were to leave the ledger, and ${removed} were there`);
  await addPruned(tx, leaving);
};

/**
 * Of senders that are long gone and left nothing out; what they sent is in the tallies. One that has something in quarantine stays: what
 * was sent again there may be what has left, and only the number says so when it comes out.
 */
const forgetSources = async (tx: Tx, beforeMs: number): Promise<void> => {
  const gone = `SELECT s.number FROM usage_source s JOIN usage_pruned_source p ON p.source = s.number
    WHERE s.last_ms < ? AND s.gaps = '' AND p.count = s.highest
      AND NOT EXISTS (SELECT 1 FROM usage_quarantine q WHERE q.tenant = s.tenant AND q.source = s.source)`;
  await tx.run(`DELETE FROM usage_source WHERE number IN (${gone})`, [beforeMs]);
  await tx.run('DELETE FROM usage_pruned_source WHERE source NOT IN (SELECT number FROM usage_source)');
};

export type PrunerOptions = {
  readonly store: Pick<Store, 'read' | 'transact' | 'reclaim'>;
  readonly clock: Clock;
  readonly retentionMs: number;
  /** Where events are on disk before they leave; absent: nowhere. */
  readonly archive?: Archive | undefined;
  /** From when on other rooms need events. */
  readonly neededSince?: ((reader: Reader) => Promise<number | undefined>) | undefined;
  readonly onPruned?: PruneHook | undefined;
};

export type Pruner = {
  /** Looks at the next thousand events; says how many of them left, and whether there are more to look at. */
  step(): Promise<{ readonly left: number; readonly more: boolean }>;
};

export const createPruner = (options: PrunerOptions): Pruner => {
  const { store, clock, archive } = options;
  let pass: { readonly beforeMs: number; place: Place; events: number } | undefined;

  const begin = async (): Promise<typeof pass> => {
    const { beforeMs, sweptMs } = await store.read(async (reader) => {
      const neededMs = await options.neededSince?.(reader);
      const before = await prunableBefore(reader, { nowMs: clock.now(), retentionMs: options.retentionMs, neededMs });
      return { beforeMs: before, ...(await pruningState(reader)) };
    });
    if (beforeMs <= sweptMs) return undefined;
    await store.transact((tx) => tx.run('UPDATE usage_pruning SET pruned_ms = ? WHERE one = 1 AND pruned_ms < ?', [beforeMs, beforeMs]));
    return { beforeMs, place: START, events: 0 };
  };
  const leave = async (found: readonly Found[]): Promise<void> => {
    const [last] = await store.read((reader) => reader.all('SELECT COALESCE(MAX(position), 0) AS position FROM usage_archive'));
    const position = (last === undefined ? 0 : integerOf(last, 'position')) + 1;
    const written = await archive?.write(
      position,
      found.map(({ event }) => event),
    );
    await store.transact(async (tx) => {
      await remove(tx, { found, isArchived: written !== undefined });
      if (written === undefined) return;
      await tx.insert({
        into: 'usage_archive',
        columns: ['position', 'events', 'digest'],
        rows: [[position, found.length, written]],
      });
    });
  };
  const end = async ({ beforeMs, events }: NonNullable<typeof pass>): Promise<void> => {
    await store.transact(async (tx) => {
      await forgetSources(tx, beforeMs);
      await tx.run('UPDATE usage_pruning SET swept_ms = ? WHERE one = 1', [beforeMs]);
      if (events > 0) await options.onPruned?.(tx, { before: new Date(beforeMs).toISOString(), events });
    });
  };

  return {
    step: async () => {
      pass ??= await begin();
      if (pass === undefined) return { left: 0, more: false };
      const { beforeMs, place } = pass;
      const { found, next } = await store.read((reader) => look(reader, place, beforeMs));
      if (found.length > 0) {
        await leave(found);
        pass.events += found.length;
        await store.reclaim();
      }
      if (next === undefined) {
        await end(pass);
        pass = undefined;
      } else pass.place = next;
      return { left: found.length, more: next !== undefined };
    },
  };
};

/** The table of what left for no archive; of a ledger that is older than that table: all that left, where nothing ever left for one. */
export const nowhereTable = async (reader: Reader): Promise<string | undefined> => {
  if ((await usageSteps(reader)) >= STEPS_WITH_NOWHERE) return PRUNED_NOWHERE.into;
  return (await archivedSlices(reader)).length === 0 ? PRUNED.into : undefined;
};

export type ArchivedSlice = { readonly position: number; readonly events: number; readonly digest: Uint8Array };

/** What left for the archive, in its order; of a ledger that has the tables of pruning. */
export const archivedSlices = async (reader: Reader): Promise<readonly ArchivedSlice[]> =>
  (await reader.all('SELECT position, events, digest FROM usage_archive ORDER BY position')).map((row) => ({
    position: integerOf(row, 'position'),
    events: integerOf(row, 'events'),
    digest: bytesOf(row, 'digest'),
  }));
