// SPDX-License-Identifier: Apache-2.0
// A Policy object → a document that may be enforced, or why not: seal, then schema (both in policies/trust), then name,
// then compilation. Only `signature` counts; `spec` beside it is for people. Remembered by document, bundles and trust,
// so that an event about an object whose bytes are known costs nothing.
import { hash } from 'node:crypto';
import { compilePolicies } from '../../policies/compile/index.ts';
import { parseDocument } from '../../policies/document/index.ts';
import type { Problem } from '../../policies/problem.ts';
import { verifyArtifact } from '../../policies/trust/index.ts';
import type { Artifact, Trust, VerifyOutcome } from '../../policies/trust/index.ts';
import type { Judged } from './assemble.ts';

/** What is believed of an object: its name and the bytes under seal. */
export type SealedObject = {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly signature?: { readonly document: string; readonly bundles?: readonly string[] };
};

export type Judge = (object: SealedObject, trust: Trust, atMs: number) => Judged;

const refusal = (problem: Problem): Judged => ({ ok: false, problem });

/** When a document whose seal nobody has looked at yet says that it ends; only ever used to look at an earlier moment. */
const claimedExpiry = ({ bytes, file }: Artifact): number | undefined => {
  const parsed = parseDocument(bytes, file);
  const spec = parsed.ok ? parsed.document.value['spec'] : undefined;
  const expires = typeof spec === 'object' && spec !== null && !Array.isArray(spec) && 'expires' in spec ? spec['expires'] : undefined;
  const atMs = typeof expires === 'string' ? Date.parse(expires) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : atMs;
};

/**
 * A document past its date is judged as of its last moment: its seal must have been good then. It is not enforced as it
 * reads (see expired.ts), but a replica that starts late must close what it matched as the others do.
 */
const verifyAsOf = (artifact: Artifact, trust: Trust, atMs: number): VerifyOutcome => {
  const outcome = verifyArtifact(artifact, trust, atMs);
  if (outcome.ok || outcome.problem.code !== 'SEAL_EXPIRED') return outcome;
  const endMs = claimedExpiry(artifact);
  return endMs === undefined || endMs > atMs ? outcome : verifyArtifact(artifact, trust, endMs - 1);
};

export const judgePolicy: Judge = (object, trust, atMs) => {
  const { name } = object.metadata;
  const { signature } = object;
  if (signature === undefined) return refusal({ code: 'POLICY_UNSIGNED', message: `policy ${name} has no signature.document` });
  const artifact: Artifact = { bytes: Buffer.from(signature.document), bundles: signature.bundles ?? [], file: `policies/${name}.yaml` };
  const outcome = verifyAsOf(artifact, trust, atMs);
  if (!outcome.ok) return refusal(outcome.problem);
  const { document, signers } = outcome;
  if (document.kind !== 'Policy' || document.name !== name) {
    return refusal({
      code: 'POLICY_NAME_MISMATCH',
      message: `the object is Policy ${name}, its document is ${document.kind} ${document.name}`,
    });
  }
  const policy = document.object;
  const { set, refused } = compilePolicies([{ policy, digest: document.digest, positionOf: (path) => document.parsed.positionOf(path) }]);
  const compiled = set.policies[0];
  if (compiled === undefined) {
    return refusal(refused[0]?.problems[0] ?? { code: 'DOCUMENT_INVALID', message: `policy ${name} does not compile` });
  }
  const { digest, version, expires: expiresMs } = document;
  return { ok: true, document: { name, digest, version, expiresMs, policy, compiled, signers: signers.map((signer) => signer.name) } };
};

// A refusal may depend on the time (a key that is not valid yet), so it is looked at again.
const REFUSAL_LASTS_MS = 60_000;
const MAX_REMEMBERED = 10_000;

type Remembered = { readonly judged: Judged; readonly atMs: number };

export const rememberingJudge = (judge: Judge = judgePolicy): Judge => {
  const byBytes = new Map<string, Remembered>();
  // The same object in the cache of an informer has the same bytes.
  const byObject = new WeakMap<SealedObject, string>();
  const keyOf = (object: SealedObject): string => {
    const known = byObject.get(object);
    if (known !== undefined) return known;
    const { document = '', bundles = [] } = object.signature ?? {};
    const key = `${object.metadata.name} ${hash('sha256', document, 'base64url')} ${hash('sha256', JSON.stringify(bundles), 'base64url')}`;
    byObject.set(object, key);
    return key;
  };
  return (object, trust, atMs) => {
    const key = `${trust.digest} ${keyOf(object)}`;
    const known = byBytes.get(key);
    if (known !== undefined && (known.judged.ok || atMs - known.atMs < REFUSAL_LASTS_MS)) return known.judged;
    const judged = judge(object, trust, atMs);
    byBytes.delete(key);
    byBytes.set(key, { judged, atMs });
    const oldest = byBytes.size > MAX_REMEMBERED ? byBytes.keys().next() : undefined;
    if (oldest?.value !== undefined) byBytes.delete(oldest.value);
    return judged;
  };
};
