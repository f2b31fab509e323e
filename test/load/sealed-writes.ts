// SPDX-License-Identifier: Apache-2.0
// Policies that nobody has seen, sealed by key or keyless, and the installation whose trust policy lets both count.
import { createHash } from 'node:crypto';
import { seal } from '../../policies/trust/seal.ts';
import { installWrit } from '../scenario/installation.ts';
import type { Installation } from '../scenario/installation.ts';
import { createSigstore } from '../sigstore/index.ts';

/** Says who is asked about the object; to the guard it means nothing. */
export const ASKED_LABEL = 'load.example.com/asked';
export const ASKED = ['guard', 'empty', 'nobody'] as const;
export type Asked = (typeof ASKED)[number];
export const PROOFS = ['key', 'keyless'] as const;
export type Proof = (typeof PROOFS)[number];

const identity = { issuer: 'https://token.example.com', subject: 'https://git.example.com/acme/seal.yml@refs/heads/main' };
const sigstore = createSigstore();
const SIGNED_AT_MS = Date.UTC(2026, 0, 15, 12);

export const specOf = (name: string): object => ({
  version: 1,
  title: `Policy ${name} of those that are measured`,
  matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }] },
  validations: [{ expression: `object.metadata.name != 'refused-by-${name}'`, message: 'this name is taken' }],
});

export type Wanted = { readonly proof: Proof; readonly asked: Asked; readonly index: number };

/** The JSON of an object that nobody has seen. */
export const objectOf = ({ proof, asked, index }: Wanted, { signer }: Installation): string => {
  const name = `${proof}-${asked}-${index}`;
  const head = { apiVersion: 'writ.dev/v1alpha1', kind: 'Policy', metadata: { name }, spec: specOf(name) };
  const document = `${JSON.stringify(head)}\n`;
  const bytes = Buffer.from(document);
  const bundle =
    proof === 'key'
      ? seal(bytes, signer.privateKey)
      : JSON.stringify(sigstore.seal({ content: { message: bytes }, identity, atMs: SIGNED_AT_MS, log: 1 }));
  return JSON.stringify({ ...head, metadata: { name, labels: { [ASKED_LABEL]: asked } }, signature: { document, bundles: [bundle] } });
};

export const installForSeals = (say: (step: string) => void): Promise<Installation> => {
  const trustedRoot = sigstore.trustedRoot();
  return installWrit({
    documents: { 'trusted_root.json': trustedRoot.toString() },
    controlPlane: { controllerManager: false },
    interval: '30m',
    onStep: say,
    trust: ({ name, publicPem }) =>
      `${JSON.stringify({
        apiVersion: 'writ.dev/v1alpha1',
        kind: 'TrustPolicy',
        metadata: { name: 'cluster' },
        spec: {
          version: 1,
          principals: [
            { name, publicKeys: [{ pem: publicPem }] },
            { name: 'ci', identity },
          ],
          rules: [{ kinds: ['Policy'], allOf: [{ threshold: 1, principals: [name, 'ci'] }] }],
          trustedRootSha256: createHash('sha256').update(trustedRoot).digest('hex'),
        },
      })}\n`,
  });
};
