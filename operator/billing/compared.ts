// SPDX-License-Identifier: Apache-2.0
// What was found when drafts of invoices were compared last, by invoice: in the ledger's own database, so that another leader, and whoever asks
// `writ bill reconcile`, say the same.
import { isRecord } from '../../crds/wire.ts';
import { StoreError, integerOf, textOf } from '../usage/store.ts';
import type { Reader, Row, Tx } from '../usage/store.ts';
import type { DriftSum } from './outbox/drift-sum.ts';

export type Compared = { readonly invoice: string; readonly tenant: string; readonly atMs: number; readonly sum: DriftSum };

const metersOf = (text: string): DriftSum['meters'] => {
  const corrupt = (): never => {
    throw new StoreError('corrupt', 'billing_drift holds something else than meters');
  };
  const value: unknown = JSON.parse(text);
  if (!isRecord(value)) return corrupt();
  return new Map(
    Object.entries(value).map(([meter, of]) => {
      const [ledger, off] = isRecord(of) ? [of['ledger'], of['off']] : [];
      return typeof ledger === 'number' && typeof off === 'number' ? [meter, { ledger, off }] : corrupt();
    }),
  );
};

/** `unread` is not there in a ledger that an older operator wrote, which `writ bill reconcile` may read. */
const comparedOf = (row: Row): Compared => ({
  invoice: textOf(row, 'invoice'),
  tenant: textOf(row, 'tenant'),
  atMs: integerOf(row, 'at_ms'),
  sum: {
    hours: integerOf(row, 'hours'),
    unread: row['unread'] === undefined ? 0 : integerOf(row, 'unread'),
    meters: metersOf(textOf(row, 'meters')),
  },
});

export const allCompared = async (reader: Reader): Promise<readonly Compared[]> =>
  (await reader.all('SELECT * FROM billing_drift ORDER BY invoice')).map(comparedOf);

export const putCompared = async (tx: Tx, { invoice, tenant, atMs, sum: { hours, unread, meters } }: Compared): Promise<void> => {
  await tx.insert({
    into: 'billing_drift',
    columns: ['invoice', 'tenant', 'at_ms', 'hours', 'unread', 'meters'],
    rows: [[invoice, tenant, atMs, hours, unread, JSON.stringify(Object.fromEntries(meters))]],
    onConflict:
      'ON CONFLICT (invoice) DO UPDATE SET at_ms = excluded.at_ms, hours = excluded.hours, unread = excluded.unread, meters = excluded.meters',
  });
};

export const dropCompared = (tx: Tx, invoice: string): Promise<number> => tx.run('DELETE FROM billing_drift WHERE invoice = ?', [invoice]);
