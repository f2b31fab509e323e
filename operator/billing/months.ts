// SPDX-License-Identifier: Apache-2.0
// Which meters are reported in a month, and how: as the price book says that is in effect when the month begins. It is kept with the
// first hour that is reported, since a book that is sealed in mid-month changes nothing that has begun.
import { StoreError, textOf } from '../usage/store.ts';
import type { Reader, Store } from '../usage/store.ts';
import type { Encoding } from './outbox/entry.ts';
import type { Reporting } from './sink.ts';

export type Meters = ReadonlyMap<string, Encoding>;

const parse = (text: string): Meters => {
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value)) throw new StoreError('corrupt', 'billing_month holds no list of meters');
  return new Map(
    value.map((pair: unknown): readonly [string, Encoding] => {
      const [name, encoding]: readonly unknown[] = Array.isArray(pair) ? pair : [];
      if (typeof name !== 'string' || (encoding !== 'Absolute' && encoding !== 'Delta'))
        throw new StoreError('corrupt', 'billing_month holds something else than meters');
      return [name, encoding];
    }),
  );
};

const metersUpTo = async (reader: Reader, monthMs: number): Promise<{ readonly isOf: boolean; readonly text: string } | undefined> => {
  const [row] = await reader.all('SELECT month_ms, meters FROM billing_month WHERE month_ms <= ? ORDER BY month_ms DESC LIMIT 1', [
    monthMs,
  ]);
  return row === undefined ? undefined : { isOf: Number(row['month_ms']) === monthMs, text: textOf(row, 'meters') };
};

/** What is kept of the month; undefined where nothing is yet. */
export const metersOn = async (reader: Reader, monthMs: number): Promise<Meters | undefined> => {
  const known = await metersUpTo(reader, monthMs);
  return known?.isOf === true ? parse(known.text) : undefined;
};

/** Of the month; undefined where it began before any known book was in effect, or, without a book to ask, nothing of it was reported yet. */
export const createMonths = (store: Store) => {
  const known = new Map<number, Meters>();
  return async (monthMs: number, reporting: Reporting | undefined): Promise<Meters | undefined> => {
    const cached = known.get(monthMs);
    if (cached !== undefined) return cached;
    const text = await store.transact(async (tx) => {
      const before = await metersUpTo(tx, monthMs);
      if (before?.isOf === true) return before.text;
      if (reporting === undefined) return undefined;
      // A version that comes into effect later: what held before it still does.
      const now = reporting.effectiveFromMs <= monthMs ? JSON.stringify([...reporting.meters]) : before?.text;
      if (now !== undefined) await tx.run('INSERT INTO billing_month (month_ms, meters) VALUES (?, ?)', [monthMs, now]);
      return now;
    });
    if (text === undefined) return undefined;
    const read = parse(text);
    known.set(monthMs, read);
    return read;
  };
};
