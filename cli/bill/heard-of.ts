// SPDX-License-Identifier: Apache-2.0
// Whether the ledger can say anything of a tenant and a month at all: what it never heard of is no use of nothing.
import { nextMonth } from '../../operator/usage/period.ts';
import { integerOf } from '../../operator/usage/store.ts';
import type { Reader } from '../../operator/usage/store.ts';
import type { Problem } from '../../policies/problem.ts';

/** A sender, use that is kept, or a statement: what is pruned leaves one of them. */
const HEARD = ['usage_source', 'usage_total', 'usage_statement'] as const;
const BEGINS = [
  ['usage_bucket', 'hour_ms'],
  ['usage_seal', 'hour_ms'],
  ['usage_total', 'billed_ms'],
  ['usage_period', 'period_ms'],
] as const;

const beginMs = async (reader: Reader): Promise<number | undefined> => {
  const found: number[] = [];
  for (const [table, column] of BEGINS) {
    const [row] = await reader.all(`SELECT MIN(${column}) AS at_ms FROM ${table}`);
    if (row !== undefined && row['at_ms'] !== null) found.push(integerOf(row, 'at_ms'));
  }
  return found.length === 0 ? undefined : Math.min(...found);
};

/** What is to be said of a month that was over before the ledger began, whoever is asked about. */
export const beforeLedger = async (reader: Reader, periodMs: number): Promise<string | undefined> => {
  const firstMs = await beginMs(reader);
  if (firstMs === undefined || nextMonth(periodMs) > firstMs) return undefined;
  const [day, month] = [firstMs, periodMs].map((ms) => new Date(ms).toISOString());
  return `of ${month?.slice(0, 7)}: the ledger knows nothing before ${day?.slice(0, 10)}`;
};

/** What is to be said before anything is signed that counts the tenant's month. */
export const unheard = async (
  reader: Reader,
  { tenant, periodMs }: { readonly tenant: string; readonly periodMs: number },
): Promise<Problem | undefined> => {
  for (const table of HEARD)
    if ((await reader.all(`SELECT tenant FROM ${table} WHERE tenant = ? LIMIT 1`, [tenant])).length > 0) {
      const message = await beforeLedger(reader, periodMs);
      return message === undefined ? undefined : { code: 'BILL_LEDGER_LATER', message };
    }
  return { code: 'BILL_TENANT_UNKNOWN', message: `the ledger has never heard of ${tenant}` };
};
