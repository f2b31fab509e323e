// SPDX-License-Identifier: Apache-2.0
// Sealed documents and the trust policy that they are good under, with a key made for the occasion.
import { createHash, generateKeyPairSync } from 'node:crypto';
import type { Inventory } from '../../../crds/inventory.ts';
import { sourceLabel } from '../../../crds/kinds.ts';
import { seal } from '../../../policies/trust/seal.ts';

export type SealedPolicy = {
  readonly apiVersion: 'writ.dev/v1alpha1';
  readonly kind: 'Policy';
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: object;
  readonly signature: { readonly document: string; readonly bundles: readonly string[] };
};

const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

const document = (kind: string, name: string, spec: object): string =>
  `${JSON.stringify({ apiVersion: 'writ.dev/v1alpha1', kind, metadata: { name }, spec }, undefined, 1)}\n`;

/** Every pod of a namespace, in all operations; what it demands is the caller's. */
export const POD_RULES = {
  resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE', 'UPDATE'] }],
};

export type Sealer = {
  readonly trustDigest: string;
  readonly trustPolicy: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly metadata: { readonly name: string };
    readonly spec: object;
    readonly signature: SealedPolicy['signature'];
  };
  policy(name: string, spec: { readonly version: number } & Record<string, unknown>, source?: string): SealedPolicy;
};

export const createSealer = (): Sealer => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spec = {
    version: 1,
    principals: [{ name: 'ci', publicKeys: [{ pem: publicKey.export({ type: 'spki', format: 'pem' }) }] }],
    rules: [{ kinds: ['Policy', 'Tenant'], allOf: [{ threshold: 1, principals: ['ci'] }] }],
  };
  const trust = document('TrustPolicy', 'cluster', spec);
  return {
    trustDigest: digestOf(trust),
    trustPolicy: {
      apiVersion: 'writ.dev/v1alpha1',
      kind: 'TrustPolicy',
      metadata: { name: 'cluster' },
      spec,
      signature: { document: trust, bundles: [seal(Buffer.from(trust), privateKey)] },
    },
    policy: (name, policySpec, source) => {
      const text = document('Policy', name, policySpec);
      return {
        apiVersion: 'writ.dev/v1alpha1',
        kind: 'Policy',
        metadata: { name, ...(source === undefined ? {} : { labels: { 'writ.dev/source': sourceLabel(source) } }) },
        spec: policySpec,
        signature: { document: text, bundles: [seal(Buffer.from(text), privateKey)] },
      };
    },
  };
};

export const policyDigest = (policy: SealedPolicy): string => digestOf(policy.signature.document);

export const inventoryOf = (
  source: string,
  revision: string,
  policies: readonly SealedPolicy[],
  times: Partial<Inventory> = {},
): Inventory => ({
  source,
  revision,
  ...times,
  documents: policies.map((policy) => ({
    kind: 'Policy',
    group: 'writ.dev',
    version: 'v1alpha1',
    plural: 'policies',
    name: policy.metadata.name,
    digest: policyDigest(policy),
  })),
});
