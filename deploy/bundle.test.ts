// SPDX-License-Identifier: Apache-2.0
// The bundles need nothing but Node: they start in an empty folder, with code generation from strings switched off.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { bundle } from './bundle.ts';

let folder: string;
let empty: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'writ-bundle-'));
  empty = await mkdtemp(join(tmpdir(), 'writ-empty-'));
  await bundle(['operator', 'webhook', 'writ'], folder);
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
  await rm(empty, { recursive: true, force: true });
});

const run = (name: string, args: readonly string[]) =>
  spawnSync(process.execPath, ['--disallow-code-generation-from-strings', join(folder, `${name}.mjs`), ...args], {
    cwd: empty,
    env: { PATH: '', HOME: empty },
    encoding: 'utf8',
    timeout: 60_000,
  });

for (const name of ['operator', 'webhook', 'writ']) {
  test(`${name}: prints its help`, () => {
    const { status, stdout, stderr } = run(name, ['--help']);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^Usage: writ/);
  });

  test(`${name}: refuses an unknown flag in one sentence`, () => {
    const { status, stderr } = run(name, ['--no-such-flag=1']);
    assert.notEqual(status, 0);
    assert.match(stderr, /no-such-flag/);
    assert.doesNotMatch(stderr, /\n\s+at /);
  });
}
