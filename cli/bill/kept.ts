// SPDX-License-Identifier: Apache-2.0
// What invoices that were closed before have to say about the next one: refunds are of them, and what they left goes on.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isRecord } from '../../crds/wire.ts';
import type { Adjustment } from '../../operator/billing/rating/adjustment.ts';
import type { Facts } from '../../operator/billing/rating/facts.ts';
import { decidedDueMs, dueAt } from '../../operator/billing/rating/index.ts';
import type { Brought } from '../../operator/billing/rating/index.ts';
import type { Invoice } from '../../operator/billing/rating/invoice.ts';
import type { Subscription } from '../../operator/billing/rating/subscription.ts';
import { formatTime, parseTime } from '../../policies/pricing/calendar.ts';
import { formatMoney } from '../../policies/pricing/money.ts';
import type { Currency } from '../../policies/pricing/money.ts';
import type { Problem } from '../../policies/problem.ts';
import { readText } from '../files.ts';
import { UserError } from '../output.ts';

export const invoicePath = (folder: string, { tenant, at }: { readonly tenant: string; readonly at: string }): string =>
  join(folder, tenant, `${at.slice(0, 13)}.json`);

type Kept = {
  readonly id: string;
  readonly total: bigint;
  readonly adjustments: ReadonlySet<string>;
  /** For the next invoice; 0 of those that earlier versions closed, below 0. */
  readonly left: bigint;
  readonly currency: string;
};

const leftIn = (lines: unknown): bigint =>
  (Array.isArray(lines) ? lines : []).reduce(
    (sum: bigint, line: unknown) =>
      isRecord(line) && line['kind'] === 'forward' && Number.isSafeInteger(line['amount']) && Number(line['amount']) > 0
        ? sum + BigInt(Number(line['amount']))
        : sum,
    0n,
  );

const idsIn = (list: unknown): readonly string[] =>
  Array.isArray(list) ? list.flatMap((one: unknown) => (isRecord(one) && typeof one['id'] === 'string' ? [one['id']] : [])) : [];

/** Undefined where there is none; `writ bill reconcile` says whether it is right. */
const keptAt = (folder: string, tenant: string, atMs: number): Kept | undefined => {
  const at = formatTime(atMs);
  const path = invoicePath(folder, { tenant, at });
  if (!existsSync(path)) return undefined;
  try {
    const value: unknown = JSON.parse(readText(path));
    if (!isRecord(value) || value['id'] !== `${tenant}/${at}` || !Number.isSafeInteger(value['total'])) return undefined;
    return {
      id: value['id'],
      total: BigInt(Number(value['total'])),
      adjustments: new Set([...idsIn(value['lines']), ...idsIn(value['refunds'])]),
      left: leftIn(value['lines']),
      currency: isRecord(value['currency']) && typeof value['currency']['code'] === 'string' ? value['currency']['code'] : '',
    };
  } catch (error) {
    if (error instanceof UserError) throw error;
    return undefined;
  }
};

const NAME = /^\d{4}-\d\d-\d\dT\d\d\.json$/;

const namesIn = (folder: string, tenant: string): readonly string[] => {
  const place = join(folder, tenant);
  return existsSync(place)
    ? readdirSync(place)
        .filter((name) => NAME.test(name))
        .toSorted()
    : [];
};

const broken = (message: string): UserError => new UserError([{ code: 'BILL_CARRY_BROKEN', message }]);

/** What the newest invoice before this one has left for it, and where that is kept; undefined where it left nothing. */
export const broughtTo = (
  folder: string,
  { tenant, atMs }: { readonly tenant: string; readonly atMs: number },
): (Brought & { readonly path: string }) | undefined => {
  const own = `${formatTime(atMs).slice(0, 13)}.json`;
  const name = namesIn(folder, tenant).findLast((one) => one < own);
  if (name === undefined) return undefined;
  const path = join(folder, tenant, name);
  const beforeMs = parseTime(`${name.slice(0, 13)}:00:00Z`);
  const kept = beforeMs === undefined ? undefined : keptAt(folder, tenant, beforeMs);
  if (kept === undefined) throw broken(`${path}: it is the invoice before, and cannot be read as one`);
  return kept.left === 0n ? undefined : { invoice: kept.id, amount: kept.left, currency: kept.currency, path };
};

/** An invoice that is closed after a later one was: what it brings or leaves is on that one already, or never will be. */
export const refuseOutOfOrder = (folder: string, { tenant, at, lines }: Invoice): void => {
  const own = `${at.slice(0, 13)}.json`;
  const later = namesIn(folder, tenant).find((one) => one > own);
  if (later === undefined || !lines.some(({ kind }) => kind === 'brought' || kind === 'forward')) return;
  throw broken(`${join(folder, tenant, later)} was closed already: what ${tenant}/${at} brings or leaves is not carried past it`);
};

type Asked = {
  readonly facts: Facts;
  readonly atMs: number;
  readonly sinceMs: number;
  /** On this invoice. */
  readonly adjustments: readonly Adjustment[];
  readonly currency: Currency;
  /** Where invoices are kept. */
  readonly folder: string | undefined;
};

const momentOf = ({ tenant, ...rest }: Subscription, invoice: string): number | undefined => {
  const ms = invoice.startsWith(`${tenant}/`) ? parseTime(invoice.slice(tenant.length + 1)) : undefined;
  if (ms === undefined || formatTime(ms) !== invoice.slice(tenant.length + 1)) return undefined;
  const { period, opening, settling } = dueAt({ tenant, ...rest }, ms);
  return period === undefined && opening === undefined && settling === undefined ? undefined : ms;
};

/** Of an invoice before this one, and with all others of it no more than it came to. */
export const refundProblems = ({ facts, atMs, adjustments, currency, folder }: Asked): readonly Problem[] =>
  adjustments.flatMap(({ id, kind, invoice = '' }): readonly Problem[] => {
    if (kind !== 'Refund') return [];
    const refuse = (message: string): readonly Problem[] => [{ code: 'BILL_REFUND_INVALID', message: `refund ${id}: ${message}` }];
    const { subscription } = facts;
    const dueMs = momentOf(subscription, invoice);
    if (dueMs === undefined || dueMs >= atMs) return refuse(`${invoice.slice(0, 253)} is no earlier invoice of ${subscription.tenant}`);
    if (folder === undefined) return [];
    const kept = keptAt(folder, subscription.tenant, dueMs);
    if (kept === undefined) return refuse(`${invoice} is not in ${folder}`);
    const all = new Map(
      facts.adjustments
        .filter((one) => one.kind === 'Refund' && one.invoice === invoice && one.atMs < atMs)
        .map((one) => [one.id, one.amount]),
    );
    const sum = [...all.values()].reduce((total, amount) => total + amount, 0n);
    return sum > kept.total
      ? refuse(`${formatMoney(sum, currency)} of ${invoice}, which came to ${formatMoney(kept.total, currency)}`)
      : [];
  });

/** What is on no invoice and should be known, a line each. */
export const untold = ({ facts, atMs, sinceMs, adjustments, currency, folder }: Asked): readonly string[] => {
  if (folder === undefined)
    return adjustments.some(({ kind }) => kind === 'Refund')
      ? ['refunds are not held against what was invoiced: no --invoices says where that is kept']
      : [];
  const { subscription } = facts;
  const { tenant } = subscription;
  const missed = facts.adjustments
    .filter((one) => one.atMs < sinceMs)
    .flatMap((one) => {
      const kept = keptAt(folder, tenant, decidedDueMs(subscription, one.atMs));
      if (kept === undefined || kept.adjustments.has(one.id)) return [];
      return [`on no open invoice: ${one.id}, since ${kept.id} was closed without it; date it from ${formatTime(sinceMs)} on`];
    });
  const before = sinceMs < atMs ? keptAt(folder, tenant, sinceMs) : undefined;
  const isCarried =
    before === undefined || before.total >= 0n || adjustments.some(({ kind, amount }) => kind === 'Credit' && amount === -before.total);
  return isCarried
    ? missed
    : [...missed, `${before.id} came to ${formatMoney(before.total, currency)}: no credit of that amount is on this invoice`];
};
