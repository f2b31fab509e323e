// SPDX-License-Identifier: Apache-2.0
// Hours and totals of periods, made again from the events and held to those that are there: some tenants at a time, by how many hours
// they have, so that what is held in memory does not grow with the ledger.
import { levelOf } from '../../policies/service-level/counts.ts';
import { archiveName, readArchived } from './archive.ts';
import { digestOf } from './event.ts';
import type { EventFacts } from './event.ts';
import { addTally, NOTHING } from './meters.ts';
import type { Tally } from './meters.ts';
import { sameBytes } from './outcome.ts';
import { hourOf, monthOf } from './period.ts';
import { archivedSlices, billedMonth, cutsOf, nowhereTable, pruningState } from './pruning.ts';
import type { ArchivedSlice, Cut, LeavingEvent } from './pruning.ts';
import { bytesOf, integerOf, textOf } from './store.ts';
import type { Reader, Row } from './store.ts';
import { PRUNED, bigintText, tallyOf } from './tallies.ts';

export type Tell = (path: string, message: string) => void;

/** A file of the archive by its name; undefined where there is none. */
export type ReadArchive = (name: string) => Uint8Array | undefined;

export type Recounted = {
  readonly events: number;
  readonly hours: number;
  /** Events that left, and how many of them were found in the archive. */
  readonly pruned: number;
  readonly archived: number;
};

/** Hours of tenants that are made again together; of one tenant they all are, however many. */
const HOURS_AT_ONCE = 50_000;
const PAGE = 20_000;
/** So many in each list, whatever there is to ask for: each text of a statement is prepared once. */
const LISTED = 100;
const LIST = `(${Array.from({ length: LISTED }, () => '?').join(', ')})`;

/** Lists of so many, the last one filled up with its last. */
const lists = <T>(all: readonly T[]): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(all.length / LISTED) }, (_, index) => {
    const some = all.slice(index * LISTED, (index + 1) * LISTED);
    return [...some, ...Array.from({ length: LISTED - some.length }, () => some.at(-1)).filter((one) => one !== undefined)];
  });

type Source = { readonly number: number; readonly tenant: string; readonly source: string };
type Group = { readonly tenants: string[]; readonly sources: Source[] };

/** Tenants of whom anything is there, those of neighbouring sources beside each other. */
const groupsOf = async (reader: Reader, tables: readonly string[], hoursAtOnce: number): Promise<readonly Group[]> => {
  const ofTenant = new Map<string, Source[]>();
  for (const row of await reader.all('SELECT number, tenant, source FROM usage_source ORDER BY number')) {
    const source = { number: integerOf(row, 'number'), tenant: textOf(row, 'tenant'), source: textOf(row, 'source') };
    const mine = ofTenant.get(source.tenant);
    if (mine === undefined) ofTenant.set(source.tenant, [source]);
    else mine.push(source);
  }
  const hours = new Map<string, number>();
  for (const row of await reader.all('SELECT tenant, COUNT(*) AS hours FROM usage_bucket GROUP BY tenant'))
    hours.set(textOf(row, 'tenant'), integerOf(row, 'hours'));
  for (const table of tables)
    for (const row of await reader.all(`SELECT DISTINCT tenant FROM ${table}`))
      hours.set(textOf(row, 'tenant'), hours.get(textOf(row, 'tenant')) ?? 0);
  const groups: Group[] = [];
  let room = 0;
  for (const tenant of new Set([...ofTenant.keys(), ...hours.keys()])) {
    const weight = (hours.get(tenant) ?? 0) + 1;
    if (groups.length === 0 || weight > room) {
      groups.push({ tenants: [], sources: [] });
      room = hoursAtOnce;
    }
    room -= weight;
    groups.at(-1)?.tenants.push(tenant);
    groups.at(-1)?.sources.push(...(ofTenant.get(tenant) ?? []));
  }
  return groups;
};

type Sums = {
  readonly hours: Map<string, Tally>;
  readonly totals: Map<string, Tally>;
  readonly keyOf: (hourMs: number, tenant: string, meter: string) => string;
};

const addTo = (to: Map<string, Tally>, key: string, tally: Tally): void => void to.set(key, addTally(to.get(key) ?? NOTHING, tally));

type AnyEvent = {
  readonly event: EventFacts;
  readonly digest: Uint8Array;
  readonly storedMs: number;
  readonly cuts: readonly Cut[];
  readonly tell: Tell;
};

const addEvent = (sums: Sums, { event, digest, storedMs, cuts, tell }: AnyEvent): void => {
  const { tenant, source, id, atMs, meter, value } = event;
  if (!sameBytes(digestOf(event), digest)) tell(`event ${tenant} ${source} ${id}`, 'does not have the digest that was stored with it');
  const usedMs = monthOf(atMs);
  const one = { count: 1, sum: value, peak: value };
  addTo(sums.hours, sums.keyOf(hourOf(atMs), tenant, meter), one);
  if (levelOf(meter) === undefined) addTo(sums.totals, `${billedMonth(cuts, usedMs, storedMs)} ${tenant} ${usedMs} ${meter}`, one);
};

const EVENTS = `SELECT id, seq, meter, at_ms, stored_ms, value, dims, digest FROM usage_event
  WHERE source = ? AND id > ? ORDER BY source, id LIMIT ${PAGE}`;

/** Every event of these sources, in pages; says how many. */
const addUp = async (
  reader: Reader,
  sums: Sums,
  by: {
    readonly sources: readonly Source[];
    readonly cuts: readonly Cut[];
    readonly tell: Tell;
    readonly progress: (events: number) => void;
  },
): Promise<number> => {
  const { sources, cuts, tell, progress } = by;
  let events = 0;
  for (const { number, tenant, source } of sources) {
    let last = '';
    for (let isMore = true; isMore;) {
      const rows = await reader.all(EVENTS, [number, last]);
      for (const row of rows) {
        const event = {
          tenant,
          source,
          id: textOf(row, 'id'),
          seq: integerOf(row, 'seq'),
          atMs: integerOf(row, 'at_ms'),
          meter: textOf(row, 'meter'),
          value: bigintText(row, 'value'),
          dims: textOf(row, 'dims'),
        };
        addEvent(sums, { event, digest: bytesOf(row, 'digest'), storedMs: integerOf(row, 'stored_ms'), cuts, tell });
        last = event.id;
      }
      events += rows.length;
      progress(events);
      isMore = rows.length === PAGE;
    }
  }
  return events;
};

const COLUMNS = 'billed_ms, tenant, used_ms, meter, count, sum, peak';

type Billed = { readonly table: string; readonly months: readonly number[] };

const billedIn = async (reader: Reader, table: string): Promise<Billed> => ({
  table,
  months: (await reader.all(`SELECT DISTINCT billed_ms FROM ${table}`)).map((row) => integerOf(row, 'billed_ms')),
});

/** Rows of these tenants in a table that begins with the month in which they are billed. */
const billedRows = async (reader: Reader, { table, months }: Billed, tenants: readonly string[]): Promise<readonly Row[]> => {
  const rows: Row[] = [];
  for (const month of months)
    for (const some of lists(tenants))
      rows.push(...(await reader.all(`SELECT ${COLUMNS} FROM ${table} WHERE billed_ms = ? AND tenant IN ${LIST}`, [month, ...some])));
  return rows;
};

const totalKey = (row: Row): string =>
  `${integerOf(row, 'billed_ms')} ${textOf(row, 'tenant')} ${integerOf(row, 'used_ms')} ${textOf(row, 'meter')}`;

const monthKey = (usedMs: number, tenant: string, meter: string): string =>
  `${new Date(usedMs).toISOString().slice(0, 7)} ${tenant} ${meter}`;

/** Of what left without an archive no hour is known, only what all hours of its month came to: those are taken together. */
const sumsWithout = (nowhere: readonly Row[]): Sums => {
  const left = nowhere.map((row) => ({ row, month: monthKey(integerOf(row, 'used_ms'), textOf(row, 'tenant'), textOf(row, 'meter')) }));
  const months = new Set(left.map(({ month }) => month));
  const sums: Sums = {
    hours: new Map(),
    totals: new Map(),
    keyOf: (hourMs, tenant, meter) => {
      if (months.size === 0) return `${hourMs} ${tenant} ${meter}`;
      const month = monthKey(monthOf(hourMs), tenant, meter);
      return months.has(month) ? month : `${hourMs} ${tenant} ${meter}`;
    },
  };
  for (const { row, month } of left) {
    addTo(sums.hours, month, tallyOf(row));
    if (levelOf(textOf(row, 'meter')) === undefined) addTo(sums.totals, totalKey(row), tallyOf(row));
  }
  return sums;
};

/** Whatever is equal on both sides is taken out of `made`. */
const compare = (
  what: string,
  sides: { readonly made: Map<string, Tally>; readonly held: Iterable<readonly [string, Tally]> },
  tell: Tell,
): void => {
  const { made, held } = sides;
  for (const [key, tally] of held) {
    const again = made.get(key) ?? NOTHING;
    made.delete(key);
    if (again.count !== tally.count || again.sum !== tally.sum || again.peak !== tally.peak) {
      tell(`${what} ${key}`, `holds ${tally.count} events and ${tally.sum} millionths; its events are ${again.count} and ${again.sum}`);
    }
  }
  for (const key of made.keys()) tell(`${what} ${key}`, 'is not there, though it has events');
};

/** Says how many hours are there. */
const compareHours = async (
  reader: Reader,
  sums: Sums,
  { tenants, tell }: { readonly tenants: readonly string[]; readonly tell: Tell },
): Promise<number> => {
  const held = new Map<string, Tally>();
  let hours = 0;
  for (const some of lists(tenants)) {
    const rows = await reader.all(`SELECT hour_ms, tenant, meter, count, sum, peak FROM usage_bucket WHERE tenant IN ${LIST}`, some);
    for (const row of rows) addTo(held, sums.keyOf(integerOf(row, 'hour_ms'), textOf(row, 'tenant'), textOf(row, 'meter')), tallyOf(row));
    hours += rows.length;
  }
  compare('hour', { made: sums.hours, held }, tell);
  return hours;
};

type Slice = { readonly slice: ArchivedSlice; readonly groups: ReadonlySet<number> };

const eventsOf = (slice: ArchivedSlice, archive: ReadArchive): readonly LeavingEvent[] => {
  const bytes = archive(archiveName(slice));
  const read = bytes === undefined ? undefined : readArchived(bytes, slice.digest);
  return read?.ok === true ? read.events : [];
};

/** Every file of the archive, and of which groups it holds anything. */
const slicesOf = async (
  reader: Reader,
  by: { readonly archive: ReadArchive; readonly groupOf: (tenant: string) => number; readonly left: number; readonly tell: Tell },
): Promise<readonly Slice[]> => {
  const { archive, groupOf, left, tell } = by;
  const slices: Slice[] = [];
  let events = 0;
  for (const slice of await archivedSlices(reader)) {
    const place = `archive ${archiveName(slice)}`;
    const bytes = archive(archiveName(slice));
    const read = bytes === undefined ? undefined : readArchived(bytes, slice.digest);
    if (read?.ok !== true) tell(place, read === undefined ? 'is not there' : read.why);
    else if (read.events.length !== slice.events) tell(place, `holds ${read.events.length} events; ${slice.events} left`);
    slices.push({ slice, groups: new Set(read?.ok === true ? read.events.map(({ tenant }) => groupOf(tenant)) : []) });
    events += slice.events;
  }
  if (left !== events) tell('archive', `${left} events left the ledger for an archive, and ${events} are named there`);
  return slices;
};

const countIn = async (reader: Reader, table: string | undefined): Promise<number> => {
  const [row] = table === undefined ? [] : await reader.all(`SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) AS events FROM ${table}`);
  return row === undefined ? 0 : integerOf(row, 'events');
};

const tellOrphans = async (reader: Reader, tell: Tell): Promise<number> => {
  const rows = await reader.all('SELECT id FROM usage_event WHERE source NOT IN (SELECT number FROM usage_source) LIMIT 100');
  for (const row of rows) tell(`event ${textOf(row, 'id')}`, 'its source is not there');
  return rows.length;
};

/** With an archive, what left is made again from its events too. */
export const recount = async (
  reader: Reader,
  by: {
    readonly tell: Tell;
    readonly progress: (events: number) => void;
    readonly archive: ReadArchive | undefined;
    readonly hoursAtOnce?: number;
  },
): Promise<Recounted> => {
  const { tell, progress, archive } = by;
  const isPruned = (await pruningState(reader)).prunedMs > 0;
  const prunedTable = isPruned ? PRUNED.into : undefined;
  const nowhere = isPruned && archive !== undefined ? await nowhereTable(reader) : prunedTable;
  const groups = await groupsOf(
    reader,
    ['usage_total', ...(prunedTable === undefined ? [] : [prunedTable])],
    by.hoursAtOnce ?? HOURS_AT_ONCE,
  );
  const groupOf = new Map(groups.flatMap(({ tenants }, index) => tenants.map((tenant) => [tenant, index] as const)));
  const pruned = await countIn(reader, prunedTable);
  const left = pruned - (await countIn(reader, nowhere));
  const slices =
    archive === undefined || pruned === 0
      ? []
      : await slicesOf(reader, { archive, groupOf: (tenant) => groupOf.get(tenant) ?? 0, left, tell });
  const cuts = await cutsOf(reader);
  const billed = await billedIn(reader, 'usage_total');
  const gone = nowhere === undefined ? undefined : await billedIn(reader, nowhere);
  let events = await tellOrphans(reader, tell);
  let hours = 0;
  for (const [index, { tenants, sources }] of groups.entries()) {
    const sums = sumsWithout(gone === undefined ? [] : await billedRows(reader, gone, tenants));
    const earlier = events;
    events += await addUp(reader, sums, { sources, cuts, tell, progress: (more) => progress(earlier + more) });
    for (const { slice } of archive === undefined ? [] : slices.filter((one) => one.groups.has(index)))
      for (const { digest, storedMs, value, ...facts } of eventsOf(slice, archive ?? (() => undefined)))
        if ((groupOf.get(facts.tenant) ?? 0) === index)
          addEvent(sums, { event: { ...facts, value: BigInt(value) }, digest, storedMs, cuts, tell });
    hours += await compareHours(reader, sums, { tenants, tell });
    const totals = await billedRows(reader, billed, tenants);
    compare('total', { made: sums.totals, held: totals.map((row) => [totalKey(row), tallyOf(row)] as const) }, tell);
  }
  return { events, hours, pruned, archived: slices.reduce((sum, { slice }) => sum + slice.events, 0) };
};
