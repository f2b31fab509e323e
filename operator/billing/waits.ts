// SPDX-License-Identifier: Apache-2.0
// Statements of frozen months that the payment provider is to bill and does not count all of: looked for, some at a time, where no statements are
// written as files, so that they wait nowhere in silence.
import type { Log } from '../../process/log.ts';
import { HOUR_MS, monthOf, nextMonth } from '../usage/period.ts';
import { integerOf, textOf } from '../usage/store.ts';
import type { Reader, Store } from '../usage/store.ts';
import { BACK_MS, billedMonths } from './hours.ts';
import type { Customer } from './hours.ts';
import { settlingOf } from './settling.ts';

export type Waiting = { readonly tenant: string; readonly periodMs: number; readonly why: string };

type Statement = { readonly tenant: string; readonly periodMs: number; readonly revision: number };

const AT_ONCE = 100;
/** Within a day of the freeze it is read back as a rule. */
const TELL_AFTER_MS = 72 * HOUR_MS;

export const isOverdue = (periodMs: number, nowMs: number): boolean => nowMs >= nextMonth(periodMs) + TELL_AFTER_MS;

/** Tells of each once, where something else is not the matter by then. */
export const waitingTeller =
  (log: Pick<Log, 'error'>, once: (what: string, tell: () => void) => void) =>
  ({ tenant, periodMs, why }: Waiting): void => {
    const what = { code: 'BILL_STATEMENT_WAITING', tenant, month: new Date(periodMs).toISOString().slice(0, 7), why };
    once(JSON.stringify(what), () => log.error(what, 'a statement waits: the payment provider does not count all of it'));
  };

const statementsAfter = async (
  reader: Reader,
  { tenant, periodMs, revision }: Statement,
): Promise<readonly (Statement & { readonly body: string })[]> =>
  (
    await reader.all(
      `SELECT tenant, period_ms, revision, body FROM usage_statement
        WHERE period_ms > ? OR (period_ms = ? AND (tenant > ? OR (tenant = ? AND revision > ?)))
        ORDER BY period_ms, tenant, revision LIMIT ${AT_ONCE}`,
      [periodMs, periodMs, tenant, tenant, revision],
    )
  ).map((row) => ({
    tenant: textOf(row, 'tenant'),
    periodMs: integerOf(row, 'period_ms'),
    revision: integerOf(row, 'revision'),
    body: textOf(row, 'body'),
  }));

const waitOf = async (
  reader: Reader,
  { tenant, periodMs, body }: Statement & { readonly body: string },
  by: { readonly isCustomer: boolean; readonly nowMs: number },
): Promise<Waiting | undefined> => {
  const settling = await settlingOf(reader, { tenant, periodMs, body, ...by });
  return settling.kind === 'waiting' ? { tenant, periodMs, why: settling.why } : undefined;
};

/** How many wait, as far as it is known by now: all of them once the looks have been through. */
export const createWaits = ({
  store,
  nowMs,
  onWaiting,
}: {
  readonly store: Store;
  readonly nowMs: () => number;
  readonly onWaiting: (waiting: Waiting) => void;
}) => {
  const settled = new Set<string>();
  const waiting = new Set<string>();
  let after: Statement | undefined;

  return async (customers: readonly Customer[]): Promise<number> => {
    const now = nowMs();
    const isBilled = billedMonths(customers);
    const oldestMs = monthOf(now - 2 * BACK_MS);
    const from = after ?? { tenant: '', periodMs: oldestMs - 1, revision: 0 };
    const some = await store.read((reader) => statementsAfter(reader, from));
    for (const statement of some) {
      const key = `${statement.periodMs} ${statement.tenant} ${statement.revision}`;
      if (settled.has(key)) continue;
      const isCustomer = isBilled(statement.tenant, statement.periodMs);
      const found = await store.read((reader) => waitOf(reader, statement, { isCustomer, nowMs: now }));
      if (found === undefined) {
        settled.add(key);
        waiting.delete(key);
      } else {
        waiting.add(key);
        if (isOverdue(statement.periodMs, now)) onWaiting(found);
      }
    }
    after = some.length < AT_ONCE ? undefined : some.at(-1);
    for (const keys of [settled, waiting]) for (const key of keys) if (Number.parseInt(key, 10) < oldestMs) keys.delete(key);
    return waiting.size;
  };
};

/** Those of one tenant, newest month last. */
export const waitsOf = async (
  reader: Reader,
  { tenant, isCustomer, nowMs }: { readonly tenant: string; readonly isCustomer: boolean; readonly nowMs: number },
): Promise<readonly Waiting[]> => {
  const rows = await reader.all(
    'SELECT period_ms, revision, body FROM usage_statement WHERE tenant = ? AND period_ms >= ? ORDER BY period_ms, revision',
    [tenant, monthOf(nowMs - 2 * BACK_MS)],
  );
  const waits: Waiting[] = [];
  for (const row of rows) {
    const statement = { tenant, periodMs: integerOf(row, 'period_ms'), revision: integerOf(row, 'revision'), body: textOf(row, 'body') };
    const found = await waitOf(reader, statement, { isCustomer, nowMs });
    if (found !== undefined) waits.push(found);
  }
  return waits;
};
