// SPDX-License-Identifier: Apache-2.0
/**
 * What the command line issues goes on record: invoices that `writ bill close` signed and SLA statements of `writ slo statement`, once each,
 * by their digest, as soon as they lie in the folder that the operator looks into.
 *
 * In: that folder, the public keys of whoever issues, the ledger's database. Out: a row and an entry of the audit log for each document, in
 * one transaction. From then on nobody can say that another one was issued: a file that says something else is told of, and is on record,
 * too. Nothing is ever written to the folder. operator/issued-wiring.ts runs it.
 */
import { readFileSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { isName } from '../../crds/wire.ts';
import { readAnyBundle } from '../../policies/trust/bundle.ts';
import { isSignedBy } from '../../policies/trust/key.ts';
import { textOf } from '../usage/store.ts';
import type { Reader, Store } from '../usage/store.ts';
import { STEPS_WITH_ISSUED, billingSteps } from './accounts/tables.ts';
import { documentAltered, documentIssued } from './facts.ts';
import type { RecordFacts } from './facts.ts';
import { bytesDigest, readIssued } from './issued-document.ts';
import type { IssuedDocument } from './issued-document.ts';

/** `path`: under the folder. */
export type IssuedOnRecord = { readonly id: string; readonly tenant: string; readonly path: string; readonly digest: string };

export type IssuedDeps = {
  readonly folder: string;
  /** One of them must have signed. */
  readonly keys: readonly KeyObject[];
  readonly store: Store;
  readonly nowMs: () => number;
  readonly record: RecordFacts | undefined;
  /** A document is on record, and the file says something else; told with every look that reads the file. */
  readonly onAltered: (altered: { readonly id: string; readonly path: string; readonly digest: string; readonly found: string }) => void;
  readonly onUnsigned: (path: string) => void;
};

/** An invoice of ten thousand lines has a few. */
const MAX_BYTES = 16 * 1024 * 1024;
const BUNDLE = '.sigstore.json';
const SELECT = 'SELECT id, tenant, path, digest, found FROM billing_issued';

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** Changes with what is in a file, as far as can be seen without reading it; undefined where there is no file, or one that is not read. */
const stampOf = async (file: string): Promise<string | undefined> => {
  try {
    const stat = await lstat(file);
    return stat.isFile() && stat.size <= MAX_BYTES ? `${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}` : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
};

/** Those of one tenant, in the order of their ids; undefined where the ledger is older than this record. */
export const issuedOnRecord = async (reader: Reader, tenant: string): Promise<readonly IssuedOnRecord[] | undefined> => {
  if ((await billingSteps(reader)) < STEPS_WITH_ISSUED) return undefined;
  return (await reader.all(`${SELECT} WHERE tenant = ? ORDER BY id`, [tenant])).map((row) => ({
    id: textOf(row, 'id'),
    tenant: textOf(row, 'tenant'),
    path: textOf(row, 'path'),
    digest: textOf(row, 'digest'),
  }));
};

export const createIssuedLook = (deps: IssuedDeps): ((signal?: AbortSignal) => Promise<void>) => {
  const { folder, keys, store, nowMs, record } = deps;
  /** What was read last, by path: a file that did not change is not read again. */
  const seen = new Map<string, string>();

  const alter = async (id: string, path: string, found: string): Promise<void> => {
    const digest = await store.transact(async (tx) => {
      const [row] = await tx.all(`${SELECT} WHERE id = ?`, [id]);
      if (row === undefined) return '';
      const kept = textOf(row, 'digest');
      // On record once for each thing that it says instead.
      if (textOf(row, 'found') !== found) {
        await tx.run('UPDATE billing_issued SET found = ? WHERE id = ?', [found, id]);
        await record?.(tx, [documentAltered({ id, tenant: textOf(row, 'tenant'), digest: kept, found })]);
      }
      return kept;
    });
    deps.onAltered({ id, path, digest, found });
  };

  /** The digest that is on record under the id; what is not on record yet is from now on. */
  const keep = (document: IssuedDocument, path: string): Promise<string> =>
    store.transact(async (tx) => {
      const { id, tenant, digest } = document;
      const [row] = await tx.all(`${SELECT} WHERE id = ?`, [id]);
      if (row !== undefined) return textOf(row, 'digest');
      await tx.insert({
        into: 'billing_issued',
        columns: ['id', 'tenant', 'path', 'digest', 'found', 'at_ms'],
        rows: [[id, tenant, path, digest, '', nowMs()]],
      });
      await record?.(tx, [documentIssued(document)]);
      return digest;
    });

  const isSigned = (bytes: Uint8Array, bundle: string): boolean => {
    const read = readAnyBundle(bundle);
    return read.ok && read.seal.proof.kind === 'message' && keys.some((key) => isSignedBy(bytes, read.seal.signature, key));
  };

  const lookAt = async (tenant: string, path: string, isBundled: boolean): Promise<void> => {
    const bytes = readFileSync(join(folder, path));
    const digest = bytesDigest(bytes);
    const [known] = await store.read((reader) => reader.all(`${SELECT} WHERE path = ?`, [path]));
    if (known !== undefined) {
      if (textOf(known, 'digest') !== digest) await alter(textOf(known, 'id'), path, digest);
      return;
    }
    // Without a signature nothing was issued: it is finished by the next try of whoever writes it.
    if (!isBundled) return;
    const document = readIssued(bytes);
    if (document === undefined || document.tenant !== tenant) return;
    if (!isSigned(bytes, readFileSync(join(folder, `${path}${BUNDLE}`), 'utf8'))) return deps.onUnsigned(path);
    if ((await keep(document, path)) !== digest) await alter(document.id, path, digest);
  };

  return async (signal) => {
    for (const place of await readdir(folder, { withFileTypes: true })) {
      if (!place.isDirectory() || !isName(place.name)) continue;
      for (const name of (await readdir(join(folder, place.name))).toSorted()) {
        if (signal?.aborted === true) return;
        if (!name.endsWith('.json') || name.endsWith(BUNDLE)) continue;
        const path = `${place.name}/${name}`;
        const [file, bundle] = [await stampOf(join(folder, path)), await stampOf(join(folder, `${path}${BUNDLE}`))];
        const stamp = `${file} ${bundle}`;
        if (file === undefined || seen.get(path) === stamp) continue;
        await lookAt(place.name, path, bundle !== undefined);
        seen.set(path, stamp);
      }
    }
  };
};
