// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { createAuthority, issueLeaf } from './certificates.ts';

const authority = createAuthority('test authority');
const root = new X509Certificate(authority.certificatePem);

it('an authority signs itself and may sign others', () => {
  assert.ok(root.ca);
  assert.ok(root.verify(root.publicKey));
  assert.equal(root.subject, 'CN=test authority');
});

it('a server certificate names its hosts', () => {
  const leaf = new X509Certificate(issueLeaf(authority, { commonName: 'api', hosts: ['localhost', '127.0.0.1'] }).certificatePem);
  assert.equal(leaf.checkHost('localhost'), 'localhost');
  assert.equal(leaf.checkIP('127.0.0.1'), '127.0.0.1');
  assert.equal(leaf.checkHost('elsewhere'), undefined);
  assert.ok(leaf.checkIssued(root) && leaf.verify(root.publicKey) && !leaf.ca);
});

it('a client certificate carries any user and groups', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'Z', '7', ':', '-', '.', 'é'), minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(text, fc.array(text, { maxLength: 5 }), (user, groups) => {
      const { certificatePem } = issueLeaf(authority, { commonName: user, organizations: groups });
      const leaf = new X509Certificate(certificatePem);
      assert.ok(leaf.verify(root.publicKey));
      const { CN, O = [] }: { CN?: unknown; O?: unknown } = leaf.toLegacyObject().subject;
      assert.equal(CN, user);
      assert.deepEqual([O].flat(), groups);
    }),
    { numRuns: 30 },
  );
});
