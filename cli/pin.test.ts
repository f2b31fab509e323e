// SPDX-License-Identifier: Apache-2.0
// Rulesets on the command line: digests written, releases tested, sealed and verified whole.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { POLICY, temporaryFolder, trustPolicy } from './spawn-writ.ts';
import type { Folder } from './spawn-writ.ts';

const hex = (text: string): string => createHash('sha256').update(text).digest('hex');
const OTHER = POLICY.replace('pinned', 'other');
const RULESET = `# what acme asks of everybody
apiVersion: writ.dev/v1alpha1
kind: Ruleset
metadata: {name: acme}
spec:
  version: 1   # rises
  release: 1.0.0
  policies:
  # the first
  - path: policies/pinned.yaml   # images
    sha256: '${'0'.repeat(64)}' # written
    enforcement: Warn
  - {path: "policies/other.yaml", enforcement: Audit}
`;
const PINNED = RULESET.replace('0'.repeat(64), hex(POLICY)).replace(
  '"policies/other.yaml"',
  `"policies/other.yaml", sha256: ${hex(OTHER)}`,
);
const FILE = 'rulesets/acme/ruleset.yaml';

const repository = (ruleset = RULESET): Folder => {
  const folder = temporaryFolder();
  folder.write({ [FILE]: ruleset, 'rulesets/acme/policies/pinned.yaml': POLICY, 'rulesets/acme/policies/other.yaml': OTHER });
  return folder;
};
const textOf = (folder: Folder, file = FILE): string => readFileSync(join(folder.path, file), 'utf8');

describe('writ pin', () => {
  it('writes the digests and leaves every other byte', () => {
    using folder = repository();
    const ran = folder.writ(['pin', FILE]);
    assert.deepEqual(ran, {
      code: 0,
      out: `${FILE}: policies/pinned.yaml  sha256:${hex(POLICY)}\n${FILE}: policies/other.yaml  sha256:${hex(OTHER)}\n`,
      err: `${FILE}: 2 members, 2 digests written\n`,
    });
    assert.equal(textOf(folder), PINNED);
    assert.equal(folder.writ(['pin', FILE]).err, `${FILE}: 2 members, 0 digests written\n`);
    assert.equal(textOf(folder), PINNED);
  });

  it('puts a digest that is not there on a line of its own', () => {
    using folder = repository(
      RULESET.replace(/ {4}sha256: .*\n/, '')
        .replace('pinned.yaml   # images', "pinned.yaml'   # images")
        .replace('path: policies', "path: 'policies"),
    );
    assert.equal(folder.writ(['pin', FILE]).code, 0);
    assert.match(
      textOf(folder),
      new RegExp(`- path: 'policies/pinned.yaml'\n {4}sha256: ${hex(POLICY)} {3}# images\n {4}enforcement: Warn\n`),
    );
    assert.equal(folder.writ(['lint', '.']).err, '');
  });

  it('tells with --check what it would write, and writes nothing', () => {
    using folder = repository();
    const ran = folder.writ(['pin', FILE, '--check']);
    assert.deepEqual([ran.code, ran.err], [1, `${FILE}: 2 members, 2 digests differ\n`]);
    assert.equal(textOf(folder), RULESET);
    using good = repository(PINNED);
    assert.equal(good.writ(['pin', FILE, '--check']).code, 0);
  });

  it('refuses what is no ruleset, and a member that is not there, without a write', () => {
    using folder = repository(RULESET.replace('policies/other', 'policies/gone'));
    const ran = folder.writ(['pin', FILE]);
    assert.equal(ran.code, 1);
    assert.match(ran.err, /RULESET_MEMBER_MISSING: there is no rulesets\/acme\/policies\/gone\.yaml/);
    assert.equal(textOf(folder), RULESET.replace('policies/other', 'policies/gone'));
    assert.match(folder.writ(['pin', 'rulesets/acme/policies/pinned.yaml']).err, /it is no Ruleset/);
    folder.write({ 'broken.yaml': 'a: [\n' });
    assert.match(folder.writ(['pin', 'broken.yaml']).err, /DOCUMENT_SYNTAX/);
  });
});

describe('a ruleset on the command line', () => {
  it('is sealed and verified with its members, or not at all', () => {
    using folder = repository(PINNED);
    folder.writ(['keygen', '--name', 'a']);
    const trust = trustPolicy({ a: folder.run('cat', ['a.pub']).out }).replace('kinds: [Policy]', 'kinds: [Ruleset]');
    folder.write({ 'trust.yaml': trust });
    assert.equal(folder.writ(['sign', FILE, '--key', 'a.key']).code, 0);
    const good = folder.writ(['verify', FILE, '--trust', 'trust.yaml']);
    assert.match(good.out, /good: Ruleset acme version 1, sealed by a/);
    const resource = folder.writ(['sign', FILE, '--output', 'resource']);
    assert.equal(resource.code, 0, resource.err);
    assert.match(resource.out, /members:\n *- path: "policies\/other\.yaml"\n *document: \|\n/);
    folder.write({ 'rulesets/acme/policies/other.yaml': `${OTHER}\n` });
    for (const command of [
      ['verify', FILE, '--trust', 'trust.yaml'],
      ['sign', FILE, '--key', 'a.key'],
      ['lint', '.'],
      ['review', '--policies', FILE],
    ]) {
      const ran = folder.writ(command);
      assert.equal(ran.code, 1, command.join(' '));
      assert.match(ran.err, /rulesets\/acme\/ruleset\.yaml:\d+:\d+: RULESET_MEMBER_DIGEST/, command.join(' '));
    }
  });

  it('is tested as the release that it is', () => {
    using folder = repository(PINNED);
    const pod = '{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: a}]}}';
    folder.write({
      'rulesets/acme/ruleset.cases.yaml': `policies: [ruleset.yaml]\ncases:\n- {name: a, object: ${pod}, expect: {verdict: Warn, policy: acme/pinned}}\n`,
      'rulesets/acme/policies/pinned.cases.yaml': `policies: [pinned.yaml]\ncases:\n- {name: a, object: ${pod}, expect: {verdict: Deny, policy: pinned}}\n`,
    });
    const ran = folder.writ(['test']);
    assert.deepEqual([ran.code, ran.out.replace(/ \(.*/s, '')], [0, '2 cases in 2 files: 2 held, 0 did not'], ran.err);
  });

  it('is linted with those that it requires', () => {
    using folder = repository(PINNED.replace('  release: 1.0.0\n', '  release: 1.0.0\n  requires: [{name: base, release: ^2}]\n'));
    const alone = folder.writ(['lint', '.']);
    assert.equal(alone.code, 0);
    assert.match(alone.err, /RULESET_REQUIRES_MISSING/);
    folder.write({ 'rulesets/base/ruleset.yaml': PINNED.replace('name: acme', 'name: base') });
    folder.write({ 'rulesets/base/policies/pinned.yaml': POLICY, 'rulesets/base/policies/other.yaml': OTHER });
    const both = folder.writ(['lint', '.']);
    assert.equal(both.code, 1);
    assert.match(both.err, /^rulesets\/acme\/ruleset\.yaml:\d+:\d+: RULESET_REQUIRES_RELEASE: /m);
    assert.equal(both.err.split('\n').length, 2, both.err);
  });
});
