// SPDX-License-Identifier: Apache-2.0
// An invoice as a person reads it: each line with how it came about, so that it can be reckoned again by hand.
import type { Invoice, InvoiceLine, PriceStep } from '../../operator/billing/rating/invoice.ts';
import { formatMoney } from '../../policies/pricing/money.ts';
import { oneLine } from '../one-line.ts';

const day = (text: string): string => (text.endsWith('T00:00:00Z') ? text.slice(0, 10) : text.slice(0, 16));
const span = ({ start, end }: { readonly start: string; readonly end: string }): string => `${day(start)} – ${day(end)}`;

const percent = (basisPoints: number): string => `${basisPoints / 100} %`;

const stepText = ({ quantity, list, volumeBasisPoints, annualBasisPoints, price }: PriceStep): string => {
  const off = [
    ...(volumeBasisPoints === 0 ? [] : [`volume −${percent(volumeBasisPoints)}`]),
    ...(annualBasisPoints === 0 ? [] : [`annual −${percent(annualBasisPoints)}`]),
  ];
  return off.length === 0 ? `${quantity} × ${price}` : `${quantity} × ${price} (list ${list}, ${off.join(', ')})`;
};

const describe = (line: InvoiceLine): readonly string[] => {
  switch (line.kind) {
    case 'fee':
      return [`${line.tier}, ${line.cycle.toLowerCase()}, ${span(line.period)}`];
    case 'unused':
      return [`${line.tier}, given back for ${span(line.period)}`];
    case 'remaining':
      return [`${line.tier} instead, for ${span(line.period)}`];
    case 'usage':
    case 'carried': {
      const late = line.kind === 'carried' ? `, heard of late, then ${line.priced}` : '';
      const free = line.free === 'trial' ? ', trial' : line.free === 'not priced' ? ', not priced' : '';
      return [
        `${line.meter} ${line.kind === 'carried' ? line.quantity : line.priced}${late}, ${line.included} included, ${span(line.period)}${free}`,
        ...line.steps.map((step) => `  ${stepText(step)}`),
      ];
    }
    case 'before':
      return [`${line.meter} ${line.quantity}, heard of late, ${span(line.period)}, before the subscription`];
    case 'brought':
      return [`brought from ${line.invoice}, which left it over`];
    case 'forward':
      return ['left over, for the next invoice'];
    case 'credit':
    case 'charge':
      return [
        `${line.kind} ${line.id}: ${oneLine(line.reason)} (asked for by ${oneLine(line.requester)}, approved by ${oneLine(line.approver)})`,
      ];
  }
};

export const invoiceTable = (invoice: Invoice): string => {
  const { currency } = invoice;
  const rows = invoice.lines.map((line) => ({ texts: describe(line), amount: formatMoney(line.amount, currency) }));
  const total = formatMoney(invoice.total, currency);
  const texts = rows.flatMap((row) => row.texts);
  const width = Math.min(110, Math.max(20, ...texts.map(({ length }) => length)));
  const figures = Math.max(total.length, ...rows.map(({ amount }) => amount.length));
  const body = rows.flatMap(({ texts: [first = '', ...more], amount }) => [
    `  ${first.padEnd(width)}  ${amount.padStart(figures)}`,
    ...more.map((text) => `  ${text}`),
  ]);
  return [
    `invoice ${invoice.id}${invoice.period === undefined ? '' : `, use of ${span(invoice.period)}`}`,
    ...body,
    `  ${'total'.padEnd(width)}  ${total.padStart(figures)}`,
    ...invoice.refunds.map(
      ({ id, invoice: of, amount, reason }) => `  refund ${id} of ${of}: ${formatMoney(amount, currency)}, ${oneLine(reason)}`,
    ),
    `  discounts in the order ${invoice.discounts.join(', ')}; rounded ${invoice.rounding}`,
    ...invoice.books.map(({ name, version, digest }) => `  prices ${name} version ${version}, ${digest}`),
    '',
  ].join('\n');
};
