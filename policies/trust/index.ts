// SPDX-License-Identifier: Apache-2.0
import type { Policy, Ruleset, Tenant } from '../../crds/generated/types.ts';
import type { ParsedDocument } from '../document/index.ts';
import type { Problem } from '../problem.ts';
import type { Principal, Trust } from './trust.ts';

export type { Principal, Trust } from './trust.ts';
export { loadTrust } from './load.ts';

export type SignedObject =
  | { readonly kind: 'Policy'; readonly object: Policy }
  | { readonly kind: 'Ruleset'; readonly object: Ruleset }
  | { readonly kind: 'Tenant'; readonly object: Tenant };
export type SignedDocument = SignedObject & {
  /** `sha256:hex` of the signed bytes. */
  readonly digest: string;
  readonly parsed: ParsedDocument;
  readonly name: string;
  readonly version: number;
  /** Epoch milliseconds; undefined = never. */
  readonly expires: number | undefined;
};
export type VerifyOutcome =
  | {
      readonly ok: true;
      readonly document: SignedDocument;
      readonly signers: readonly Principal[];
      /** Index into `spec.rules` of the first rule that let it through. */
      readonly rule: number;
      /** Bundles that did not count, and why. */
      readonly ignored: readonly Problem[];
    }
  | { readonly ok: false; readonly problem: Problem; /** All of them; `problem` is the first. */ readonly problems: readonly Problem[] };

/** Exact bytes with their name in problems. */
export type Artifact = { readonly bytes: Uint8Array; readonly bundles: readonly string[]; readonly file: string };
export const verifyArtifact = (artifact: Artifact, trust: Trust, at: number): VerifyOutcome => { throw new Error(artifact.file + trust.digest + at); };
export const verify = (bytes: Uint8Array, bundles: readonly string[], trust: Trust, at: number): VerifyOutcome =>
  verifyArtifact({ bytes, bundles, file: 'document' }, trust, at);
