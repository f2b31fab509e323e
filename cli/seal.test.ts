// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { POLICY, temporaryFolder, trustPolicy } from './spawn-writ.ts';
import type { Folder, Ran } from './spawn-writ.ts';

const policy = (name: string, more = ''): string => POLICY.replace('pinned', name).replace('version: 3', `version: 3${more}`);
const status = (folder: Folder, ...args: readonly string[]): Ran => folder.writ(['seal', 'status', ...args]);

const scene = (threshold = 1): Folder => {
  const folder = temporaryFolder();
  for (const name of ['alice', 'bob', 'eve']) folder.writ(['keygen', '--name', name]);
  const pem = (name: string): string => readFileSync(join(folder.path, `${name}.pub`), 'utf8');
  folder.write({ 'repo/trust.yaml': trustPolicy({ alice: pem('alice'), bob: pem('bob') }, threshold) });
  return folder;
};
const sign = (folder: Folder, name: string, key: string, ...args: readonly string[]): void => {
  const { code, err } = folder.writ(['sign', `repo/policies/${name}.yaml`, '--key', `${key}.key`, ...args]);
  assert.equal(code, 0, err);
};
const standings = ({ out }: Ran): Readonly<Record<string, string>> =>
  Object.fromEntries(
    JSON.parse(out).documents.map(({ file, standing }: { file: string; standing: string }) => [file.slice('repo/'.length), standing]),
  );

describe('writ seal status', () => {
  it('tells each standing by its word', () => {
    using folder = scene(2);
    const names = ['good', 'ending', 'over', 'none', 'stale', 'few', 'wrong'];
    folder.write(Object.fromEntries(names.map((name) => [`repo/policies/${name}.yaml`, policy(name)])));
    folder.write({
      'repo/policies/ending.yaml': policy('ending', '\n  expires: 2026-06-10T00:00:00Z'),
      'repo/policies/over.yaml': policy('over', '\n  expires: 2026-05-01T00:00:00Z'),
      'repo/tenants/acme.yaml': 'apiVersion: writ.dev/v1alpha1\nkind: Tenant\nmetadata: {name: acme}\nspec: {tier: Free}\n',
      'repo/policies/gone.yaml.sigstore.json': '{}',
    });
    for (const name of ['good', 'ending', 'over', 'stale']) {
      sign(folder, name, 'alice');
      sign(folder, name, 'bob', '--signer', 'bob');
    }
    sign(folder, 'few', 'bob');
    sign(folder, 'wrong', 'eve');
    folder.write({ 'repo/policies/stale.yaml': policy('stale', '\n  description: other') });
    const ran = status(folder, 'repo', '--at', '2026-06-01T00:00:00Z', '--output', 'json');
    assert.equal(ran.code, 1);
    assert.deepEqual(standings(ran), {
      'policies/ending.yaml': 'expiring',
      'policies/few.yaml': 'few',
      'policies/good.yaml': 'sealed',
      'policies/none.yaml': 'unsealed',
      'policies/over.yaml': 'expired',
      'policies/stale.yaml': 'stale',
      'policies/wrong.yaml': 'wrong',
      'tenants/acme.yaml': 'unneeded',
      'trust.yaml': 'unneeded',
    });
    assert.deepEqual(
      JSON.parse(ran.out).problems.map(({ code, file }: { code: string; file: string }) => [code, file]),
      [['SEAL_ORPHAN', 'repo/policies/gone.yaml.sigstore.json']],
    );
    const { out, err } = status(folder, 'repo', '--at', '2026-06-01T00:00:00Z');
    assert.match(out, /^expiring {2}repo\/policies\/ending\.yaml by alice, bob, until 2026-06-10T00:00:00Z$/m);
    assert.match(out, /^few {7}repo\/policies\/few\.yaml: SEAL_THRESHOLD: signed by bob; needed: 2 of alice, bob \(has 1\)$/m);
    assert.match(out, /^repo\/policies\/gone\.yaml\.sigstore\.json:1:1: SEAL_ORPHAN/m);
    assert.match(err, /9 documents, 7 not in order\n$/);
  });

  it('is good where all is sealed, one by one or as a set', () => {
    using folder = scene();
    folder.write({ 'repo/policies/a.yaml': policy('a'), 'repo/policies/b.yaml': policy('b') });
    sign(folder, 'a', 'alice');
    const set = folder.writ(['sign', 'repo/policies/b.yaml', '--key', 'bob.key', '--as', 'set', '--bump']);
    assert.equal(set.code, 0, set.err);
    const ran = status(folder, 'repo');
    assert.deepEqual([ran.code, /3 documents, all in order/.test(ran.err)], [0, true], ran.out);
    folder.write({ 'repo/policies/c.yaml': policy('c') });
    assert.equal(standings(status(folder, 'repo', '--output', 'json'))['policies/c.yaml'], 'unsealed');
  });

  it('judges by the pinned digest, and says how it is used', () => {
    using folder = scene();
    assert.match(status(folder, 'repo', '--trust-digest', `sha256:${'0'.repeat(64)}`).err, /TRUST_NOT_PINNED/);
    for (const [args, words] of [
      [['repo', '--trust-digest', 'x'], /write sha256:/],
      [['repo', '--within', 'soon'], /write days/],
      [['repo', '--at', 'soon'], /write a time/],
    ] as const) {
      const { code, err } = status(folder, ...args);
      assert.deepEqual([code, words.test(err)], [2, true], err);
    }
    assert.match(status(folder, 'none').err, /FILE_UNREADABLE: none/);
    assert.match(status(folder, '.').err, /FILE_UNREADABLE: trust\.yaml: there is no such file/);
  });
});
