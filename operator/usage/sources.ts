// SPDX-License-Identifier: Apache-2.0
// The sources of events as the ledger knows them: a number for the name, and what of their sequence it has seen.
import { LEVEL_SOURCES } from '../../policies/service-level/counts.ts';
import { START, gapsText, parseGaps } from './cursor.ts';
import type { Cursor } from './cursor.ts';
import { StoreError, integerOf, textOf } from './store.ts';
import type { Reader, Row, Tx } from './store.ts';

/** Names under this are those of what Writ counts itself. */
export const OWN_SOURCES = '/writ/';

/** Even of a quiet tenant the webhook tells each quarter of an hour, and what it tells is a moment under way: longer than that is silence. */
export const SILENT_MS = 17 * 60_000;

export type SourceRow = {
  readonly number: number;
  readonly tenant: string;
  readonly source: string;
  readonly cursor: Cursor;
  readonly lastMs: number;
  /** Of what the operator watches itself: up to when its use is recorded. */
  readonly untilMs: number | undefined;
  readonly open: boolean;
};

const sourceRow = (row: Row): SourceRow => {
  const gaps = parseGaps(textOf(row, 'gaps'));
  if (gaps === undefined) throw new StoreError('corrupt', 'the gaps of a source cannot be read');
  return {
    number: integerOf(row, 'number'),
    tenant: textOf(row, 'tenant'),
    source: textOf(row, 'source'),
    cursor: { highest: integerOf(row, 'highest'), gaps },
    lastMs: integerOf(row, 'last_ms'),
    untilMs: row['until_ms'] === null ? undefined : integerOf(row, 'until_ms'),
    open: integerOf(row, 'open') === 1,
  };
};

const COLUMNS = 'number, tenant, source, highest, gaps, last_ms, until_ms, open';

type SourceName = { readonly tenant: string; readonly source: string };

export const findSource = async (reader: Reader, { tenant, source }: SourceName): Promise<SourceRow | undefined> => {
  const [found] = await reader.all(`SELECT ${COLUMNS} FROM usage_source WHERE tenant = ? AND source = ?`, [tenant, source]);
  return found === undefined ? undefined : sourceRow(found);
};

/** The row of a source, made where it is new. */
export const sourceOf = async (tx: Tx, name: SourceName, nowMs: number): Promise<SourceRow> =>
  (await findSource(tx, name)) ?? (await makeSource(tx, name, nowMs));

/** Of one that is new. */
export const makeSource = async (tx: Tx, { tenant, source }: SourceName, nowMs: number): Promise<SourceRow> => {
  const [last] = await tx.all('SELECT COALESCE(MAX(number), 0) AS number FROM usage_source');
  const made: SourceRow = {
    number: (last === undefined ? 0 : integerOf(last, 'number')) + 1,
    tenant,
    source,
    cursor: START,
    lastMs: nowMs,
    untilMs: undefined,
    open: true,
  };
  await tx.insert({
    into: 'usage_source',
    columns: ['number', 'tenant', 'source', 'highest', 'gaps', 'last_ms', 'open'],
    rows: [[made.number, tenant, source, 0, '', nowMs, 1]],
  });
  return made;
};

export const saveSource = async (tx: Tx, { number, cursor, lastMs, untilMs, open }: SourceRow): Promise<void> => {
  await tx.run('UPDATE usage_source SET highest = ?, gaps = ?, last_ms = ?, until_ms = ?, open = ? WHERE number = ?', [
    cursor.highest,
    gapsText(cursor),
    lastMs,
    untilMs ?? null,
    open ? 1 : 0,
    number,
  ]);
};

/** Of each tenant those that were heard of last: whoever sends chooses how many there are. */
const PAST_OF_TENANT = 1000;

type Past = {
  /** Heard of before this moment. */
  readonly beforeMs: number;
  /** Those that leave numbers out and were heard of since then. */
  readonly missingSinceMs: number;
  /** All others that were; of the webhook's replicas those that run. */
  readonly sinceMs: number;
  readonly replicas: readonly string[];
};

/** Those that have not ended and were not heard of lately, as far as they are still asked about. */
export const pastSources = async (reader: Reader, past: Past): Promise<readonly SourceRow[]> => {
  const ofWebhook = (to: string): string => `substr(source, 1, ${to}) `;
  const live = past.replicas.map((replica) => `${LEVEL_SOURCES}${replica}/`);
  const asked = [`${ofWebhook(String(LEVEL_SOURCES.length))} <> ?`, ...live.map(({ length }) => `${ofWebhook(String(length))} = ?`)];
  const rows = await reader.all(
    `SELECT ${COLUMNS} FROM (SELECT ${COLUMNS}, ROW_NUMBER() OVER (PARTITION BY tenant, CASE WHEN gaps = '' THEN 0 ELSE 1 END
        ORDER BY last_ms DESC, number DESC) AS place FROM usage_source
      WHERE open = 1 AND last_ms >= ? AND last_ms < ? AND (gaps <> '' AND last_ms >= ? OR last_ms >= ? AND (${asked.join(' OR ')}))) AS past
      WHERE place <= ? ORDER BY number`,
    [Math.min(past.missingSinceMs, past.sinceMs), past.beforeMs, past.missingSinceMs, past.sinceMs, LEVEL_SOURCES, ...live, PAST_OF_TENANT],
  );
  return rows.map(sourceRow);
};

/** Those that were heard of since, and have not ended. */
export const openSources = async (reader: Reader, sinceMs: number): Promise<readonly SourceRow[]> =>
  (await reader.all(`SELECT ${COLUMNS} FROM usage_source WHERE open = 1 AND last_ms >= ? ORDER BY number`, [sinceMs])).map(sourceRow);
