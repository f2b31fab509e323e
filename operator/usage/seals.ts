// SPDX-License-Identifier: Apache-2.0
// An hour that is over is sealed: one digest over what every tenant used in it, chained to the seal before. An event that comes
// later opens the hour again, and the next seal of it is a revision; the seals before stay as they are. Whoever sends late events, and
// however often, seals and what is reported by them stay few: an hour is sealed again once in a full hour, an old one twice a day.
import { createHash } from 'node:crypto';
import { DAY_MS, HOUR_MS, SEAL_AFTER_MS } from './period.ts';
import { byTexts, bytesOf, integerOf, textOf } from './store.ts';
import type { Reader, Row, Tx } from './store.ts';
import { ledgerState } from './tallies.ts';

export type Seal = { readonly hourMs: number; readonly revision: number; readonly root: string };

/** Called in the transaction of the seals. */
export type SealHook = (tx: Tx, seals: readonly Seal[]) => Promise<void>;

const HOURS_AT_ONCE = 48;

/** Months end, and are frozen, where such a half of a day does: what they bill of old hours is sealed by then. */
const HALF_DAY_MS = DAY_MS / 2;

/** Whether an hour that was opened again is to be sealed now; of a row with `sealed_ms`, null where it never was. */
const isDueAgain = (row: Row, nowMs: number): boolean => {
  if (row['sealed_ms'] === null) return true;
  const roundMs = nowMs - integerOf(row, 'hour_ms') < DAY_MS ? HOUR_MS : HALF_DAY_MS;
  return Math.floor(integerOf(row, 'sealed_ms') / roundMs) !== Math.floor(nowMs / roundMs);
};

/** The digest of an hour as its buckets have it. */
export const hourDigest = async (
  reader: Reader,
  { hourMs, revision, previous }: { readonly hourMs: number; readonly revision: number; readonly previous: Uint8Array },
): Promise<Uint8Array> => {
  const digest = createHash('sha256').update(previous).update(`${hourMs} ${revision}\n`);
  const rows = await reader.all('SELECT tenant, meter, count, sum, peak FROM usage_bucket WHERE hour_ms = ?', [hourMs]);
  for (const row of rows.toSorted(byTexts('tenant', 'meter'))) {
    const fields = [textOf(row, 'tenant'), textOf(row, 'meter'), integerOf(row, 'count'), textOf(row, 'sum'), textOf(row, 'peak')];
    digest.update(`${fields.join(' ')}\n`);
  }
  return digest.digest();
};

const lastSeal = async (reader: Reader): Promise<{ readonly position: number; readonly root: Uint8Array }> => {
  const [row] = await reader.all('SELECT position, root FROM usage_seal ORDER BY position DESC LIMIT 1');
  return row === undefined ? { position: 0, root: new Uint8Array() } : { position: integerOf(row, 'position'), root: bytesOf(row, 'root') };
};

/** Hours that are over by a quarter of an hour and have no seal yet, and sealed ones that were opened again and whose turn it is. */
const dueHours = async (tx: Tx, nowMs: number): Promise<readonly number[]> => {
  const { sealedMs } = await ledgerState(tx);
  const over = nowMs - SEAL_AFTER_MS - HOUR_MS;
  const fresh = await tx.all('SELECT DISTINCT hour_ms FROM usage_bucket WHERE hour_ms > ? AND hour_ms <= ? ORDER BY hour_ms LIMIT ?', [
    sealedMs ?? -1,
    over,
    HOURS_AT_ONCE,
  ]);
  const reopened = await tx.all(
    `SELECT r.hour_ms AS hour_ms, (SELECT MAX(s.sealed_ms) FROM usage_seal s WHERE s.hour_ms = r.hour_ms) AS sealed_ms
      FROM usage_reopened r ORDER BY r.hour_ms`,
  );
  const due = reopened.filter((row) => isDueAgain(row, nowMs)).slice(0, HOURS_AT_ONCE);
  return [...fresh, ...due].map((row) => integerOf(row, 'hour_ms'));
};

/** Seals what is due; the list is empty when nothing is. */
export const sealHours = async (
  tx: Tx,
  { nowMs, onSeals }: { readonly nowMs: number; readonly onSeals?: SealHook | undefined },
): Promise<readonly Seal[]> => {
  const hours = await dueHours(tx, nowMs);
  const seals: Seal[] = [];
  let { position, root } = await lastSeal(tx);
  for (const hourMs of hours) {
    const [known] = await tx.all('SELECT COALESCE(MAX(revision), 0) AS revision FROM usage_seal WHERE hour_ms = ?', [hourMs]);
    const revision = (known === undefined ? 0 : integerOf(known, 'revision')) + 1;
    position += 1;
    root = await hourDigest(tx, { hourMs, revision, previous: root });
    await tx.insert({
      into: 'usage_seal',
      columns: ['position', 'hour_ms', 'revision', 'root', 'sealed_ms'],
      rows: [[position, hourMs, revision, root, nowMs]],
    });
    await tx.run('DELETE FROM usage_reopened WHERE hour_ms = ?', [hourMs]);
    seals.push({ hourMs, revision, root: Buffer.from(root).toString('hex') });
  }
  if (seals.length === 0) return [];
  const { sealedMs } = await ledgerState(tx);
  await tx.run('UPDATE usage_state SET sealed_ms = ? WHERE one = 1', [Math.max(sealedMs ?? -1, ...hours)]);
  await onSeals?.(tx, seals);
  return seals;
};
