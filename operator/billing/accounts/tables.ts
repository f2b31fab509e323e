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

/** Which Tenant: another one may take a name that one had before. Without a uid it is whichever had the name when older versions of Writ wrote the row. */
export type Whose = { readonly tenant: string; readonly uid: string };
export const whoseKey = ({ tenant, uid }: Whose): string => `${tenant} ${uid}`;

/** `next`: what is planned and was read back; without terms it ends. */
export type Account = Whose & {
  /** Empty while there is none. */
  readonly customer: string;
  readonly subscription: string;
  readonly terms: Terms | undefined;
  readonly next: { readonly atMs: number; readonly terms: Terms | undefined } | undefined;
  readonly problem: Problem | undefined;
  /** Above 0: an earlier Tenant's, to which hours from then on do not belong. Its row stays, so that nobody else gets its customer unasked. */
  readonly untilMs: number;
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
/** Accounts and what is asked for them, by the uid of their Tenant. */
const OLD_COLUMNS = `tenant, customer, subscription, tier, cycle, anchor_ms, next_ms, next_tier, next_cycle, next_anchor_ms, code, note, wanted, due_ms`;
export const UID_TABLES = [
  'ALTER TABLE billing_account RENAME TO billing_account_by_name',
  `CREATE TABLE billing_account (tenant TEXT NOT NULL, uid TEXT NOT NULL, until_ms BIGINT NOT NULL, customer TEXT NOT NULL,
    subscription TEXT NOT NULL, tier TEXT NOT NULL, cycle TEXT NOT NULL, anchor_ms BIGINT NOT NULL, next_ms BIGINT NOT NULL,
    next_tier TEXT NOT NULL, next_cycle TEXT NOT NULL, next_anchor_ms BIGINT NOT NULL, code TEXT NOT NULL, note TEXT NOT NULL,
    wanted TEXT NOT NULL, due_ms BIGINT NOT NULL, PRIMARY KEY (tenant, uid))`,
  `INSERT INTO billing_account (uid, until_ms, ${OLD_COLUMNS}) SELECT '', 0, ${OLD_COLUMNS} FROM billing_account_by_name`,
  'DROP TABLE billing_account_by_name',
  'ALTER TABLE billing_ask RENAME TO billing_ask_by_name',
  `CREATE TABLE billing_ask (tenant TEXT NOT NULL, uid TEXT NOT NULL, what TEXT NOT NULL, body TEXT NOT NULL, turn BIGINT NOT NULL,
    state TEXT NOT NULL, at_ms BIGINT NOT NULL, PRIMARY KEY (tenant, uid, what))`,
  `INSERT INTO billing_ask (tenant, uid, what, body, turn, state, at_ms)
    SELECT tenant, '', what, body, turn, state, at_ms FROM billing_ask_by_name`,
  'DROP TABLE billing_ask_by_name',
] as const;
const STEPS_WITH_ACCOUNTS = 4;
const STEPS_WITH_KEPT = 5;
const STEPS_WITH_UIDS = 6;
export const STEPS_WITH_DRIFT = 7;
export const STEPS_WITH_ISSUED = 9;

/** How far the tables of billing are; 0: there are none. */
export const billingSteps = async (reader: Reader): Promise<number> => {
  const [room] = await reader.all("SELECT steps FROM store_room WHERE room = 'billing'");
  return room === undefined ? 0 : integerOf(room, 'steps');
};

const COLUMNS = [
  'tenant',
  'uid',
  'until_ms',
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

/** `isOld`: of a ledger whose tables know no uids yet. */
const accountOf = (row: Row, isOld = false): Account => {
  const [code, nextMs] = [textOf(row, 'code'), integerOf(row, 'next_ms')];
  return {
    tenant: textOf(row, 'tenant'),
    uid: isOld ? '' : textOf(row, 'uid'),
    untilMs: isOld ? 0 : integerOf(row, 'until_ms'),
    customer: textOf(row, 'customer'),
    subscription: textOf(row, 'subscription'),
    terms: termsOf(row, ''),
    next: nextMs === 0 ? undefined : { atMs: nextMs, terms: termsOf(row, 'next_') },
    problem: isCode(code) ? { code, message: textOf(row, 'note') } : undefined,
    wanted: textOf(row, 'wanted'),
    dueMs: integerOf(row, 'due_ms'),
  };
};

export const newAccount = ({ tenant, uid }: Whose): Account => ({
  tenant,
  uid,
  untilMs: 0,
  customer: '',
  subscription: '',
  terms: undefined,
  next: undefined,
  problem: undefined,
  wanted: '',
  dueMs: 0,
});

export const allAccounts = async (reader: Reader): Promise<readonly Account[]> =>
  (await reader.all('SELECT * FROM billing_account ORDER BY tenant, uid')).map((row) => accountOf(row));

/** Of all Tenants that have or had the name; also of a ledger whose tables are older. */
const accountsOfTenant = async (reader: Reader, tenant: string): Promise<readonly Account[]> => {
  const steps = await billingSteps(reader);
  if (steps < STEPS_WITH_ACCOUNTS) return [];
  const rows = await reader.all('SELECT * FROM billing_account WHERE tenant = ?', [tenant]);
  return rows.map((row) => accountOf(row, steps < STEPS_WITH_UIDS));
};

/** That of the Tenant that has the name now, or had it last. */
export const accountOfTenant = async (reader: Reader, tenant: string): Promise<Account | undefined> =>
  (await accountsOfTenant(reader, tenant)).toSorted((a, b) => lastOf(b) - lastOf(a))[0];
const lastOf = ({ untilMs }: Account): number => (untilMs === 0 ? Number.MAX_SAFE_INTEGER : untilMs);

/** Another tenant that has the customer. An earlier one whose subscription has ended has it no more. */
export const sharerOf = async (reader: Reader, { tenant, customer }: Customer): Promise<string | undefined> => {
  const [row] = await reader.all(
    "SELECT tenant FROM billing_account WHERE customer = ? AND tenant != ? AND (until_ms = 0 OR subscription != '') LIMIT 1",
    [customer, tenant],
  );
  return row === undefined ? undefined : textOf(row, 'tenant');
};

/** An earlier Tenant of the name that has, or had, a customer. */
export const formerOf = async (reader: Reader, { tenant, uid }: Whose): Promise<Account | undefined> => {
  const [row] = await reader.all(
    "SELECT * FROM billing_account WHERE tenant = ? AND uid != ? AND customer != '' ORDER BY until_ms DESC LIMIT 1",
    [tenant, uid],
  );
  return row === undefined ? undefined : accountOf(row);
};

/** What an earlier Tenant had, or asked for and was not answered, is another one's from now on. */
export const handOver = async (tx: Tx, from: Whose, uid: string): Promise<void> => {
  const { tenant } = from;
  await tx.run('DELETE FROM billing_account WHERE tenant = ? AND uid IN (?, ?)', [tenant, from.uid, uid]);
  await tx.run(
    'DELETE FROM billing_ask WHERE tenant = ? AND uid = ? AND what IN (SELECT what FROM billing_ask WHERE tenant = ? AND uid = ?)',
    [tenant, uid, tenant, from.uid],
  );
  await tx.run('UPDATE billing_ask SET uid = ? WHERE tenant = ? AND uid = ?', [uid, tenant, from.uid]);
};

export const putAccount = async (tx: Tx, account: Account): Promise<void> => {
  const { tenant, uid, untilMs, customer, subscription, terms, next, problem, wanted, dueMs } = account;
  const nowRow = [tenant, uid, untilMs, customer, subscription, terms?.tier ?? '', terms?.cycle ?? '', terms?.anchorMs ?? 0];
  const nextRow = [next?.atMs ?? 0, next?.terms?.tier ?? '', next?.terms?.cycle ?? '', next?.terms?.anchorMs ?? 0];
  await tx.insert({
    into: 'billing_account',
    columns: COLUMNS,
    rows: [[...nowRow, ...nextRow, problem?.code ?? '', problem?.message.slice(0, 500) ?? '', wanted, dueMs]],
    onConflict: `ON CONFLICT (tenant, uid) DO UPDATE SET ${COLUMNS.slice(2)
      .map((column) => `${column} = excluded.${column}`)
      .join(', ')}`,
  });
};

const isRunning = ({ subscription, problem }: Account): boolean => subscription !== '' && problem?.code !== 'BILL_SUBSCRIPTION_GONE';

export const putKept = async (tx: Tx, account: Account, periodMs: number): Promise<void> => {
  if (account.customer === '' || (account.untilMs > 0 && !isRunning(account))) return;
  await tx.insert({
    into: 'billing_kept',
    columns: ['tenant', 'period_ms', 'subscription'],
    rows: [[account.tenant, periodMs, isRunning(account) ? account.subscription : '']],
    onConflict: 'ON CONFLICT (tenant, period_ms) DO UPDATE SET subscription = excluded.subscription',
  });
};

/** Whether the tenant was to be subscribed in the month and was not: the provider may count its use, and charges nobody for it. */
export const isUnsubscribed = async (reader: Reader, tenant: string, periodMs: number): Promise<boolean> => {
  const accounts = await accountsOfTenant(reader, tenant);
  if (accounts.some((one) => isRunning(one) && one.terms !== undefined && one.terms.anchorMs <= periodMs)) return false;
  if ((await billingSteps(reader)) >= STEPS_WITH_KEPT) {
    const [row] = await reader.all('SELECT subscription FROM billing_kept WHERE tenant = ? AND period_ms = ?', [tenant, periodMs]);
    if (row !== undefined) return textOf(row, 'subscription') === '';
  }
  return accounts.some((one) => one.customer !== '' && one.untilMs === 0 && !isRunning(one));
};
