// SPDX-License-Identifier: Apache-2.0
// An invoice as it is kept, signed and sent: what was rated by what, line by line, so that anybody can reckon it again.
import { hash } from 'node:crypto';
import type { UsagePeriod } from '../../usage/period.ts';
import type { Adjustment } from './adjustment.ts';
import type { Currency } from '../../../policies/pricing/money.ts';
import type { Cycle } from '../../../policies/pricing/calendar.ts';

export const INVOICE_FORMAT = 'writ.dev/invoice/v1';
/** How a price comes about, in this order; printed on every invoice. */
export const DISCOUNT_ORDER = ['list', 'volume', 'annual', 'minimum'] as const;
export const ROUNDING = 'half-even, once a line';

/** A part of what goes beyond, at one price. */
export type PriceStep = {
  readonly quantity: string;
  readonly list: string;
  readonly volumeBasisPoints: number;
  readonly annualBasisPoints: number;
  /** After all discounts, not below the minimum. */
  readonly price: string;
};

export type FeeLine = {
  /** fee: a cycle in advance. unused: given back of a cycle's fee. remaining: the new tier's fee for the rest of a cycle. */
  readonly kind: 'fee' | 'unused' | 'remaining';
  readonly tier: string;
  readonly cycle: Cycle;
  readonly period: UsagePeriod;
  /** Fee of the whole cycle. */
  readonly list: string;
  readonly promise?: { readonly availability?: string; readonly latencyMs?: number };
  readonly book: string;
  readonly amount: bigint;
};

export type UsageLine = {
  /** carried: used in a period that had been billed before it was heard of; its amount is the difference to what was billed. */
  readonly kind: 'usage' | 'carried';
  readonly tier: string;
  readonly meter: string;
  readonly unit: string;
  readonly period: UsagePeriod;
  /** In the unit of the statement. */
  readonly quantity: string;
  /** In the priced unit, as are all that follow. */
  readonly priced: string;
  readonly included: string;
  readonly beyond: string;
  readonly steps: readonly PriceStep[];
  /** Why it costs nothing, where it does so whatever the quantity. */
  readonly free?: 'trial' | 'not priced';
  readonly book: string;
  readonly amount: bigint;
};

/** Used before the subscription began and heard of since: nothing was sold then, so it costs nothing. */
export type BeforeLine = Pick<UsageLine, 'meter' | 'unit' | 'period' | 'quantity' | 'amount'> & { readonly kind: 'before' };

export type AdjustmentLine = {
  readonly kind: 'credit' | 'charge';
  readonly id: string;
  readonly reason: string;
  readonly requester: string;
  readonly approver: string;
  readonly amount: bigint;
};

/** What credits leave over goes from one invoice to the next, so that none is below 0 and all of them add up. */
export type BalanceLine =
  /** What an earlier invoice left. */
  | { readonly kind: 'brought'; readonly invoice: string; readonly amount: bigint }
  /** What this one leaves. */
  | { readonly kind: 'forward'; readonly amount: bigint };

export type InvoiceLine = FeeLine | UsageLine | BeforeLine | AdjustmentLine | BalanceLine;

export type Invoice = {
  readonly format: typeof INVOICE_FORMAT;
  /** `TENANT/2026-11-01T00:00:00Z`. */
  readonly id: string;
  readonly tenant: string;
  readonly customer?: string;
  readonly at: string;
  /** Whose usage it bills; absent from the one that opens a subscription. */
  readonly period?: UsagePeriod;
  readonly currency: Currency;
  readonly discounts: typeof DISCOUNT_ORDER;
  readonly rounding: typeof ROUNDING;
  /** Of what was ordered until `at`, and of the adjustments on it (ordersText): what is ordered later changes no invoice before. */
  readonly orders: string;
  /** Price books by which lines were rated. */
  readonly books: readonly { readonly name: string; readonly version: number; readonly digest: string }[];
  /** Usage statements that were read, by the digest of their bytes. */
  readonly usage: readonly { readonly period: UsagePeriod; readonly revision: number; readonly digest: string }[];
  readonly lines: readonly InvoiceLine[];
  /** The sum of the lines; never below 0. */
  readonly total: bigint;
  /** Money given back of earlier invoices; no part of the total. */
  readonly refunds: readonly (Pick<Adjustment, 'id' | 'amount' | 'reason' | 'requester' | 'approver'> & { readonly invoice: string })[];
};

/** Amounts are safe integers (rating sees to it), so they are JSON numbers. */
const plain = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value);

/** The bytes of an invoice: keys as rating sets them, no blanks, one line feed at the end. */
export const invoiceText = (invoice: object): string => `${JSON.stringify(invoice, plain)}\n`;

export const textDigest = (text: string): string => `sha256:${hash('sha256', text)}`;
