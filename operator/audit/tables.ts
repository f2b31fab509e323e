// SPDX-License-Identifier: Apache-2.0
// What the audit log keeps in the ledger's store. The entries here are the log; the files that others read are made of them.
import type { Migrations } from '../usage/store.ts';

export const AUDIT_TABLES: Migrations = {
  room: 'audit',
  steps: [
    [
      // Where each log ends: how many entries, the leaf and the time of the last of them.
      'CREATE TABLE audit_log (log TEXT PRIMARY KEY, size BIGINT NOT NULL, leaf TEXT NOT NULL, ts TEXT NOT NULL)',
      'CREATE TABLE audit_entry (log TEXT NOT NULL, seq BIGINT NOT NULL, body BYTEA NOT NULL, PRIMARY KEY (log, seq))',
      // The newest checkpoint that was ever signed of each log; written before the signature leaves this process.
      'CREATE TABLE audit_checkpoint (log TEXT PRIMARY KEY, size BIGINT NOT NULL, root BYTEA NOT NULL, note TEXT NOT NULL)',
      // What was last said of a thing, so that the same is not said again after a restart.
      'CREATE TABLE audit_said (topic TEXT PRIMARY KEY, digest TEXT NOT NULL)',
      // Data keys under the key that is not stored here.
      'CREATE TABLE audit_key (kid TEXT PRIMARY KEY, tenant TEXT NOT NULL, made_ms BIGINT NOT NULL, uses BIGINT NOT NULL, version BIGINT NOT NULL, wrapped BYTEA NOT NULL)',
      'CREATE INDEX audit_key_tenant ON audit_key (tenant, made_ms)',
    ],
    // Of what is asked for again: the state of the thing as its last entry says it.
    ['ALTER TABLE audit_said ADD COLUMN state TEXT'],
    [
      // How many entries this hour had of what senders can cause at will, and how many more there were.
      'CREATE TABLE audit_bound (topic TEXT PRIMARY KEY, hour_ms BIGINT NOT NULL, told BIGINT NOT NULL, more BIGINT NOT NULL)',
    ],
    // Ids of data keys that were destroyed, until the Secret names them too (`erasures.ts`).
    ['CREATE TABLE audit_erased (kid TEXT PRIMARY KEY)'],
  ],
};
