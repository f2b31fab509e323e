// SPDX-License-Identifier: Apache-2.0
// cli/writ in a clone: words instead of a stack where something is not installed yet.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from './spawn-writ.ts';
import type { Folder, Ran } from './spawn-writ.ts';

const SCRIPT = readFileSync(join(import.meta.dirname, 'writ'), 'utf8');
const OWN = 'build/node/node_modules/node/bin/node';

/** A Node that only says which one it is, and with what it is run. */
const nodeOf = (version: string): string => `#!/bin/sh\n[ "$1" = --version ] && echo ${version} || echo "${version} runs $*"\n`;

const program = (folder: Folder, name: string, text: string): void => {
  folder.write({ [name]: text });
  chmodSync(join(folder.path, name), 0o755);
};

const start = (folder: Folder): Ran => folder.run('env', [`PATH=${folder.path}/bin:/usr/bin:/bin`, './cli/writ', 'version']);

describe('cli/writ', () => {
  it('refuses an old Node, and missing packages, with what to do', () => {
    using folder = temporaryFolder();
    program(folder, 'cli/writ', SCRIPT);
    for (const version of ['v20.19.2', 'v24.14.9']) {
      program(folder, 'bin/node', nodeOf(version));
      const { code, err } = start(folder);
      assert.deepEqual([code, err.split(', in ')[0]], [2, `writ: Node ${version} is older than 24.15: run \`make modules\` first`]);
    }
    program(folder, 'bin/node', 'exit 127\n');
    assert.match(start(folder).err, /^writ: there is no Node: run `make modules` first/);
    program(folder, 'bin/node', nodeOf('v24.15.0'));
    const { code, err } = start(folder);
    assert.equal(code, 2);
    assert.match(err, /^writ: Node's packages are not installed: run `make modules` first/);
  });

  it('runs by the Node of the clone, else by a new one of the machine', () => {
    using folder = temporaryFolder();
    program(folder, 'cli/writ', SCRIPT);
    mkdirSync(join(folder.path, 'node_modules/commander'), { recursive: true });
    for (const version of ['v24.15.0', 'v26.0.0']) {
      program(folder, 'bin/node', nodeOf(version));
      assert.match(start(folder).out, new RegExp(`^${version} runs .*/cli/main\\.ts version\n$`));
    }
    program(folder, 'bin/node', nodeOf('v20.0.0'));
    program(folder, OWN, nodeOf('v24.21.0'));
    assert.match(start(folder).out, /^v24\.21\.0 runs /);
  });
});
