// SPDX-License-Identifier: Apache-2.0
// A repository that holds the versions of the trust policy: whom a commit is judged by.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../../policies/document/digest.ts';
import type { Trust } from '../../policies/trust/index.ts';
import { seal } from '../../policies/trust/seal.ts';
import { readManifest, wantedPaths } from './index.ts';
import { placeOf } from './layout.ts';
import { chainOf, readManifestTrust } from './trust.ts';
import { verifyManifest } from './verify.ts';
import { NOW, ada, bob, trustOf, policy, sealed, versionText } from './test-manifest.ts';
import type { Files } from './test-manifest.ts';

const one = versionText(1, [['ada', ada]]);
const two = versionText(2, [['bob', bob]]);
const sealedByBoth = (path: string, text: string): Files => ({
  ...sealed(path, text),
  [`${path}.bob.sigstore.json`]: seal(Buffer.from(text), bob.privateKey),
});
const manifestOf = (files: Files) =>
  readManifest(wantedPaths(Object.keys(files)).map((path) => ({ path, bytes: Buffer.from(files[path] ?? '') })));
const pinnedDigest = digestOf(Buffer.from(one));
/** As a commit is read: under the trust policy that it brings. */
const readCommitFiles = (files: Files, held?: Trust): readonly string[] => {
  const manifest = manifestOf(files);
  const brought = readManifestTrust({ manifest, held, pinnedDigest, at: NOW });
  // What follows the first are the seals that do not count.
  if (!brought.ok) return brought.problems.slice(0, 1).map(({ code, at }) => `${code} ${at?.file ?? ''}`);
  assert.ok(brought.trust);
  const verified = verifyManifest(manifest, { trust: brought.trust, at: NOW });
  return verified.ok
    ? verified.objects.map((object) => `${object.kind}/${object.name} by ${object.signers.map(({ name }) => name).join()}`)
    : verified.problems.map(({ code, at }) => `${code} ${at?.file ?? ''}`);
};

test('a commit that hands trust on is judged as a whole by the new version', () => {
  const handed = { ...sealedByBoth('trust.yaml', two), 'trust/1.yaml': one };
  const held = trustOf(one);
  const wholly = { ...handed, ...sealed('policies/a.yaml', policy('a'), bob) };
  assert.deepEqual(readCommitFiles(wholly, held), ['Policy/a by bob', 'TrustPolicy/cluster by ']);
  assert.deepEqual(readCommitFiles(wholly), ['Policy/a by bob', 'TrustPolicy/cluster by ']);
  assert.deepEqual(readCommitFiles({ ...handed, ...sealed('policies/a.yaml', policy('a')) }, held), ['SEAL_UNKNOWN_KEY policies/a.yaml']);
});

test('a commit whose trust policy does not follow is refused, at its place', () => {
  const held = trustOf(one);
  const rows: readonly (readonly [Files, Trust | undefined, string])[] = [
    [sealedByBoth('trust.yaml', two), held, 'TRUST_NOT_PINNED trust.yaml'],
    [{ ...sealed('trust.yaml', two), 'trust/1.yaml': one }, held, 'TRUST_CHAIN_SEALS_OWN trust.yaml'],
    [{ ...sealed('trust.yaml', two, bob), 'trust/1.yaml': one }, held, 'TRUST_CHAIN_SEALS_BEFORE trust.yaml'],
    [{ ...sealedByBoth('trust.yaml', versionText(3, [['bob', bob]])), 'trust/1.yaml': one }, held, 'TRUST_CHAIN_VERSION trust.yaml'],
  ];
  for (const [files, by, problem] of rows) assert.deepEqual(readCommitFiles(files, by), [problem]);
  const ahead = readManifestTrust({
    manifest: manifestOf({ ...sealedByBoth('trust.yaml', two), 'trust/1.yaml': one }),
    held: undefined,
    pinnedDigest,
    at: NOW,
  });
  assert.ok(ahead.ok && ahead.trust !== undefined);
  assert.deepEqual(readCommitFiles({ 'trust.yaml': one }, ahead.trust), ['TRUST_ROLLBACK trust.yaml']);
});

test('a process that starts is brought no trust policy that a mark says is old or another', () => {
  const ofMark = (version: number, text: string) => {
    const mark = { version, digest: digestOf(Buffer.from(text)) };
    const read = readManifestTrust({ manifest: manifestOf({ 'trust.yaml': one }), held: undefined, mark, pinnedDigest, at: NOW });
    return read.ok ? read.trust?.version : read.problems.map(({ code, at }) => `${code} ${at?.file ?? ''}`);
  };
  assert.equal(ofMark(1, one), 1);
  assert.deepEqual(ofMark(2, two), ['TRUST_ROLLBACK trust.yaml']);
  assert.deepEqual(ofMark(1, two), ['TRUST_CHAIN_EQUIVOCATION trust.yaml']);
});

test('the chain holds what leads from the pin, and each trusted root once', () => {
  const three = versionText(3, [['bob', bob]]);
  const files = { ...sealedByBoth('trust.yaml', three), 'trust/1.yaml': one, ...sealedByBoth('trust/2.yaml', two), 'trust/10.yaml': '[' };
  const manifest = manifestOf(files);
  assert.deepEqual(
    manifest.trustVersions.map(({ version, bundles }) => [version, bundles.length]),
    [
      [1, 0],
      [2, 2],
      [10, 0],
    ],
  );
  const { 'trust/10.yaml': _, ...clean } = files;
  const good = manifestOf(clean);
  const documentsUnder = (pin: string): readonly string[] => {
    const read = readManifestTrust({ manifest: good, held: undefined, pinnedDigest: digestOf(Buffer.from(pin)), at: NOW });
    assert.ok(read.ok && read.trust !== undefined);
    return chainOf(good, read.trust).map(({ document }) => document);
  };
  assert.deepEqual([documentsUnder(one), documentsUnder(two), documentsUnder(three)], [[one, two], [two], []]);
  assert.deepEqual(readCommitFiles({ ...clean, 'trust/2.yaml': `${two} ` }), ['TRUST_CHAIN_SEALS_BEFORE trust/2.yaml']);
});

test('files beside the versions of the trust policy have their places', () => {
  assert.deepEqual(placeOf('trust/12.yaml'), { is: 'trust-version', version: 12 });
  assert.deepEqual(placeOf('trust/12.trusted_root.json'), { is: 'trust-version-root', version: 12 });
  assert.deepEqual(placeOf('trust/12.yaml.bob.sigstore.json'), { is: 'seal', subject: 'trust/12.yaml.bob' });
  for (const path of ['trust/012.yaml', 'trust/v1.yaml', 'trust/1.yml', 'trust/a/1.yaml']) assert.equal(placeOf(path).is, 'misplaced');
  assert.equal(placeOf('trust/README.md').is, 'foreign');
});
