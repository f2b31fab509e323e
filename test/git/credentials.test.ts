// SPDX-License-Identifier: Apache-2.0
// Credentials reach the remote and nobody else.
import assert from 'node:assert/strict';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseCredentials } from '../../operator/source/credentials.ts';
import { codeOf, openScene, snapshotOf } from './scene.ts';

const basic = { kind: 'basic', username: 'ada', password: 'correct "horse" \\ battery' } as const;
const bearer = { kind: 'bearer', token: 'abc.DEF-123_~+/==' } as const;

test('basic credentials over TLS with an authority of its own', async (t) => {
  const { repository, server, fetch } = await openScene(t, { server: { auth: basic, tls: true } });
  await repository.publish({ f: '1' });
  const caCrt = server.ca ?? '';
  snapshotOf(await fetch({ credentials: { username: basic.username, password: `${basic.password}\n`, caCrt } }));
  assert.equal(server.counts.refused, 0, 'shown at once, without a first refusal');
  const rows = [
    [{ caCrt }, 'SOURCE_CREDENTIAL_REFUSED'],
    [{ caCrt, username: 'ada', password: 'wrong' }, 'SOURCE_CREDENTIAL_REFUSED'],
    [{ username: basic.username, password: basic.password }, 'SOURCE_TLS'],
    [{ caCrt: 'junk', username: basic.username, password: basic.password }, 'SOURCE_TLS'],
    [{ caCrt, username: 'ada' }, 'SOURCE_CREDENTIAL_INVALID'],
    [{ caCrt, username: 'a:b', password: 'x' }, 'SOURCE_CREDENTIAL_INVALID'],
  ] as const;
  for (const [credentials, code] of rows) {
    const result = await fetch({ credentials });
    assert.equal(codeOf(result), code, JSON.stringify(Object.keys(credentials)));
    assert.ok(!/wrong|battery/.test(JSON.stringify(result)));
  }
});

test('a bearer token', async (t) => {
  const { repository, server, fetch } = await openScene(t, { server: { auth: bearer, tls: true } });
  await repository.publish({ f: '1' });
  const caCrt = server.ca ?? '';
  snapshotOf(await fetch({ credentials: { bearerToken: bearer.token, caCrt } }));
  assert.deepEqual([...server.authorizations], [`Bearer ${bearer.token}`]);
  assert.equal(codeOf(await fetch({ credentials: { bearerToken: 'other-token', caCrt } })), 'SOURCE_CREDENTIAL_REFUSED');
  assert.equal(codeOf(await fetch({ credentials: { bearerToken: 'x\r\nX-Evil: 1', caCrt } })), 'SOURCE_CREDENTIAL_INVALID');
  assert.equal(
    codeOf(await fetch({ credentials: { bearerToken: 'x', username: 'a', password: 'b', caCrt } })),
    'SOURCE_CREDENTIAL_INVALID',
  );
});

test('a secret is in no argument and no environment of any process, and in files that only we may read', async (t) => {
  const { root, repository, server, url, fetch } = await openScene(t, { server: { auth: bearer } });
  await repository.publish({ f: '1' });
  const seen: string[] = [];
  const inspected = new Promise<void>((resolve) => {
    server.intercept = () => {
      void readProcesses().then((texts) => {
        seen.push(...texts);
        resolve();
      });
      server.intercept = undefined;
      return false;
    };
  });
  snapshotOf(await fetch({ credentials: { bearerToken: bearer.token } }));
  await inspected;
  assert.ok(
    seen.some((text) => text.includes(url)),
    'git was looked at while it ran',
  );
  assert.ok(!seen.some((text) => text.includes(bearer.token)));
  const names = await readdir(join(root, 'cache'), { recursive: true });
  const holders: string[] = [];
  for (const name of names) {
    const path = join(root, 'cache', name);
    const entry = await stat(path);
    if (entry.isFile() && (await readFile(path, 'latin1')).includes(bearer.token)) {
      holders.push(name);
      assert.equal(entry.mode & 0o077, 0, name);
    }
  }
  assert.equal(holders.length, 1);
});

const readProcesses = async (): Promise<readonly string[]> => {
  const ids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const files = ids.flatMap((id) => [`/proc/${id}/cmdline`, `/proc/${id}/environ`]);
  return Promise.all(files.map((file) => readFile(file, 'latin1').catch(() => '')));
};

test('a credential goes to its own host only: redirects are refused', async (t) => {
  const { repository, server, fetch } = await openScene(t, { server: { auth: bearer } });
  const other = await openScene(t, { server: { auth: bearer } });
  await repository.publish({ f: '1' });
  server.intercept = (request, response) => {
    response.writeHead(302, { location: `${other.server.url}${request.url ?? ''}` }).end();
    return true;
  };
  assert.equal(codeOf(await fetch({ credentials: { bearerToken: bearer.token } })), 'SOURCE_REDIRECTED');
  assert.equal(other.server.authorizations.size, 0);
});

test('sources with different credentials share no mirror', async (t) => {
  const { repository, server, fetch } = await openScene(t, { server: { auth: bearer } });
  const commit = await repository.publish({ f: '1' });
  snapshotOf(await fetch({ credentials: { bearerToken: bearer.token } }));
  // The commit is in the mirror of the first; by its id alone the second would get it without asking the remote.
  assert.equal(codeOf(await fetch({ ref: { commit }, credentials: { bearerToken: 'other' } })), 'SOURCE_CREDENTIAL_REFUSED');
  assert.ok(server.counts.refused > 0);
});

test('a Secret is read by the keys of Flux, own keys only', () => {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const data = {
    username: base64('u'),
    password: base64('p'),
    known_hosts: base64('h'),
    'ca.crt': base64('c'),
    'tls.key': base64('k'),
    other: base64('x'),
  };
  assert.deepEqual(parseCredentials(data), { username: 'u', password: 'p', knownHosts: 'h', caCrt: 'c', tlsKey: 'k' });
  assert.deepEqual(parseCredentials(JSON.parse('{"__proto__": "eA=="}')), {});
});
