// SPDX-License-Identifier: Apache-2.0
// For tests of repositories: people who seal, documents, and what is made of the files of a commit.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { digestOf } from '../../policies/document/digest.ts';
import { formatProblem } from '../../policies/problem.ts';
import { loadTrust } from '../../policies/trust/index.ts';
import type { Trust } from '../../policies/trust/index.ts';
import { seal } from '../../policies/trust/seal.ts';
import { readManifest, wantedPaths } from './index.ts';
import { verifyManifest } from './verify.ts';
import type { VerifiedManifest } from './verify.ts';

export const NOW = Date.UTC(2026, 5, 1);
export const ada = generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const bob = generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const principal = (name: string, pair: typeof ada): object => ({
  name,
  publicKeys: [{ pem: String(pair.publicKey.export({ type: 'spki', format: 'pem' })) }],
});
export const trustText = (kinds: readonly string[], threshold = 1): string =>
  JSON.stringify({
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'TrustPolicy',
    metadata: { name: 'cluster' },
    spec: {
      version: 1,
      principals: [principal('ada', ada), principal('bob', bob)],
      rules: [{ kinds, allOf: [{ threshold, principals: ['ada', 'bob'] }] }],
    },
  });
export const trustOf = (text: string): Trust => {
  const bytes = Buffer.from(text);
  const loaded = loadTrust(bytes, { pinnedDigest: digestOf(bytes) });
  assert.ok(loaded.ok, loaded.ok ? '' : formatProblem(loaded.problem));
  return loaded.trust;
};
export const TRUST = trustText(['Policy']);
const trust = trustOf(TRUST);

export const policy = (name: string, version = 1): string =>
  `apiVersion: writ.dev/v1alpha1\nkind: Policy\nmetadata: {name: ${name}}\nspec:\n  version: ${version}\n  workloads: [Agent]\n  validations: [{expression: "true"}]\n`;
export const tenant = (name: string, more = ''): string =>
  `apiVersion: writ.dev/v1alpha1\nkind: Tenant\nmetadata: {name: ${name}}\nspec:\n  tier: Free\n${more}`;

export type Files = Readonly<Record<string, string | Uint8Array>>;
export const sealed = (path: string, text: string, pair = ada): Files => ({
  [path]: text,
  [`${path}.sigstore.json`]: seal(Buffer.from(text), pair.privateKey),
});
export const verifyFiles = (files: Files, by = trust): VerifiedManifest =>
  verifyManifest(readManifest(wantedPaths(Object.keys(files)).map((path) => ({ path, bytes: Buffer.from(files[path] ?? '') }))), {
    trust: by,
    at: NOW,
  });
export const problemsOf = (files: Files, by = trust): readonly string[] => {
  const verified = verifyFiles(files, by);
  return verified.ok ? ['ok'] : verified.problems.map((found) => `${found.code} ${found.at?.file ?? ''}:${found.at?.line ?? ''}`);
};

export const versionText = (version: number, who: readonly (readonly [string, typeof ada])[], more: object = {}): string =>
  JSON.stringify({
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'TrustPolicy',
    metadata: { name: 'cluster' },
    spec: {
      version,
      principals: who.map(([name, pair]) => principal(name, pair)),
      rules: [{ kinds: ['Policy', 'TrustPolicy'], allOf: [{ threshold: 1, principals: who.map(([name]) => name) }] }],
      ...more,
    },
  });
