// SPDX-License-Identifier: Apache-2.0
// Sources over ssh from a real sshd; skipped by name where the machine has none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf, openScene, snapshotOf, textsOf } from './scene.ts';
import { findSshd, startSshServer } from './ssh-server.ts';

const sshd = findSshd();

test('ssh with a key and a known host', { skip: sshd === undefined && 'needs sshd (openssh-server)' }, async (t) => {
  const { root, repository, fetch } = await openScene(t);
  const server = await startSshServer({ sshd: sshd ?? '', root });
  t.after(() => server.close());
  const commit = await repository.publish({ f: '1' });
  const url = `${server.url}${repository.dir}`;
  const { identity, knownHosts } = server;
  const snapshot = snapshotOf(await fetch({ url, credentials: { identity: identity.trimEnd(), knownHosts } }));
  assert.equal(snapshot.commit, commit);
  assert.deepEqual(await textsOf(snapshot), { f: '1' });
  const encrypted = { identity: server.encryptedIdentity, password: server.passphrase, knownHosts };
  assert.equal(snapshotOf(await fetch({ url, credentials: encrypted })).commit, commit);
  const rows = [
    [{ identity: server.strangerIdentity, knownHosts }, 'SOURCE_CREDENTIAL_REFUSED'],
    [{ identity, knownHosts: server.otherKnownHosts }, 'SOURCE_HOST_KEY'],
    [
      { identity, knownHosts: 'github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl' },
      'SOURCE_HOST_KEY',
    ],
    [{ identity }, 'SOURCE_CREDENTIAL_INVALID'],
    [{ knownHosts }, 'SOURCE_CREDENTIAL_INVALID'],
    [{ identity: 'junk', knownHosts }, 'SOURCE_CREDENTIAL_INVALID'],
    // ssh does not tell a passphrase that does not open the key from a key that is not let in.
    [{ ...encrypted, password: 'wrong one' }, 'SOURCE_CREDENTIAL_REFUSED'],
  ] as const;
  for (const [credentials, code] of rows) {
    const result = await fetch({ url, credentials });
    assert.equal(codeOf(result), code, `${JSON.stringify(Object.keys(credentials))} ${JSON.stringify(result)}`);
  }
  assert.equal(codeOf(await fetch({ url: `${server.url}/nothing/here.git`, credentials: { identity, knownHosts } })), 'SOURCE_NOT_FOUND');
});
