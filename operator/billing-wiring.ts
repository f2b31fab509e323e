// SPDX-License-Identifier: Apache-2.0
// Billing in the operator's process: every sink that is asked for looks at the ledger once a minute. None of them ends the term: policies
// are enforced also where a payment provider cannot be reached, or a disk is full.
import { createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { sleep } from '../process/clock.ts';
import { keyRefusal } from '../policies/trust/key.ts';
import { allAccounts } from './billing/accounts/tables.ts';
import { createLogFolder } from './audit/log-folder.ts';
import { countStatements, createStatementSink } from './billing/statements.ts';
import type { StatementSink } from './billing/statements.ts';
import { waitingTeller } from './billing/waits.ts';
import type { StripeHook } from './billing/webhook.ts';
import { FREEZE_AFTER_MS, nextMonth } from './usage/period.ts';
import { Refused, Unready, readSecret } from './billing-look.ts';
import type { BillingParts, Look, LookBy, OpenLedger } from './billing-look.ts';
import { tellUnbilled } from './billing-status.ts';
import { createIssuedWiring } from './issued-wiring.ts';
import { createStripeLook } from './stripe-wiring.ts';
import { customersOf } from './subscription-wiring.ts';
import { createTellOnce } from './tell-once.ts';

export type TermBilling = {
  /** Until the term ends. `judge`: whose seal counts. */
  run(client: LookBy['client'], judge: LookBy['judge'], signal: AbortSignal): Promise<void>;
  /** Undefined where nothing is reported to Stripe. */
  readonly hook: StripeHook | undefined;
};

/** Keys of the Secret: a private key in PEM, and the password that opens it, where it needs one. */
const STATEMENT_KEY = 'statement-key';
const STATEMENT_PASSWORD = 'statement-key-password';
const LOOK_MS = 60_000;

const readKey = (pem: string | undefined, passphrase: string | undefined, where: string): KeyObject => {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem ?? '', format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    throw new Refused(`${where}: it is no private key in PEM, or ${STATEMENT_PASSWORD} does not open it`);
  }
  const refusal = keyRefusal(key);
  if (refusal !== undefined) throw new Refused(`${where}: ${refusal.message}`);
  return key;
};

const createStatementLook = (
  { config, clock, log, metrics, caches, record }: BillingParts,
  where: { readonly folder: string; readonly secretName: string },
): Look => {
  const files = createLogFolder(where.folder);
  const once = createTellOnce();
  let running: { readonly pem: string; readonly ledger: OpenLedger; readonly sink: StatementSink } | undefined;
  return async ({ client, ledger }, signal) => {
    const secret = await readSecret(client, config['system-namespace'], where.secretName);
    const pem = `${secret(STATEMENT_KEY) ?? ''}\n`;
    const key = readKey(pem, secret(STATEMENT_PASSWORD), `Secret ${where.secretName}, ${STATEMENT_KEY}`);
    if (running?.pem !== pem || running.ledger !== ledger) {
      const sink = createStatementSink({
        store: ledger.store,
        files,
        key,
        nowMs: () => clock.now(),
        record,
        onTaken: ({ path, digest }) =>
          log.error({ path, digest, code: 'BILL_STATEMENT_TAKEN' }, 'a statement is not written: its file says something else'),
        onWaiting: waitingTeller(log, once),
      });
      running = { pem, ledger, sink };
    }
    const customers = config['stripe-secret'] === undefined ? [] : customersOf({ caches, clock }, await ledger.store.read(allAccounts));
    await running.sink.turn({ customers }, signal);
    const counts = await ledger.store.read(countStatements);
    for (const state of ['file', 'provider', 'waiting'] as const) metrics.billingStatements.set({ state }, counts[state]);
    const dueMs = counts.oldestMs === undefined ? clock.now() : nextMonth(counts.oldestMs) + FREEZE_AFTER_MS;
    metrics.billingOldest.set({ sink: 'statements' }, Math.max(0, clock.now() - dueMs) / 1000);
  };
};

type Named = { readonly sink: 'stripe' | 'statements' | 'invoices'; readonly look: Look; told: string };

export const createTermBilling = (parts: BillingParts): TermBilling => {
  const { config, clock, log, metrics } = parts;
  const { 'stripe-secret': stripeSecret, 'statement-dir': folder, 'statement-secret': statementSecret } = config;
  const { 'invoice-dir': invoices, 'invoice-key': invoiceKeys } = config;
  let waking = new AbortController();
  const stripe = stripeSecret === undefined ? undefined : createStripeLook(parts, stripeSecret, () => waking.abort());
  const looks: readonly Named[] = [
    ...(stripe === undefined ? [] : [{ sink: 'stripe' as const, look: stripe.look, told: '' }]),
    ...(folder === undefined || statementSecret === undefined
      ? []
      : [{ sink: 'statements' as const, look: createStatementLook(parts, { folder, secretName: statementSecret }), told: '' }]),
    ...(invoices === undefined
      ? []
      : [{ sink: 'invoices' as const, look: createIssuedWiring(parts, { folder: invoices, keys: invoiceKeys }), told: '' }]),
  ];

  const lookOnce = async (one: Named, by: Omit<LookBy, 'ledger'>, signal: AbortSignal): Promise<void> => {
    const { sink } = one;
    try {
      const ledger = parts.ledger();
      if (ledger === undefined) throw new Unready('the ledger is not open');
      await one.look({ ...by, ledger }, signal);
      metrics.billingUp.set({ sink }, 1);
      one.told = '';
    } catch (error) {
      if (signal.aborted) return;
      metrics.billingUp.set({ sink }, 0);
      const why = error instanceof Error ? error.message : String(error);
      if (sink === 'stripe' && error instanceof Unready)
        await tellUnbilled({ client: by.client, clock, log }, parts.caches.tenants.list(), why);
      // Once for each reason: it is looked at again every minute.
      if (why !== one.told)
        log.error(
          error instanceof Refused ? { sink, why } : { sink, err: error },
          sink === 'invoices'
            ? 'what was issued cannot be put on record; it is tried again'
            : 'use cannot be handed on; it stays in the ledger, and it is tried again',
        );
      one.told = why;
    }
  };

  return {
    hook: stripe?.hook,
    run: async (client, judge, signal) => {
      stripe?.stop();
      for (const one of looks) one.told = '';
      try {
        while (!signal.aborted) {
          waking = new AbortController();
          for (const one of looks) await lookOnce(one, { client, judge }, signal);
          if (stripe === undefined)
            await tellUnbilled({ client, clock, log }, parts.caches.tenants.list(), 'the operator runs without --stripe-secret');
          await sleep(clock, LOOK_MS, AbortSignal.any([signal, waking.signal]));
        }
      } finally {
        stripe?.stop();
      }
    },
  };
};
