// SPDX-License-Identifier: Apache-2.0
// Opens encrypted fields of entries, with what only the operator has: the data keys in the ledger and the keys that wrap them.
import { dataKeyById } from '../../operator/audit/data-keys.ts';
import type { WrappingKey } from '../../operator/audit/data-keys.ts';
import { readWrapping } from '../../operator/audit/secret.ts';
import { StoreError } from '../../operator/usage/store.ts';
import type { AuditEntry } from '../../policies/transparency/entry.ts';
import { openField } from '../../policies/transparency/sealed-field.ts';
import type { DataKey, SealedField } from '../../policies/transparency/sealed-field.ts';
import { readText } from '../files.ts';
import { UsageError, UserError } from '../output.ts';
import type { Terminal } from '../output.ts';
import { openLedger } from '../usage/open-ledger.ts';
import type { OpenLedger } from '../usage/open-ledger.ts';
import { EXIT_AUDIT_USAGE } from './exit-codes.ts';

export type OpenedField =
  | { readonly kind: 'opened'; readonly text: string }
  /** No keys were given. */
  | { readonly kind: 'closed'; readonly kid: string }
  | { readonly kind: 'erased'; readonly kid: string };

export type FieldOpener = {
  /** Of each encrypted field of an entry, by its path. */
  open(entry: AuditEntry): Promise<readonly (readonly [path: string, field: OpenedField])[]>;
  close(): Promise<void>;
};

export type OpenerOptions = {
  readonly ledger?: string;
  readonly wrappingKeys?: string;
  /** Whether the log says that the key was destroyed. */
  readonly erased: (kid: string) => boolean;
};

const wrappingIn = (path: string): readonly WrappingKey[] => {
  const text = readText(path);
  try {
    const keys = readWrapping(text);
    if (keys.length > 0) return keys;
  } catch {
    // Told below.
  }
  throw new UsageError(`--wrapping-keys ${path}: not the wrapping.json of the Secret writ-audit`);
};

const unreadable = (entry: AuditEntry, path: string, why: string): UserError =>
  new UserError([{ code: 'AUDIT_FIELD_UNREADABLE', message: `${path} of entry ${entry.seq} of ${entry.log}: ${why}` }], EXIT_AUDIT_USAGE);

export const fieldOpener = async ({ ledger, wrappingKeys, erased }: OpenerOptions, terminal: Terminal): Promise<FieldOpener> => {
  const wrapping = wrappingKeys === undefined ? undefined : wrappingIn(wrappingKeys);
  if (wrapping === undefined && ledger !== undefined) throw new UsageError('--ledger opens nothing without --wrapping-keys');
  const opened: OpenLedger | undefined = wrapping === undefined ? undefined : await openLedger(ledger, terminal);
  const known = new Map<string, DataKey | undefined>();
  const keyOf = async (kid: string, tenant: string, keys: { readonly from: OpenLedger; readonly wrapping: readonly WrappingKey[] }) => {
    if (!known.has(kid)) known.set(kid, await keys.from.read((reader) => dataKeyById(reader, { kid, tenant, wrapping: keys.wrapping })));
    return known.get(kid);
  };
  const openOne = async (entry: AuditEntry, path: string, sealed: SealedField): Promise<OpenedField> => {
    const { kid } = sealed;
    if (erased(kid)) return { kind: 'erased', kid };
    if (opened === undefined || wrapping === undefined) return { kind: 'closed', kid };
    const { log, seq, tenant = '' } = entry;
    const key = await keyOf(kid, tenant, { from: opened, wrapping }).catch((error: unknown) => {
      throw error instanceof StoreError ? unreadable(entry, path, error.message) : error;
    });
    if (key === undefined) throw unreadable(entry, path, `the ledger has no data key ${kid}`);
    const plain = openField(sealed, { log, tenant, seq, path }, key);
    if (plain === undefined) throw unreadable(entry, path, `it does not open under the data key ${kid}`);
    return { kind: 'opened', text: plain.toString('utf8') };
  };
  return {
    open: (entry) =>
      Promise.all(Object.entries(entry.enc ?? {}).map(async ([path, sealed]) => [path, await openOne(entry, path, sealed)] as const)),
    close: async () => opened?.close(),
  };
};
