// SPDX-License-Identifier: Apache-2.0
// What becomes of the statement of a frozen month: the provider's only where it counts all that the statement says of the meters that it
// is told of. What it is not told of by the price book is the rest, which somebody else bills.
import { isRecord } from '../../crds/wire.ts';
import { nextMonth } from '../usage/period.ts';
import { StoreError } from '../usage/store.ts';
import type { Reader } from '../usage/store.ts';
import { isUnsubscribed } from './accounts/tables.ts';
import { BACK_MS } from './hours.ts';
import { metersOn } from './months.ts';
import { minus, sameDecimal } from './outbox/entry.ts';
import { entriesWithin } from './outbox/tables.ts';

export type Settling =
  | { readonly kind: 'file' }
  /** `rest`: the statement with the lines that the provider is not told of; undefined where there is none. */
  | { readonly kind: 'provider'; readonly rest: string | undefined }
  | { readonly kind: 'waiting'; readonly why: string };

export type SettlingAsked = {
  readonly tenant: string;
  readonly periodMs: number;
  readonly body: string;
  /** The tenant has a customer at the provider now. */
  readonly isCustomer: boolean;
  readonly nowMs: number;
};

const sumOf = (decimals: readonly string[]): string => decimals.reduce((sum, one) => minus(sum, minus('0', one)), '0');

const linesOf = (statement: unknown) => {
  const lines: unknown = isRecord(statement) ? statement['lines'] : undefined;
  if (!Array.isArray(lines)) throw new StoreError('corrupt', 'usage_statement holds no lines');
  return lines.map((line: unknown) => {
    const [meter, quantity] = isRecord(line) ? [line['meter'], line['quantity']] : [];
    if (typeof meter !== 'string' || typeof quantity !== 'string') throw new StoreError('corrupt', 'usage_statement holds no lines');
    return { meter, quantity, line };
  });
};

export const settlingOf = async (reader: Reader, asked: SettlingAsked): Promise<Settling> => {
  const { tenant, periodMs, body, isCustomer, nowMs } = asked;
  const endMs = nextMonth(periodMs);
  const [claimed] = await reader.all("SELECT tenant FROM billing_statement WHERE tenant = ? AND period_ms = ? AND sink = 'file' LIMIT 1", [
    tenant,
    periodMs,
  ]);
  if (claimed !== undefined) return { kind: 'file' };
  const entries = await entriesWithin(reader, { tenant, fromMs: periodMs, toMs: endMs });
  // Nothing was begun, and the provider would take no hour of it any more.
  if (entries.length === 0 && (!isCustomer || endMs < nowMs - BACK_MS)) return { kind: 'file' };
  const meters = await metersOn(reader, periodMs);
  if (meters === undefined) return { kind: 'waiting', why: 'no price book was in effect when the month began' };
  const statement: unknown = JSON.parse(body);
  const lines = linesOf(statement);
  let isUsed = false;
  for (const meter of new Set([...meters.keys(), ...entries.map((entry) => entry.meter)])) {
    const reported = entries.filter((entry) => entry.meter === meter);
    const [stated, told] = [
      sumOf(lines.filter((line) => line.meter === meter).map(({ quantity }) => quantity)),
      sumOf(reported.map(({ total }) => total)),
    ];
    if (!sameDecimal(stated, told))
      return { kind: 'waiting', why: `the statement says ${stated} of ${meter}, the provider is told ${told}` };
    const open = reported.filter(({ state }) => state !== 'verified').length;
    if (open > 0) return { kind: 'waiting', why: `the provider is not known to count ${open} hours of ${meter}` };
    isUsed ||= !sameDecimal(told, '0');
  }
  if (isUsed && (await isUnsubscribed(reader, tenant, periodMs)))
    return { kind: 'waiting', why: 'the provider counts its use, and has no subscription that bills it' };
  const rest = lines.filter(({ meter }) => !meters.has(meter) && entries.every((entry) => entry.meter !== meter)).map(({ line }) => line);
  return { kind: 'provider', rest: rest.length === 0 ? undefined : `${JSON.stringify(Object.assign({}, statement, { lines: rest }))}\n` };
};
