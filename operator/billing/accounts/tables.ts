// SPDX-License-Identifier: Apache-2.0
// What is known of a tenant's customer and subscription, as it was read back last: what the provider says counts, and this tells people, and
// whoever reports use, without asking.
import { CYCLES } from '../../../policies/pricing/calendar.ts';
import { problemCodes } from '../../../policies/problem-codes/index.ts';
import type { Problem, ProblemCode } from '../../../policies/problem.ts';
import { integerOf, textOf } from '../../usage/store.ts';
import type { Reader, Row, Tx } from '../../usage/store.ts';
import type { Customer } from '../hours.ts';
import type { Terms } from './provider.ts';

/** `next`: what is planned and was read back; without terms it ends. */
export type Account = {
  readonly tenant: string;
  /** Empty while there is none. */
  readonly customer: string;
  readonly subscription: string;
  readonly terms: Terms | undefined;
  readonly next: { readonly atMs: number; readonly terms: Terms | undefined } | undefined;
  readonly problem: Problem | undefined;
  /** What was wanted when it was looked at, and when it is looked at again. */
  readonly wanted: string;
  readonly dueMs: number;
};

export const ACCOUNT_TABLES = [
  `CREATE TABLE billing_account (tenant TEXT PRIMARY KEY, customer TEXT NOT NULL, subscription TEXT NOT NULL, tier TEXT NOT NULL,
    cycle TEXT NOT NULL, anchor_ms BIGINT NOT NULL, next_ms BIGINT NOT NULL, next_tier TEXT NOT NULL, next_cycle TEXT NOT NULL,
    next_anchor_ms BIGINT NOT NULL, code TEXT NOT NULL, note TEXT NOT NULL, wanted TEXT NOT NULL, due_ms BIGINT NOT NULL)`,
  `CREATE TABLE billing_ask (tenant TEXT NOT NULL, what TEXT NOT NULL, body TEXT NOT NULL, turn BIGINT NOT NULL, state TEXT NOT NULL,
    at_ms BIGINT NOT NULL, PRIMARY KEY (tenant, what))`,
  `CREATE TABLE billing_offer (book TEXT NOT NULL, version BIGINT NOT NULL, effective_ms BIGINT NOT NULL, sold TEXT NOT NULL,
    PRIMARY KEY (book, version))`,
] as const;

/** By what each month of a tenant with a customer was subscribed when it was looked at last; empty: by nothing. */
export const KEPT_TABLES = [
  'CREATE TABLE billing_kept (tenant TEXT NOT NULL, period_ms BIGINT NOT NULL, subscription TEXT NOT NULL, PRIMARY KEY (tenant, period_ms))',
] as const;
const STEPS_WITH_ACCOUNTS = 4;
const STEPS_WITH_KEPT = 5;

/** How far the tables of billing are; 0: there are none. */
export const billingSteps = async (reader: Reader): Promise<number> => {
  const [room] = await reader.all("SELECT steps FROM store_room WHERE room = 'billing'");
  return room === undefined ? 0 : integerOf(room, 'steps');
};

const COLUMNS = [
  'tenant',
  'customer',
  'subscription',
  'tier',
  'cycle',
  'anchor_ms',
  'next_ms',
  'next_tier',
  'next_cycle',
  'next_anchor_ms',
  'code',
  'note',
  'wanted',
  'due_ms',
] as const;

const termsOf = (row: Row, prefix: '' | 'next_'): Terms | undefined => {
  const cycle = CYCLES.find((one) => one === textOf(row, `${prefix}cycle`));
  return cycle === undefined ? undefined : { tier: textOf(row, `${prefix}tier`), cycle, anchorMs: integerOf(row, `${prefix}anchor_ms`) };
};

const isCode = (text: string): text is ProblemCode => Object.hasOwn(problemCodes, text);

const accountOf = (row: Row): Account => {
  const [code, nextMs] = [textOf(row, 'code'), integerOf(row, 'next_ms')];
  return {
    tenant: textOf(row, 'tenant'),
    customer: textOf(row, 'customer'),
    subscription: textOf(row, 'subscription'),
    terms: termsOf(row, ''),
    next: nextMs === 0 ? undefined : { atMs: nextMs, terms: termsOf(row, 'next_') },
    problem: isCode(code) ? { code, message: textOf(row, 'note') } : undefined,
    wanted: textOf(row, 'wanted'),
    dueMs: integerOf(row, 'due_ms'),
  };
};

export const newAccount = (tenant: string): Account => ({
  tenant,
  customer: '',
  subscription: '',
  terms: undefined,
  next: undefined,
  problem: undefined,
  wanted: '',
  dueMs: 0,
});

export const allAccounts = async (reader: Reader): Promise<readonly Account[]> =>
  (await reader.all('SELECT * FROM billing_account ORDER BY tenant')).map(accountOf);

/** Also of a ledger whose tables are older. */
export const accountOfTenant = async (reader: Reader, tenant: string): Promise<Account | undefined> => {
  if ((await billingSteps(reader)) < STEPS_WITH_ACCOUNTS) return undefined;
  const [row] = await reader.all('SELECT * FROM billing_account WHERE tenant = ?', [tenant]);
  return row === undefined ? undefined : accountOf(row);
};

/** Another tenant that has the customer. */
export const sharerOf = async (reader: Reader, { tenant, customer }: Customer): Promise<string | undefined> => {
  const [row] = await reader.all('SELECT tenant FROM billing_account WHERE customer = ? AND tenant != ? LIMIT 1', [customer, tenant]);
  return row === undefined ? undefined : textOf(row, 'tenant');
};

export const putAccount = async (tx: Tx, account: Account): Promise<void> => {
  const { tenant, customer, subscription, terms, next, problem, wanted, dueMs } = account;
  const nowRow = [tenant, customer, subscription, terms?.tier ?? '', terms?.cycle ?? '', terms?.anchorMs ?? 0];
  const nextRow = [next?.atMs ?? 0, next?.terms?.tier ?? '', next?.terms?.cycle ?? '', next?.terms?.anchorMs ?? 0];
  await tx.insert({
    into: 'billing_account',
    columns: COLUMNS,
    rows: [[...nowRow, ...nextRow, problem?.code ?? '', problem?.message.slice(0, 500) ?? '', wanted, dueMs]],
    onConflict: `ON CONFLICT (tenant) DO UPDATE SET ${COLUMNS.slice(1)
      .map((column) => `${column} = excluded.${column}`)
      .join(', ')}`,
  });
};

const isRunning = ({ subscription, problem }: Account): boolean => subscription !== '' && problem?.code !== 'BILL_SUBSCRIPTION_GONE';

export const putKept = async (tx: Tx, account: Account, periodMs: number): Promise<void> => {
  if (account.customer === '') return;
  await tx.insert({
    into: 'billing_kept',
    columns: ['tenant', 'period_ms', 'subscription'],
    rows: [[account.tenant, periodMs, isRunning(account) ? account.subscription : '']],
    onConflict: 'ON CONFLICT (tenant, period_ms) DO UPDATE SET subscription = excluded.subscription',
  });
};

/** Whether the tenant was to be subscribed in the month and was not: the provider may count its use, and charges nobody for it. */
export const isUnsubscribed = async (reader: Reader, tenant: string, periodMs: number): Promise<boolean> => {
  const account = await accountOfTenant(reader, tenant);
  const runs = account !== undefined && isRunning(account);
  if (runs && account.terms !== undefined && account.terms.anchorMs <= periodMs) return false;
  if ((await billingSteps(reader)) >= STEPS_WITH_KEPT) {
    const [row] = await reader.all('SELECT subscription FROM billing_kept WHERE tenant = ? AND period_ms = ?', [tenant, periodMs]);
    if (row !== undefined) return textOf(row, 'subscription') === '';
  }
  return account !== undefined && account.customer !== '' && !runs;
};
