// SPDX-License-Identifier: Apache-2.0
// Credentials change under a running client: a token that is revoked or replaced, a program that gives short-lived ones, a
// client certificate and a CA that are rotated. Calls go on; what was open on the old connection is not cut off.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { createKubeClient } from '../../../kube/client.ts';
import type { KubeClient } from '../../../kube/client.ts';
import { KubeApiError, KubeTransportError } from '../../../kube/errors.ts';
import { systemClock } from '../../../process/clock.ts';
import type { Clock } from '../../../process/clock.ts';
import { createAuthority, issueLeaf } from '../../cluster/certificates.ts';
import { temporaryFolder } from '../../cluster/temporary-folder.ts';
import { boundPort } from '../../../process/bound-port.ts';

/** Real time that can be moved on. */
const shiftedClock = (): Clock & { shift(byMs: number): void } => {
  let offsetMs = 0;
  return {
    ...systemClock,
    now: () => systemClock.now() + offsetMs,
    monotonicMs: () => systemClock.monotonicMs() + offsetMs,
    shift: (byMs) => void (offsetMs += byMs),
  };
};

const oldAuthority = createAuthority('old-ca');
const newAuthority = createAuthority('new-ca');
const serving = (authority: typeof oldAuthority) => {
  const { keyPem, certificatePem } = issueLeaf(authority, { commonName: 'server', hosts: ['127.0.0.1'] });
  return { key: keyPem, cert: certificatePem };
};

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: Server;
let url = '';
let accepted: string | undefined;
const asked: string[] = [];

before(async () => {
  folder = await temporaryFolder();
  const ca = [oldAuthority.certificatePem, newAuthority.certificatePem];
  server = createServer({ ...serving(oldAuthority), requestCert: true, rejectUnauthorized: false, ca }, (request, response) => {
    const authorization = request.headers.authorization ?? '';
    asked.push(authorization);
    const isRefused = accepted !== undefined && authorization !== `Bearer ${accepted}`;
    response.writeHead(isRefused ? 401 : 200, { 'content-type': 'application/json' });
    if (request.url?.includes('watch=true') === true) {
      response.write('{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}\n');
      server.once('finish-watches', () => response.end('{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"8"}}}\n'));
      return;
    }
    assert.ok(request.socket instanceof TLSSocket);
    const peer = request.socket.getPeerCertificate().subject;
    response.end(JSON.stringify({ metadata: { name: 'x' }, peer: peer?.CN, authorization }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `https://127.0.0.1:${boundPort(server)}`;
});
after(async () => {
  server.closeAllConnections();
  server.close();
  await folder.remove();
});

const kubeconfig = async (name: string, user: object): Promise<string> => {
  await writeFile(join(folder.path, 'ca.crt'), oldAuthority.certificatePem);
  const path = join(folder.path, name);
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: url, 'certificate-authority': 'ca.crt' } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c',
  };
  await writeFile(path, JSON.stringify(content));
  return path;
};

const withClient = async (
  path: string,
  test: (client: KubeClient, clock: ReturnType<typeof shiftedClock>, seen: unknown[]) => Promise<void>,
): Promise<void> => {
  const clock = shiftedClock();
  const seen: unknown[] = [];
  const client = createKubeClient({
    kubeconfigPath: path,
    clock,
    userAgent: 'test',
    random: () => 0,
    observe: { credentials: (event) => void seen.push(event) },
  });
  asked.length = 0;
  try {
    await test(client, clock, seen);
  } finally {
    accepted = undefined;
    await client.close();
  }
};

type Echo = { readonly peer?: string; readonly authorization: string };
const ask = (client: KubeClient): Promise<Echo> => client.request<Echo>({ method: 'GET', path: '/api/v1/x' });

describe('a client whose credentials change', () => {
  it('takes the new token after a 401, once', async () => {
    const path = await kubeconfig('token', { token: 'one' });
    await withClient(path, async (client, clock) => {
      assert.equal((await ask(client)).authorization, 'Bearer one');
      accepted = 'two';
      await assert.rejects(ask(client), (error) => error instanceof KubeApiError && error.status === 401);
      await kubeconfig('token', { token: 'two' });
      clock.shift(2000);
      asked.length = 0;
      await Promise.all([ask(client), ask(client), ask(client)]);
      assert.ok(asked.filter((one) => one === 'Bearer one').length <= 3);
      asked.length = 0;
      await ask(client);
      assert.deepEqual(asked, ['Bearer two']);
    });
  });

  it('reads a token file again every minute', async () => {
    const tokenFile = join(folder.path, 'token-file');
    await writeFile(tokenFile, 'first\n');
    const path = await kubeconfig('file', { 'auth-provider': { name: 'tokenFile', config: { tokenFile } } });
    await withClient(path, async (client, clock) => {
      assert.equal((await ask(client)).authorization, 'Bearer first');
      await writeFile(tokenFile, 'second\n');
      assert.equal((await ask(client)).authorization, 'Bearer first');
      clock.shift(61_000);
      assert.equal((await ask(client)).authorization, 'Bearer second');
    });
  });

  it('runs a credential program again before its token expires and after a 401', async () => {
    const runs = join(folder.path, 'runs');
    await writeFile(runs, '');
    const program = `const fs = require('node:fs');
      fs.appendFileSync(${JSON.stringify(runs)}, 'x');
      const info = JSON.parse(process.env.KUBERNETES_EXEC_INFO);
      const expirationTimestamp = new Date(Date.now() + 120000).toISOString();
      console.log(JSON.stringify({ apiVersion: info.apiVersion, kind: 'ExecCredential', status: { token: 'run-' + fs.readFileSync(${JSON.stringify(runs)}).length, expirationTimestamp } }));`;
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: ['-e', program],
      interactiveMode: 'Never',
    };
    await withClient(await kubeconfig('exec', { exec }), async (client, clock) => {
      assert.equal((await ask(client)).authorization, 'Bearer run-1');
      clock.shift(61_000);
      assert.equal((await ask(client)).authorization, 'Bearer run-1');
      clock.shift(61_000);
      assert.equal((await ask(client)).authorization, 'Bearer run-2');
      accepted = 'run-3';
      clock.shift(2000);
      assert.equal((await ask(client)).authorization, 'Bearer run-3');
      assert.equal((await readFile(runs, 'utf8')).length, 3);
    });
  });

  it('says what is wrong with a credential program', async () => {
    const exec = { command: process.execPath, args: ['-e', 'console.error("no login"); process.exit(3)'], installHint: 'install it' };
    await withClient(await kubeconfig('exec-bad', { exec }), async (client) => {
      await assert.rejects(ask(client), /credential program .* ended with 3: no login; install it/);
    });
  });

  it('changes to a new client certificate and lets the old connection finish', async () => {
    const writePair = async (commonName: string): Promise<void> => {
      const pair = issueLeaf(oldAuthority, { commonName });
      await Promise.all([
        writeFile(join(folder.path, 'tls.crt'), pair.certificatePem),
        writeFile(join(folder.path, 'tls.key'), pair.keyPem),
      ]);
    };
    await writePair('before');
    const path = await kubeconfig('certificate', { 'client-certificate': 'tls.crt', 'client-key': 'tls.key' });
    await withClient(path, async (client, clock, seen) => {
      assert.equal((await ask(client)).peer, 'before');
      const watch = client.watch({ group: '', version: 'v1', plural: 'x', kind: 'X', namespaced: false }, { resourceVersion: '1' });
      assert.equal((await watch.next()).value?.object.metadata.resourceVersion, '7');
      await writePair('after');
      clock.shift(61_000);
      assert.equal((await ask(client)).peer, 'after');
      assert.deepEqual(seen, [{ generation: 1 }, { generation: 2 }]);
      server.emit('finish-watches');
      assert.equal((await watch.next()).value?.object.metadata.resourceVersion, '8');
      assert.equal((await watch.next()).done, true);
    });
  });

  it('trusts a new CA once its file names it, and no server before', async () => {
    const path = await kubeconfig('ca', { token: 't' });
    await withClient(path, async (client, clock) => {
      await ask(client);
      server.setSecureContext(serving(newAuthority));
      server.closeAllConnections();
      const post = { method: 'POST', path: '/api/v1/x', body: {} } as const;
      await assert.rejects(client.request(post), (error) => error instanceof KubeTransportError);
      await assert.rejects(client.request(post), (error) => error instanceof KubeTransportError && error.code === 'CONNECT');
      await writeFile(join(folder.path, 'ca.crt'), oldAuthority.certificatePem + newAuthority.certificatePem);
      clock.shift(61_000);
      await ask(client);
      server.setSecureContext(serving(oldAuthority));
    });
  });

  it('keeps the last good ones while the new ones cannot be read', async () => {
    const path = await kubeconfig('gone', { token: 'kept' });
    await withClient(path, async (client, clock, seen) => {
      await ask(client);
      await rm(path);
      clock.shift(61_000);
      assert.equal((await ask(client)).authorization, 'Bearer kept');
      assert.equal(seen.length, 2);
    });
  });

  it('names the contexts that there are where one is asked for that there is not', async () => {
    const kubeconfigPath = await kubeconfig('contexts', { token: 't' });
    const client = createKubeClient({ kubeconfigPath, context: 'elsewhere', clock: shiftedClock(), userAgent: 'test' });
    await assert.rejects(ask(client), /the kubeconfig has no context elsewhere; it has c$/);
    await client.close();
  });

  it('says when there are none at all', async () => {
    await withClient(join(folder.path, 'missing'), async (client) => {
      await assert.rejects(
        ask(client),
        (error) => error instanceof KubeTransportError && error.code === 'CREDENTIALS' && /ENOENT/.test(error.message),
      );
    });
  });
});
