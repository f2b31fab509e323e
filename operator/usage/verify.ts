// SPDX-License-Identifier: Apache-2.0
/**
 * Does the ledger hold what it says? Everything that is derived is made again from the events alone: digests of bodies, hours,
 * totals of periods by both bounds, the chain of seals, the bytes of statements; `whole.ts` asks whether anything is gone. In: any view of a ledger. Out: problems by
 * place, none when all is well.
 */
import { hash } from 'node:crypto';
import type { Problem } from '../../policies/problem.ts';
import { levelOf } from '../../policies/service-level/counts.ts';
import { statementOf } from './close.ts';
import { archiveName, readArchived } from './archive.ts';
import { digestOf } from './event.ts';
import type { EventFacts } from './event.ts';
import { addTally, NOTHING } from './meters.ts';
import type { Meter, Tally } from './meters.ts';
import { sameBytes } from './outcome.ts';
import { hourOf, monthOf } from './period.ts';
import { archivedSlices, billedMonth, cutsOf, nowhereTable, pruningState } from './pruning.ts';
import type { Cut } from './pruning.ts';
import { hourDigest } from './seals.ts';
import { statementText } from './statement.ts';
import { storedMeters } from './stored-meters.ts';
import { bytesOf, integerOf, textOf } from './store.ts';
import type { Reader, Row, Store } from './store.ts';
import { PRUNED, bigintText, tallyOf } from './tallies.ts';
import { checkWhole } from './whole.ts';

export type LedgerReport = {
  readonly events: number;
  readonly hours: number;
  readonly seals: number;
  readonly statements: number;
  /** Events that left, which were used before that moment (0: none), and how many of them were found in the archive and added up. */
  readonly pruned: { readonly beforeMs: number; readonly events: number; readonly archived: number };
  readonly problems: readonly Problem[];
};

const PAGE = 20_000;
const MAX_PROBLEMS = 100;

type Found = { readonly problems: Problem[]; readonly tell: (path: string, message: string) => void };

const found = (): Found => {
  const problems: Problem[] = [];
  return {
    problems,
    tell: (path, message) => void (problems.length < MAX_PROBLEMS && problems.push({ code: 'USAGE_LEDGER_DAMAGED', message, path })),
  };
};

const addTo = (to: Map<string, Tally>, key: string, tally: Tally): void => void to.set(key, addTally(to.get(key) ?? NOTHING, tally));

type Sums = { readonly hours: Map<string, Tally>; readonly totals: Map<string, Tally>; events: number };

/** Every event, in pages: its digest, and what it adds to its hour and period. */
const addUp = async (
  reader: Reader,
  { tell, progress }: { readonly tell: Found['tell']; readonly progress: (events: number) => void },
): Promise<Sums> => {
  const cuts = await cutsOf(reader);
  const names = new Map<number, { readonly tenant: string; readonly source: string }>();
  for (const row of await reader.all('SELECT number, tenant, source FROM usage_source')) {
    names.set(integerOf(row, 'number'), { tenant: textOf(row, 'tenant'), source: textOf(row, 'source') });
  }
  const sums: Sums = { hours: new Map(), totals: new Map(), events: 0 };
  let last: readonly [number, string] = [-1, ''];
  for (;;) {
    const rows = await reader.all(
      `SELECT source, id, seq, meter, at_ms, stored_ms, value, dims, digest FROM usage_event
        WHERE (source, id) > (?, ?) ORDER BY source, id LIMIT ${PAGE}`,
      last,
    );
    for (const row of rows) addRow(sums, { row, name: names.get(integerOf(row, 'source')), cuts, tell });
    sums.events += rows.length;
    progress(sums.events);
    const end = rows.at(-1);
    if (end === undefined || rows.length < PAGE) return sums;
    last = [integerOf(end, 'source'), textOf(end, 'id')];
  }
};

type Named = { readonly tenant: string; readonly source: string };

const addRow = (
  sums: Sums,
  event: { readonly row: Row; readonly name: Named | undefined; readonly cuts: readonly Cut[]; readonly tell: Found['tell'] },
): void => {
  const { row, name, cuts, tell } = event;
  const id = textOf(row, 'id');
  if (name === undefined) return tell(`event ${id}`, 'its source is not there');
  const [atMs, storedMs, meter, value] = [
    integerOf(row, 'at_ms'),
    integerOf(row, 'stored_ms'),
    textOf(row, 'meter'),
    bigintText(row, 'value'),
  ];
  addEvent(sums, {
    event: { ...name, id, seq: integerOf(row, 'seq'), atMs, meter, value, dims: textOf(row, 'dims') },
    digest: bytesOf(row, 'digest'),
    storedMs,
    cuts,
    tell,
  });
};

type AnyEvent = {
  readonly event: EventFacts;
  readonly digest: Uint8Array;
  readonly storedMs: number;
  readonly cuts: readonly Cut[];
  readonly tell: Found['tell'];
};

const addEvent = (sums: Sums, { event, digest, storedMs, cuts, tell }: AnyEvent): void => {
  const { tenant, source, id, atMs, meter, value } = event;
  if (!sameBytes(digestOf(event), digest)) tell(`event ${tenant} ${source} ${id}`, 'does not have the digest that was stored with it');
  const usedMs = monthOf(atMs);
  const one = { count: 1, sum: value, peak: value };
  addTo(sums.hours, `${hourOf(atMs)} ${tenant} ${meter}`, one);
  if (levelOf(meter) === undefined) addTo(sums.totals, `${billedMonth(cuts, usedMs, storedMs)} ${tenant} ${usedMs} ${meter}`, one);
};

/** What left, by the key of its total, and by that of its month. */
type PrunedSum = { readonly total: string; readonly month: string; readonly isLevel: boolean; readonly tally: Tally };

const monthKey = (usedMs: number, tenant: string, meter: string): string =>
  `${new Date(usedMs).toISOString().slice(0, 7)} ${tenant} ${meter}`;

const prunedOf = async (reader: Reader, table: string | undefined): Promise<readonly PrunedSum[]> => {
  if (table === undefined || (await pruningState(reader)).prunedMs === 0) return [];
  return (await reader.all(`SELECT billed_ms, tenant, used_ms, meter, count, sum, peak FROM ${table}`)).map((row) => {
    const [tenant, usedMs, meter] = [textOf(row, 'tenant'), integerOf(row, 'used_ms'), textOf(row, 'meter')];
    return {
      total: `${integerOf(row, 'billed_ms')} ${tenant} ${usedMs} ${meter}`,
      month: monthKey(usedMs, tenant, meter),
      isLevel: levelOf(meter) !== undefined,
      tally: tallyOf(row),
    };
  });
};

const countOf = (pruned: readonly PrunedSum[]): number => pruned.reduce((sum, { tally }) => sum + tally.count, 0);

/** Hours of which some events left are taken together by their month; the others stay as they are. */
const inMonths = (
  pruned: readonly PrunedSum[],
  sums: Sums,
): { readonly made: Map<string, Tally>; readonly keyOf: (key: string) => string } => {
  const months = new Set(pruned.map(({ month }) => month));
  const keyOf = (key: string): string => {
    const [hourMs = '', tenant = '', meter = ''] = key.split(' ');
    const month = monthKey(monthOf(Number(hourMs)), tenant, meter);
    return months.has(month) ? month : key;
  };
  const made = new Map<string, Tally>();
  for (const [key, tally] of sums.hours) addTo(made, keyOf(key), tally);
  for (const { month, tally } of pruned) addTo(made, month, tally);
  return { made, keyOf };
};

type ArchiveCheck = {
  readonly sums: Sums;
  /** Events that are to be there. */
  readonly left: number;
  readonly archive: ReadArchive;
  readonly tell: Found['tell'];
  readonly progress: (events: number) => void;
};

/** Adds up what is in the archive as if it had not left; says how many events that is. */
const addArchived = async (reader: Reader, { sums, left, archive, tell, progress }: ArchiveCheck): Promise<number> => {
  const cuts = await cutsOf(reader);
  let events = 0;
  for (const slice of await archivedSlices(reader)) {
    const { events: count, digest } = slice;
    const name = archiveName(slice);
    const place = `archive ${name}`;
    const bytes = archive(name);
    const read = bytes === undefined ? undefined : readArchived(bytes, digest);
    if (read?.ok !== true) tell(place, read === undefined ? 'is not there' : read.why);
    else if (read.events.length !== count) tell(place, `holds ${read.events.length} events; ${count} left`);
    for (const { digest: own, storedMs, value, ...facts } of read?.ok === true ? read.events : [])
      addEvent(sums, { event: { ...facts, value: BigInt(value) }, digest: own, storedMs, cuts, tell });
    events += count;
    progress(sums.events + events);
  }
  if (left !== events) tell('archive', `${left} events left the ledger for an archive, and ${events} are named there`);
  return events;
};

const compare = (
  what: string,
  sides: { readonly made: Map<string, Tally>; readonly held: readonly (readonly [string, Tally])[] },
  tell: Found['tell'],
): void => {
  const left = new Map(sides.made);
  for (const [key, tally] of sides.held) {
    const again = left.get(key) ?? NOTHING;
    left.delete(key);
    if (again.count !== tally.count || again.sum !== tally.sum || again.peak !== tally.peak) {
      tell(`${what} ${key}`, `holds ${tally.count} events and ${tally.sum} millionths; its events are ${again.count} and ${again.sum}`);
    }
  }
  for (const key of left.keys()) tell(`${what} ${key}`, 'is not there, though it has events');
};

const checkSeals = async (reader: Reader, tell: Found['tell']): Promise<number> => {
  const reopened = new Set((await reader.all('SELECT hour_ms FROM usage_reopened')).map((row) => integerOf(row, 'hour_ms')));
  const rows = await reader.all('SELECT position, hour_ms, revision, root FROM usage_seal ORDER BY position');
  const latest = new Map(rows.map((row) => [integerOf(row, 'hour_ms'), integerOf(row, 'revision')]));
  let previous: Uint8Array = new Uint8Array();
  for (const [index, row] of rows.entries()) {
    const [hourMs, revision, root] = [integerOf(row, 'hour_ms'), integerOf(row, 'revision'), bytesOf(row, 'root')];
    const place = `seal ${new Date(hourMs).toISOString()} revision ${revision}`;
    if (integerOf(row, 'position') !== index + 1) tell(place, 'the chain of seals has a hole before it');
    // An earlier revision sealed what the hour held then; the last one seals what it holds now.
    if (latest.get(hourMs) === revision && !reopened.has(hourMs)) {
      if (!sameBytes(await hourDigest(reader, { hourMs, revision, previous }), root))
        tell(place, 'does not fit its hour and the seal before it');
    }
    previous = root;
  }
  return rows.length;
};

const checkStatements = async (reader: Reader, meterOf: (name: string) => Meter, tell: Found['tell']): Promise<number> => {
  const rows = await reader.all(
    `SELECT s.period_ms, s.tenant, s.body, s.digest, p.cut_ms FROM usage_statement s JOIN usage_period p ON p.period_ms = s.period_ms
      ORDER BY s.period_ms, s.tenant`,
  );
  for (const row of rows) {
    const [periodMs, tenant, body] = [integerOf(row, 'period_ms'), textOf(row, 'tenant'), textOf(row, 'body')];
    const place = `statement ${tenant} ${new Date(periodMs).toISOString().slice(0, 7)}`;
    if (!sameBytes(hash('sha256', body, 'buffer'), bytesOf(row, 'digest'))) tell(place, 'does not have the digest that was stored with it');
    const again = statementText(await statementOf(reader, tenant, { periodMs, cutMs: integerOf(row, 'cut_ms'), meterOf }));
    if (again !== body) tell(place, 'is not what its totals give');
  }
  return rows.length;
};

/** A file of the archive by its name; undefined where there is none. */
export type ReadArchive = (name: string) => Uint8Array | undefined;

/** With an archive, what left is made again from its events too. */
export const verifyLedger = (
  store: Pick<Store, 'read'>,
  progress: (events: number) => void = () => undefined,
  archive?: ReadArchive,
): Promise<LedgerReport> =>
  store.read(async (reader) => {
    const { problems, tell } = found();
    // First: there are few of these, and what is changed may be found in hundreds of places.
    await checkWhole(reader, tell);
    const sums = await addUp(reader, { tell, progress });
    const pruned = await prunedOf(reader, PRUNED.into);
    const nowhere = archive === undefined ? pruned : await prunedOf(reader, await nowhereTable(reader));
    const left = countOf(pruned) - countOf(nowhere);
    const archived = archive === undefined || pruned.length === 0 ? 0 : await addArchived(reader, { sums, left, archive, tell, progress });
    for (const { total, isLevel, tally } of nowhere) if (!isLevel) addTo(sums.totals, total, tally);
    // Of what left without an archive no hour is known, only what all hours of its month came to.
    const byHour = inMonths(nowhere, sums);
    const hours = await reader.all('SELECT hour_ms, tenant, meter, count, sum, peak FROM usage_bucket');
    const totals = await reader.all('SELECT billed_ms, tenant, used_ms, meter, count, sum, peak FROM usage_total');
    const keyed = (rows: readonly Row[], columns: readonly string[]) =>
      rows.map((row) => [columns.map((column) => String(row[column])).join(' '), tallyOf(row)] as const);
    const held = new Map<string, Tally>();
    for (const [key, tally] of keyed(hours, ['hour_ms', 'tenant', 'meter'])) addTo(held, byHour.keyOf(key), tally);
    compare('hour', { made: byHour.made, held: [...held] }, tell);
    compare('total', { made: sums.totals, held: keyed(totals, ['billed_ms', 'tenant', 'used_ms', 'meter']) }, tell);
    const meters = await storedMeters(reader);
    const seals = await checkSeals(reader, tell);
    const statements = await checkStatements(reader, meters.get, tell);
    const { prunedMs } = await pruningState(reader);
    return {
      events: sums.events,
      hours: hours.length,
      seals,
      statements,
      pruned: {
        beforeMs: prunedMs,
        events: countOf(pruned),
        archived,
      },
      problems,
    };
  });
