// SPDX-License-Identifier: Apache-2.0
// Data keys for fields that only some may read: one at a time for each tenant, stored under a key that the store does not hold
// (envelope encryption). To change that key is to wrap them anew; what is in the log is never encrypted again, since that would
// change its leaves. To destroy a tenant's data keys is to erase what they hid, and no proof is lost by it.
import { Buffer } from 'node:buffer';
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { DATA_KEY_BYTES, NONCE_BYTES } from '../../policies/transparency/sealed-field.ts';
import type { DataKey } from '../../policies/transparency/sealed-field.ts';
import { StoreError, bytesOf, integerOf, textOf } from '../usage/store.ts';
import type { Reader, Row, Tx } from '../usage/store.ts';

export type WrappingKey = { readonly version: number; readonly bytes: Buffer };

/** The newest wraps; those before it only unwrap, until all data keys are under the newest. */
export type WrappingKeys = readonly [newest: WrappingKey, ...older: readonly WrappingKey[]];

export type DataKeys = {
  /** The key for new fields of a tenant, made where there is none or it is old or used up. `uses`: how many fields it is wanted for. */
  current(tx: Tx, tenant: string, uses: number): Promise<DataKey>;
  /** Wraps some that are still under an older key; how many are left after it. */
  rewrap(tx: Tx): Promise<number>;
  /** Destroys all of a tenant; their ids. */
  erase(tx: Tx, tenant: string): Promise<readonly string[]>;
};

const TAG_BYTES = 16;
/** A sixteenth of what random nonces of 96 bits allow (NIST SP 800-38D, 8.3). */
const MAX_USES = 2 ** 28;
const MAX_AGE_MS = 30 * 24 * 3_600_000;
const REWRAP_AT_ONCE = 500;

const wrap = (key: DataKey, by: WrappingKey, { tenant, nonce }: { readonly tenant: string; readonly nonce: Buffer }): Buffer => {
  const cipher = createCipheriv('aes-256-gcm', by.bytes, nonce);
  cipher.setAAD(Buffer.from(`${key.kid}|${tenant}|${by.version}`));
  return Buffer.concat([nonce, cipher.update(key.bytes), cipher.final(), cipher.getAuthTag()]);
};

/** `wrapping`: those that are at hand. */
const unwrap = (row: Row, wrapping: readonly WrappingKey[]): DataKey => {
  const kid = textOf(row, 'kid');
  const version = integerOf(row, 'version');
  const by = wrapping.find((key) => key.version === version);
  if (by === undefined)
    throw new StoreError('failed', `the data key ${kid} is under version ${version} of the wrapping key, which is not here`);
  const wrapped = Buffer.from(bytesOf(row, 'wrapped'));
  try {
    const decipher = createDecipheriv('aes-256-gcm', by.bytes, wrapped.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(`${kid}|${textOf(row, 'tenant')}|${version}`));
    decipher.setAuthTag(wrapped.subarray(-TAG_BYTES));
    return { kid, bytes: Buffer.concat([decipher.update(wrapped.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]) };
  } catch (error) {
    throw new StoreError('corrupt', `the data key ${kid} does not open`, { cause: error });
  }
};

export type KeyQuery = { readonly kid: string; readonly tenant: string; readonly wrapping: readonly WrappingKey[] };

/** The data key of that id; undefined where it was destroyed. */
export const dataKeyById = async (reader: Reader, { kid, tenant, wrapping }: KeyQuery): Promise<DataKey | undefined> => {
  const [row] = await reader.all('SELECT * FROM audit_key WHERE kid = ? AND tenant = ?', [kid, tenant]);
  return row === undefined ? undefined : unwrap(row, wrapping);
};

export const createDataKeys = (options: {
  readonly wrapping: () => WrappingKeys;
  readonly random: (bytes: number) => Buffer;
  readonly now: () => number;
}): DataKeys => {
  const { wrapping, random, now } = options;

  return {
    current: async (tx, tenant, uses) => {
      const [row] = await tx.all('SELECT * FROM audit_key WHERE tenant = ? ORDER BY made_ms DESC, kid LIMIT 1', [tenant]);
      if (row !== undefined && integerOf(row, 'uses') + uses <= MAX_USES && now() - integerOf(row, 'made_ms') < MAX_AGE_MS) {
        await tx.run('UPDATE audit_key SET uses = uses + ? WHERE kid = ?', [uses, textOf(row, 'kid')]);
        return unwrap(row, wrapping());
      }
      const key: DataKey = { kid: random(12).toString('hex'), bytes: random(DATA_KEY_BYTES) };
      const [newest] = wrapping();
      const wrapped = wrap(key, newest, { tenant, nonce: random(NONCE_BYTES) });
      const columns = ['kid', 'tenant', 'made_ms', 'uses', 'version', 'wrapped'];
      await tx.insert({ into: 'audit_key', columns, rows: [[key.kid, tenant, now(), uses, newest.version, wrapped]] });
      return key;
    },
    rewrap: async (tx) => {
      const [newest] = wrapping();
      const rows = await tx.all('SELECT * FROM audit_key WHERE version <> ? ORDER BY kid LIMIT ?', [newest.version, REWRAP_AT_ONCE]);
      for (const row of rows) {
        const key = unwrap(row, wrapping());
        const wrapped = wrap(key, newest, { tenant: textOf(row, 'tenant'), nonce: random(NONCE_BYTES) });
        await tx.run('UPDATE audit_key SET version = ?, wrapped = ? WHERE kid = ?', [newest.version, wrapped, key.kid]);
      }
      const [left] = await tx.all('SELECT COUNT(*) AS number FROM audit_key WHERE version <> ?', [newest.version]);
      return left === undefined ? 0 : integerOf(left, 'number');
    },
    erase: async (tx, tenant) => {
      const rows = await tx.all('SELECT kid FROM audit_key WHERE tenant = ? ORDER BY kid', [tenant]);
      await tx.run('DELETE FROM audit_key WHERE tenant = ?', [tenant]);
      const kids = rows.map((row) => textOf(row, 'kid'));
      // Until the Secret names them too (`erasures.ts`).
      await tx.insert({
        into: 'audit_erased',
        columns: ['kid'],
        rows: kids.map((kid) => [kid]),
        onConflict: 'ON CONFLICT (kid) DO NOTHING',
      });
      return kids;
    },
  };
};
