// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, it } from 'node:test';
import { missingPrerequisites } from './prerequisites.ts';
import { temporaryFolder, type TemporaryFolder } from './temporary-folder.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

/** What is missing where only these commands exist, each a shell script. */
const missingWith = async (commands: Readonly<Record<string, string>>, env: NodeJS.ProcessEnv = {}): Promise<readonly string[]> => {
  for (const [name, script] of Object.entries(commands)) {
    await writeFile(join(folder.path, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const missing = await missingPrerequisites({ PATH: folder.path, ...env });
  for (const { fix } of missing) assert.ok(fix.length > 10);
  return missing.map(({ name }) => name);
};
const go = (version: string, toolchain = 'auto'): string => `if [ "$2" = GOVERSION ]; then echo ${version}; else echo ${toolchain}; fi`;
const tools = { git: 'echo git version 2', npm: 'echo 11' };

it('a bare machine: everything by name', async () => {
  assert.deepEqual(await missingWith({}), ['git is missing', 'npm is missing', 'Go is missing']);
});

it('a whole machine: nothing', async () => {
  assert.deepEqual(await missingWith({ ...tools, go: go('go1.26.8', 'local') }), []);
});

it('an older Go that fetches the newer one is good enough', async () => {
  assert.deepEqual(await missingWith({ ...tools, go: go('go1.22.1') }), []);
});

it('an older Go that may not, or cannot, is not', async () => {
  assert.deepEqual(await missingWith({ ...tools, go: go('go1.22.1', 'local') }), ['Go is too old (go1.22.1)']);
  assert.deepEqual(await missingWith({ ...tools, go: go('go1.20.4') }), ['Go is too old (go1.20.4)']);
});

it('binaries or a named cluster make Go needless; half a set does not do', async () => {
  const assets = join(folder.path, 'assets');
  await mkdir(assets);
  await writeFile(join(assets, 'etcd'), '');
  assert.deepEqual(await missingWith(tools, { KUBEBUILDER_ASSETS: assets }), [
    `KUBEBUILDER_ASSETS=${assets} lacks kube-apiserver, kubectl`,
  ]);
  await Promise.all(['kube-apiserver', 'kubectl'].map((name) => writeFile(join(assets, name), '')));
  assert.deepEqual(await missingWith(tools, { KUBEBUILDER_ASSETS: assets }), []);
  const kubeconfig = join(folder.path, 'kubeconfig');
  assert.deepEqual(await missingWith(tools, { WRIT_KUBECONFIG: kubeconfig }), [`WRIT_KUBECONFIG=${kubeconfig} does not exist`]);
  await writeFile(kubeconfig, '');
  assert.deepEqual(await missingWith({ ...tools, kubectl: 'true' }, { WRIT_KUBECONFIG: kubeconfig }), []);
});
