// SPDX-License-Identifier: Apache-2.0
// What the command line issues under a signature, as far as the record speaks of it: invoices and SLA statements. Who asked and who approved
// stays in the file, whose digest is on record.
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import { isName, isRecord, isText } from '../../crds/wire.ts';
import { SLA_FORMAT } from '../../policies/service-level/index.ts';
import { INVOICE_FORMAT } from './rating/invoice.ts';

/** An amount that somebody decided, or that goes from one invoice to another. */
export type MoneyMove = { readonly kind: string; readonly amount: string; readonly id?: string; readonly invoice?: string };

export type IssuedDocument = {
  readonly action: 'billing.closed' | 'billing.sla';
  /** `acme/2026-12-01T00:00:00Z`, `acme/2026-11/r1`. */
  readonly id: string;
  readonly tenant: string;
  readonly digest: string;
  /** In the currency's smallest unit. */
  readonly total: string;
  readonly currency: string;
  /** Of an invoice: the digest of what was ordered. */
  readonly orders?: string;
  readonly moves: readonly MoneyMove[];
};

const MOVES = new Set(['credit', 'charge', 'refund', 'brought', 'forward']);
const MAX_ID = 253;

const moveOf = (value: unknown, among?: string): readonly MoneyMove[] => {
  if (!isRecord(value)) return [];
  const { id, amount, invoice } = value;
  const kind = among ?? (typeof value['kind'] === 'string' ? value['kind'].toLowerCase() : '');
  if (!MOVES.has(kind) || !Number.isSafeInteger(amount)) return [];
  return [{ kind, amount: String(amount), ...(isText(id, MAX_ID) ? { id } : {}), ...(isText(invoice, MAX_ID) ? { invoice } : {}) }];
};

const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

export const bytesDigest = (bytes: Uint8Array): string => `sha256:${hash('sha256', bytes)}`;

/** Undefined where the bytes are neither. Total. */
export const readIssued = (bytes: Uint8Array): IssuedDocument | undefined => {
  const value = parsed(Buffer.from(bytes).toString('utf8'));
  if (!isRecord(value)) return undefined;
  const { format, id, tenant, total, currency, orders } = value;
  const isInvoice = format === INVOICE_FORMAT;
  if (!isInvoice && format !== SLA_FORMAT) return undefined;
  if (!isName(tenant) || !isText(id, MAX_ID) || !id.startsWith(`${tenant}/`)) return undefined;
  if (!Number.isSafeInteger(total) || !isRecord(currency) || !isText(currency['code'], 8)) return undefined;
  return {
    action: isInvoice ? 'billing.closed' : 'billing.sla',
    id,
    tenant,
    digest: bytesDigest(bytes),
    total: String(total),
    currency: currency['code'],
    ...(isInvoice && isText(orders, MAX_ID) ? { orders } : {}),
    moves: [
      ...listIn(value['lines']).flatMap((line) => moveOf(line)),
      ...listIn(value['refunds']).flatMap((line) => moveOf(line, 'refund')),
      ...listIn(value['adjustments']).flatMap((line) => moveOf(line)),
    ],
  };
};
