// SPDX-License-Identifier: Apache-2.0
// Invoices that earlier versions closed: rated again they are to have the bytes that those wrote, and what those did not tell is said.
import { isRecord } from '../../../crds/wire.ts';
import { invoiceText } from './invoice.ts';
import type { Invoice } from './invoice.ts';

export type AsKept = {
  readonly text: string;
  /** What it does not tell; undefined where it tells all. */
  readonly untold: string | undefined;
};

const NO_ORDERS = 'it holds no digest of what was ordered, since an earlier version closed it: its orders are held against nothing';

/** `kept`: the invoice as it was parsed from its file. */
export const textAsKept = (invoice: Invoice, kept: unknown): AsKept => {
  if (!isRecord(kept)) return { text: invoiceText(invoice), untold: undefined };
  const { orders, lines, total, refunds, ...rest } = invoice;
  const hasOrders = Object.hasOwn(kept, 'orders');
  const left = lines.find(({ kind }) => kind === 'forward')?.amount ?? 0n;
  // Once a total could be below 0, and a person was to enter what was left.
  const isBelow = typeof kept['total'] === 'number' && kept['total'] < 0 && left > 0n;
  const { books, usage, discounts, rounding, ...head } = rest;
  const text = invoiceText({
    ...head,
    ...(hasOrders ? { orders } : {}),
    discounts,
    rounding,
    books,
    usage,
    lines: isBelow ? lines.filter(({ kind }) => kind !== 'forward') : lines,
    total: isBelow ? -left : total,
    ...(isBelow && Object.hasOwn(kept, 'toCredit') ? { toCredit: left } : {}),
    refunds,
  });
  return { text, untold: hasOrders ? undefined : NO_ORDERS };
};
