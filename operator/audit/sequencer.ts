// SPDX-License-Identifier: Apache-2.0
/**
 * Gives each entry its place in its log, within the transaction of the effect that it describes: both are there, or neither.
 *
 * In: what happened, a transaction. Out: rows of entries, numbered and linked. Every room of the operator that does something
 * worth a record calls `append`; nobody else writes these tables.
 */
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import { isName } from '../../crds/wire.ts';
import { NO_LEAF, encodeEntry } from '../../policies/transparency/entry.ts';
import type { AuditEntry, AuditFact } from '../../policies/transparency/entry.ts';
import { leafTextOfBytes } from '../../policies/transparency/merkle.ts';
import { NONCE_BYTES, sealField } from '../../policies/transparency/sealed-field.ts';
import type { DataKey, SealedField } from '../../policies/transparency/sealed-field.ts';
import { originOf } from '../../policies/transparency/signed-checkpoint.ts';
import { MAX_ENTRY_BYTES } from '../../policies/transparency/tiles.ts';
import { integerOf, textOf } from '../usage/store.ts';
import type { Tx } from '../usage/store.ts';
import type { DataKeys } from './data-keys.ts';

export type ToldFact = AuditFact & {
  /** Texts that are encrypted before the entry is hashed, by the path where they would stand, such as `detail.spec`. */
  readonly secret?: Readonly<Record<string, string>>;
};

export type Sequencer = {
  /** To the log of the fact's tenant, or to that of the cluster where it has none. */
  append(tx: Tx, facts: readonly ToldFact[]): Promise<void>;
  /** To a log by its folder; for the root log. */
  appendTo(tx: Tx, folder: string, facts: readonly ToldFact[]): Promise<void>;
};

export type SequencerOptions = {
  /** Origin of the root log. */
  readonly name: string;
  /** Asked only where a fact has something to encrypt; throws where there are none yet. */
  readonly keys: () => DataKeys;
  readonly random: (bytes: number) => Buffer;
  readonly now: () => number;
};

const folderOfFact = ({ tenant }: Pick<AuditFact, 'tenant'>): string => (isName(tenant) ? `tenant/${tenant}` : 'cluster');

/** An entry that fits into a bundle: what does not is left out, and named by its digest. */
const fitting = (entry: AuditEntry): Buffer => {
  const bytes = encodeEntry(entry);
  if (bytes.length <= MAX_ENTRY_BYTES) return bytes;
  const { detail: _detail, enc: _enc, ...short } = entry;
  return encodeEntry({ ...short, detail: { omitted: { bytes: bytes.length, digest: `sha256:${hash('sha256', bytes, 'hex')}` } } });
};

export const createSequencer = ({ name, keys, random, now }: SequencerOptions): Sequencer => {
  type Sealing = { readonly log: string; readonly seq: number; readonly key: DataKey | undefined };

  const sealed = (fact: ToldFact, { log, seq, key }: Sealing): { readonly enc?: Readonly<Record<string, SealedField>> } => {
    if (fact.secret === undefined || key === undefined) return {};
    const fields = Object.entries(fact.secret).map(([path, text]) => {
      const place = { log, tenant: fact.tenant ?? '', seq, path };
      return [path, sealField({ plain: Buffer.from(text), place, key, nonce: random(NONCE_BYTES) })] as const;
    });
    return { enc: Object.fromEntries(fields) };
  };

  const appendTo: Sequencer['appendTo'] = async (tx, folder, facts) => {
    const log = originOf(folder, name);
    const [head] = await tx.all('SELECT size, leaf, ts FROM audit_log WHERE log = ?', [folder]);
    let seq = head === undefined ? 0 : integerOf(head, 'size');
    let prev = head === undefined ? NO_LEAF : textOf(head, 'leaf');
    let ts = head === undefined ? '' : textOf(head, 'ts');
    const wanted = new Map<string, number>();
    for (const { tenant = '', secret = {} } of facts) {
      const fields = Object.keys(secret).length;
      if (fields > 0) wanted.set(tenant, (wanted.get(tenant) ?? 0) + fields);
    }
    const held = new Map<string, DataKey>();
    for (const [tenant, fields] of wanted) held.set(tenant, await keys().current(tx, tenant, fields));
    // All of them become true at once, with the transaction. A clock that was set back must not make a log that no reader believes.
    const time = new Date(now()).toISOString();
    if (time > ts) ts = time;
    const rows = facts.map((told) => {
      const { secret: _secret, ...fact } = told;
      const bytes = fitting({ v: 1, log, seq, ts, prev, ...fact, ...sealed(told, { log, seq, key: held.get(told.tenant ?? '') }) });
      prev = leafTextOfBytes(bytes);
      const row = [folder, seq, bytes];
      seq += 1;
      return row;
    });
    await tx.insert({ into: 'audit_entry', columns: ['log', 'seq', 'body'], rows });
    await tx.insert({
      into: 'audit_log',
      columns: ['log', 'size', 'leaf', 'ts'],
      rows: [[folder, seq, prev, ts]],
      onConflict: 'ON CONFLICT (log) DO UPDATE SET size = excluded.size, leaf = excluded.leaf, ts = excluded.ts',
    });
  };

  return {
    appendTo,
    append: async (tx, facts) => {
      const byLog = new Map<string, ToldFact[]>();
      for (const fact of facts) {
        const folder = folderOfFact(fact);
        const those = byLog.get(folder) ?? [];
        those.push(fact);
        byLog.set(folder, those);
      }
      for (const [folder, those] of byLog) await appendTo(tx, folder, those);
    },
  };
};
