// SPDX-License-Identifier: Apache-2.0
// What is on the disk after a loss of power is seen in test/usage/power-loss.test.ts.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createFolderKeeper } from './kept-folder.ts';

describe('a folder that is kept', () => {
  const root = mkdtempSync(join(tmpdir(), 'writ-kept-'));
  after(() => rmSync(root, { recursive: true }));

  it('is made with those above it, in the mode that is asked for, also where it has gone again', async () => {
    const keep = createFolderKeeper();
    const path = join(root, 'a', 'b', 'c');
    await Promise.all([keep(path, 0o700), keep(path, 0o700), keep(join(root, 'a', 'd'), 0o700)]);
    assert.equal(statSync(path).mode & 0o777, 0o700);
    await keep(path);
    rmSync(join(root, 'a'), { recursive: true });
    await keep(path);
    assert.ok(existsSync(path));
  });

  it('is refused where it cannot be made, and soon', { skip: process.platform !== 'linux' }, async () => {
    const keep = createFolderKeeper();
    writeFileSync(join(root, 'file'), '');
    await assert.rejects(keep('/proc/writ/x'), { code: 'ENOENT' });
    await assert.rejects(keep(join(root, 'file')), { code: 'EEXIST' });
    await assert.rejects(keep(join(root, 'file', 'x')), { code: 'ENOTDIR' });
  });
});
