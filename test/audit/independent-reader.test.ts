// SPDX-License-Identifier: Apache-2.0
// A reader that shares no line with ours, on Go's golang.org/x/mod/sumdb, says of every export and of every change of one what ours says.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { verifyExport } from '../../policies/transparency/index.ts';
import { readManifest } from '../../policies/transparency/manifest.ts';
import {
  LOG_NAME,
  anchorFact,
  buildExport,
  buildLog,
  buildTenantExport,
  entriesOf,
  logSigner,
  someFacts,
  testSigner,
  withManifest,
  witnessOne,
} from '../../policies/transparency/test-log.ts';
import type { Files } from '../../policies/transparency/test-log.ts';
import { askReader, buildReader, readerIsMissing } from './reader-program.ts';
import type { ReaderChange } from './reader-program.ts';

const missing = readerIsMissing();
const vkey = logSigner.key.text;

describe('the second reader', { skip: missing ?? false }, () => {
  let folder = '';
  let binary = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'writ-reader-'));
    binary = buildReader(folder);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const onDisk = (name: string, files: Files): string => {
    const dir = join(folder, name);
    for (const [file, bytes] of files) {
      mkdirSync(dirname(join(dir, file)), { recursive: true });
      writeFileSync(join(dir, file), bytes);
    }
    return dir;
  };
  const weSay = (files: Files): boolean =>
    verifyExport({
      names: [...files.keys()],
      read: (name) => files.get(name),
      trust: { keys: [logSigner.key], witnesses: [], quorum: 0 },
      since: [],
    }).problems.length === 0;
  const changed = (files: Files, { file, offset = 0, cut = 0, insert = '', remove = false, remake = false }: ReaderChange): Files => {
    const next = new Map(files);
    const content = files.get(file) ?? Buffer.alloc(0);
    if (remove) next.delete(file);
    else next.set(file, Buffer.concat([content.subarray(0, offset), Buffer.from(insert, 'hex'), content.subarray(offset + cut)]));
    if (!remake) return next;
    next.delete('manifest.json');
    return withManifest(next, readManifest(files.get('manifest.json') ?? Buffer.alloc(0))?.logs ?? new Map());
  };
  const agree = async (name: string, files: Files, changes: readonly ReaderChange[]): Promise<void> => {
    const dir = onDisk(name, files);
    const [whole, ...answers] = await askReader(binary, [{ dir, vkey }, ...changes.map((change) => ({ dir, vkey, change }))]);
    assert.deepEqual([whole?.good, weSay(files)], [true, true], whole?.why);
    assert.equal(answers.length, changes.length);
    for (const [index, change] of changes.entries()) {
      const ours = weSay(changed(files, change));
      assert.equal(answers[index]?.good, ours, `${JSON.stringify(change)}: ${answers[index]?.why ?? 'it holds'}`);
      assert.equal(ours, false, JSON.stringify(change));
    }
  };
  const flips = (files: Files, step: (name: string) => number): readonly ReaderChange[] =>
    [...files].flatMap(([file, bytes]) =>
      file === 'manifest.json'
        ? []
        : Array.from({ length: Math.ceil(bytes.length / step(file)) }, (_, at) => at * step(file)).map((offset) => ({
            file,
            offset,
            cut: 1,
            insert: Buffer.of((bytes[offset] ?? 0) ^ (1 << (offset % 8))).toString('hex'),
            remake: true,
          })),
    );
  const cuts = (files: Files): readonly ReaderChange[] =>
    [...files].flatMap(([file, bytes]) => [
      ...[0, 1, Math.floor(bytes.length / 2), bytes.length - 1].map((offset) => ({
        file,
        offset,
        cut: bytes.length - offset,
        remake: file !== 'manifest.json',
      })),
      { file, offset: bytes.length, insert: '00', remake: file !== 'manifest.json' },
      { file, remove: true, remake: file !== 'manifest.json' },
    ]);

  it('agrees on every byte of every file, and every cut, of a whole export', async () => {
    const files = buildExport(2);
    await agree('whole', files, [...flips(files, () => 1), ...cuts(files)]);
  });

  it('agrees on that of one tenant', async () => {
    const files = buildTenantExport(2);
    await agree('tenant', files, [...flips(files, () => 1), ...cuts(files)]);
  });

  it('agrees on the manifest', async () => {
    const files = buildExport(1);
    const manifest = files.get('manifest.json') ?? assert.fail();
    const changes = [...manifest.keys()].map((offset) => ({
      file: 'manifest.json',
      offset,
      cut: 1,
      insert: Buffer.of((manifest[offset] ?? 0) ^ (1 << (offset % 7))).toString('hex'),
    }));
    await agree('manifest', files, changes);
  });

  it('agrees on a thousand entries, and on trees of many sizes', async () => {
    const files = buildExport(1000);
    await agree('thousand', files, [...flips(files, (name) => (name.includes('entries') ? 9973 : 3001)), ...cuts(files).slice(0, 24)]);
    for (const size of [1, 255, 256, 257, 511, 512, 513]) await agree(`of-${size}`, buildExport(size, { witnesses: [witnessOne] }), []);
  });

  it('agrees on logs whose own key signed what Writ would not have written', async () => {
    const logOf = (order: (entries: readonly Buffer[]) => readonly Buffer[], signer = logSigner): Files => {
      const cluster = buildLog('cluster', order(entriesOf(`${LOG_NAME}/cluster`, someFacts(5))), { signer });
      const root = buildLog('root', entriesOf(LOG_NAME, [anchorFact('cluster', cluster)]), { signer });
      const logs = new Map([
        ['cluster', { from: 0, to: cluster.size }],
        ['root', { from: 0, to: 1 }],
      ]);
      return withManifest(new Map([...cluster.files, ...root.files]), logs);
    };
    const other = buildLog('cluster', entriesOf(`${LOG_NAME}/cluster`, someFacts(5, 'other')));
    const honest = buildLog('cluster', entriesOf(`${LOG_NAME}/cluster`, someFacts(5)));
    const split = buildLog('root', entriesOf(LOG_NAME, [anchorFact('cluster', other)]));
    const rows: readonly (readonly [string, Files])[] = [
      ['reordered', logOf((all) => [all[1]!, all[0]!, ...all.slice(2)])],
      ['left-out', logOf((all) => all.toSpliced(1, 1))],
      ['twice', logOf((all) => [all[0]!, ...all])],
      ['other-log', logOf(() => entriesOf(LOG_NAME, someFacts(5)))],
      ['other-key', logOf((all) => all, testSigner(LOG_NAME, 'ed25519', 'somebody else'))],
      [
        'split-view',
        withManifest(
          new Map([...honest.files, ...split.files]),
          new Map([
            ['cluster', { from: 0, to: 5 }],
            ['root', { from: 0, to: 1 }],
          ]),
        ),
      ],
    ];
    const answers = await askReader(
      binary,
      rows.map(([name, files]) => ({ dir: onDisk(name, files), vkey })),
    );
    assert.deepEqual(
      answers.map(({ good }) => good),
      rows.map(() => false),
      JSON.stringify(answers),
    );
    assert.deepEqual(
      rows.map(([, files]) => weSay(files)),
      rows.map(() => false),
    );
  });
});
