// SPDX-License-Identifier: Apache-2.0
// The bytes of a Policy object → the policy that they order, or why not: seal and schema (verifyArtifact), then kind and
// name. Pure. Whoever judges an object of the cluster must come to the same answer, or the API server would ask about less
// than replicas enforce.
import { parseDocument } from '../document/index.ts';
import type { Problem } from '../problem.ts';
import { verifyArtifact } from './index.ts';
import type { Artifact, SignedDocument, Trust, VerifyOutcome } from './index.ts';

/** What is believed of an object: its name and the bytes under seal. */
export type SealedPolicy = {
  readonly metadata: { readonly name: string };
  readonly signature?: { readonly document: string; readonly bundles?: readonly string[] };
};

export type PolicyDocument = Extract<SignedDocument, { readonly kind: 'Policy' }>;

export type PolicyObjectOutcome =
  | { readonly ok: true; readonly document: PolicyDocument; readonly signers: readonly string[] }
  | { readonly ok: false; readonly problem: Problem };

/** When a document whose seal nobody has looked at yet says that it ends; only ever used to look at an earlier moment. */
const claimedExpiry = ({ bytes, file }: Artifact): number | undefined => {
  const parsed = parseDocument(bytes, file);
  const spec = parsed.ok ? parsed.document.value['spec'] : undefined;
  const expires = typeof spec === 'object' && spec !== null && !Array.isArray(spec) && 'expires' in spec ? spec['expires'] : undefined;
  const atMs = typeof expires === 'string' ? Date.parse(expires) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : atMs;
};

/** A document past its date still says what is closed, so it is judged as of its last moment: its seal must have been good then. */
const verifyAsOf = (artifact: Artifact, trust: Trust, atMs: number): VerifyOutcome => {
  const outcome = verifyArtifact(artifact, trust, atMs);
  if (outcome.ok || outcome.problem.code !== 'SEAL_EXPIRED') return outcome;
  const endMs = claimedExpiry(artifact);
  return endMs === undefined || endMs > atMs ? outcome : verifyArtifact(artifact, trust, endMs - 1);
};

/** Whether the document has ended is the caller's to ask of `document.expires`. */
export const verifyPolicyObject = ({ metadata: { name }, signature }: SealedPolicy, trust: Trust, atMs: number): PolicyObjectOutcome => {
  if (signature === undefined) {
    return { ok: false, problem: { code: 'POLICY_UNSIGNED', message: `policy ${name} carries no signed document`, path: 'signature' } };
  }
  const { document: text, bundles = [] } = signature;
  const outcome = verifyAsOf({ bytes: Buffer.from(text), bundles, file: `policies/${name}.yaml` }, trust, atMs);
  if (!outcome.ok) return { ok: false, problem: outcome.problem };
  const { document } = outcome;
  if (document.kind !== 'Policy' || document.name !== name) {
    const message = `the object is Policy ${name}, its document is ${document.kind} ${document.name}`;
    return { ok: false, problem: { code: 'POLICY_NAME_MISMATCH', message } };
  }
  return { ok: true, document, signers: outcome.signers.map((signer) => signer.name) };
};
