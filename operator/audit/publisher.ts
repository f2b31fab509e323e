// SPDX-License-Identifier: Apache-2.0
/**
 * Makes of stored entries what others can check: tiles as files, and a signed checkpoint once they are on the disk.
 *
 * In: entries that are committed. Out: the files of each log. No two checkpoints are ever signed that do not belong together: the
 * tree is grown on from the files of the size that was signed last, every entry must follow the one before it, and size and root
 * are stored, by compare and swap under the ledger's fence, before the signature leaves this process. A log whose store and files
 * do not lead to what was signed is signed no more.
 */
import { Buffer } from 'node:buffer';
import type { Problem } from '../../policies/problem.ts';
import { checkpointText, readCheckpoint } from '../../policies/transparency/checkpoint.ts';
import { NO_LEAF, decodeEntry } from '../../policies/transparency/entry.ts';
import { NOTHING_LIKELY, glanceEntry } from '../../policies/transparency/glance.ts';
import { ANCHOR_ACTION } from '../../policies/transparency/anchor.ts';
import { ALIVE_ACTION, ALIVE_EVERY_MS } from '../../policies/transparency/freshness.ts';
import { leafOfBytes } from '../../policies/transparency/merkle.ts';
import { readNote, signText, writeNote } from '../../policies/transparency/note.ts';
import type { NoteSignature, NoteSigner } from '../../policies/transparency/note.ts';
import { originOf } from '../../policies/transparency/signed-checkpoint.ts';
import { createTileWriter, readTileState } from '../../policies/transparency/tile-writer.ts';
import type { TileWriter } from '../../policies/transparency/tile-writer.ts';
import { bytesOf, integerOf, textOf } from '../usage/store.ts';
import type { Reader, Store } from '../usage/store.ts';
import { OPERATOR } from './facts.ts';
import type { LogFolder } from './log-folder.ts';
import type { Sequencer } from './sequencer.ts';

/** Named moments, so that a test can end the process there. */
export type PublishPhase = 'before-tiles' | 'before-sign' | 'after-sign' | 'after-publish';

export type PublisherOptions = {
  readonly store: Store;
  readonly sequencer: Sequencer;
  readonly files: LogFolder;
  readonly signer: NoteSigner;
  readonly now: () => number;
  /** Cosignatures of a checkpoint of the root log, as many as there are to be had. */
  readonly cosign: (text: string) => Promise<readonly NoteSignature[]>;
  readonly onProblem: (folder: string, problem: Problem) => void;
  /** A log is published up to so many entries. */
  readonly onSize: (folder: string, entries: number) => void;
  readonly onPhase?: (phase: PublishPhase, folder: string) => void;
};

export type Publisher = {
  /** All logs that have grown, the root log last, which does at least each hour. */
  publish(): Promise<void>;
  /** Logs that are signed no more. */
  readonly frozen: ReadonlySet<string>;
};

type Signed = { readonly size: number; readonly root: Buffer; readonly note: string };

const NEW_LOG: Signed = { size: 0, root: createTileWriter().root(), note: '' };
const ENTRIES_AT_ONCE = 2048;

const signedOf = async (reader: Reader, folder: string): Promise<Signed> => {
  const [row] = await reader.all('SELECT size, root, note FROM audit_checkpoint WHERE log = ?', [folder]);
  return row === undefined ? NEW_LOG : { size: integerOf(row, 'size'), root: Buffer.from(bytesOf(row, 'root')), note: textOf(row, 'note') };
};

export const createPublisher = (options: PublisherOptions): Publisher => {
  const { store, sequencer, files, signer, now, cosign, onProblem, onPhase } = options;
  const { name } = signer.key;
  const frozen = new Set<string>();
  /** By folder, the size that readers have; so that a log that did not grow costs nothing. */
  const published = new Map<string, number>();

  const freeze = (folder: string, message: string): undefined => {
    frozen.add(folder);
    onProblem(folder, { code: 'AUDIT_DIVERGED', message: `log ${folder}: ${message}` });
    return undefined;
  };

  /** Adds entries until the log has `to`; the leaf of the last. Undefined where they do not follow each other. */
  const addEntries = async (writer: TileWriter, folder: string, { to, leaf }: { readonly to: number; readonly leaf: string }) => {
    let before = leaf;
    let likely = NOTHING_LIKELY;
    while (writer.size < to) {
      const from = writer.size;
      const until = Math.min(to, from + ENTRIES_AT_ONCE);
      const rows = await store.read((reader) =>
        reader.all('SELECT seq, body FROM audit_entry WHERE log = ? AND seq >= ? AND seq < ? ORDER BY seq', [folder, from, until]),
      );
      for (const row of rows) {
        const body = bytesOf(row, 'body');
        const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
        const entry = glanceEntry(bytes, likely) ?? decodeEntry(bytes);
        if (entry?.seq !== writer.size || entry.prev !== before)
          return freeze(folder, `entry ${writer.size} does not follow the one before it`);
        const own = leafOfBytes(bytes);
        before = own.toString('hex');
        likely = { log: entry.log, ts: entry.ts, prev: before, action: entry.action };
        writer.add(bytes, own);
      }
      if (rows.length < until - from) return freeze(folder, `of ${to} entries number ${writer.size} is missing`);
    }
    return before;
  };

  const writerAt = async (folder: string, signed: Signed): Promise<{ readonly writer: TileWriter; readonly leaf: string } | undefined> => {
    const state = readTileState(signed.size, (path) => files.read(`${folder}/${path}`));
    const writer = createTileWriter(state);
    if (state !== undefined && writer.root().equals(signed.root)) {
      const [row] = await store.read((reader) =>
        reader.all('SELECT body FROM audit_entry WHERE log = ? AND seq = ?', [folder, signed.size - 1]),
      );
      return { writer, leaf: row === undefined ? NO_LEAF : leafOfBytes(bytesOf(row, 'body')).toString('hex') };
    }
    // The files are gone or damaged: they are made anew, of entries that must lead to what was signed.
    const anew = createTileWriter();
    const leaf = await addEntries(anew, folder, { to: signed.size, leaf: NO_LEAF });
    if (leaf === undefined) return undefined;
    if (!anew.root().equals(signed.root))
      return freeze(folder, `its ${signed.size} entries lead to another root than the one that was signed`);
    return { writer: anew, leaf };
  };

  /** The size of the checkpoint that readers have seen. */
  const publishedSize = (folder: string): number => {
    const note = readNote(files.read(`${folder}/checkpoint`) ?? Buffer.alloc(0));
    return (note === undefined ? undefined : readCheckpoint(note.text)?.size) ?? 0;
  };

  const writeCheckpoint = async (folder: string, { note }: Signed): Promise<void> => {
    if (note !== '' && Buffer.from(files.read(`${folder}/checkpoint`) ?? []).toString() !== note)
      await files.write(`${folder}/checkpoint`, note);
  };

  const sign = async (folder: string, signed: Signed, writer: TileWriter): Promise<Signed> => {
    const root = writer.root();
    const { size } = writer;
    const text = checkpointText({ origin: originOf(folder, name), size, root });
    const own = signText(text, signer);
    const note = writeNote({ text, signatures: [own] });
    await store.transact(async (tx) => {
      const changed =
        signed.note === ''
          ? await tx.run('INSERT INTO audit_checkpoint (log, size, root, note) VALUES (?, ?, ?, ?)', [folder, size, root, note])
          : await tx.run('UPDATE audit_checkpoint SET size = ?, root = ?, note = ? WHERE log = ? AND size = ? AND root = ?', [
              size,
              root,
              note,
              folder,
              signed.size,
              signed.root,
            ]);
      if (changed !== 1) throw new Error(`another checkpoint of the log ${folder} was signed meanwhile`);
      if (folder === 'root') return;
      const detail = { origin: originOf(folder, name), size, root: root.toString('hex') };
      await sequencer.appendTo(tx, 'root', [{ action: ANCHOR_ACTION, actor: OPERATOR, detail }]);
    });
    return { size, root, note };
  };

  const withCosignatures = async (signed: Signed): Promise<Signed> => {
    const own = readNote(Buffer.from(signed.note));
    if (own === undefined) return signed;
    const cosignatures = await cosign(own.text);
    if (cosignatures.length === 0) return signed;
    const mine = own.signatures.filter(({ name: by, id }) => by === name && id === signer.key.id);
    const note = writeNote({ text: own.text, signatures: [...mine, ...cosignatures] });
    await store.transact((tx) => tx.run('UPDATE audit_checkpoint SET note = ? WHERE log = ? AND size = ?', [note, 'root', signed.size]));
    return { ...signed, note };
  };

  const publishLog = async (folder: string, size: number): Promise<void> => {
    const signed = await store.read((reader) => signedOf(reader, folder));
    if (publishedSize(folder) > signed.size || size < signed.size)
      return freeze(folder, 'a later checkpoint was published than the store knows of: it was put back to an earlier state');
    let latest = signed;
    if (size > signed.size) {
      const start = await writerAt(folder, signed);
      if (start === undefined || (await addEntries(start.writer, folder, { to: size, leaf: start.leaf })) === undefined) return;
      onPhase?.('before-tiles', folder);
      for (const { path, bytes } of start.writer.takeFiles()) await files.write(`${folder}/${path}`, bytes);
      onPhase?.('before-sign', folder);
      latest = await sign(folder, signed, start.writer);
      onPhase?.('after-sign', folder);
      if (folder === 'root') latest = await withCosignatures(latest);
    }
    await writeCheckpoint(folder, latest);
    onPhase?.('after-publish', folder);
    published.set(folder, latest.size);
    options.onSize(folder, latest.size);
    if (latest !== signed) await files.dropPartials(folder, [signed.size, latest.size]);
  };

  const sizes = async (): Promise<readonly (readonly [folder: string, size: number])[]> => {
    // What was signed and not published is published as well, though nothing was added.
    const rows = await store.read((reader) => reader.all('SELECT log, size FROM audit_log ORDER BY log'));
    return rows.map((row) => [textOf(row, 'log'), integerOf(row, 'size')] as const);
  };

  /** Who reads a quiet root log can't tell it from one that is kept from them: so it is not quiet for longer. Of one that is frozen nothing is said. */
  const keepAlive = async (): Promise<void> => {
    const dueBefore = new Date(now() - ALIVE_EVERY_MS).toISOString();
    const isQuiet = (reader: Reader) => reader.all("SELECT log FROM audit_log WHERE log = 'root' AND ts <= ?", [dueBefore]);
    if (frozen.size > 0 || (await store.read(isQuiet)).length === 0) return;
    await store.transact(async (tx) => {
      if ((await isQuiet(tx)).length > 0) await sequencer.appendTo(tx, 'root', [{ action: ALIVE_ACTION, actor: OPERATOR }]);
    });
  };

  return {
    frozen,
    publish: async () => {
      const isDue = ([folder, size]: readonly [string, number]): boolean => !frozen.has(folder) && published.get(folder) !== size;
      for (const one of await sizes()) if (one[0] !== 'root' && isDue(one)) await publishLog(...one);
      await keepAlive();
      // After the others: their checkpoints are its entries.
      for (const one of await sizes()) if (one[0] === 'root' && isDue(one)) await publishLog(...one);
    },
  };
};
