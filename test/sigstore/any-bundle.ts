// SPDX-License-Identifier: Apache-2.0
// For tests of `writ verify-bundle`: bundles of anybody over one artifact, changes to them, and the verdict on each. The verdict
// is asked twice, for the file and for its digest alone, and must be the same.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import { judgeBundle } from '../../cli/bundle/judge.ts';
import type { Expected } from '../../cli/bundle/judge.ts';
import type { ProblemCode } from '../../policies/problem.ts';
import { readTrustedRoot } from '../../policies/trust/trusted-root.ts';
import type { TrustedRoot } from '../../policies/trust/trusted-root.ts';
import { createSigstore } from './index.ts';
import type { Json, SealOptions } from './index.ts';
import { MATERIAL, bytesAt, inside } from './json-fields.ts';

export const sigstore = createSigstore();
const bytes = Buffer.from('what was released\n');
export const AT = Date.UTC(2026, 4, 1);
export const identity = { issuer: 'https://token.example.com', subject: 'https://git.example.com/acme/release.yml@refs/heads/main' };
const someone: Expected = { identity: identity.subject, issuer: identity.issuer };

export const statementOf = (changes: object = {}): Buffer =>
  Buffer.from(
    JSON.stringify({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'release', digest: { sha256: hash('sha256', bytes) } }],
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: {},
      ...changes,
    }),
  );

export const message = { message: bytes };
export const statement = { statement: statementOf() };
export const sealed = (options: Partial<SealOptions> = {}): Json =>
  sigstore.seal({ content: message, atMs: AT, ...('key' in options ? {} : { identity }), ...options });

/** A copy of it with these fields of one of its objects set; `undefined` takes a field away. */
export const changed = (bundle: Json, path: readonly (string | number)[], fields: object): Json => {
  const copy: Json = JSON.parse(JSON.stringify(bundle));
  Object.assign(inside(copy, ...path), fields);
  return JSON.parse(JSON.stringify(copy));
};
export const changedEntry = (bundle: Json, fields: object): Json => changed(bundle, [MATERIAL, 'tlogEntries', 0], fields);
export const changedProof = (bundle: Json, fields: object): Json => changed(bundle, [MATERIAL, 'tlogEntries', 0, 'inclusionProof'], fields);

/** Bundles 0.1 and 0.2 hold a list of certificates. */
export const inChain = (bundle: Json, version: '0.1' | '0.2', above: readonly Buffer[] = []): Json => {
  const own = inside(bundle, MATERIAL, 'certificate');
  const certificates = [own, ...above.map((der) => ({ rawBytes: der.toString('base64') }))];
  const chained = changed(bundle, [MATERIAL], { certificate: undefined, x509CertificateChain: { certificates } });
  return changed(chained, [], { mediaType: `application/vnd.dev.sigstore.bundle+json;version=${version}` });
};

/** With other timestamps over its signature. */
export const stamped = (bundle: Json, stamps: readonly ((signature: Buffer) => Buffer)[]): Json => {
  const signature = bytesAt(inside(bundle, 'messageSignature'), 'signature');
  const rfc3161Timestamps = stamps.map((stamp) => ({ signedTimestamp: stamp(signature).toString('base64') }));
  return changed(bundle, [MATERIAL], { timestampVerificationData: { rfc3161Timestamps } });
};

const rootOf = (file: Buffer): TrustedRoot => {
  const read = readTrustedRoot(file);
  assert.ok(read.ok, read.ok ? '' : read.why);
  return read.root;
};
const ordinaryRoot = rootOf(sigstore.trustedRoot());

export type Situation = {
  readonly bundle: Json | string;
  readonly expected?: Expected;
  readonly root?: Buffer;
};

export type Row = readonly [what: string, verdict: 'accepted' | ProblemCode, make: () => Situation];

export const verdictOn = ({ bundle, expected = someone, root }: Situation): string => {
  const artifact = { name: 'release', sha256: hash('sha256', bytes), bytes };
  const [byFile, byDigest] = [artifact, { ...artifact, bytes: undefined }].map((held) => {
    const text = typeof bundle === 'string' ? bundle : JSON.stringify(bundle);
    const outcome = judgeBundle({ bundle: text, artifact: held, expected, root: root === undefined ? ordinaryRoot : rootOf(root) });
    return outcome.ok ? 'accepted' : outcome.problem.code;
  });
  assert.equal(byDigest, byFile, 'by its digest');
  return byFile ?? '';
};
