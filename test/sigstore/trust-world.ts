// SPDX-License-Identifier: Apache-2.0
// Versions of a trust policy and documents under them, with keys made for the occasion.
import { Buffer } from 'node:buffer';
import { generateKeyPairSync } from 'node:crypto';
import { digestOf } from '../../policies/document/digest.ts';
import type { SealedObject } from '../../policies/policy-object.ts';
import { seal } from '../../policies/trust/seal.ts';
import type { TrustSignature } from '../../policies/trust/load.ts';
import { keyed, trustBytes } from '../../policies/trust/test-trust.ts';
import type { TrustSpec } from '../../policies/trust/test-trust.ts';

const people = ['ann', 'bob'] as const;
export type Person = (typeof people)[number];

const pairs = new Map(people.map((name) => [name, generateKeyPairSync('ec', { namedCurve: 'P-256' })]));
const privateKeyOf = (name: Person) => pairs.get(name)!.privateKey;

export const sealBy = (text: string | Uint8Array, ...by: readonly Person[]): readonly string[] =>
  by.map((name) => seal(Buffer.from(text), privateKeyOf(name)));

export type TrustVersion = { readonly text: string; readonly digest: string; readonly bundles: readonly string[] };

/** Trusts these; sealed by all. */
export const trustVersion = (version: number, who: readonly Person[], more: Omit<TrustSpec, 'principals'> = {}): TrustVersion => {
  const principals = who.map((name) => keyed(name, pairs.get(name)!.publicKey));
  const bytes = trustBytes({ kinds: ['Policy', 'TrustPolicy'], ...more, version, principals });
  return { text: bytes.toString(), digest: digestOf(bytes), bundles: sealBy(bytes, ...people) };
};

const linkOf = ({ text, bundles }: TrustVersion) => ({ document: text, bundles });

/** As the API server holds the last of them. */
export const trustObject = (...versions: readonly TrustVersion[]): SealedObject & { readonly signature: TrustSignature } => {
  const [last, ...before] = versions.toReversed();
  return { metadata: { name: 'cluster' }, signature: { ...linkOf(last!), chain: before.toReversed().map(linkOf) } };
};

export const policyText = (name: string, version: number, more = ''): string => `apiVersion: writ.dev/v1alpha1
kind: Policy
metadata: {name: ${name}}
spec:
  version: ${version}
${more}  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}]
  validations: [{expression: "true"}]
`;

export const policyObject = (text: string, bundles: readonly string[], source?: string): SealedObject => {
  const name = /name: ([a-z]+)/.exec(text)?.[1] ?? '';
  return {
    metadata: { name, ...(source === undefined ? {} : { labels: { 'writ.dev/source': source } }) },
    signature: { document: text, bundles },
  };
};
