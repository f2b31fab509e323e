// SPDX-License-Identifier: Apache-2.0
// A reader that shares no line with ours, on Go's golang.org/x/mod/sumdb, says of every export and of every change of one what ours says.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  changed,
  check,
  clusterLog,
  cuts,
  exportOfCluster,
  flips,
  logForgeries,
  signedForgeries,
  swaps,
  trusted,
} from '../../policies/transparency/test-forgeries.ts';
import type { ExportChange } from '../../policies/transparency/test-forgeries.ts';
import { LOG_NAME, buildExport, buildTenantExport, logSigner, testSigner, witnessOne } from '../../policies/transparency/test-log.ts';
import type { Files } from '../../policies/transparency/test-log.ts';
import { askReader, buildReader, readerIsMissing } from './reader-program.ts';

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
  const weSay = (files: Files, since: readonly string[] = []): boolean =>
    check(
      files,
      trusted,
      since.map((note) => ({ name: 'kept', bytes: Buffer.from(note) })),
    ).problems.length === 0;
  const agree = async (name: string, files: Files, changes: readonly ExportChange[]): Promise<void> => {
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
  /** Four places of each. */
  const someLengths = (bytes: Buffer): Iterable<number> => [0, 1, Math.floor(bytes.length / 2), bytes.length - 1];

  it('agrees on every byte and every cut of what a tenant is handed, and on what changes places there', async () => {
    const files = buildTenantExport(2);
    await agree('tenant', files, [...flips(files), ...cuts(files), ...swaps(files)]);
  });

  it('agrees on every byte of a whole export, on cuts of each file, and on what changes places', async () => {
    const files = exportOfCluster(clusterLog({ count: 2 }));
    await agree('whole', files, [...flips(files), ...cuts(files, someLengths), ...swaps(files)]);
  });

  it('agrees that a log is missing, or in the place of another, with and without checkpoints that were kept', async () => {
    const [whole, mine] = [buildExport(3), buildTenantExport(3)];
    const kept = ['root', 'cluster', 'tenant/acme'].map((log) => whole.get(`${log}/checkpoint`)?.toString() ?? assert.fail());
    const proof = mine.get('tenant/acme/anchor.tlog-proof')?.toString() ?? assert.fail();
    const root = proof.slice(proof.indexOf('\n\n') + 2);
    const good = [
      { what: 'whole', files: whole, since: kept },
      { what: 'mine', files: mine, since: [root, kept[2] ?? ''] },
    ];
    const bad = [...logForgeries(whole), ...logForgeries(mine)].flatMap((one) => [
      { ...one, since: [] },
      { ...one, since: kept },
    ]);
    const rows = [
      ...good,
      ...bad,
      { what: 'of another', files: mine, since: [kept[1] ?? ''] },
      { what: 'root', files: mine, since: [kept[0] ?? ''] },
    ];
    const answers = await askReader(
      binary,
      rows.map(({ files, since }, index) => ({ dir: onDisk(`logs-${index}`, files), vkey, since })),
    );
    for (const [index, { what, files, since }] of rows.entries())
      assert.deepEqual(
        [answers[index]?.good, weSay(files, since)],
        [index < 2, index < 2],
        `${what}: ${answers[index]?.why ?? 'it holds'}`,
      );
  });

  it('agrees on a thousand entries, and on trees of many sizes', async () => {
    const files = buildExport(1000);
    await agree('thousand', files, [
      ...flips(files, (name) => (name.includes('entries') ? 9973 : 3001)),
      ...cuts(files, someLengths).slice(0, 24),
    ]);
    for (const size of [1, 255, 256, 257, 511, 512, 513]) await agree(`of-${size}`, buildExport(size, { witnesses: [witnessOne] }), []);
  });

  it('agrees on logs whose own key signed what Writ would not have written, and on split views', async () => {
    const [honest, other] = [clusterLog(), clusterLog({ tenant: 'other' })];
    const note = (files: Files): string => files.get('root/checkpoint')?.toString() ?? assert.fail();
    type Row = { readonly name: string; readonly files: Files; readonly since?: readonly string[]; readonly good?: true };
    const rows: readonly Row[] = [
      ...signedForgeries.map(({ what, files }) => ({ name: what.replaceAll(' ', '-'), files })),
      { name: 'other-key', files: exportOfCluster(clusterLog({}, { signer: testSigner(LOG_NAME, 'ed25519', 'somebody else') })) },
      { name: 'root-of-another', files: exportOfCluster(honest, other) },
      { name: 'same-view', files: exportOfCluster(honest), since: [note(exportOfCluster(honest)), honest.note.toString()], good: true },
      { name: 'split-view', files: exportOfCluster(other), since: [note(exportOfCluster(honest))] },
      { name: 'split-log', files: exportOfCluster(other), since: [honest.note.toString()] },
    ];
    const answers = await askReader(
      binary,
      rows.map(({ name, files, since = [] }) => ({ dir: onDisk(name, files), vkey, since })),
    );
    for (const [index, { name, files, since, good = false }] of rows.entries())
      assert.deepEqual([answers[index]?.good, weSay(files, since)], [good, good], `${name}: ${answers[index]?.why ?? 'it holds'}`);
  });
});
