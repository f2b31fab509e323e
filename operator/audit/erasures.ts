// SPDX-License-Identifier: Apache-2.0
// Which data keys were destroyed, kept where a backup of the ledger is not: in the Secret of the keys. A ledger that is put back from one has
// them again, and they are destroyed again before anything is encrypted or told by it. By their ids and nothing else: no key that was
// made since is touched, whatever is older than what.
import { textOf } from '../usage/store.ts';
import type { Store, Tx } from '../usage/store.ts';
import { ERASED_ACTION } from '../../policies/transparency/index.ts';
import { OPERATOR } from './facts.ts';
import type { KeyHolder } from './rotation.ts';
import type { ToldFact } from './sequencer.ts';

const AT_ONCE = 1000;

type Append = (tx: Tx, facts: readonly ToldFact[]) => Promise<void>;
type Held = { readonly store: Store; readonly holder: KeyHolder };

/** The Secret names them from then on; to be killed in between is to do it again. */
export const keepErased = async ({ store, holder }: Held): Promise<void> => {
  const rows = await store.read((reader) => reader.all(`SELECT kid FROM audit_erased ORDER BY kid LIMIT ${AT_ONCE}`));
  if (rows.length === 0) return;
  const kids = rows.map((row) => textOf(row, 'kid'));
  await holder.rememberErased(kids);
  await store.transact(async (tx) => {
    for (const kid of kids) await tx.run('DELETE FROM audit_erased WHERE kid = ?', [kid]);
  });
};

/** Destroys what the Secret says was destroyed and this ledger has all the same, and puts that on record. */
export const eraseAgain = async ({ store, holder }: Held, append: Append): Promise<void> => {
  const erased = new Set(holder.current().erased);
  if (erased.size === 0) return;
  await store.transact(async (tx) => {
    const byTenant = new Map<string, string[]>();
    for (const row of await tx.all('SELECT kid, tenant FROM audit_key ORDER BY kid')) {
      const [kid, tenant] = [textOf(row, 'kid'), textOf(row, 'tenant')];
      if (erased.has(kid)) byTenant.set(tenant, [...(byTenant.get(tenant) ?? []), kid]);
    }
    for (const kid of [...byTenant.values()].flat()) await tx.run('DELETE FROM audit_key WHERE kid = ?', [kid]);
    const facts = [...byTenant].map(([tenant, kids]) => ({
      action: ERASED_ACTION,
      actor: OPERATOR,
      tenant,
      detail: { again: true, kids },
    }));
    if (facts.length > 0) await append(tx, facts);
  });
};
