// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { loadTrust } from '../../policies/trust/index.ts';
import { seal, sealStatement } from '../../policies/trust/seal.ts';
import { writeStatement } from '../../policies/trust/statement.ts';
import { createSigner, digestOf, sealedFiles, trustDocument } from '../../test/scenario/sealed-repository.ts';
import { readManifest } from './index.ts';
import { createMemo } from '../../policies/memo.ts';
import { verifyManifest } from './verify.ts';
import type { VerifiedObject } from './verify.ts';

const signer = createSigner('ada');
const text = trustDocument([signer]);
const loaded = loadTrust(Buffer.from(text), { pinnedDigest: digestOf(text) });
assert.ok(loaded.ok);
const { trust } = loaded;
const at = Date.UTC(2026, 0, 1);

const policy = (version: number, expires?: string): string => `apiVersion: writ.dev/v1alpha1
kind: Policy
metadata:
  name: p
spec:
  version: ${version}
${expires === undefined ? '' : `  expires: ${expires}\n`}  workloads: [PodBearing]
  validations:
  - expression: 'true'
`;
const manifestOf = (files: Record<string, string>) =>
  readManifest(Object.entries(files).map(([path, content]) => ({ path, bytes: Buffer.from(content) })));
const sealed = (document: string) => manifestOf(sealedFiles({ 'policies/p.yaml': document }, signer));

describe('the memo of verified documents', () => {
  it('gives the same object for the same commit, and no other', () => {
    const memo = createMemo<VerifiedObject>();
    const manifest = sealed(policy(1));
    const first = verifyManifest(manifest, { trust, at, memo });
    const again = verifyManifest(manifest, { trust, at, memo });
    assert.ok(first.ok && again.ok);
    assert.equal(first.objects[0], again.objects[0]);
    const next = verifyManifest(sealed(policy(2)), { trust, at, memo });
    assert.ok(next.ok);
    assert.notEqual(next.objects[0], first.objects[0]);
  });

  it('does not vouch for other bytes, a lost seal or another trust policy', () => {
    const memo = createMemo<VerifiedObject>();
    const files = sealedFiles({ 'policies/p.yaml': policy(1) }, signer);
    assert.ok(verifyManifest(manifestOf(files), { trust, at, memo }).ok);
    const tampered = { ...files, 'policies/p.yaml': policy(1).replace("'true'", "'1 == 1'") };
    assert.equal(verifyManifest(manifestOf(tampered), { trust, at, memo }).ok, false);
    assert.equal(verifyManifest(manifestOf({ 'policies/p.yaml': policy(1) }), { trust, at, memo }).ok, false);
    const otherText = trustDocument([createSigner('ada')]);
    const other = loadTrust(Buffer.from(otherText), { pinnedDigest: digestOf(otherText) });
    assert.ok(other.ok);
    assert.equal(verifyManifest(manifestOf(files), { trust: other.trust, at, memo }).ok, false);
  });

  it('does not outlive the document', () => {
    const memo = createMemo<VerifiedObject>();
    const manifest = sealed(policy(1, '2026-02-01T00:00:00Z'));
    assert.ok(verifyManifest(manifest, { trust, at, memo }).ok);
    assert.equal(verifyManifest(manifest, { trust, at: Date.UTC(2026, 1, 2), memo }).ok, false);
  });

  it('does not outlive a seal, whether its key ends or its statement', () => {
    const until = Date.UTC(2026, 1, 1);
    const bytes = policy(1);
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const trustWith = (validFor: object) => {
      const principals = [{ name: 'eve', publicKeys: [{ pem: String(publicKey.export({ type: 'spki', format: 'pem' })), validFor }] }];
      const rules = [{ kinds: ['Policy'], allOf: [{ threshold: 1, principals: ['eve'] }] }];
      const metadata = { name: 'cluster' };
      const document = JSON.stringify({
        apiVersion: 'writ.dev/v1alpha1',
        kind: 'TrustPolicy',
        metadata,
        spec: { version: 1, principals, rules },
      });
      const outcome = loadTrust(Buffer.from(document), { pinnedDigest: digestOf(document) });
      assert.ok(outcome.ok);
      return outcome.trust;
    };
    const expires = new Date(until).toISOString();
    const approval = writeStatement('approval', [{ name: 'p.yaml', digest: digestOf(bytes) }], { expires });
    for (const [bundle, by] of [
      [seal(Buffer.from(bytes), privateKey), trustWith({ end: expires })],
      [sealStatement(approval, privateKey), trustWith({})],
    ] as const) {
      const memo = createMemo<VerifiedObject>();
      const manifest = manifestOf({ 'policies/p.yaml': bytes, 'policies/p.yaml.sigstore.json': bundle });
      const first = verifyManifest(manifest, { trust: by, at, memo });
      const last = verifyManifest(manifest, { trust: by, at: until, memo });
      assert.ok(first.ok && last.ok);
      assert.equal(last.objects[0], first.objects[0]);
      assert.equal(first.objects[0]?.untilMs, until + 1);
      assert.equal(verifyManifest(manifest, { trust: by, at: until + 1, memo }).ok, false);
    }
  });

  it('forgets what has left the tree', () => {
    const memo = createMemo<string>();
    memo.keep('a', 'A');
    memo.sweep();
    assert.equal(memo.recall('a'), 'A');
    memo.sweep();
    memo.sweep();
    assert.equal(memo.recall('a'), undefined);
  });
});
