// SPDX-License-Identifier: Apache-2.0
// Who reads no further does not make a result another one.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildExport, logSigner } from '../policies/transparency/test-log.ts';
import { temporaryFolder } from './spawn-writ.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

/** Both ends that it writes to are closed before it begins. */
const unread = async (cwd: string, args: readonly string[]): Promise<unknown> => {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  child.stderr.destroy();
  const [code] = await once(child, 'exit');
  return code;
};

describe('a pipe that is closed', () => {
  it('leaves the code that was reached', async () => {
    using folder = temporaryFolder();
    const whole = buildExport(3);
    const cut = new Map([...whole, ['root/checkpoint', Buffer.alloc(0)]]);
    for (const [name, files] of [
      ['good', whole],
      ['cut', cut],
    ] as const)
      folder.write(Object.fromEntries([...files].map(([file, bytes]) => [`${name}/${file}`, bytes])));
    const verify = (name: string): Promise<unknown> => unread(folder.path, ['audit', 'verify', name, '--vkey', logSigner.key.text]);
    assert.equal(folder.writ(['audit', 'verify', 'cut', '--vkey', logSigner.key.text]).code, 1);
    assert.deepEqual([await verify('good'), await verify('cut')], [0, 1]);
    assert.equal(await unread(folder.path, ['audit', 'verify', 'nowhere', '--vkey', logSigner.key.text]), 4);
    assert.equal(await unread(folder.path, ['audit', 'verify']), 4);
    assert.equal(await unread(folder.path, ['--version']), 0);
  });

  it('does not end what has more to say before it has come to its result', async () => {
    using folder = temporaryFolder();
    const whole = buildExport(600);
    folder.write(Object.fromEntries([...whole].map(([file, bytes]) => [`e/${file}`, bytes])));
    // More than a pipe holds.
    assert.equal(await unread(folder.path, ['audit', 'show', 'e', '--vkey', logSigner.key.text]), 0);
    folder.write({ 'e/root/checkpoint': 'x' });
    assert.equal(await unread(folder.path, ['audit', 'show', 'e', '--vkey', logSigner.key.text]), 1);
  });
});
