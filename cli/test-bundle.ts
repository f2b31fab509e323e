// SPDX-License-Identifier: Apache-2.0
// What tests of `writ verify-bundle` share: a Sigstore, an artifact, whom is expected, and the verdict as one word.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import { readTrustedRoot } from '../policies/trust/trusted-root.ts';
import type { TrustedRoot } from '../policies/trust/trusted-root.ts';
import { p256 } from '../test/sigstore/certificates.ts';
import { createSigstore } from '../test/sigstore/index.ts';
import type { Json } from '../test/sigstore/index.ts';
import type { Artifact } from './bundle/artifact.ts';
import { judgeBundle } from './bundle/judge.ts';
import type { Expected } from './bundle/judge.ts';

export const sigstore = createSigstore();
export const other = createSigstore();
export const rootOf = (bytes: Buffer): TrustedRoot => {
  const read = readTrustedRoot(bytes);
  assert.ok(read.ok);
  return read.root;
};
export const root = rootOf(sigstore.trustedRoot());
export const bytes = Buffer.from('an artifact\n');
export const atMs = Date.UTC(2026, 4, 1);
export const identity = { issuer: 'https://token.example.com', subject: 'https://git.example.com/acme/release.yml@refs/heads/main' };
export const whoever: Expected = { identity: identity.subject, issuer: identity.issuer };
export const key = p256();
export const statementOf = (statement: object): Buffer =>
  Buffer.from(
    JSON.stringify({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [
        { name: 'other', digest: { sha256: '0'.repeat(64) } },
        { name: 'a', digest: { sha256: hash('sha256', bytes) } },
      ],
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: { anything: [1, 2] },
      ...statement,
    }),
  );

export const file: Artifact = { name: 'a', sha256: hash('sha256', bytes), bytes };
export const digest: Artifact = { ...file, bytes: undefined };
export const judge = (bundle: Json | string, change: { expected?: Expected; artifact?: Artifact; root?: TrustedRoot } = {}): string => {
  const outcome = judgeBundle({
    bundle: typeof bundle === 'string' ? bundle : JSON.stringify(bundle),
    artifact: file,
    expected: whoever,
    root,
    ...change,
  });
  return outcome.ok ? 'accepted' : outcome.problem.code;
};
