// SPDX-License-Identifier: Apache-2.0
// What is asked of the provider for a tenant, one thing of a kind at a time: body and key are in the ledger's database before it is sent, so
// that whatever dies in between asks the same again under the same key, and nothing is made twice.
import { hash } from 'node:crypto';
import { integerOf, textOf } from '../../usage/store.ts';
import type { Reader, Store, Tx } from '../../usage/store.ts';
import { RESEND_WITHIN_MS } from '../provider.ts';
import type { Whose } from './tables.ts';
import type { Made } from './provider.ts';

export type What = 'customer' | 'subscription' | 'schedule' | 'plan';

/** open: sent, or about to be. failed: the provider failed, and may have done it. done: answered. */
export type Ask = { readonly body: string; readonly turn: number; readonly state: 'open' | 'failed' | 'done'; readonly atMs: number };

type Deps = { readonly store: Store; readonly installation: string; readonly nowMs: () => number };

type Name = Whose & { readonly what: What };

const stateOf = (text: string): Ask['state'] => (text === 'open' || text === 'failed' ? text : 'done');

export const readAsk = async (reader: Reader, { tenant, uid, what }: Name): Promise<Ask | undefined> => {
  const [row] = await reader.all('SELECT body, turn, state, at_ms FROM billing_ask WHERE tenant = ? AND uid = ? AND what = ?', [
    tenant,
    uid,
    what,
  ]);
  return row === undefined
    ? undefined
    : { body: textOf(row, 'body'), turn: integerOf(row, 'turn'), state: stateOf(textOf(row, 'state')), atMs: integerOf(row, 'at_ms') };
};

const putAsk = async (tx: Tx, { tenant, uid, what }: Name, { body, turn, state, atMs }: Ask): Promise<void> => {
  await tx.insert({
    into: 'billing_ask',
    columns: ['tenant', 'uid', 'what', 'body', 'turn', 'state', 'at_ms'],
    rows: [[tenant, uid, what, body, turn, state, atMs]],
    onConflict:
      'ON CONFLICT (tenant, uid, what) DO UPDATE SET body = excluded.body, turn = excluded.turn, state = excluded.state, at_ms = excluded.at_ms',
  });
};

export const closeAsk = (tx: Tx, { tenant, uid, what }: Name): Promise<number> =>
  tx.run("UPDATE billing_ask SET state = 'done' WHERE tenant = ? AND uid = ? AND what = ? AND state != 'done'", [tenant, uid, what]);

/** While nobody knows whether it was done, the same is asked again; later the provider may have forgotten its key. */
export const isPending = (ask: Ask | undefined, nowMs: number): boolean => ask?.state === 'open' && nowMs - ask.atMs < RESEND_WITHIN_MS;

export const createAsks = ({ store, installation, nowMs }: Deps) => {
  /** `body` is what is to be asked unless something is pending; that is asked again as it was where `keep` says so. */
  const intend = (name: Name, body: string, keep: boolean): Promise<Ask> =>
    store.transact(async (tx) => {
      const before = await readAsk(tx, name);
      if (before !== undefined && isPending(before, nowMs()) && (keep || before.body === body)) return before;
      const ask: Ask = { body, turn: (before?.turn ?? -1) + 1, state: 'open', atMs: nowMs() };
      await putAsk(tx, name, ask);
      return ask;
    });

  return async (
    asked: Name & {
      readonly body: string;
      /** What makes another one each time is not changed while it is pending. */
      readonly isCreation: boolean;
      readonly send: (body: string, requestKey: string) => Promise<Made>;
    },
    /** In the transaction that says that it was done. */
    onMade: (tx: Tx, id: string) => Promise<void>,
  ): Promise<Made> => {
    const { tenant, uid, what, body, isCreation, send } = asked;
    const name = { tenant, uid, what };
    const ask = await intend(name, body, isCreation);
    const key = `wra1.${hash('sha256', JSON.stringify([installation, tenant, what, ask.turn, ask.body]), 'hex').slice(0, 48)}`;
    const made = await send(ask.body, key);
    if (made.kind === 'retry' && !made.fresh) return made;
    await store.transact(async (tx) => {
      const now = await readAsk(tx, name);
      if (now?.turn !== ask.turn || now.state !== 'open') return;
      await putAsk(tx, name, { ...ask, ...(made.kind === 'retry' ? { state: 'failed', atMs: nowMs() } : { state: 'done' }) });
      if (made.kind === 'made') await onMade(tx, made.id);
    });
    return made;
  };
};

export type Asking = ReturnType<typeof createAsks>;
