// SPDX-License-Identifier: Apache-2.0
// What an auditor is shown of the log: nothing that is not proven, and encrypted fields to who has their keys alone.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { openTestAudit, signer } from '../operator/audit/test-audit.ts';
import { buildExport, logSigner } from '../policies/transparency/test-log.ts';
import { systemClock } from '../process/clock.ts';
import { temporaryFolder } from './spawn-writ.ts';
import type { Folder, Ran } from './spawn-writ.ts';

const wrappingText = (version: number, fill: number): string =>
  JSON.stringify([{ version, madeMs: 0, key: Buffer.alloc(32, fill).toString('base64') }]);

/** A log with a spec of acme that was erased, one that was not, and one of nobody's, beside its ledger. */
const recorded = async (): Promise<Folder> => {
  const folder = temporaryFolder();
  const test = await openTestAudit({ folder: folder.path, clock: systemClock });
  const tell = async (tenant: string | undefined, owner: string): Promise<void> => {
    test.audit.tell({
      action: 'configuration.changed',
      actor: 'kubectl',
      object: { kind: 'Tenant', name: 'acme' },
      ...(tenant === undefined ? {} : { tenant }),
      detail: { digest: `sha256:${owner}` },
      secret: { 'detail.spec': JSON.stringify({ owner }) },
    });
    await test.audit.publish();
  };
  await tell('acme', 'ann');
  test.audit.erase('acme', 'TICKET-1');
  await test.audit.publish();
  await tell('acme', 'bob');
  await tell(undefined, 'eve');
  const files = test.export(['root', 'cluster', 'tenant/acme']);
  await test.close();
  folder.write({
    ...Object.fromEntries([...files].map(([name, bytes]) => [`e/${name}`, bytes])),
    'wrapping.json': wrappingText(1, 1),
    'other.json': wrappingText(1, 2),
    'rotated.json': wrappingText(2, 1),
    'no.json': '[{}]',
  });
  return folder;
};

describe('writ audit show', () => {
  let folder: Folder;
  before(async () => {
    folder = await recorded();
  });
  const show = (...args: readonly string[]): Ran => folder.writ(['audit', 'show', 'e', '--vkey', signer.key.text, ...args]);
  const keys = (file = 'wrapping.json'): readonly string[] => ['--ledger', join(folder.path, 'ledger.sqlite'), '--wrapping-keys', file];
  const acme = ['--log', 'tenant/acme', '--action', 'configuration.changed'];

  it('tells entries in their order, with what is encrypted as such', () => {
    const { code, out, err } = show(...acme);
    assert.deepEqual([code, err], [0, '']);
    assert.match(
      out,
      /^\S+Z  tenant\/acme 0  configuration\.changed  Tenant acme  by kubectl\n    digest: sha256:ann\n.*    detail\.spec: encrypted under \w+, which was destroyed\n/s,
    );
    assert.match(out, /digest: sha256:bob\n.*detail\.spec: encrypted under \w+\n$/s);
  });

  it('opens with ledger and wrapping keys what was not erased', () => {
    const { code, out, err } = show(...acme, ...keys());
    assert.deepEqual([code, err], [0, '']);
    assert.doesNotMatch(out, /"owner":"ann"/);
    assert.match(out, /detail\.spec: \{"owner":"bob"\}\n$/);
    assert.match(show('--log', 'cluster', ...keys()).out, /detail\.spec: \{"owner":"eve"\}\n/);
  });

  it('as JSON, a line an entry', () => {
    const { out } = show(...acme, ...keys(), '--output', 'json');
    const rows = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      rows.map(({ opened, erased, detail }) => [opened, erased, detail.digest]),
      [
        [undefined, ['detail.spec'], 'sha256:ann'],
        [{ 'detail.spec': '{"owner":"bob"}' }, undefined, 'sha256:bob'],
      ],
    );
  });

  it('leaves out what is not of the time asked for', () => {
    assert.deepEqual([show('--to', '2020-01-01T00:00:00Z').out, show('--from', '2999-01-01T00:00:00Z').out], ['', '']);
  });

  it('refuses keys that are others than those of the fields: 4', () => {
    for (const [file, why] of [
      ['other.json', /AUDIT_FIELD_UNREADABLE: detail\.spec of entry \d+ of \S+: .*does not open/],
      ['rotated.json', /AUDIT_FIELD_UNREADABLE: .*which is not here/],
      ['no.json', /--wrapping-keys no\.json: not the wrapping\.json/],
    ] as const) {
      const { code, out, err } = show(...acme, ...keys(file));
      assert.equal(code, 4, err);
      assert.match(err, why);
      assert.doesNotMatch(out, /owner/);
    }
    assert.equal(show('--ledger', 'ledger.sqlite').code, 4);
    assert.match(show('--log', 'tenant/nobody').err, /--log tenant\/nobody: the export has \S+, \S+, \S+$/m);
  });

  it('shows nothing of an export that was changed: 1', () => {
    const files = buildExport(300);
    const bundle = Buffer.from(files.get('tenant/acme/tile/entries/000') ?? assert.fail());
    bundle[bundle.indexOf('change é 7')] = 0x43;
    using other = temporaryFolder();
    other.write(
      Object.fromEntries([...files, ['tenant/acme/tile/entries/000', bundle] as const].map(([name, bytes]) => [`e/${name}`, bytes])),
    );
    const { code, out, err } = other.writ(['audit', 'show', 'e', '--vkey', logSigner.key.text]);
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, /AUDIT_CHANGED/);
  });

  it('shows all entries of a longer export, and of a part of it those that came along', () => {
    using other = temporaryFolder();
    other.write(Object.fromEntries([...buildExport(300)].map(([name, bytes]) => [`e/${name}`, bytes])));
    const rows = (folderName: string) =>
      other
        .writ(['audit', 'show', folderName, '--vkey', logSigner.key.text, '--log', 'tenant/acme', '--output', 'json'])
        .out.trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).seq);
    assert.deepEqual(
      rows('e'),
      Array.from({ length: 300 }, (_, seq) => seq),
    );
    assert.equal(other.writ(['audit', 'export', 'e', '--out', 'late', '--tenant', 'acme', '--from', '2026-01-01T00:04:30Z']).code, 0);
    assert.deepEqual(
      rows('late'),
      Array.from({ length: 44 }, (_, at) => 256 + at),
    );
  });
});
