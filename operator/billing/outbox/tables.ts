// SPDX-License-Identifier: Apache-2.0
// Where intents are kept: in the ledger's own database, so that no second store can disagree with it.
import { bigintOf, integerOf, textOf } from '../../usage/store.ts';
import { StoreError } from '../../usage/store.ts';
import type { Migrations, Reader, Row, Tx } from '../../usage/store.ts';
import { ACCOUNT_TABLES, KEPT_TABLES, UID_TABLES } from '../accounts/tables.ts';
import { STATES } from './entry.ts';
import type { Encoding, Entry, HourKey, State } from './entry.ts';

const COLUMNS = [
  'tenant',
  'meter',
  'hour_ms',
  'revision',
  'customer',
  'encoding',
  'total',
  'value',
  'identifier',
  'request_key',
  'body_digest',
  'state',
  'attempts',
  'first_sent_ms',
  'accepted_ms',
  'next_ms',
  'repairs',
  'note',
] as const;

export const billingMigrations: Migrations = {
  room: 'billing',
  steps: [
    [
      `CREATE TABLE billing_outbox (
        tenant TEXT NOT NULL, meter TEXT NOT NULL, hour_ms BIGINT NOT NULL, revision BIGINT NOT NULL, customer TEXT NOT NULL,
        encoding TEXT NOT NULL, total TEXT NOT NULL, value TEXT NOT NULL, identifier TEXT NOT NULL, request_key TEXT NOT NULL,
        body_digest TEXT NOT NULL, state TEXT NOT NULL, attempts BIGINT NOT NULL, first_sent_ms BIGINT NOT NULL,
        accepted_ms BIGINT NOT NULL, next_ms BIGINT NOT NULL, repairs BIGINT NOT NULL, note TEXT NOT NULL,
        PRIMARY KEY (tenant, meter, hour_ms, revision))`,
      'CREATE INDEX billing_outbox_open ON billing_outbox (state, next_ms)',
      'CREATE UNIQUE INDEX billing_outbox_identifier ON billing_outbox (identifier)',
    ],
    [
      // Each time that an invoice was to be kept from becoming final; `turn` rises when a request must not be taken for the one before.
      `CREATE TABLE billing_hold (invoice TEXT NOT NULL, until_ms BIGINT NOT NULL, tenant TEXT NOT NULL, why TEXT NOT NULL,
        turn BIGINT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (invoice, until_ms))`,
      // Which meters are reported in a month, as pairs of name and encoding in JSON.
      'CREATE TABLE billing_month (month_ms BIGINT PRIMARY KEY, meters TEXT NOT NULL)',
      // What the provider told, by its id of the event: twice is once.
      'CREATE TABLE billing_event (id TEXT PRIMARY KEY, type TEXT NOT NULL, at_ms BIGINT NOT NULL)',
      'CREATE INDEX billing_event_at ON billing_event (at_ms)',
      // What becomes of the statement of a month: `file` (without a digest before it is written), or `provider` where that one bills it.
      `CREATE TABLE billing_statement (tenant TEXT NOT NULL, period_ms BIGINT NOT NULL, revision BIGINT NOT NULL, sink TEXT NOT NULL,
        digest TEXT NOT NULL, at_ms BIGINT NOT NULL, PRIMARY KEY (tenant, period_ms, revision))`,
    ],
    ['CREATE INDEX billing_outbox_hour ON billing_outbox (hour_ms)', 'CREATE INDEX billing_outbox_customer ON billing_outbox (customer)'],
    ACCOUNT_TABLES,
    KEPT_TABLES,
    UID_TABLES,
    // What each draft of an invoice was found to differ by when it was compared last.
    [
      `CREATE TABLE billing_drift (invoice TEXT PRIMARY KEY, tenant TEXT NOT NULL, at_ms BIGINT NOT NULL, hours BIGINT NOT NULL,
        meters TEXT NOT NULL)`,
    ],
    // Of how many of its hours the provider said nothing.
    ['ALTER TABLE billing_drift ADD COLUMN unread BIGINT NOT NULL DEFAULT 0'],
    // What the command line issued, by its id; `found`: the digest of what a file says instead, where one does.
    [
      `CREATE TABLE billing_issued (id TEXT PRIMARY KEY, tenant TEXT NOT NULL, path TEXT NOT NULL, digest TEXT NOT NULL,
        found TEXT NOT NULL, at_ms BIGINT NOT NULL)`,
      'CREATE INDEX billing_issued_path ON billing_issued (path)',
      'CREATE INDEX billing_issued_tenant ON billing_issued (tenant)',
    ],
  ],
};

const stateOf = (text: string): State => {
  const state = STATES.find((known) => known === text);
  if (state === undefined) throw new StoreError('corrupt', 'billing_outbox holds an unknown state');
  return state;
};

const encodingOf = (text: string): Encoding => (text === 'Delta' ? 'Delta' : 'Absolute');

const entryOf = (row: Row): Entry => ({
  tenant: textOf(row, 'tenant'),
  meter: textOf(row, 'meter'),
  hourMs: integerOf(row, 'hour_ms'),
  revision: integerOf(row, 'revision'),
  customer: textOf(row, 'customer'),
  encoding: encodingOf(textOf(row, 'encoding')),
  total: textOf(row, 'total'),
  value: textOf(row, 'value'),
  identifier: textOf(row, 'identifier'),
  requestKey: textOf(row, 'request_key'),
  bodyDigest: textOf(row, 'body_digest'),
  state: stateOf(textOf(row, 'state')),
  attempts: Number(bigintOf(row, 'attempts')),
  firstSentMs: integerOf(row, 'first_sent_ms'),
  acceptedMs: integerOf(row, 'accepted_ms'),
  nextMs: integerOf(row, 'next_ms'),
  repairs: integerOf(row, 'repairs'),
  note: textOf(row, 'note'),
});

const SELECT = `SELECT ${COLUMNS.join(', ')} FROM billing_outbox`;
/** Of rows that are called e: a revision that another one followed is history, whatever its state was. */
const NEWEST =
  'revision = (SELECT MAX(revision) FROM billing_outbox AS n WHERE n.tenant = e.tenant AND n.meter = e.meter AND n.hour_ms = e.hour_ms)';

/** Writes an entry as it is now; the key says which. */
export const putEntry = async (tx: Tx, entry: Entry): Promise<void> => {
  const { tenant, meter, hourMs, revision, customer, encoding, total, value, identifier, requestKey, bodyDigest } = entry;
  const { state, attempts, firstSentMs, acceptedMs, nextMs, repairs, note } = entry;
  const row = [tenant, meter, hourMs, revision, customer, encoding, total, value, identifier, requestKey, bodyDigest];
  await tx.insert({
    into: 'billing_outbox',
    columns: COLUMNS,
    rows: [[...row, state, attempts, firstSentMs, acceptedMs, nextMs, repairs, note]],
    onConflict: `ON CONFLICT (tenant, meter, hour_ms, revision) DO UPDATE SET ${COLUMNS.slice(4)
      .map((column) => `${column} = excluded.${column}`)
      .join(', ')}`,
  });
};

/** The newest revision of an hour. */
export const newestEntry = async (reader: Reader, { tenant, meter, hourMs }: HourKey): Promise<Entry | undefined> => {
  const [row] = await reader.all(`${SELECT} WHERE tenant = ? AND meter = ? AND hour_ms = ? ORDER BY revision DESC LIMIT 1`, [
    tenant,
    meter,
    hourMs,
  ]);
  return row === undefined ? undefined : entryOf(row);
};

/** Whether any revision of the hour may have arrived, whatever became of later ones. */
export const wasTaken = async (reader: Reader, { tenant, meter, hourMs }: HourKey): Promise<boolean> =>
  (
    await reader.all("SELECT revision FROM billing_outbox WHERE tenant = ? AND meter = ? AND hour_ms = ? AND state != 'rejected' LIMIT 1", [
      tenant,
      meter,
      hourMs,
    ])
  ).length > 0;

/** Who was reported last under that customer. */
export const tenantOfCustomer = async (reader: Reader, customer: string): Promise<string | undefined> => {
  const [row] = await reader.all('SELECT tenant FROM billing_outbox WHERE customer = ? ORDER BY hour_ms DESC LIMIT 1', [customer]);
  return row === undefined ? undefined : textOf(row, 'tenant');
};

/** The one that was sent under that identifier. */
export const entryByIdentifier = async (reader: Reader, identifier: string): Promise<Entry | undefined> => {
  const [row] = await reader.all(`${SELECT} WHERE identifier = ?`, [identifier]);
  return row === undefined ? undefined : entryOf(row);
};

/** The newest revisions of all hours of a tenant in `[fromMs, toMs)`. */
export const entriesWithin = async (
  reader: Reader,
  { tenant, fromMs, toMs }: { readonly tenant: string; readonly fromMs: number; readonly toMs: number },
): Promise<readonly Entry[]> => {
  const rows = await reader.all(`${SELECT} WHERE tenant = ? AND hour_ms >= ? AND hour_ms < ? ORDER BY meter, hour_ms, revision`, [
    tenant,
    fromMs,
    toMs,
  ]);
  const newest = new Map(rows.map(entryOf).map((entry) => [`${entry.meter} ${entry.hourMs}`, entry]));
  return [...newest.values()];
};

/** Of which one request is under way at a time. */
export type Lane = { readonly tenant: string; readonly meter: string };

/** Those of which anything was ever reported, in their order; each is found by one step down the primary key, however many hours it has. */
export const lanesAfter = async (reader: Reader, after: Lane, most: number): Promise<readonly Lane[]> => {
  const lanes: Lane[] = [];
  for (let at = after; lanes.length < most;) {
    const [row] = await reader.all(
      'SELECT tenant, meter FROM billing_outbox WHERE (tenant, meter) > (?, ?) ORDER BY tenant, meter LIMIT 1',
      [at.tenant, at.meter],
    );
    if (row === undefined) break;
    at = { tenant: textOf(row, 'tenant'), meter: textOf(row, 'meter') };
    lanes.push(at);
  }
  return lanes;
};

/** Hours in `[fromMs, toMs)` whose newest revision the provider was seen to count. */
export const verifiedWithin = async (
  reader: Reader,
  { tenant, meter, fromMs, toMs }: Lane & { readonly fromMs: number; readonly toMs: number },
): Promise<readonly Entry[]> => {
  const rows = await reader.all(`${SELECT} WHERE tenant = ? AND meter = ? AND hour_ms >= ? AND hour_ms < ? ORDER BY hour_ms, revision`, [
    tenant,
    meter,
    fromMs,
    toMs,
  ]);
  return [...new Map(rows.map(entryOf).map((entry) => [entry.hourMs, entry])).values()].filter(({ state }) => state === 'verified');
};

export type Newest = Pick<Entry, 'revision' | 'total' | 'state' | 'customer'>;

/** What was reported last of an hour, by `tenant meter`. */
export const newestOfHour = async (reader: Reader, hourMs: number): Promise<ReadonlyMap<string, Newest>> => {
  const rows = await reader.all('SELECT tenant, meter, revision, total, state, customer FROM billing_outbox WHERE hour_ms = ?', [hourMs]);
  const newest = new Map<string, Newest>();
  for (const row of rows) {
    const key = `${textOf(row, 'tenant')} ${textOf(row, 'meter')}`;
    const revision = integerOf(row, 'revision');
    if ((newest.get(key)?.revision ?? 0) < revision)
      newest.set(key, { revision, total: textOf(row, 'total'), state: stateOf(textOf(row, 'state')), customer: textOf(row, 'customer') });
  }
  return newest;
};

/** Entries that something is to be done with by now, oldest hours first. */
export const dueEntries = async (reader: Reader, nowMs: number, most: number): Promise<readonly Entry[]> => {
  const rows = await reader.all(
    `${SELECT} AS e WHERE state IN ('intent', 'sending', 'ambiguous', 'accepted') AND next_ms <= ?
      AND ${NEWEST}
      ORDER BY hour_ms, tenant, meter LIMIT ?`,
    [nowMs, most],
  );
  return rows.map(entryOf);
};

/** What waits for a person. */
export const entriesAside = async (reader: Reader): Promise<readonly Entry[]> =>
  (await reader.all(`${SELECT} AS e WHERE state IN ('rejected', 'quarantined') AND ${NEWEST} ORDER BY tenant, meter, hour_ms`)).map(
    entryOf,
  );

/** Begin of the oldest hour that the provider has not accepted yet. */
export const oldestOpenHour = async (reader: Reader): Promise<number | undefined> => {
  const [row] = await reader.all(
    `SELECT MIN(hour_ms) AS hour_ms FROM billing_outbox AS e WHERE state IN ('intent', 'sending', 'ambiguous') AND ${NEWEST}`,
  );
  return row === undefined || row['hour_ms'] === null ? undefined : integerOf(row, 'hour_ms');
};

/** Hours by the state of their newest report; of what is verified, which is nearly all, each revision. */
export const countStates = async (reader: Reader, states: readonly State[] = STATES): Promise<ReadonlyMap<State, number>> => {
  const rows = await reader.all(
    `SELECT state, COUNT(*) AS count FROM billing_outbox AS e
      WHERE state IN (${states.map(() => '?').join(', ')}) AND (state = 'verified' OR ${NEWEST}) GROUP BY state`,
    states,
  );
  return new Map(rows.map((row) => [stateOf(textOf(row, 'state')), integerOf(row, 'count')]));
};
