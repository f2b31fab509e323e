// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { temporaryFolder } from './spawn-writ.ts';

const COMMANDS = [
  'keygen',
  'sign',
  'verify',
  'verify-bundle',
  'lint',
  'test',
  'eval',
  'review',
  'explain',
  'demo',
  'version',
  'completion',
];

describe('writ', () => {
  const folder = temporaryFolder();
  after(() => folder[Symbol.dispose]());

  it('tells its commands and exit codes', () => {
    const { code, out } = folder.writ(['--help']);
    assert.equal(code, 0);
    for (const command of COMMANDS) assert.match(out, new RegExp(`^  ${command}\\b`, 'm'));
    assert.match(out, /Exit codes: 0 good, 1 something was found or refused, 2 wrong use/);
  });

  for (const command of COMMANDS) {
    it(`help ${command} tells how to call it, what it does, its options, exit codes and examples`, () => {
      const { code, out } = folder.writ(['help', command]);
      assert.equal(code, 0);
      assert.match(out, new RegExp(`^Usage: writ ${command} `));
      assert.match(out, /\nOptions:\n/);
      assert.match(out, /\nExit codes: 0 .*2 wrong use/s);
      assert.match(out, new RegExp(`\nExamples:\n.*writ ${command}`, 's'));
      // An option without a word about it would be a gap in the manual.
      for (const line of out.split('\n').filter((text) => /^ {2}-/.test(text))) assert.match(line, /^ {2}-\S.*\s{2,}\S/);
    });
  }

  it('--help and help are the same', () => assert.equal(folder.writ(['lint', '--help']).out, folder.writ(['help', 'lint']).out));

  it('help of a command of a group is that of the command', () => {
    const { code, out } = folder.writ(['help', 'usage', 'report']);
    assert.deepEqual([code, out], [0, folder.writ(['usage', 'report', '--help']).out]);
    for (const inner of [out, folder.writ(['help', 'usage', 'verify']).out]) assert.match(inner, /\nExit codes: 0 .*2 wrong use/);
  });

  it('tells its version', () => {
    assert.match(folder.writ(['version']).out, /^writ \d+\.\d+\.\d+ \(writ\.dev\/v1alpha1/);
    assert.equal(JSON.parse(folder.writ(['version', '--output', 'json']).out).api, 'writ.dev/v1alpha1');
  });

  for (const [name, args] of [
    ['no command', []],
    ['an unknown command', ['sgin']],
    ['a group without a command', ['bill']],
    ['an unknown command of a group', ['slo', 'openslo']],
    ['an unknown command of a group that is asked for its help', ['slo', 'openslo', '--help']],
    ['help of an unknown command of a group', ['help', 'usage', 'nope']],
    ['help of a command of an unknown group', ['help', 'nope', 'usage']],
    ['an unknown option', ['lint', '--nope', '.']],
    ['a missing argument', ['sign']],
    ['a missing option', ['verify', 'a.yaml']],
    ['a bad choice', ['lint', '.', '--output', 'xml']],
  ] as const) {
    it(`${name} is wrong use`, () => {
      const { code, err } = folder.writ(args);
      assert.equal(code, 2);
      assert.notEqual(err, '');
      assert.doesNotMatch(err, /\n\s+at /);
    });
  }

  it('shows a stack only on demand', () => {
    const args = ['lint', 'absent'];
    assert.doesNotMatch(folder.writ(args).err, /\n\s+at /);
    assert.match(folder.writ(args, { env: { WRIT_DEBUG: '1' } }).err, /\n\s+at /);
  });
});
