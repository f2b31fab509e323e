// SPDX-License-Identifier: Apache-2.0
// What an export says of itself: which logs are in it, from which entry on, and every file with its length and digest. It proves
// nothing, it is not signed; it tells a copy that was cut from one that is whole, and names the file that is not as it was.
import { isDigest } from '../../crds/wire.ts';
import { own } from '../document/json.ts';
import type { JsonObject } from '../document/json.ts';
import { objectAt, strangerIn, textAt } from '../trust/strict-json.ts';
import { canonicalJson, readCanonicalObject, textOf } from './canonical-json.ts';

const EXPORT_FORMAT = 'writ-audit-export/1';
export const MANIFEST_NAME = 'manifest.json';
export const CHECKPOINT_NAME = 'checkpoint';
export const ANCHOR_NAME = 'anchor.tlog-proof';

/** `[from, to)`, whole bundles; all hashes are there in any case. */
export type EntryRange = { readonly from: number; readonly to: number };
export type ExportedFile = { readonly bytes: number; readonly digest: string };

export type Manifest = {
  /** By the log's folder: `root`, `cluster`, `tenant/NAME`. */
  readonly logs: ReadonlyMap<string, EntryRange>;
  readonly files: ReadonlyMap<string, ExportedFile>;
};

export const writeManifest = ({ logs, files }: Manifest): string =>
  `${canonicalJson({
    format: EXPORT_FORMAT,
    logs: Object.fromEntries([...logs].map(([log, { from, to }]) => [log, { from, to }])),
    files: Object.fromEntries([...files].map(([file, { bytes, digest }]) => [file, { bytes, digest }])),
  })}\n`;

const LOG = /^(?:root|cluster|tenant\/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)$/;
/** Of a folder that a log may have; anything else could lead out of the export. */
export const isLogFolder = (log: string): boolean => LOG.test(log);

const count = (object: JsonObject, field: string): number | undefined => {
  const value = own(object, field);
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
};

const rangeOf = (object: JsonObject, log: string): EntryRange | undefined => {
  const value = objectAt(object, log);
  const [from, to] = value === undefined ? [] : [count(value, 'from'), count(value, 'to')];
  if (value === undefined || from === undefined || to === undefined || from > to) return undefined;
  return strangerIn(value, ['from', 'to']) === undefined ? { from, to } : undefined;
};

const fileOf = (object: JsonObject, file: string): ExportedFile | undefined => {
  const value = objectAt(object, file);
  const bytes = value === undefined ? undefined : count(value, 'bytes');
  const digest = value === undefined ? undefined : textAt(value, 'digest');
  if (value === undefined || bytes === undefined || !isDigest(digest)) return undefined;
  return strangerIn(value, ['bytes', 'digest']) === undefined ? { bytes, digest } : undefined;
};

/** Undefined for any text that `writeManifest` would not have written. Total. */
export const readManifest = (bytes: Uint8Array): Manifest | undefined => {
  const text = textOf(bytes);
  const value = text?.endsWith('\n') === true ? readCanonicalObject(text.slice(0, -1)) : undefined;
  const [logs, files] = value === undefined ? [] : [objectAt(value, 'logs'), objectAt(value, 'files')];
  if (value === undefined || logs === undefined || files === undefined || textAt(value, 'format') !== EXPORT_FORMAT) return undefined;
  if (strangerIn(value, ['format', 'logs', 'files']) !== undefined) return undefined;
  const ranges = new Map<string, EntryRange>();
  for (const log of Object.keys(logs)) {
    const range = isLogFolder(log) ? rangeOf(logs, log) : undefined;
    if (range === undefined) return undefined;
    ranges.set(log, range);
  }
  const held = new Map<string, ExportedFile>();
  for (const file of Object.keys(files)) {
    const about = fileOf(files, file);
    if (about === undefined) return undefined;
    held.set(file, about);
  }
  return { logs: ranges, files: held };
};
