// SPDX-License-Identifier: Apache-2.0
/**
 * The end of a period. Freezing is one small transaction: from then on what was used in the period is billed by the next one, so
 * the rows that a statement is made of never change again, and the statements can be made in slices, by whoever leads, with
 * the same bytes. What came late shows in the next statement as a line of its own.
 */
import { createHash, hash } from 'node:crypto';
import { amountOf } from './meters.ts';
import type { Meter, Tally } from './meters.ts';
import { FREEZE_AFTER_MS, monthOf, nextMonth, periodOf } from './period.ts';
import { quantityText } from './quantity.ts';
import { statementText } from './statement.ts';
import type { UsageLine, UsageStatement } from './statement.ts';
import { byTexts, integerOf, textOf } from './store.ts';
import type { Reader, Row, Tx } from './store.ts';
import { bigintText, ledgerState, tallyOf } from './tallies.ts';

/** Called in the transaction that makes the statements; what it writes is there if and only if they are. */
export type StatementHook = (tx: Tx, statements: readonly UsageStatement[]) => Promise<void>;

/** The first of which anything is known, be it answers alone: a month in which nobody used what is billed ends like any other. */
const firstPeriod = async (reader: Reader): Promise<number | undefined> => {
  const [row] = await reader.all('SELECT MIN(hour_ms) AS hour_ms FROM usage_bucket');
  return row === undefined || row['hour_ms'] === null ? undefined : monthOf(integerOf(row, 'hour_ms'));
};

/** Begin of the period that is due to be frozen, if one is. */
export const duePeriod = async (reader: Reader, nowMs: number): Promise<number | undefined> => {
  const { frozenMs } = await ledgerState(reader);
  const next = frozenMs === undefined ? await firstPeriod(reader) : nextMonth(frozenMs);
  return next === undefined || nextMonth(next) + FREEZE_AFTER_MS > nowMs ? undefined : next;
};

/** Takes nothing more into the period. Returns the cut: whatever is stored from it on is billed later. */
export const freezePeriod = async (tx: Tx, periodMs: number, nowMs: number): Promise<number> => {
  const { frozenMs, cutMs } = await ledgerState(tx);
  if (frozenMs !== undefined && periodMs <= frozenMs) {
    const [row] = await tx.all('SELECT cut_ms FROM usage_period WHERE period_ms = ?', [periodMs]);
    if (row !== undefined) return integerOf(row, 'cut_ms');
    throw new RangeError('a period before the last one that was closed cannot be closed any more');
  }
  // Later than all that is stored, also where a clock was set back in between.
  const cut = Math.max(nowMs, cutMs) + 1;
  await tx.run('UPDATE usage_state SET frozen_ms = ?, cut_ms = ? WHERE one = 1', [periodMs, cut]);
  await tx.run("INSERT INTO usage_period (period_ms, cut_ms, done_upto, done) VALUES (?, ?, '', 0)", [periodMs, cut]);
  return cut;
};

/** Periods that are frozen and whose statements are not all made, oldest first. */
export const unfinishedPeriods = async (reader: Reader): Promise<readonly number[]> =>
  (await reader.all('SELECT period_ms FROM usage_period WHERE done = 0 ORDER BY period_ms')).map((row) => integerOf(row, 'period_ms'));

const TENANTS_AT_ONCE = 250;

/** Makes the statements of the next tenants of a frozen period; says whether there are more. */
export const makeStatements = async (
  tx: Tx,
  periodMs: number,
  by: { readonly meterOf: (name: string) => Meter; readonly onStatements?: StatementHook | undefined },
): Promise<{ readonly made: number; readonly more: boolean }> => {
  const [period] = await tx.all('SELECT cut_ms, done_upto, done FROM usage_period WHERE period_ms = ?', [periodMs]);
  if (period === undefined) throw new RangeError('only a frozen period has statements');
  if (integerOf(period, 'done') === 1) return { made: 0, more: false };
  const tenants = (
    await tx.all('SELECT DISTINCT tenant FROM usage_total WHERE billed_ms = ? AND tenant > ? ORDER BY tenant LIMIT ?', [
      periodMs,
      textOf(period, 'done_upto'),
      TENANTS_AT_ONCE,
    ])
  ).map((row) => textOf(row, 'tenant'));
  const last = tenants.at(-1);
  if (last === undefined) {
    await tx.run('UPDATE usage_period SET done = 1 WHERE period_ms = ?', [periodMs]);
    return { made: 0, more: false };
  }
  const bounds = { periodMs, cutMs: integerOf(period, 'cut_ms') };
  const statements: UsageStatement[] = [];
  for (const tenant of tenants) statements.push(await statementOf(tx, tenant, { ...bounds, meterOf: by.meterOf }));
  await tx.insert({
    into: 'usage_statement',
    columns: ['period_ms', 'tenant', 'revision', 'body', 'digest'],
    rows: statements.map((statement) => {
      const body = statementText(statement);
      return [periodMs, statement.tenant, statement.revision, body, hash('sha256', body, 'buffer')];
    }),
  });
  await by.onStatements?.(tx, statements);
  await tx.run('UPDATE usage_period SET done_upto = ? WHERE period_ms = ?', [last, periodMs]);
  return { made: statements.length, more: true };
};

type Bounds = { readonly periodMs: number; readonly cutMs: number; readonly meterOf: (name: string) => Meter };

/** The statement as the totals have it now: final where the period is frozen, a preview before that. */
export const statementOf = async (reader: Reader, tenant: string, { periodMs, cutMs, meterOf }: Bounds): Promise<UsageStatement> => {
  const rows = await reader.all('SELECT used_ms, meter, count, sum, peak FROM usage_total WHERE billed_ms = ? AND tenant = ?', [
    periodMs,
    tenant,
  ]);
  const lines: (UsageLine & { readonly usedMs: number })[] = [];
  for (const row of rows) {
    const usedMs = integerOf(row, 'used_ms');
    const meter = meterOf(textOf(row, 'meter'));
    const late = usedMs !== periodMs;
    const tally = late && meter.aggregation === 'peak' ? await peakRise(reader, { tenant, row, periodMs }) : tallyOf(row);
    const amount = amountOf(meter, tally, nextMonth(usedMs) - usedMs);
    if (late && amount === 0n) continue;
    const line = { usedMs, meter: meter.name, unit: meter.unit, quantity: quantityText(amount) };
    lines.push(late ? { ...line, carriedFrom: periodOf(usedMs) } : line);
  }
  return {
    tenant,
    period: periodOf(periodMs),
    storedBefore: new Date(cutMs).toISOString(),
    revision: 1,
    lines: lines.toSorted(byLine(periodMs)).map(({ usedMs: _, ...line }) => line),
  };
};

const byLine =
  (periodMs: number) =>
  (a: UsageLine & { readonly usedMs: number }, b: UsageLine & { readonly usedMs: number }): number => {
    if (a.usedMs !== b.usedMs) return a.usedMs === periodMs ? -1 : b.usedMs === periodMs ? 1 : a.usedMs - b.usedMs;
    return a.meter < b.meter ? -1 : 1;
  };

/** By how much a peak that was heard of late is higher than what was billed for its period before. */
const peakRise = async (
  reader: Reader,
  { tenant, row, periodMs }: { readonly tenant: string; readonly row: Row; readonly periodMs: number },
): Promise<Tally> => {
  const earlier = await reader.all('SELECT peak FROM usage_total WHERE tenant = ? AND used_ms = ? AND meter = ? AND billed_ms < ?', [
    tenant,
    integerOf(row, 'used_ms'),
    textOf(row, 'meter'),
    periodMs,
  ]);
  const billed = earlier.reduce((peak, one) => (bigintText(one, 'peak') > peak ? bigintText(one, 'peak') : peak), 0n);
  const { count, sum, peak } = tallyOf(row);
  return { count, sum, peak: peak > billed ? peak - billed : 0n };
};

/** One digest over all statements of a period, in the order of their tenants: two closes that agree here agree to the byte. */
export const periodDigest = async (reader: Reader, periodMs: number): Promise<string> => {
  const digest = createHash('sha256');
  const rows = await reader.all('SELECT tenant, body FROM usage_statement WHERE period_ms = ? ORDER BY revision', [periodMs]);
  for (const row of rows.toSorted(byTexts('tenant'))) {
    digest.update(textOf(row, 'body'));
  }
  return `sha256:${digest.digest('hex')}`;
};
