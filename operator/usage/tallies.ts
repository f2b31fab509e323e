// SPDX-License-Identifier: Apache-2.0
// What events add up to: by hour, for seals and windows, and by the period that will bill them. Counts of service levels are in hours
// alone: they are sealed, and never billed.
import { levelOf } from '../../policies/service-level/counts.ts';
import { NOTHING, addTally } from './meters.ts';
import type { Tally } from './meters.ts';
import { hourOf, monthOf, nextMonth } from './period.ts';
import { StoreError, integerOf, textOf } from './store.ts';
import type { Reader, Row, Tx } from './store.ts';

export type LedgerState = {
  /** Begin of the last period that takes no more events. */
  readonly frozenMs: number | undefined;
  /** Nothing is stored with an earlier time than this. */
  readonly cutMs: number;
  readonly sealedMs: number | undefined;
};

export const ledgerState = async (reader: Reader): Promise<LedgerState> => {
  const [row] = await reader.all('SELECT frozen_ms, cut_ms, sealed_ms FROM usage_state WHERE one = 1');
  if (row === undefined) throw new StoreError('corrupt', 'the ledger has lost its state');
  const optional = (column: string): number | undefined => (row[column] === null ? undefined : integerOf(row, column));
  return { frozenMs: optional('frozen_ms'), cutMs: integerOf(row, 'cut_ms'), sealedMs: optional('sealed_ms') };
};

/** The period whose statement shows what was used in `usedMs` and is stored now. */
const billedPeriod = (usedMs: number, { frozenMs }: Pick<LedgerState, 'frozenMs'>): number =>
  frozenMs === undefined || usedMs > frozenMs ? usedMs : nextMonth(frozenMs);

export const bigintText = (row: Row, column: string): bigint => {
  const text = textOf(row, column);
  if (!/^-?\d{1,60}$/.test(text)) throw new StoreError('corrupt', `column ${column} holds no amount`);
  return BigInt(text);
};

export const tallyOf = (row: Row): Tally => ({
  count: integerOf(row, 'count'),
  sum: bigintText(row, 'sum'),
  peak: bigintText(row, 'peak'),
});

export type Added = { readonly tenant: string; readonly meter: string; readonly atMs: number; readonly value: bigint };

type Hour = { readonly tenant: string; readonly meter: string; readonly hourMs: number; count: number; sum: bigint; peak: bigint };

/** What events add to each hour of each tenant and meter. Looked at once for every event, most of which are like the one before. */
const gatherHours = (events: readonly Added[]): readonly Hour[] => {
  const hours = new Map<string, Hour>();
  let hour: Hour | undefined;
  for (const { tenant, meter, atMs, value } of events) {
    const hourMs = hourOf(atMs);
    if (hour === undefined || hour.hourMs !== hourMs || hour.tenant !== tenant || hour.meter !== meter) {
      const name = `${hourMs} ${tenant} ${meter}`;
      hour = hours.get(name) ?? { tenant, meter, hourMs, ...NOTHING };
      hours.set(name, hour);
    }
    hour.count += 1;
    hour.sum += value;
    if (value > hour.peak) hour.peak = value;
  }
  return [...hours.values()];
};

type Cell = { readonly key: readonly (string | number)[]; readonly tally: Tally };

/** What hours add to the period that will bill them. */
const gatherTotals = (hours: readonly Hour[], state: LedgerState): readonly Cell[] => {
  const totals = new Map<string, Cell>();
  for (const { tenant, meter, hourMs, ...tally } of hours) {
    const usedMs = monthOf(hourMs);
    const key = [billedPeriod(usedMs, state), tenant, usedMs, meter];
    const name = key.join(' ');
    totals.set(name, { key, tally: addTally(totals.get(name)?.tally ?? NOTHING, tally) });
  }
  return [...totals.values()];
};

type Table = { readonly into: string; readonly keys: readonly string[] };

const BUCKETS: Table = { into: 'usage_bucket', keys: ['hour_ms', 'tenant', 'meter'] };
/** What events that left the ledger added up to. */
export const PRUNED: Table = { into: 'usage_pruned', keys: ['billed_ms', 'tenant', 'used_ms', 'meter'] };
/** Of them those that left for no archive. */
export const PRUNED_NOWHERE: Table = { ...PRUNED, into: 'usage_pruned_nowhere' };
const TOTALS: Table = { into: 'usage_total', keys: ['billed_ms', 'tenant', 'used_ms', 'meter'] };

export const addCells = async (tx: Tx, { into, keys }: Table, cells: readonly Cell[]): Promise<void> => {
  const where = keys.map((key) => `${key} = ?`).join(' AND ');
  const rows = [];
  for (const { key, tally } of cells) {
    const [found] = await tx.all(`SELECT count, sum, peak FROM ${into} WHERE ${where}`, key);
    const next = found === undefined ? tally : addTally(tallyOf(found), tally);
    rows.push([...key, next.count, String(next.sum), String(next.peak)]);
  }
  await tx.insert({
    into,
    columns: [...keys, 'count', 'sum', 'peak'],
    rows,
    onConflict: `ON CONFLICT (${keys.join(', ')}) DO UPDATE SET count = excluded.count, sum = excluded.sum, peak = excluded.peak`,
  });
};

/** Adds events that were just stored, in the transaction that stored them. */
export const addTallies = async (tx: Tx, events: readonly Added[], state: LedgerState): Promise<void> => {
  if (events.length === 0) return;
  const hours = gatherHours(events);
  await addCells(
    tx,
    BUCKETS,
    hours.map(({ tenant, meter, hourMs, ...tally }) => ({ key: [hourMs, tenant, meter], tally })),
  );
  await addCells(
    tx,
    TOTALS,
    gatherTotals(
      hours.filter(({ meter }) => levelOf(meter) === undefined),
      state,
    ),
  );
  const { sealedMs } = state;
  if (sealedMs === undefined) return;
  const reopened = [...new Set(hours.map(({ hourMs }) => hourMs))].filter((hourMs) => hourMs <= sealedMs);
  await tx.insert({
    into: 'usage_reopened',
    columns: ['hour_ms'],
    rows: reopened.map((hourMs) => [hourMs]),
    onConflict: 'ON CONFLICT (hour_ms) DO NOTHING',
  });
};
