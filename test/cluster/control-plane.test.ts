// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { until } from '../scenario/until.ts';
import { startControlPlane } from './control-plane.ts';
import type { ControlPlane } from './control-plane-handle.ts';
import { findPrograms } from './programs.ts';
import { temporaryFolder } from './temporary-folder.ts';

const ok = async (answer: ReturnType<ControlPlane['kubectl']>): Promise<string> => {
  const { stdout, stderr, code } = await answer;
  assert.equal(code, 0, stderr);
  return stdout.trim();
};

const running = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Starts a Node process that runs the code and gives its first line of output. */
const startNode = async (code: string, env: NodeJS.ProcessEnv = {}) => {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], {
    cwd: import.meta.dirname,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, errors }));
  const line = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended.then(() => [''])]);
  return { child, line: String(line[0]), ended };
};

const holder = `
  import { startControlPlane } from './control-plane.ts';
  const plane = await startControlPlane();
  console.log(JSON.stringify({ kubeconfig: plane.kubeconfig, url: plane.url }));
`;

/** The processes whose command line or folder names that folder. */
const processesOf = async (folder: string): Promise<number[]> => {
  const listing = spawn('ps', ['-A', '-o', 'pid=,args=']);
  const found: number[] = [];
  for await (const line of createInterface({ input: listing.stdout }))
    if (line.includes(`${folder}/`)) found.push(Number.parseInt(line, 10));
  return found;
};

describe('a control plane', () => {
  let plane: ControlPlane;
  before(async () => {
    plane = await startControlPlane();
  });
  after(() => plane?.stop());

  it('is what it says: client and server of one version', async () => {
    const { clientVersion, serverVersion } = JSON.parse(await ok(plane.kubectl(['version', '-o', 'json'])));
    assert.match(serverVersion.gitVersion, /^v1\.\d+\.\d+/);
    assert.equal(clientVersion.gitVersion, serverVersion.gitVersion);
  });

  it('gives kubectl its input and its exit code', async () => {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'given' }, data: { a: 'b' } });
    assert.equal(await ok(plane.kubectl(['apply', '-f', '-'], { input })), 'configmap/given created');
    const missing = await plane.kubectl(['get', 'configmap', 'absent']);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /NotFound/);
  });

  it('gives people an executable kubectl', async () => {
    const child = spawn(plane.kubectlPath, ['config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}']);
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    assert.deepEqual(await once(child, 'close'), [0, null]);
    assert.equal(out, plane.url);
  });

  it('makes users of any name and group, with the rights that RBAC gives them', async () => {
    const kubeconfig = await plane.kubeconfigFor({ user: 'ann@example.com', groups: ['readers', 'acme:devs'] });
    const { status } = JSON.parse(await ok(plane.kubectl(['auth', 'whoami', '-o', 'json'], { kubeconfig })));
    assert.equal(status.userInfo.username, 'ann@example.com');
    assert.deepEqual(status.userInfo.groups.toSorted(), ['acme:devs', 'readers', 'system:authenticated']);
    const refused = await plane.kubectl(['get', 'secrets'], { kubeconfig });
    assert.match(refused.stderr, /Forbidden/);
    // Not the role "view": only the controller manager gathers its rules.
    await ok(plane.kubectl(['create', 'clusterrole', 'reader', '--verb=get,list', '--resource=configmaps']));
    await ok(plane.kubectl(['create', 'clusterrolebinding', 'readers', '--clusterrole=reader', '--group=readers']));
    await until(async () => (await plane.kubectl(['get', 'configmaps'], { kubeconfig })).code === 0, {
      what: 'the group may read',
      withinMs: 20_000,
    });
  });

  it('issues tokens to service accounts and believes them', async () => {
    await ok(plane.kubectl(['create', 'serviceaccount', 'robot']));
    const token = await ok(plane.kubectl(['create', 'token', 'robot']));
    const kubeconfig = await plane.kubeconfigFor({ token });
    assert.match(await ok(plane.kubectl(['auth', 'whoami'], { kubeconfig })), /system:serviceaccount:default:robot/);
  });

  it('admits privileged pods, so that a policy may refuse them', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'privileged' },
      spec: { containers: [{ name: 'c', image: 'c', securityContext: { privileged: true } }] },
    };
    await ok(plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(pod) }));
  });

  it('does not meet another that runs beside it', async () => {
    await using other = await startControlPlane();
    assert.notEqual(other.url, plane.url);
    assert.equal((await other.kubectl(['get', 'serviceaccount', 'robot'])).code, 1);
    const crossed = await other.kubectl(['get', 'namespaces'], { kubeconfig: plane.kubeconfig });
    assert.equal(crossed.code, 0);
    const folder = dirname(other.kubeconfig);
    await other.stop();
    assert.ok(!existsSync(folder));
    assert.deepEqual(await processesOf(folder), []);
    await other.stop();
  });

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`keeps port and data over a restart by ${signal}, with a watch open`, async () => {
      const name = `kept-${signal.toLowerCase()}`;
      await ok(plane.kubectl(['create', 'configmap', name]));
      const watching = new AbortController();
      const watch = plane.kubectl(['get', 'configmaps', '--watch'], { signal: watching.signal }).catch(() => undefined);
      await plane.stopApiServer({ signal });
      assert.match((await plane.kubectl(['get', 'configmap', name])).stderr, /refused|connection/i);
      await plane.startApiServer();
      await plane.startApiServer(); // already up: nothing to do
      assert.equal(await ok(plane.kubectl(['get', 'configmap', name, '-o', 'name'])), `configmap/${name}`);
      watching.abort();
      await watch;
    });
  }
});

describe('with the controller manager', () => {
  it('Deployments make pods and namespaces end', async () => {
    await using plane = await startControlPlane({ controllerManager: true });
    await ok(plane.kubectl(['create', 'namespace', 'short-lived']));
    await ok(plane.kubectl(['-n', 'short-lived', 'create', 'deployment', 'web', '--image=web', '--replicas=2']));
    const pods = (): Promise<string> => ok(plane.kubectl(['-n', 'short-lived', 'get', 'pods', '-o', 'name']));
    await until(async () => (await pods()).split('\n').length === 2, { what: 'two pods', withinMs: 20_000 });
    await ok(plane.kubectl(['delete', 'namespace', 'short-lived', '--timeout=30s']));
    assert.equal((await plane.kubectl(['get', 'namespace', 'short-lived'])).code, 1);
  });
});

describe('nothing is left behind', () => {
  it('by a process that is killed while it holds a control plane', async () => {
    const { child, line } = await startNode(`${holder}; setInterval(() => {}, 1000);`);
    const folder = dirname(JSON.parse(line).kubeconfig);
    const pids = await processesOf(folder);
    assert.ok(pids.length >= 2, 'etcd and the API server run');
    child.kill('SIGKILL');
    await until(async () => pids.every((pid) => !running(pid)), { what: 'its processes are gone', withinMs: 20_000 });
    assert.deepEqual(await processesOf(folder), []);
    // Nobody could remove the folder at that moment; whoever needs a folder next does.
    const next = await temporaryFolder();
    assert.ok(!existsSync(folder));
    await next.remove();
  });

  it('by a process that ends without having stopped it', async () => {
    const { line, ended } = await startNode(holder);
    assert.equal((await ended).code, 0);
    const folder = dirname(JSON.parse(line).kubeconfig);
    assert.ok(!existsSync(folder));
    await until(async () => (await processesOf(folder)).length === 0, { what: 'its processes are gone', withinMs: 20_000 });
  });

  it('by a start that fails, and the error shows the log', async () => {
    const failing = startControlPlane({ apiServerArguments: ['--authorization-mode=Nonsense'] });
    await assert.rejects(failing, /kube-apiserver ended: exit code 1; the last lines of its log:[^]*Nonsense/);
    const own = `-${process.pid}-`;
    assert.deepEqual(
      (await readdir(tmpdir())).filter((name) => name.startsWith('writ-') && name.includes(own)),
      [],
    );
  });
});

describe('where it comes from', () => {
  it('KUBEBUILDER_ASSETS: a folder of binaries', async () => {
    const folder = await temporaryFolder();
    const assets = join(folder.path, 'assets');
    await mkdir(assets);
    const programs = await findPrograms();
    for (const name of ['etcd', 'kube-apiserver', 'kubectl'] as const) {
      await writeFile(join(assets, name), `#!/bin/sh\nexec ${programs.commandOf(name).join(' ')} "$@"\n`);
      await chmod(join(assets, name), 0o755);
    }
    const code = `${holder}; console.error(await readFile(plane.kubectlPath, 'utf8')); await plane.stop();`;
    const { line, ended } = await startNode(`import { readFile } from 'node:fs/promises'; ${code}`, { KUBEBUILDER_ASSETS: assets });
    const { code: exit, errors } = await ended;
    assert.equal(exit, 0, errors);
    assert.match(line, /kubeconfig/);
    assert.ok(errors.includes(`exec '${assets}/kubectl'`), errors);
    await folder.remove();
  });

  it('WRIT_KUBECONFIG: a cluster named on purpose, used as it is and left running', async () => {
    await using plane = await startControlPlane();
    const code = `
      import { startControlPlane } from './control-plane.ts';
      const named = await startControlPlane();
      console.log(JSON.stringify([named.url, named.token, named.caData]));
      const impersonating = await named.kubeconfigFor({ user: 'bob', groups: ['devs'] });
      console.error((await named.kubectl(['auth', 'whoami'], { kubeconfig: impersonating })).stdout);
      await named.restartApiServer().catch((error) => console.error(error.message));
      await named.stop();
    `;
    const { line, ended } = await startNode(code, { WRIT_KUBECONFIG: plane.kubeconfig, KUBECONFIG: '/nonexistent' });
    const { code: exit, errors } = await ended;
    assert.equal(exit, 0, errors);
    assert.deepEqual(JSON.parse(line), [plane.url, plane.token, plane.caData]);
    assert.match(errors, /bob[^]*devs[^]*restarting the API server is not possible/);
    assert.equal((await plane.kubectl(['get', 'namespaces'])).code, 0);
    assert.ok((await readFile(plane.kubeconfig, 'utf8')).includes(plane.url));
  });
});
