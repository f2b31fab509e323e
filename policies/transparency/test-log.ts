// SPDX-License-Identifier: Apache-2.0
// Exports for tests: whole ones, and what a forger would make of them.
import { Buffer } from 'node:buffer';
import { createHash, createPrivateKey, hash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { checkpointText } from './checkpoint.ts';
import { NO_LEAF, encodeEntry } from './entry.ts';
import type { AuditEntry, AuditFact } from './entry.ts';
import { ANCHOR_ACTION } from './anchor.ts';
import { writeInclusion } from './inclusion-file.ts';
import { inclusionProof, leafOfBytes } from './merkle.ts';
import { writeManifest } from './manifest.ts';
import { cosignText, signText, verifierKey, writeNote } from './note.ts';
import type { NoteKeyKind, NoteSigner } from './note.ts';
import { originOf } from './signed-checkpoint.ts';
import { createTileWriter } from './tile-writer.ts';

/** The same name gives the same key: tests are to fail twice alike. */
export const testSigner = (name: string, kind: NoteKeyKind = 'ed25519', seed = name): NoteSigner => {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), createHash('sha256').update(seed).digest()]);
  const privateKey: KeyObject = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const key = verifierKey(name, privateKey, kind);
  if (key === undefined) throw new Error(`${name} is no name of a key`);
  return { key, privateKey };
};

export const LOG_NAME = 'writ.example/audit';
export const logSigner = testSigner(LOG_NAME);
export const witnessOne = testSigner('witness.example/one', 'cosignature');
export const witnessTwo = testSigner('witness.example/two', 'cosignature');

const TIME_MS = Date.UTC(2026, 0, 1);

export type Files = ReadonlyMap<string, Buffer>;

/** Entries of a log with good numbers, times and links, or with what `change` makes of each. */
export const entriesOf = (
  origin: string,
  facts: readonly AuditFact[],
  change: (entry: AuditEntry) => AuditEntry = (entry) => entry,
): readonly Buffer[] => {
  let prev = NO_LEAF;
  return facts.map((fact, seq) => {
    const ts = new Date(TIME_MS + seq * 1000).toISOString();
    const bytes = encodeEntry(change({ v: 1, log: origin, seq, ts, prev, ...fact }));
    prev = leafOfBytes(bytes).toString('hex');
    return bytes;
  });
};

export const someFacts = (count: number, tenant = 'acme'): readonly AuditFact[] =>
  Array.from({ length: count }, (_, index) => ({
    action: 'tenant.changed',
    actor: 'kubernetes',
    tenant,
    object: { kind: 'Tenant', name: tenant, version: String(index) },
    detail: { note: `change é ${index}` },
  }));

export type BuiltLog = {
  readonly root: Buffer;
  readonly size: number;
  readonly files: Files;
  readonly note: Buffer;
  readonly entries: readonly Buffer[];
};

export type BuildOptions = {
  readonly signer?: NoteSigner;
  readonly witnesses?: readonly NoteSigner[];
};

export const buildLog = (
  folder: string,
  entries: readonly Buffer[],
  { signer = logSigner, witnesses = [] }: BuildOptions = {},
): BuiltLog => {
  const writer = createTileWriter();
  for (const entry of entries) writer.add(entry);
  const text = checkpointText({ origin: originOf(folder, signer.key.name), size: writer.size, root: writer.root() });
  const signatures = [signText(text, signer), ...witnesses.map((witness) => cosignText(text, witness, TIME_MS))];
  const note = Buffer.from(writeNote({ text, signatures }));
  const files = new Map([
    [`${folder}/checkpoint`, note],
    ...writer.takeFiles().map(({ path, bytes }) => [`${folder}/${path}`, bytes] as const),
  ]);
  return { root: writer.root(), size: writer.size, files, note, entries };
};

export const anchorFact = (folder: string, { root, size }: Pick<BuiltLog, 'root' | 'size'>): AuditFact => ({
  action: ANCHOR_ACTION,
  actor: 'writ-operator',
  detail: { origin: originOf(folder, LOG_NAME), size, root: root.toString('hex') },
});

export const withManifest = (files: Files, logs: ReadonlyMap<string, { readonly from: number; readonly to: number }>): Files => {
  const named = [...files].map(
    ([file, bytes]) => [file, { bytes: bytes.length, digest: `sha256:${hash('sha256', bytes, 'hex')}` }] as const,
  );
  return new Map([...files, ['manifest.json', Buffer.from(writeManifest({ logs, files: new Map(named) }))]]);
};

/** All logs: the tenant's, the cluster's, and the root log that carries several checkpoints of both. */
export const buildExport = (count: number, options: BuildOptions = {}): Files => {
  const tenant = buildLog('tenant/acme', entriesOf(`${LOG_NAME}/tenant/acme`, someFacts(count)), options);
  const earlier = buildLog('tenant/acme', tenant.entries.slice(0, Math.floor(count / 2)), options);
  const cluster = buildLog('cluster', entriesOf(`${LOG_NAME}/cluster`, someFacts(1, 'other')), options);
  const facts = [anchorFact('tenant/acme', earlier), anchorFact('cluster', cluster), anchorFact('tenant/acme', tenant)];
  const root = buildLog('root', entriesOf(LOG_NAME, facts), options);
  const files = new Map([...tenant.files, ...cluster.files, ...root.files]);
  const logs = [tenant, cluster, root].map(
    ({ size }, at) => [['tenant/acme', 'cluster', 'root'][at] ?? '', { from: 0, to: size }] as const,
  );
  return withManifest(files, new Map(logs));
};

/** What one tenant is handed: its own log, and the proof that the root log holds its checkpoint. */
export const buildTenantExport = (count: number, options: BuildOptions = {}): Files => {
  const tenant = buildLog('tenant/acme', entriesOf(`${LOG_NAME}/tenant/acme`, someFacts(count)), options);
  const other = anchorFact('tenant/other', { root: tenant.root, size: 1 });
  const root = buildLog('root', entriesOf(LOG_NAME, [other, anchorFact('tenant/acme', tenant), other]), options);
  const leaves = root.entries.map(leafOfBytes);
  const extra = root.entries[1];
  const anchor = writeInclusion({
    index: 1,
    hashes: inclusionProof(leaves, 1),
    checkpoint: root.note,
    ...(extra === undefined ? {} : { extra }),
  });
  const files = new Map([...tenant.files, ['tenant/acme/anchor.tlog-proof', anchor] as const]);
  return withManifest(files, new Map([['tenant/acme', { from: 0, to: count }]]));
};
