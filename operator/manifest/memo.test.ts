// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadTrust } from '../../policies/trust/index.ts';
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
