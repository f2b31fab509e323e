// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, describe, it } from 'node:test';
import { temporaryFolder } from './spawn-writ.ts';

describe('writ completion', () => {
  const folder = temporaryFolder();
  after(() => folder[Symbol.dispose]());
  const script = (shell: string): string => folder.writ(['completion', shell]).out;
  const bash = script('bash');

  /** What bash itself offers for these words, the last of them half written. */
  const offers = (...words: readonly string[]): readonly string[] => {
    const line = `${bash}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _writ; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', line], { cwd: folder.path, encoding: 'utf8' });
    assert.deepEqual([status, stderr], [0, '']);
    return stdout.split('\n').filter((text) => text !== '');
  };

  it('completes commands, options and their values in bash', () => {
    assert.deepEqual(offers('writ', 'ex'), ['explain']);
    assert.ok(offers('writ', '').includes('completion'));
    assert.deepEqual(offers('writ', 'lint', '--s'), ['--strict']);
    assert.deepEqual(offers('writ', 'test', '--output', ''), ['text', 'json', 'junit', 'tap']);
    assert.deepEqual(offers('writ', 'completion', 'z'), ['zsh']);
    assert.deepEqual(offers('writ', 'help', 'rev'), ['review']);
    assert.deepEqual(offers('writ', 'trust', 'r'), ['rotate']);
    assert.deepEqual(offers('writ', 'seal', ''), ['status']);
    assert.deepEqual(offers('writ', 'trust', 'rotate', '--ov'), ['--overlap']);
  });

  it('completes files where a file is meant', () => {
    folder.write({ 'policy file.yaml': '' });
    assert.deepEqual(offers('writ', 'lint', 'pol'), ['policy file.yaml']);
    assert.deepEqual(offers('writ', 'verify', '--trust', 'pol'), ['policy file.yaml']);
  });

  for (const shell of ['zsh', 'fish'] as const) {
    it(`names every command and option in ${shell}`, () => {
      const text = script(shell);
      for (const word of ['explain', 'completion', 'coverage', 'trust-digest', 'sarif', 'junit']) assert.ok(text.includes(word), word);
      const { error, status, stderr } = spawnSync(shell, ['-n'], { input: text, encoding: 'utf8' });
      if (error === undefined) assert.deepEqual([status, stderr], [0, '']);
    });
  }

  it('knows three shells', () => assert.equal(folder.writ(['completion', 'tcsh']).code, 2));
});
