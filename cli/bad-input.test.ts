// SPDX-License-Identifier: Apache-2.0
// Whatever a person gives a command: words, an exit code, never a stack.
import assert from 'node:assert/strict';
import { chmodSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { POLICY, temporaryFolder } from './spawn-writ.ts';
import type { Folder, Ran } from './spawn-writ.ts';

const POD = 'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: a}]}\n';

/** Each command that reads a file, with the file in its place. */
const readers = (file: string): readonly (readonly string[])[] => [
  ['lint', file],
  ['lint', 'good.yaml', '--crds', file],
  ['test', file],
  ['explain', file],
  ['explain', 'good.yaml', '--object', file],
  ['explain', 'd-0123456789abcdef0123', '--log', file],
  ['review', '--policies', file],
  ['eval', 'object', '--object', file],
  ['eval', 'object', '--object', 'pod.yaml', '--with', file],
];

const isTold = (ran: Ran, args: readonly string[]): void => {
  assert.ok(ran.code === 1 || ran.code === 2, `${args.join(' ')}: ${ran.code} ${ran.err}`);
  assert.match(ran.err, /^(?:error: |\S+: [A-Z]+_[A-Z_]+: |[A-Z]+_[A-Z_]+: )/, args.join(' '));
  assert.doesNotMatch(ran.err, /\n {4}at |a defect of writ/, args.join(' '));
};

const inFolder = (): Folder => {
  const folder = temporaryFolder();
  folder.write({ 'good.yaml': POLICY, 'pod.yaml': POD });
  return folder;
};

describe('bad input', () => {
  it('is told: a file that is not there', () => {
    using folder = inFolder();
    for (const args of readers('absent.yaml')) {
      const ran = folder.writ(args);
      isTold(ran, args);
      assert.match(ran.err, /FILE_UNREADABLE: absent\.yaml: there is no such file/);
    }
  });

  it('is told: bytes that are no text, an empty file, a folder without anything', () => {
    using folder = inFolder();
    folder.write({
      'junk.yaml': Uint8Array.from({ length: 2_000 }, (_, index) => (index * 7919) % 256),
      'empty.yaml': '',
      'folder/x': '',
    });
    for (const file of ['junk.yaml', 'empty.yaml', 'folder'])
      for (const args of readers(file)) {
        if (args.includes('--crds') && file !== 'junk.yaml') continue;
        isTold(folder.writ(args), args);
      }
  });

  it('is told: a file that is too large, at once', () => {
    using folder = inFolder();
    folder.write({ 'large.yaml': 'a: 1\n' });
    truncateSync(join(folder.path, 'large.yaml'), 200 * 1024 * 1024);
    for (const args of readers('large.yaml')) {
      if (args.includes('--log')) continue;
      const ran = folder.writ(args);
      isTold(ran, args);
      assert.match(ran.err, /FILE_UNREADABLE: large\.yaml: it is larger than 16 MiB|DOCUMENT_TOO_LARGE/);
    }
    assert.match(folder.writ(['eval', '1', '--object', '/dev/zero']).err, /larger than 16 MiB/);
  });

  it('is told: a file that may not be read', { skip: process.getuid?.() === 0 ? 'root may read everything' : false }, () => {
    using folder = inFolder();
    folder.write({ 'closed.yaml': POLICY });
    chmodSync(join(folder.path, 'closed.yaml'), 0);
    for (const args of readers('closed.yaml')) assert.match(folder.writ(args).err, /closed\.yaml: it may not be read/);
  });

  it('is told: options that are unknown, have no value or the wrong one, and commands that are not there', () => {
    using folder = inFolder();
    for (const [args, words] of [
      [['lint', 'good.yaml', '--outptu', 'json'], /unknown option '--outptu'/],
      [['lint', 'good.yaml', '--output', 'xml'], /Allowed choices are text, json, sarif/],
      [['test', '.', '--output', 'sarif'], /Allowed choices are text, json, junit, tap/],
      [['eval', '1', '--output'], /argument missing/],
      [['eval', '1', '--var', '1=2'], /write NAME=JSON/],
      [['eval', '1', '--with', 'good.yaml'], /--with needs --object/],
      [['explain', 'd-0123456789abcdef0123'], /needs --log/],
      [['lint'], /missing required argument/],
      [['review'], /--policies/],
      [['lnit'], /unknown command 'lnit'\n\(Did you mean lint\?\)/],
      [['help', 'lnit'], /there is no command lnit/],
    ] as const) {
      const { code, err } = folder.writ(args);
      assert.equal(code, 2, args.join(' '));
      assert.match(err, words);
    }
  });

  it('is no reason to end otherwise: a reader that goes away early', () => {
    using folder = inFolder();
    const cases = Array.from({ length: 3_000 }, (_, index) => `- {name: "${index}", object: {apiVersion: v1, kind: Pod}, expect: Deny}\n`);
    folder.write({ 'a.cases.yaml': `policies: [good.yaml]\ncases:\n${cases.join('')}` });
    const writ = `'${process.execPath}' '${join(import.meta.dirname, 'main.ts')}'`;
    const { out, err } = folder.run('bash', ['-c', `${writ} test --output json 2>&1 | head -1; echo \${PIPESTATUS[0]}`]);
    assert.equal(folder.writ(['test', '--output', 'json']).code, 1);
    assert.deepEqual([out, err], ['[\n1\n', '']);
  });

  it('is no colour: none is used', () => {
    using folder = inFolder();
    for (const env of [{ NO_COLOR: '1' }, { FORCE_COLOR: '1' }]) {
      const { out, err } = folder.writ(['lint', 'good.yaml', 'absent.yaml'], { env });
      assert.ok(!`${out}${err}`.includes('\u001b'));
    }
  });

  it('is no home: nothing is kept there, and all works', () => {
    using folder = inFolder();
    for (const env of [{ HOME: '/proc/none' }, { HOME: '' }, { HOME: folder.path, XDG_CACHE_HOME: '/dev/null' }])
      assert.deepEqual([folder.writ(['version'], { env }).code], [0], JSON.stringify(env));
  });

  it('may come from standard input', () => {
    using folder = inFolder();
    assert.match(folder.writ(['eval', 'object.kind', '--object', '-'], { input: POD }).out, /^"Pod"/);
    assert.equal(folder.writ(['explain', 'good.yaml', '--object', '-'], { input: POD }).code, 1);
  });
});
