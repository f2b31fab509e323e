// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';

it('prints what to type, stays, and removes all of it at Ctrl-C', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'serve.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  for await (const chunk of child.stdout) {
    said += String(chunk);
    if (said.includes('Ctrl-C')) break;
  }
  const kubeconfig = /export KUBECONFIG=(\S+)/.exec(said)?.[1] ?? '';
  const kubectl = /alias kubectl=(\S+)/.exec(said)?.[1] ?? '';
  const { stdout } = await promisify(execFile)(kubectl, ['get', 'namespaces', '-o', 'name'], {
    env: { ...process.env, KUBECONFIG: kubeconfig },
  });
  assert.match(stdout, /namespace\/default/);
  child.kill('SIGINT');
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
  assert.ok(!existsSync(dirname(kubeconfig)));
});
