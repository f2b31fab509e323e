// SPDX-License-Identifier: Apache-2.0
// What may become of an export, for tests: every byte changed, every cut, what stands side by side swapped, other histories. As data, so
// that a reader in another process is asked about the very same.
import { Buffer } from 'node:buffer';
import type { KeptCheckpoint } from './anchor.ts';
import { verifyExport } from './index.ts';
import type { ExportReport } from './index.ts';
import { readManifest } from './manifest.ts';
import { HASH_BYTES } from './merkle.ts';
import type { AuditTrust } from './signed-checkpoint.ts';
import { LOG_NAME, anchorFact, buildLog, entriesOf, logSigner, someFacts, withManifest } from './test-log.ts';
import type { BuildOptions, BuiltLog, Files } from './test-log.ts';
import { readBundle, writeBundle } from './tiles.ts';

const MANIFEST = 'manifest.json';

/** `cut` bytes go at `offset`, and `insert` (hexadecimal digits) comes there. */
export type FileEdit = {
  readonly file: string;
  readonly offset?: number;
  readonly cut?: number;
  readonly insert?: string;
  readonly remove?: boolean;
};
export type ExportChange = {
  readonly edits: readonly FileEdit[];
  /** The manifest is made anew after it, as a forger would. */ readonly remake: boolean;
};

/** The manifest as it belongs to the files. */
export const remade = (files: Files): Files => {
  const rest = new Map([...files].filter(([name]) => name !== MANIFEST));
  return withManifest(rest, readManifest(files.get(MANIFEST) ?? Buffer.alloc(0))?.logs ?? new Map());
};

export const changed = (files: Files, { edits, remake }: ExportChange): Files => {
  const next = new Map(files);
  for (const { file, offset = 0, cut = 0, insert = '', remove = false } of edits) {
    const content = files.get(file) ?? Buffer.alloc(0);
    if (remove) next.delete(file);
    else next.set(file, Buffer.concat([content.subarray(0, offset), Buffer.from(insert, 'hex'), content.subarray(offset + cut)]));
  }
  return remake ? remade(next) : next;
};

export const trusted: AuditTrust = { keys: [logSigner.key], witnesses: [], quorum: 0 };

export const check = (files: Files, trust: AuditTrust = trusted, since: readonly KeptCheckpoint[] = []): ExportReport =>
  verifyExport({ names: [...files.keys()], read: (name) => files.get(name), trust, since });

const change = (edits: readonly FileEdit[], remake = edits.every(({ file }) => file !== MANIFEST)): ExportChange => ({ edits, remake });
const whole = (file: string, old: Buffer, content: Buffer): FileEdit => ({ file, cut: old.length, insert: content.toString('hex') });

/** One bit of each byte, or of each `step`th. */
export const flips = (files: Files, step: (file: string) => number = () => 1): readonly ExportChange[] =>
  [...files].flatMap(([file, bytes]) =>
    Array.from({ length: Math.ceil(bytes.length / step(file)) }, (_, at) => {
      const offset = at * step(file);
      return change([{ file, offset, cut: 1, insert: Buffer.of((bytes[offset] ?? 0) ^ (1 << (offset % 8))).toString('hex') }]);
    }),
  );

/** Each file after each length, or after each of `lengths`; with a byte more; and missing. */
export const cuts = (files: Files, lengths = (bytes: Buffer): Iterable<number> => bytes.keys()): readonly ExportChange[] =>
  [...files].flatMap(([file, bytes]) => [
    ...[...lengths(bytes)].map((offset) => change([{ file, offset, cut: bytes.length - offset }])),
    change([{ file, offset: bytes.length, insert: '00' }]),
    change([{ file, remove: true }]),
  ]);

const neighboursSwapped = (parts: readonly Buffer[]): readonly (readonly Buffer[])[] =>
  parts.slice(1).flatMap((next, at) => {
    const before = parts[at];
    return before === undefined || before.equals(next) ? [] : [parts.with(at, next).with(at + 1, before)];
  });

const rowsOf = (tile: Buffer): readonly Buffer[] =>
  Array.from({ length: tile.length / HASH_BYTES }, (_, row) => tile.subarray(row * HASH_BYTES, (row + 1) * HASH_BYTES));

const bundleOf = (tile: string): string => tile.replace('/tile/0/', '/tile/entries/');

/** Entries side by side, hashes side by side, both together, and any two files. */
export const swaps = (files: Files): readonly ExportChange[] => {
  const named = [...files].filter(([file]) => file !== MANIFEST);
  const within = named.flatMap(([file, bytes]) => {
    if (file.includes('/tile/entries/'))
      return neighboursSwapped(readBundle(bytes).entries.map((entry) => entry.bytes)).map((order) =>
        change([whole(file, bytes, writeBundle(order))]),
      );
    if (!file.includes('/tile/')) return [];
    const rows = neighboursSwapped(rowsOf(bytes)).map((order) => whole(file, bytes, Buffer.concat(order)));
    const bundle = file.includes('/tile/0/') ? files.get(bundleOf(file)) : undefined;
    const orders = bundle === undefined ? [] : neighboursSwapped(readBundle(bundle).entries.map((entry) => entry.bytes));
    const both =
      bundle === undefined ? [] : rows.map((row, at) => change([row, whole(bundleOf(file), bundle, writeBundle(orders[at] ?? []))]));
    return [...rows.map((row) => change([row])), ...both];
  });
  const between = named.flatMap(([one, a], at) =>
    named.slice(at + 1).flatMap(([other, b]) => (a.equals(b) ? [] : [change([whole(one, a, b), whole(other, b, a)])])),
  );
  return [...within, ...between];
};

/** The log of the cluster, and a root log that vouches for it or for another. */
export const exportOfCluster = (cluster: BuiltLog, vouched: BuiltLog = cluster): Files => {
  const root = buildLog('root', entriesOf(LOG_NAME, [anchorFact('cluster', vouched)]));
  const logs = [
    ['cluster', { from: 0, to: cluster.size }],
    ['root', { from: 0, to: 1 }],
  ] as const;
  return withManifest(new Map([...cluster.files, ...root.files]), new Map(logs));
};

type Order = (entries: readonly Buffer[]) => readonly Buffer[];

export const clusterLog = (
  forge: {
    readonly entry?: Parameters<typeof entriesOf>[2];
    readonly order?: Order;
    readonly tenant?: string;
    readonly count?: number;
  } = {},
  options: BuildOptions = {},
): BuiltLog => {
  const { entry, order = (same) => same, tenant = 'acme', count = 5 } = forge;
  return buildLog('cluster', order(entriesOf(`${LOG_NAME}/cluster`, someFacts(count, tenant), entry)), options);
};

/** Signed by the log's own key; what Writ never writes. */
export const signedForgeries: readonly { readonly what: string; readonly message: RegExp; readonly files: Files }[] = [
  {
    what: 'entries in another order',
    message: /entry 1 says that it is number 2/,
    files: exportOfCluster(clusterLog({ order: (all) => [0, 2, 1, 3, 4].flatMap((at) => all[at] ?? []) })),
  },
  {
    what: 'an entry left out',
    message: /entry 2 says that it is number 3/,
    files: exportOfCluster(clusterLog({ order: (all) => all.toSpliced(2, 1) })),
  },
  {
    what: 'an entry twice',
    message: /entry 3 says that it is number 2/,
    files: exportOfCluster(clusterLog({ order: (all) => all.toSpliced(3, 0, ...all.slice(2, 3)) })),
  },
  {
    what: 'a time before the one before',
    message: /entry 3 is of a time before/,
    files: exportOfCluster(clusterLog({ entry: (one) => (one.seq === 3 ? { ...one, ts: '2025-01-01T00:00:00.000Z' } : one) })),
  },
  {
    what: 'another entry before',
    message: /entry 3 follows another entry/,
    files: exportOfCluster(clusterLog({ entry: (one) => (one.seq === 3 ? { ...one, prev: '1'.repeat(64) } : one) })),
  },
  {
    what: 'an entry of another log',
    message: /entry 3 is of the log/,
    files: exportOfCluster(clusterLog({ entry: (one) => (one.seq === 3 ? { ...one, log: LOG_NAME } : one) })),
  },
];

/** Exports as somebody makes them who has a manifest of his own: of every log but some, with these log names. */
export const withLogs = (files: Files, keep: (folder: string) => boolean, rename: (folder: string) => string = (same) => same): Files => {
  const logs = readManifest(files.get(MANIFEST) ?? Buffer.alloc(0))?.logs ?? new Map();
  const kept = [...logs.keys()].filter(keep);
  const rest = [...files].flatMap(([name, bytes]) => {
    const folder = kept.find((log) => name.startsWith(`${log}/`));
    return folder === undefined ? [] : [[`${rename(folder)}${name.slice(folder.length)}`, bytes] as const];
  });
  const named = kept.map((folder) => [rename(folder), logs.get(folder) ?? { from: 0, to: 0 }] as const);
  return withManifest(new Map(rest), new Map(named));
};

/** Every set of its logs but all of them; two that changed names; each under the name of one that there is not. */
export const logForgeries = (files: Files): readonly { readonly what: string; readonly files: Files }[] => {
  const logs = [...(readManifest(files.get(MANIFEST) ?? Buffer.alloc(0))?.logs.keys() ?? [])];
  const sets = Array.from({ length: 2 ** logs.length - 1 }, (_, bits) => logs.filter((_log, at) => (bits & (1 << at)) !== 0));
  const swapped = logs.flatMap((one, at) => logs.slice(at + 1).map((other) => [one, other] as const));
  return [
    ...sets.map((set) => ({ what: `only [${set.join()}]`, files: withLogs(files, (log) => set.includes(log)) })),
    ...swapped.map(([one, other]) => ({
      what: `${one} and ${other} changed names`,
      files: withLogs(
        files,
        () => true,
        (log) => (log === one ? other : log === other ? one : log),
      ),
    })),
    ...logs.map((log) => ({
      what: `${log} under another name`,
      files: withLogs(
        files,
        () => true,
        (name) => (name === log ? 'tenant/nobody' : name),
      ),
    })),
    // One in the place of another: the manifest is whole, and so is every file.
    ...logs.flatMap((gone) =>
      logs
        .filter((log) => log !== gone && log !== 'root')
        .map((log) => {
          const from = [...files].filter(([name]) => name.startsWith(`${log}/`));
          const instead = new Map([
            ...[...files].filter(([name]) => !name.startsWith(`${gone}/`)),
            ...from.map(([name, bytes]) => [`${gone}${name.slice(log.length)}`, bytes] as const),
          ]);
          return { what: `${log} in the place of ${gone}`, files: withLogs(instead, () => true) };
        }),
    ),
  ];
};
