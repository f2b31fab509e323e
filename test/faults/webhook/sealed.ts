// SPDX-License-Identifier: Apache-2.0
// Sealed documents and the trust policy that they are good under, with a key made for the occasion.
import { createHash, generateKeyPairSync } from 'node:crypto';
import type { Inventory } from '../../../crds/inventory.ts';
import { sourceLabel } from '../../../crds/kinds.ts';
import { seal, sealStatement } from '../../../policies/trust/seal.ts';
import { writeStatement } from '../../../policies/trust/statement.ts';

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
  /** Under the seal of the first. */
  policy(name: string, spec: { readonly version: number } & Record<string, unknown>, source?: string): SealedPolicy;
  /** The same bytes under the seals of these, by number. */
  sealAgain(policy: SealedPolicy, ...by: readonly number[]): SealedPolicy;
  /** The set seal of a source that lists just these. */
  set(source: string, sequence: number, policies: readonly SealedPolicy[]): string;
};

export type SealerOptions = { readonly name: string; readonly validFor?: { readonly start?: string; readonly end?: string } };

/** The seal of any of them is enough; to break glass takes all. */
export const createSealer = (...options: readonly SealerOptions[]): Sealer => {
  const sealers = (options.length === 0 ? [{ name: 'ci' }] : options).map((one) => ({
    ...one,
    ...generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  }));
  const spec = {
    version: 1,
    principals: sealers.map(({ name, publicKey, privateKey: _, ...validity }) => ({
      name,
      publicKeys: [{ pem: publicKey.export({ type: 'spki', format: 'pem' }), ...validity }],
    })),
    rules: [
      { kinds: ['Policy', 'Tenant'], allOf: [{ threshold: 1, principals: sealers.map(({ name }) => name) }] },
      { kinds: ['BreakGlass'], allOf: [{ threshold: sealers.length, principals: sealers.map(({ name }) => name) }] },
    ],
  };
  const bundlesOf = (text: string, by: readonly number[]): readonly string[] =>
    sealers.flatMap(({ privateKey }, index) => (by.includes(index) ? [seal(Buffer.from(text), privateKey)] : []));
  const trust = document('TrustPolicy', 'cluster', spec);
  return {
    trustDigest: digestOf(trust),
    trustPolicy: {
      apiVersion: 'writ.dev/v1alpha1',
      kind: 'TrustPolicy',
      metadata: { name: 'cluster' },
      spec,
      signature: { document: trust, bundles: bundlesOf(trust, [0]) },
    },
    policy: (name, policySpec, source) => {
      const text = document('Policy', name, policySpec);
      return {
        apiVersion: 'writ.dev/v1alpha1',
        kind: 'Policy',
        metadata: { name, ...(source === undefined ? {} : { labels: { 'writ.dev/source': sourceLabel(source) } }) },
        spec: policySpec,
        signature: { document: text, bundles: bundlesOf(text, [0]) },
      };
    },
    set: (source, sequence, policies) => {
      const [first] = sealers;
      if (first === undefined) throw new Error('there is no key');
      const files = policies.map((policy) => ({ name: `policies/${policy.metadata.name}.yaml`, digest: policyDigest(policy) }));
      return sealStatement(writeStatement('set', files, { sequence, source }), first.privateKey);
    },
    sealAgain: (policy, ...by) => {
      const { document: text } = policy.signature;
      return { ...policy, signature: { document: text, bundles: bundlesOf(text, by) } };
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
