// SPDX-License-Identifier: Apache-2.0
// Is anything gone? What is not there can't be made again and compared, so each record is held to another one that speaks of it: seals to
// how far was sealed, periods to the state, statements to periods and totals, meters and sources to the events,
// events that are kept aside to what was put there.
import { checkAside } from './aside-marks.ts';
import { MAX_GAPS, gapsText, missingOf, parseGaps } from './cursor.ts';
import type { Gap } from './cursor.ts';
import { nextMonth } from './period.ts';
import { pruningState } from './pruning.ts';
import { integerOf, textOf } from './store.ts';
import type { Reader } from './store.ts';
import { bigintText, ledgerState } from './tallies.ts';
import type { LedgerState } from './tallies.ts';

type Tell = (path: string, message: string) => void;

const monthText = (atMs: number | undefined): string => (atMs === undefined ? 'none' : new Date(atMs).toISOString().slice(0, 7));
const hourText = (atMs: number | undefined): string => (atMs === undefined ? 'none' : new Date(atMs).toISOString());

const checkSealed = async (reader: Reader, { sealedMs, frozenMs }: LedgerState, tell: Tell): Promise<void> => {
  const [row] = await reader.all('SELECT COALESCE(MAX(hour_ms), -1) AS hour_ms FROM usage_seal');
  const last = row === undefined ? -1 : integerOf(row, 'hour_ms');
  if (last !== (sealedMs ?? -1))
    tell('seals', `the ledger was sealed up to ${hourText(sealedMs)}; the last seal is of ${hourText(last < 0 ? undefined : last)}`);
  if (sealedMs === undefined && frozenMs !== undefined)
    tell('seals', `${monthText(frozenMs)} is closed, and no hour of it was ever sealed`);
  const open = await reader.all(
    `SELECT DISTINCT hour_ms FROM usage_bucket WHERE hour_ms <= ? AND hour_ms NOT IN (SELECT hour_ms FROM usage_seal)
      AND hour_ms NOT IN (SELECT hour_ms FROM usage_reopened) ORDER BY hour_ms`,
    [sealedMs ?? -1],
  );
  const [first] = open;
  const others = open.length > 1 ? `, nor are those of ${open.length - 1} more hours` : '';
  if (first !== undefined) tell(`seal ${hourText(integerOf(first, 'hour_ms'))}`, `is not there${others}, though that far was sealed`);
};

const checkPeriods = async (reader: Reader, { frozenMs, cutMs }: LedgerState, tell: Tell): Promise<void> => {
  const periods = (await reader.all('SELECT period_ms, cut_ms FROM usage_period ORDER BY period_ms')).map((row) => ({
    periodMs: integerOf(row, 'period_ms'),
    cutMs: integerOf(row, 'cut_ms'),
  }));
  const last = periods.at(-1);
  if (last?.periodMs !== frozenMs)
    tell('state', `the last month that was closed is ${monthText(frozenMs)} there, and ${monthText(last?.periodMs)} among the periods`);
  if ((last?.cutMs ?? 0) !== cutMs) tell('state', `its cut is ${cutMs}, that of the last period ${last?.cutMs ?? 0}`);
  for (const [index, period] of periods.entries()) {
    const before = periods[index - 1];
    if (before === undefined) continue;
    if (period.periodMs !== nextMonth(before.periodMs)) tell(`period ${monthText(period.periodMs)}`, 'the period before it is not there');
    if (period.cutMs <= before.cutMs) tell(`period ${monthText(period.periodMs)}`, 'was cut before the period before it');
  }
  const billed = await reader.all(
    `SELECT DISTINCT billed_ms FROM usage_total WHERE billed_ms <= ? AND billed_ms NOT IN (SELECT period_ms FROM usage_period)
      ORDER BY billed_ms`,
    [Math.max(frozenMs ?? -1, last?.periodMs ?? -1)],
  );
  for (const row of billed)
    tell(`period ${monthText(integerOf(row, 'billed_ms'))}`, 'is not there, though it has totals and a later one is closed');
};

/** A tenant that used something has one statement of each period, once its turn came; nobody else has any. */
const checkStated = async (reader: Reader, tell: Tell): Promise<void> => {
  const due = `SELECT DISTINCT t.billed_ms AS period_ms, t.tenant AS tenant FROM usage_total t
    JOIN usage_period p ON p.period_ms = t.billed_ms WHERE p.done = 1 OR t.tenant <= p.done_upto`;
  const missing = await reader.all(
    `SELECT d.period_ms, d.tenant FROM (${due}) d LEFT JOIN usage_statement s ON s.period_ms = d.period_ms AND s.tenant = d.tenant
      AND s.revision = 1 WHERE s.tenant IS NULL ORDER BY d.period_ms, d.tenant`,
  );
  for (const row of missing)
    tell(`statement ${textOf(row, 'tenant')} ${monthText(integerOf(row, 'period_ms'))}`, 'is not there, though its period is closed');
  const strange = await reader.all(
    `SELECT s.period_ms, s.tenant, s.revision FROM usage_statement s LEFT JOIN (${due}) d ON d.period_ms = s.period_ms AND d.tenant = s.tenant
      WHERE d.tenant IS NULL OR s.revision <> 1 ORDER BY s.period_ms, s.tenant`,
  );
  for (const row of strange) {
    const place = `statement ${textOf(row, 'tenant')} ${monthText(integerOf(row, 'period_ms'))}`;
    tell(place, `revision ${integerOf(row, 'revision')} has no closed period and no totals that it was made of`);
  }
};

const checkMeters = async (reader: Reader, tell: Tell): Promise<void> => {
  const rows = await reader.all('SELECT DISTINCT meter FROM usage_bucket WHERE meter NOT IN (SELECT name FROM usage_meter) ORDER BY meter');
  for (const row of rows) tell(`meter ${textOf(row, 'meter')}`, 'is not there, though it has events');
};

/** What of a source's sequence its events leave out, in their order. */
const gapsByEvents = async (reader: Reader): Promise<ReadonlyMap<number, readonly Gap[]>> => {
  const rows = await reader.all(
    `SELECT source, seq, earlier FROM (SELECT source, seq, COALESCE(LAG(seq) OVER (PARTITION BY source ORDER BY seq), 0) AS earlier
      FROM usage_event) AS numbered WHERE seq <> earlier + 1 ORDER BY source, seq`,
  );
  const gaps = new Map<number, Gap[]>();
  for (const row of rows) {
    const source = integerOf(row, 'source');
    const mine = gaps.get(source) ?? [];
    gaps.set(source, mine);
    mine.push([integerOf(row, 'earlier') + 1, integerOf(row, 'seq') - 1]);
  }
  return gaps;
};

const prunedSources = async (reader: Reader): Promise<ReadonlyMap<number, { readonly count: number; readonly highest: number }>> => {
  if ((await pruningState(reader)).prunedMs === 0) return new Map();
  const rows = await reader.all('SELECT source, count, highest FROM usage_pruned_source');
  return new Map(rows.map((row) => [integerOf(row, 'source'), { count: integerOf(row, 'count'), highest: integerOf(row, 'highest') }]));
};

const checkSources = async (reader: Reader, tell: Tell): Promise<void> => {
  const gaps = await gapsByEvents(reader);
  const pruned = await prunedSources(reader);
  const rows = await reader.all(
    `SELECT s.number, s.tenant, s.source, s.highest, s.gaps, s.last_ms, COALESCE(e.highest, 0) AS seen, COALESCE(e.events, 0) AS events, COALESCE(e.stored_ms, 0) AS stored_ms
      FROM usage_source s LEFT JOIN (SELECT source, COUNT(*) AS events, MAX(seq) AS highest, MAX(stored_ms) AS stored_ms FROM usage_event GROUP BY source) e
      ON e.source = s.number ORDER BY s.number`,
  );
  for (const row of rows) {
    const place = `source ${textOf(row, 'tenant')} ${textOf(row, 'source')}`;
    const [highest, seen] = [integerOf(row, 'highest'), integerOf(row, 'seen')];
    const left = pruned.get(integerOf(row, 'number'));
    if (left !== undefined) {
      // Which of its numbers left is not kept: only how many, and the highest.
      const gaps = parseGaps(textOf(row, 'gaps')) ?? [];
      const known = integerOf(row, 'events') + left.count;
      if (Math.max(seen, left.highest) !== highest)
        tell(place, `has seen number ${highest}; its last event is ${Math.max(seen, left.highest)}`);
      if (gaps.length < MAX_GAPS && known !== highest - missingOf({ highest, gaps }))
        tell(
          place,
          `has seen ${highest - missingOf({ highest, gaps })} events; ${integerOf(row, 'events')} are there, and ${left.count} left`,
        );
      continue;
    }
    if (highest !== seen) tell(place, `has seen number ${highest}; its last event is ${seen}`);
    const missing = gaps.get(integerOf(row, 'number')) ?? [];
    const made = gapsText({ highest: seen, gaps: missing });
    // A source at the bound may have an event whose number its cursor had no room for.
    if (missing.length <= MAX_GAPS && made !== textOf(row, 'gaps'))
      tell(place, `misses ${textOf(row, 'gaps') || 'nothing'}; its events leave out ${made || 'nothing'}`);
    if (integerOf(row, 'last_ms') < integerOf(row, 'stored_ms')) tell(place, 'was last heard of before its last event was stored');
  }
};

/** Ids are times of one length there, so the greatest is the last one's. What the operator watches is recorded up to a moment that its last event reaches: set back, the same time would be billed again. */
const checkWatched = async (reader: Reader, tell: Tell): Promise<void> => {
  const rows = await reader.all(
    `SELECT s.tenant, s.source, s.until_ms, e.meter, e.value, e.at_ms FROM usage_source s JOIN usage_event e ON e.source = s.number
      AND e.id = (SELECT MAX(id) FROM usage_event WHERE source = s.number)
      WHERE s.source LIKE '/writ/agents/%' OR s.source LIKE '/writ/claims/%' ORDER BY s.number`,
  );
  for (const row of rows) {
    const [atMs, untilMs] = [integerOf(row, 'at_ms'), row['until_ms'] === null ? 0 : integerOf(row, 'until_ms')];
    // Of agents the value is their seconds, in millionths; of claims how long it was does not follow from it.
    const lastMs = textOf(row, 'meter') === 'agent_hours' ? atMs + Number(bigintText(row, 'value')) / 1000 : atMs + 1;
    if (untilMs < lastMs)
      tell(
        `source ${textOf(row, 'tenant')} ${textOf(row, 'source')}`,
        `is recorded up to ${hourText(untilMs)}; its last event goes on until ${hourText(lastMs)}`,
      );
  }
};

export const checkWhole = async (reader: Reader, tell: Tell): Promise<void> => {
  const state = await ledgerState(reader);
  await checkSealed(reader, state, tell);
  await checkPeriods(reader, state, tell);
  await checkStated(reader, tell);
  await checkMeters(reader, tell);
  await checkSources(reader, tell);
  await checkWatched(reader, tell);
  await checkAside(reader, tell);
};
