// SPDX-License-Identifier: Apache-2.0
// writ lint of trust.yaml and the versions before it: a chain that no cluster would follow is told before it is pushed.
import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from './spawn-writ.ts';
import type { Folder } from './spawn-writ.ts';

const scene = (): Folder => {
  const folder = temporaryFolder();
  for (const name of ['alice', 'bob', 'carol']) folder.writ(['keygen', '--name', name]);
  must(folder, ['trust', 'init', 'r', '--key', 'alice=alice.pub', '--key', 'bob=bob.pub']);
  return folder;
};
const must = (folder: Folder, args: readonly string[]): void => {
  const { code, err } = folder.writ(args);
  assert.equal(code, 0, err);
};
const seal = (folder: Folder, ...names: readonly string[]): void => {
  for (const name of names) must(folder, ['sign', 'r/trust.yaml', '--key', `${name}.key`, '--signer', name]);
};
const grow = (folder: Folder): void => must(folder, ['trust', 'add', 'r', '--key', 'carol=carol.pub']);
const lint = (folder: Folder, ...more: readonly string[]): readonly [number | null, string] => {
  const { code, err } = folder.writ(['lint', 'r', ...more]);
  return [code, err.replaceAll(/:\d+:\d+: ((?:warning: )?[A-Z_]+): .*\n/g, ' $1;')];
};

describe('lint of a trust chain', () => {
  it('finds nothing in one that a cluster follows', () => {
    using folder = scene();
    grow(folder);
    seal(folder, 'alice', 'bob');
    assert.deepEqual(lint(folder, '--strict'), [0, '']);
  });

  it('warns of a next version whose seals are still to come', () => {
    using folder = scene();
    grow(folder);
    const [code, told] = lint(folder);
    assert.equal(code, 0);
    assert.match(told, /r\/trust\.yaml.*TRUST_CHAIN_SEALS_BEFORE/);
    assert.equal(lint(folder, '--strict')[0], 1);
  });

  it('refuses one that was sealed by too few, is skipped, or lost a version', () => {
    using folder = scene();
    grow(folder);
    seal(folder, 'alice');
    assert.deepEqual(lint(folder), [1, 'r/trust.yaml TRUST_CHAIN_SEALS_BEFORE;']);
    seal(folder, 'bob');
    const text = readFileSync(join(folder.path, 'r/trust.yaml'), 'utf8');
    folder.write({ 'r/trust.yaml': text.replace('version: 2', 'version: 3') });
    assert.deepEqual(lint(folder), [1, 'r/trust.yaml TRUST_CHAIN_VERSION;']);
    folder.write({ 'r/trust.yaml': text, 'r/trust/7.yaml': text });
    assert.deepEqual(lint(folder), [1, 'r/trust/7.yaml TRUST_CHAIN_VERSION;']);
    rmSync(join(folder.path, 'r/trust/7.yaml'));
    folder.write({ 'r/trust/1.yaml': 'a: [\n' });
    assert.equal(lint(folder)[0], 1);
  });

  it('refuses a version that is kept under the number of another', () => {
    using folder = scene();
    grow(folder);
    seal(folder, 'alice', 'bob');
    renameSync(join(folder.path, 'r/trust/1.yaml'), join(folder.path, 'r/trust/5.yaml'));
    assert.deepEqual(lint(folder), [1, 'r/trust/5.yaml TRUST_CHAIN_VERSION;']);
  });

  it('says nothing of the versions where the folder is not the whole repository', () => {
    using folder = scene();
    grow(folder);
    folder.write({ 'r/policies/README.md': 'nothing here' });
    assert.equal(folder.writ(['lint', 'r/policies']).code, 0);
  });
});
