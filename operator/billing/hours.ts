// SPDX-License-Identifier: Apache-2.0
// What the ledger counts of each hour, as it is to be billed: of a month that is frozen without what was heard of after that, which
// is in the first hour of the month that bills it.
import { HOUR_MS, hourOf, monthOf, nextMonth } from '../usage/period.ts';
import { quantityText } from '../usage/quantity.ts';
import { integerOf, textOf } from '../usage/store.ts';
import type { Reader } from '../usage/store.ts';
import { bigintText, ledgerState } from '../usage/tallies.ts';
import type { Encoding, HourTotal } from './outbox/entry.ts';

/**
 * A tenant that is billed, by the provider's id of it. Where one Tenant followed another under the same name, each is billed for its own hours:
 * those since `fromMs`, or those before `untilMs`.
 */
export type Customer = { readonly tenant: string; readonly customer: string; readonly fromMs?: number; readonly untilMs?: number };

type Span = { readonly fromMs: number; readonly toMs: number };

/** The part of a span that is the customer's; undefined where none is. */
export const spanOf = (
  { fromMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY }: Pick<Customer, 'fromMs' | 'untilMs'>,
  span: Span,
): Span | undefined => {
  const [from, to] = [Math.max(span.fromMs, fromMs), Math.min(span.toMs, untilMs)];
  return from < to ? { fromMs: from, toMs: to } : undefined;
};

/**
 * The hours that begin within a span of any bounds. A provider counts an hour where it begins: of two invoices that follow on each other an hour in
 * which one ends and the next begins is on the first, and on no other.
 */
export const hoursWithin = ({ fromMs, toMs }: Span): Span => ({
  fromMs: Math.ceil(fromMs / HOUR_MS) * HOUR_MS,
  toMs: Math.ceil(toMs / HOUR_MS) * HOUR_MS,
});

export const isBilledFor = (customer: Customer, hourMs: number): boolean =>
  spanOf(customer, { fromMs: hourMs, toMs: hourMs + HOUR_MS }) !== undefined;

/** Whether the provider is to bill anything of a tenant's month. */
export const billedMonths = (customers: readonly Customer[]): ((tenant: string, monthMs: number) => boolean) => {
  const byTenant = Map.groupBy(customers, ({ tenant }) => tenant);
  return (tenant, monthMs) =>
    byTenant.get(tenant)?.some((one) => spanOf(one, { fromMs: monthMs, toMs: nextMonth(monthMs) }) !== undefined) === true;
};

/** How far back hours are looked at when a term begins: the provider takes none that is older. */
export const BACK_MS = 34 * 24 * HOUR_MS;

/** Hours that were sealed since `position`, and how far that leads. */
export const sealedSince = async (
  reader: Reader,
  since: { readonly position: number; readonly fromMs: number },
): Promise<{ readonly hours: readonly number[]; readonly position: number }> => {
  const rows = await reader.all(
    'SELECT position, hour_ms FROM usage_seal WHERE position > ? AND hour_ms >= ? ORDER BY position LIMIT 2000',
    [since.position, since.fromMs],
  );
  const last = rows.at(-1);
  return {
    hours: [...new Set(rows.map((row) => integerOf(row, 'hour_ms')))],
    position: last === undefined ? since.position : integerOf(last, 'position'),
  };
};

/** Millionths by meter and hour that a frozen month leaves to the next. */
const lateIn = async (reader: Reader, tenant: string, monthMs: number): Promise<ReadonlyMap<string, bigint>> => {
  const late = new Map<string, bigint>();
  const [period] = await reader.all('SELECT cut_ms FROM usage_period WHERE period_ms = ?', [monthMs]);
  if (period === undefined) return late;
  const meters = await reader.all('SELECT DISTINCT meter FROM usage_total WHERE tenant = ? AND used_ms = ? AND billed_ms > ?', [
    tenant,
    monthMs,
    monthMs,
  ]);
  for (const row of meters) {
    const meter = textOf(row, 'meter');
    const events = await reader.all(
      `SELECT e.at_ms AS at_ms, e.value AS value FROM usage_event AS e JOIN usage_source AS s ON s.number = e.source
        WHERE s.tenant = ? AND e.meter = ? AND e.at_ms >= ? AND e.at_ms < ? AND e.stored_ms >= ?`,
      [tenant, meter, monthMs, nextMonth(monthMs), integerOf(period, 'cut_ms')],
    );
    for (const event of events) {
      const key = `${meter} ${hourOf(integerOf(event, 'at_ms'))}`;
      late.set(key, (late.get(key) ?? 0n) + bigintText(event, 'value'));
    }
  }
  return late;
};

/** Whether a statement of the month says anything. */
export const hasUse = async (reader: Reader, tenant: string, monthMs: number): Promise<boolean> =>
  (await reader.all('SELECT tenant FROM usage_total WHERE billed_ms = ? AND tenant = ? LIMIT 1', [monthMs, tenant])).length > 0;

/** Whose months bill use of earlier ones that had been frozen before it was heard of; of months that are not over for the provider. */
export const carriedSince = async (
  reader: Reader,
  fromMs: number,
): Promise<readonly { readonly tenant: string; readonly monthMs: number }[]> => {
  const rows = await reader.all('SELECT DISTINCT tenant, billed_ms FROM usage_total WHERE billed_ms >= ? AND used_ms < billed_ms', [
    fromMs,
  ]);
  return rows.map((row) => ({ tenant: textOf(row, 'tenant'), monthMs: integerOf(row, 'billed_ms') }));
};

/** Millionths by meter that the month bills for earlier ones, as its statement does; none of months that another Tenant of the name was in. */
const carriedTo = async (reader: Reader, { tenant, fromMs = 0 }: Customer, monthMs: number): Promise<ReadonlyMap<string, bigint>> => {
  const rows = await reader.all('SELECT meter, sum FROM usage_total WHERE billed_ms = ? AND tenant = ? AND used_ms < ? AND used_ms >= ?', [
    monthMs,
    tenant,
    monthMs,
    fromMs,
  ]);
  const carried = new Map<string, bigint>();
  for (const row of rows) carried.set(textOf(row, 'meter'), (carried.get(textOf(row, 'meter')) ?? 0n) + bigintText(row, 'sum'));
  return carried;
};

/** Totals of a span within one month that is the customer's, with what the month carries in its first hour; `meters` says which are reported, and how. */
export const hourTotals = async (
  reader: Reader,
  { customer: billed, span, meters }: { readonly customer: Customer; readonly span: Span; readonly meters: ReadonlyMap<string, Encoding> },
): Promise<readonly HourTotal[]> => {
  const { tenant, customer } = billed;
  const { fromMs, toMs } = span;
  const monthMs = monthOf(fromMs);
  const { frozenMs } = await ledgerState(reader);
  const late = frozenMs !== undefined && monthMs <= frozenMs ? await lateIn(reader, tenant, monthMs) : new Map<string, bigint>();
  const rows = await reader.all('SELECT meter, hour_ms, sum FROM usage_bucket WHERE tenant = ? AND hour_ms >= ? AND hour_ms < ?', [
    tenant,
    fromMs,
    toMs,
  ]);
  const carried = fromMs === monthMs ? await carriedTo(reader, billed, monthMs) : new Map<string, bigint>();
  const sums = new Map<string, HourSum>([...carried].map(([meter, sum]) => [`${meter} ${monthMs}`, { meter, hourMs: monthMs, sum }]));
  for (const row of rows) {
    const [meter, hourMs] = [textOf(row, 'meter'), integerOf(row, 'hour_ms')];
    const key = `${meter} ${hourMs}`;
    sums.set(key, { meter, hourMs, sum: (sums.get(key)?.sum ?? 0n) + bigintText(row, 'sum') - (late.get(key) ?? 0n) });
  }
  return [...sums.values()].flatMap(({ meter, hourMs, sum }): readonly HourTotal[] => {
    const encoding = meters.get(meter);
    return encoding === undefined ? [] : [{ tenant, customer, meter, encoding, hourMs, total: quantityText(sum) }];
  });
};

/** Tenants of whose frozen month something was heard later: their hours are to be reckoned one by one. */
export const lateTenants = async (reader: Reader, monthMs: number): Promise<ReadonlySet<string>> => {
  const { frozenMs } = await ledgerState(reader);
  if (frozenMs === undefined || monthMs > frozenMs) return new Set();
  const rows = await reader.all('SELECT DISTINCT tenant FROM usage_total WHERE billed_ms > ? AND used_ms = ?', [monthMs, monthMs]);
  return new Set(rows.map((row) => textOf(row, 'tenant')));
};

/** Totals of one hour of many tenants in one reading; neither the first of a month nor one of `lateTenants`, which `hourTotals` is for. */
export const totalsOfHour = async (
  reader: Reader,
  asked: {
    readonly hourMs: number;
    readonly customerOf: (tenant: string) => string | undefined;
    readonly meters: ReadonlyMap<string, Encoding>;
  },
): Promise<readonly HourTotal[]> => {
  const { hourMs, customerOf, meters } = asked;
  const rows = await reader.all('SELECT tenant, meter, sum FROM usage_bucket WHERE hour_ms = ?', [hourMs]);
  return rows.flatMap((row): readonly HourTotal[] => {
    const [tenant, meter] = [textOf(row, 'tenant'), textOf(row, 'meter')];
    const [customer, encoding] = [customerOf(tenant), meters.get(meter)];
    if (customer === undefined || encoding === undefined) return [];
    return [{ tenant, customer, meter, encoding, hourMs, total: quantityText(bigintText(row, 'sum')) }];
  });
};

type HourSum = { readonly meter: string; readonly hourMs: number; readonly sum: bigint };

/** The parts of a span that lie within one month each. */
export const byMonth = (fromMs: number, toMs: number): readonly (readonly [fromMs: number, toMs: number])[] => {
  const parts: (readonly [number, number])[] = [];
  for (let at = fromMs; at < toMs; at = Math.min(nextMonth(monthOf(at)), toMs)) parts.push([at, Math.min(nextMonth(monthOf(at)), toMs)]);
  return parts;
};
