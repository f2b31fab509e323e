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
import { digestOf } from './event.ts';
import { addTally, NOTHING } from './meters.ts';
import type { Meter, Tally } from './meters.ts';
import { sameBytes } from './outcome.ts';
import { hourOf, monthOf } from './period.ts';
import { hourDigest } from './seals.ts';
import { statementText } from './statement.ts';
import { storedMeters } from './stored-meters.ts';
import { bytesOf, integerOf, textOf } from './store.ts';
import type { Reader, Row, Store } from './store.ts';
import { bigintText, tallyOf } from './tallies.ts';
import { checkWhole } from './whole.ts';

export type LedgerReport = {
  readonly events: number;
  readonly hours: number;
  readonly seals: number;
  readonly statements: number;
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

type Sums = { readonly hours: Map<string, Tally>; readonly totals: Map<string, Tally>; events: number };

/** Every event, in pages: its digest, and what it adds to its hour and period. */
const addUp = async (
  reader: Reader,
  { tell, progress }: { readonly tell: Found['tell']; readonly progress: (events: number) => void },
): Promise<Sums> => {
  const cuts = (await reader.all('SELECT period_ms, cut_ms FROM usage_period ORDER BY period_ms')).map((row) => ({
    periodMs: integerOf(row, 'period_ms'),
    cutMs: integerOf(row, 'cut_ms'),
  }));
  const names = new Map<number, { readonly tenant: string; readonly source: string }>();
  for (const row of await reader.all('SELECT number, tenant, source FROM usage_source')) {
    names.set(integerOf(row, 'number'), { tenant: textOf(row, 'tenant'), source: textOf(row, 'source') });
  }
  const sums: Sums = { hours: new Map(), totals: new Map(), events: 0 };
  let last: readonly [number, string] = [-1, ''];
  for (;;) {
    const rows = await reader.all(
      `SELECT source, id, seq, meter, at_ms, stored_ms, value, dims, digest FROM usage_event
        WHERE source > ? OR (source = ? AND id > ?) ORDER BY source, id LIMIT ${PAGE}`,
      [last[0], ...last],
    );
    for (const row of rows) addEvent(sums, { row, name: names.get(integerOf(row, 'source')), cuts, tell });
    sums.events += rows.length;
    progress(sums.events);
    const end = rows.at(-1);
    if (end === undefined || rows.length < PAGE) return sums;
    last = [integerOf(end, 'source'), textOf(end, 'id')];
  }
};

type Cut = { readonly periodMs: number; readonly cutMs: number };

const addEvent = (
  sums: Sums,
  event: {
    readonly row: Row;
    readonly name: { readonly tenant: string; readonly source: string } | undefined;
    readonly cuts: readonly Cut[];
    readonly tell: Found['tell'];
  },
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
  const digest = digestOf({ ...name, id, seq: integerOf(row, 'seq'), atMs, meter, value, dims: textOf(row, 'dims') });
  if (!sameBytes(digest, bytesOf(row, 'digest')))
    tell(`event ${name.tenant} ${name.source} ${id}`, 'does not have the digest that was stored with it');
  const usedMs = monthOf(atMs);
  // The first period from its own on that was not cut before it was stored.
  const passed = cuts.filter(({ periodMs, cutMs }) => periodMs >= usedMs && cutMs <= storedMs).at(-1);
  const billedMs = passed === undefined ? usedMs : monthOf(passed.periodMs + 32 * 86_400_000);
  const one = { count: 1, sum: value, peak: value };
  const add = (to: Map<string, Tally>, key: string): void => void to.set(key, addTally(to.get(key) ?? NOTHING, one));
  add(sums.hours, `${hourOf(atMs)} ${name.tenant} ${meter}`);
  if (levelOf(meter) === undefined) add(sums.totals, `${billedMs} ${name.tenant} ${usedMs} ${meter}`);
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

export const verifyLedger = (store: Pick<Store, 'read'>, progress: (events: number) => void = () => undefined): Promise<LedgerReport> =>
  store.read(async (reader) => {
    const { problems, tell } = found();
    // First: there are few of these, and what is changed may be found in hundreds of places.
    await checkWhole(reader, tell);
    const sums = await addUp(reader, { tell, progress });
    const hours = await reader.all('SELECT hour_ms, tenant, meter, count, sum, peak FROM usage_bucket');
    const totals = await reader.all('SELECT billed_ms, tenant, used_ms, meter, count, sum, peak FROM usage_total');
    const keyed = (rows: readonly Row[], columns: readonly string[]) =>
      rows.map((row) => [columns.map((column) => String(row[column])).join(' '), tallyOf(row)] as const);
    compare('hour', { made: sums.hours, held: keyed(hours, ['hour_ms', 'tenant', 'meter']) }, tell);
    compare('total', { made: sums.totals, held: keyed(totals, ['billed_ms', 'tenant', 'used_ms', 'meter']) }, tell);
    const meters = await storedMeters(reader);
    const seals = await checkSeals(reader, tell);
    const statements = await checkStatements(reader, meters.get, tell);
    return { events: sums.events, hours: hours.length, seals, statements, problems };
  });
