// SPDX-License-Identifier: Apache-2.0
// What people decide beside the prices: each with a reason, and approved by somebody else than who asked for it.
import type { Problem } from '../../../policies/problem.ts';
import { twoPeopleFault } from '../../../policies/service-level/exclusion.ts';
import { MOST_MINOR } from '../../../policies/pricing/money.ts';

export const ADJUSTMENT_KINDS = ['Credit', 'Charge', 'Refund'] as const;

export type Adjustment = {
  /** Unique for the tenant: given twice it counts once. */
  readonly id: string;
  /** Credit lowers the next invoice and Charge raises it; Refund gives back money of an invoice that was paid. */
  readonly kind: (typeof ADJUSTMENT_KINDS)[number];
  /** In the currency's smallest unit, above 0. */
  readonly amount: bigint;
  readonly currency: string;
  readonly reason: string;
  readonly requester: string;
  readonly approver: string;
  readonly atMs: number;
  /** Of a refund: the invoice that was paid. */
  readonly invoice?: string;
};

const MAX_TEXT = 500;
/** Four digits for the year. */
const LATEST_MS = Date.UTC(9000, 0, 1);
const isSaid = (text: string): boolean => text.trim() !== '' && text.length <= MAX_TEXT;

const contentOf = ({ kind, amount, currency, reason, requester, approver, atMs, invoice }: Adjustment): string =>
  JSON.stringify([kind, String(amount), currency, reason, requester, approver, atMs, invoice ?? '']);

/** Of one id there is one adjustment, whichever file says it. */
export const adjustmentConflict = (adjustments: readonly Adjustment[]): Problem | undefined => {
  const seen = new Map<string, string>();
  for (const one of adjustments) {
    const before = seen.get(one.id);
    if (before !== undefined && before !== contentOf(one))
      return { code: 'BILL_ADJUSTMENT_CONFLICT', message: `adjustment ${one.id.slice(0, MAX_TEXT)} is there twice and says two things` };
    seen.set(one.id, contentOf(one));
  }
  return undefined;
};

/** What is wrong, or undefined. */
export const adjustmentProblem = (adjustment: Adjustment): Problem | undefined => {
  const { id, amount, reason, requester, approver, kind, invoice, atMs } = adjustment;
  const refuse = (what: string): Problem => ({ code: 'BILL_ADJUSTMENT_INVALID', message: `adjustment ${id.slice(0, MAX_TEXT)}: ${what}` });
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(id)) return refuse('its id is not 1 to 63 letters, digits, dots, hyphens');
  if (amount <= 0n || amount > MOST_MINOR) return refuse('its amount is not above 0');
  if (!isSaid(reason)) return refuse('it has no reason, or one that is too long');
  if (!isSaid(approver) || !isSaid(requester)) return refuse('who asked for it, or who approved it, is not said');
  if (!Number.isSafeInteger(atMs) || atMs < 0 || atMs > LATEST_MS) return refuse('its time is none');
  const alone = twoPeopleFault(adjustment);
  if (alone !== undefined) return refuse(alone);
  if (kind === 'Refund' && (invoice === undefined || invoice === '')) return refuse('a refund names the invoice that was paid');
  return undefined;
};
