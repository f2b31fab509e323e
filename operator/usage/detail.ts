// SPDX-License-Identifier: Apache-2.0
/**
 * Pages of what the ledger holds of one tenant: events, hours, statements. In: a view of the ledger and a query. Out: items and the
 * cursor of the next page, none at the end.
 *
 * Rows are taken in the order of their key, and none is ever moved, nor removed but by `pruning.ts`, which the answer tells; so every row that was there when the first page was
 * asked for is in exactly one page, whatever is written meanwhile. A page looks at a bounded number of rows: with a filter it may
 * have few items, or none, and a cursor all the same.
 */
import { EVER, cursorOf } from './detail-query.ts';
import type { DetailKind, DetailQuery, EventPlace, EventsQuery, HoursQuery, StatementsQuery } from './detail-query.ts';
import { AMOUNT_PATTERN, quantityText } from './quantity.ts';
import { STATEMENT_SCHEMA } from './statement.ts';
import { pruningState } from './pruning.ts';
import { StoreError, bytesOf, integerOf, textOf } from './store.ts';
import type { Reader, Row } from './store.ts';
import { bigintText, tallyOf } from './tallies.ts';
import { TIME, WHOLE, objectSchema } from './wire-schema.ts';
import type { Schema } from './wire-schema.ts';

export type DetailPage = {
  readonly items: readonly object[];
  readonly next: string | undefined;
  /** Of events: of what was used before, some may have left the ledger, which the answer would have named. */
  readonly prunedBefore?: string;
};

/** Rows that a page with a filter looks at. */
const LOOKED_AT = 1000;

const timeText = (atMs: number): string => new Date(atMs).toISOString();

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new StoreError('corrupt', 'what should be JSON is none', { cause: error });
  }
};

/** What an item has: how it is told, and what that looks like. */
type Fields = Readonly<Record<string, { readonly schema: Schema; readonly of: (row: Row) => unknown }>>;
const itemOf = (fields: Fields, row: Row): object => Object.fromEntries(Object.entries(fields).map(([name, { of }]) => [name, of(row)]));

const NAME: Schema = { type: 'string' };
const AMOUNT: Schema = { type: 'string', pattern: AMOUNT_PATTERN };
const EVENT_FIELDS: Fields = {
  source: { schema: NAME, of: (row) => textOf(row, 'source') },
  id: { schema: NAME, of: (row) => textOf(row, 'id') },
  seq: { schema: { type: 'integer', minimum: 1 }, of: (row) => integerOf(row, 'seq') },
  time: { schema: TIME, of: (row) => timeText(integerOf(row, 'at_ms')) },
  storedAt: { schema: TIME, of: (row) => timeText(integerOf(row, 'stored_ms')) },
  meter: { schema: NAME, of: (row) => textOf(row, 'meter') },
  value: { schema: { ...AMOUNT, description: 'In the unit of events.' }, of: (row) => quantityText(bigintText(row, 'value')) },
  dims: { schema: { type: 'object', additionalProperties: NAME }, of: (row) => jsonOf(textOf(row, 'dims')) },
};
const HOUR_FIELDS: Fields = {
  meter: { schema: NAME, of: (row) => textOf(row, 'meter') },
  hour: { schema: TIME, of: (row) => timeText(integerOf(row, 'hour_ms')) },
  events: { schema: WHOLE, of: (row) => tallyOf(row).count },
  sum: { schema: { ...AMOUNT, description: 'In the unit of events.' }, of: (row) => quantityText(tallyOf(row).sum) },
  peak: { schema: { ...AMOUNT, description: 'The highest of its values.' }, of: (row) => quantityText(tallyOf(row).peak) },
};
const STATEMENT_FIELDS: Fields = {
  digest: {
    schema: {
      type: 'string',
      pattern: '^sha256:[0-9a-f]{64}$',
      description: 'Of the statement as one line of JSON without blanks, with its line feed.',
    },
    of: (row) => `sha256:${Buffer.from(bytesOf(row, 'digest')).toString('hex')}`,
  },
  statement: { schema: STATEMENT_SCHEMA, of: (row) => jsonOf(textOf(row, 'body')) },
};
const schemaOf = (fields: Fields): Schema =>
  objectSchema(Object.fromEntries(Object.entries(fields).map(([name, { schema }]) => [name, schema])));

export const PRUNED_BEFORE: Schema = {
  ...TIME,
  description: 'Of what was used before, some may have left the ledger, which the answer would have named.',
};

/** What the items of a page look like. */
export const ITEM_SCHEMAS: Readonly<Record<DetailKind, Schema>> = {
  events: schemaOf(EVENT_FIELDS),
  hours: schemaOf(HOUR_FIELDS),
  statements: schemaOf(STATEMENT_FIELDS),
};

const EVENT = 's.source AS source, e.id, e.seq, e.meter, e.at_ms, e.stored_ms, e.value, e.dims';
const EVENTS = `SELECT ${EVENT} FROM usage_source s JOIN usage_event e ON e.source = s.number WHERE s.tenant = ?`;

/** The next rows in the order of source and id: what is left of the source in which the page before ended, then the sources after it. */
const eventRows = async (reader: Reader, { tenant, source, after }: EventsQuery, most: number): Promise<readonly Row[]> => {
  const current = source ?? after?.source;
  const rows: Row[] = [];
  if (current !== undefined) {
    const id = after?.source === current ? after.id : '';
    rows.push(...(await reader.all(`${EVENTS} AND s.source = ? AND e.id > ? ORDER BY e.id LIMIT ?`, [tenant, current, id, most])));
  }
  if (source !== undefined || rows.length >= most) return rows;
  const more = `${EVENTS} AND s.source > ? ORDER BY s.source, e.id LIMIT ?`;
  return [...rows, ...(await reader.all(more, [tenant, current ?? '', most - rows.length]))];
};

const eventsPage = async (reader: Reader, query: EventsQuery, beforeMs: number): Promise<DetailPage> => {
  const { limit, meter, fromMs, toMs } = query;
  const isFiltered = meter !== undefined || fromMs > EVER.fromMs || toMs < EVER.toMs;
  const most = isFiltered ? Math.max(limit, LOOKED_AT) : limit;
  const rows = await eventRows(reader, query, most);
  const items: object[] = [];
  let last: EventPlace | undefined;
  let lookedAt = 0;
  for (const row of rows) {
    if (items.length === limit) break;
    lookedAt += 1;
    const [source, id] = [textOf(row, 'source'), textOf(row, 'id')];
    last = { beforeMs, source, id };
    const atMs = integerOf(row, 'at_ms');
    const storedMs = integerOf(row, 'stored_ms');
    if (storedMs >= beforeMs || atMs < fromMs || atMs >= toMs || (meter !== undefined && textOf(row, 'meter') !== meter)) continue;
    items.push(itemOf(EVENT_FIELDS, row));
  }
  const isEnd = rows.length < most && lookedAt === rows.length;
  const { prunedMs } = await pruningState(reader);
  return {
    items,
    next: isEnd || last === undefined ? undefined : cursorOf('events', last),
    ...(prunedMs > fromMs ? { prunedBefore: timeText(prunedMs) } : {}),
  };
};

const hoursPage = async (reader: Reader, { tenant, limit, meter, fromMs, toMs, after }: HoursQuery): Promise<DetailPage> => {
  const rows = await reader.all(
    `SELECT meter, hour_ms, count, sum, peak FROM usage_bucket
      WHERE tenant = ? AND hour_ms >= ? AND hour_ms < ? AND (meter, hour_ms) > (?, ?)${meter === undefined ? '' : ' AND meter = ?'}
      ORDER BY meter, hour_ms LIMIT ?`,
    [tenant, fromMs, toMs, after?.meter ?? '', after?.hourMs ?? -1, ...(meter === undefined ? [] : [meter]), limit],
  );
  const items = rows.map((row) => itemOf(HOUR_FIELDS, row));
  const last = rows.length < limit ? undefined : rows.at(-1);
  return {
    items,
    next: last === undefined ? undefined : cursorOf('hours', { meter: textOf(last, 'meter'), hourMs: integerOf(last, 'hour_ms') }),
  };
};

const statementsPage = async (reader: Reader, { tenant, limit, after }: StatementsQuery): Promise<DetailPage> => {
  // CROSS: by way of the periods, which are few, since statements have no index by tenant.
  const rows = await reader.all(
    `SELECT s.period_ms, s.revision, s.body, s.digest FROM usage_period p CROSS JOIN usage_statement s
      WHERE s.period_ms = p.period_ms AND s.tenant = ? AND (p.period_ms, s.revision) > (?, ?) ORDER BY p.period_ms, s.revision LIMIT ?`,
    [tenant, after?.periodMs ?? -1, after?.revision ?? -1, limit],
  );
  const items = rows.map((row) => itemOf(STATEMENT_FIELDS, row));
  const last = rows.length < limit ? undefined : rows.at(-1);
  const place = last === undefined ? undefined : { periodMs: integerOf(last, 'period_ms'), revision: integerOf(last, 'revision') };
  return { items, next: place === undefined ? undefined : cursorOf('statements', place) };
};

/** `beforeMs`: of `Ledger.storedBefore`, for the first page of events; the pages after it have it in their cursor. */
export const detailPage = (reader: Reader, query: DetailQuery, beforeMs: number): Promise<DetailPage> => {
  switch (query.what) {
    case 'events':
      return eventsPage(reader, query, query.after?.beforeMs ?? beforeMs);
    case 'hours':
      return hoursPage(reader, query);
    case 'statements':
    default:
      return statementsPage(reader, query);
  }
};
