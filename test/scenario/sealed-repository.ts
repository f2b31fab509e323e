// SPDX-License-Identifier: Apache-2.0
// A policy repository as its owners keep it: documents, their seals, the trust policy that names the signing key.
import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { seal, sealStatement } from '../../policies/trust/seal.ts';
import { writeStatement } from '../../policies/trust/statement.ts';

export type Signer = { readonly name: string; readonly privateKey: KeyObject; readonly publicPem: string };

export const createSigner = (name: string): Signer => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { name, privateKey, publicPem: createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString() };
};

/** Any of them may seal whatever is sealed; to break glass takes all. */
export const trustDocument = (signers: readonly Signer[], version = 1): string => `apiVersion: writ.dev/v1alpha1
kind: TrustPolicy
metadata:
  name: cluster
spec:
  version: ${version}
  principals:
${signers
  .map(
    ({ name, publicPem }) => `  - name: ${name}
    publicKeys:
    - pem: |
${publicPem.trimEnd().replaceAll(/^/gm, '        ')}
`,
  )
  .join('')}  rules:
  - kinds: [Policy, Ruleset, TierCatalog, License, PriceBook]
    allOf:
    - threshold: 1
      principals: [${signers.map(({ name }) => name).join(', ')}]
  - kinds: [BreakGlass]
    allOf:
    - threshold: ${signers.length}
      principals: [${signers.map(({ name }) => name).join(', ')}]
  unsigned: Deny
`;

export const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

/** What is sealed by itself; the members of a ruleset are sealed by its document. */
export const isSealed = (path: string): boolean =>
  path === 'tiers.yaml' || /^(?:policies|licenses|prices)\//.test(path) || /^rulesets\/[^/]+\/ruleset\.yaml$/.test(path);

/** Files as they are committed: each sealed document beside its seal. */
export const sealedFiles = (documents: Readonly<Record<string, string>>, signer: Signer): Record<string, string> =>
  Object.fromEntries(
    Object.entries(documents).flatMap(([path, text]) =>
      isSealed(path)
        ? [
            [path, text],
            [`${path}.sigstore.json`, seal(Buffer.from(text), signer.privateKey)],
          ]
        : [[path, text]],
    ),
  );

/** One seal that lists all of these files, and so ends what it lists no more. */
export const setSeal = (
  documents: Readonly<Record<string, string>>,
  { signer, sequence, source }: { readonly signer: Signer; readonly sequence: number; readonly source: string },
): string => {
  const files = Object.entries(documents).map(([name, text]) => ({ name, digest: digestOf(text) }));
  return sealStatement(writeStatement('set', files, { sequence, source }), signer.privateKey);
};
