// SPDX-License-Identifier: Apache-2.0
// Keeping an invoice from becoming final. Each time is on disk, under the key of its request, before it is asked for; so whatever dies in
// between, the same is asked again, and the record says what was held and why.
import { hash } from 'node:crypto';
import { integerOf, textOf } from '../usage/store.ts';
import type { Store } from '../usage/store.ts';
import { invoiceHeld } from './facts.ts';
import type { RecordFacts } from './facts.ts';
import type { Draft, InvoiceProvider } from './provider.ts';

export type HoldAsked = { readonly tenant: string; readonly draft: Draft; readonly untilMs: number; readonly why: string };

export type Held = 'held' | 'late' | 'retry';

type Deps = {
  readonly store: Store;
  readonly provider: Pick<InvoiceProvider, 'hold'>;
  readonly installation: string;
  readonly record: RecordFacts | undefined;
  readonly nowMs: () => number;
};

type Intent = { readonly untilMs: number; readonly turn: number; readonly why: string };

const requestKey = (installation: string, invoice: string, { untilMs, turn }: Intent): string =>
  `wrh1.${hash('sha256', JSON.stringify([installation, invoice, untilMs]), 'hex').slice(0, 40)}.${turn}`;

export const createHolds = ({ store, provider, installation, record, nowMs }: Deps) => {
  /** The one that is under way, if it still helps; else a new one. */
  const intend = ({ tenant, draft, untilMs, why }: HoldAsked): Promise<Intent> =>
    store.transact(async (tx) => {
      const [open] = await tx.all(
        "SELECT until_ms, turn, why FROM billing_hold WHERE invoice = ? AND state = 'intent' AND until_ms > ? ORDER BY until_ms DESC LIMIT 1",
        [draft.id, Math.max(draft.finalizesAtMs ?? 0, nowMs())],
      );
      if (open !== undefined) return { untilMs: integerOf(open, 'until_ms'), turn: integerOf(open, 'turn'), why: textOf(open, 'why') };
      const intent = { untilMs: Math.floor(untilMs / 1000) * 1000, turn: 0, why };
      await tx.insert({
        into: 'billing_hold',
        columns: ['invoice', 'until_ms', 'tenant', 'why', 'turn', 'state'],
        rows: [[draft.id, intent.untilMs, tenant, why, 0, 'intent']],
        // Asked for before, and undone at the provider since: the old key would only repeat its answer.
        onConflict: "ON CONFLICT (invoice, until_ms) DO UPDATE SET turn = billing_hold.turn + 1, why = excluded.why, state = 'intent'",
      });
      const [row] = await tx.all('SELECT turn FROM billing_hold WHERE invoice = ? AND until_ms = ?', [draft.id, intent.untilMs]);
      return row === undefined ? intent : { ...intent, turn: integerOf(row, 'turn') };
    });

  return async (asked: HoldAsked): Promise<Held> => {
    const { tenant, draft } = asked;
    const intent = await intend(asked);
    const { untilMs, why } = intent;
    const answer = await provider.hold(draft, { untilMs, requestKey: requestKey(installation, draft.id, intent) });
    if (answer.kind === 'retry') {
      if (answer.fresh === true)
        await store.transact((tx) =>
          tx.run('UPDATE billing_hold SET turn = turn + 1 WHERE invoice = ? AND until_ms = ? AND turn = ?', [
            draft.id,
            untilMs,
            intent.turn,
          ]),
        );
      return 'retry';
    }
    await store.transact(async (tx) => {
      await tx.run('UPDATE billing_hold SET state = ? WHERE invoice = ? AND until_ms = ?', [answer.kind, draft.id, untilMs]);
      await record?.(tx, [invoiceHeld({ tenant, draft, untilMs, why, isLate: answer.kind === 'late' })]);
    });
    return answer.kind;
  };
};
