// SPDX-License-Identifier: Apache-2.0
// The meters as the ledger holds them: the first definition of each, by which its events were counted.
import type { Meter } from './meters.ts';
import { bigintOf, textOf } from './store.ts';
import type { Reader, Row } from './store.ts';

export type StoredMeters = { readonly names: readonly string[]; has(name: string): boolean; readonly get: (name: string) => Meter };

/** What is shown of a name that has no definition. */
export const undeclared = (name: string): Meter => ({ name, unit: '1', aggregation: 'sum', divisor: 1n });

export const storedMeters = async (reader: Reader): Promise<StoredMeters> => {
  const rows = await reader.all('SELECT name, unit, aggregation, divisor FROM usage_meter');
  const meters = new Map(rows.map((row) => [textOf(row, 'name'), meterRow(row)]));
  return { names: [...meters.keys()], has: (name) => meters.has(name), get: (name) => meters.get(name) ?? undeclared(name) };
};

const meterRow = (row: Row): Meter => {
  const aggregation = textOf(row, 'aggregation');
  return {
    name: textOf(row, 'name'),
    unit: textOf(row, 'unit'),
    aggregation: aggregation === 'peak' || aggregation === 'average' || aggregation === 'level' ? aggregation : 'sum',
    divisor: bigintOf(row, 'divisor'),
  };
};
