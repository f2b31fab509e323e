// SPDX-License-Identifier: Apache-2.0
// Sealed objects that nobody has seen, short and long, by key and keyless, and the installation whose trust policy lets them count.
import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import { seal } from '../../policies/trust/seal.ts';
import { installWrit } from '../scenario/installation.ts';
import type { Installation } from '../scenario/installation.ts';
import { createSigstore } from '../sigstore/index.ts';

/** Says who is asked about the object; to the guard it means nothing. */
export const ASKED_LABEL = 'load.example.com/asked';
export const ASKED = ['guard', 'empty', 'nobody'] as const;
export type Asked = (typeof ASKED)[number];
/** A short Policy by key and keyless; one of some 15 KB, and a Ruleset of 256 members, both by key. */
export const SORTS = ['key', 'keyless', 'long', 'release'] as const;
export type Sort = (typeof SORTS)[number];
/** Under the API's path of our kinds. */
export const pluralOf = (sort: Sort): string => (sort === 'release' ? 'rulesets' : 'policies');

const identity = { issuer: 'https://token.example.com', subject: 'https://git.example.com/acme/seal.yml@refs/heads/main' };
const sigstore = createSigstore();
const SIGNED_AT_MS = Date.UTC(2026, 0, 15, 12);

export const specOf = (name: string) => ({
  version: 1,
  title: `Policy ${name} of those that are measured`,
  matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }] },
  validations: [{ expression: `object.metadata.name != 'refused-by-${name}'`, message: 'this name is taken' }],
});

const LONG_RULES = 40;

const longSpecOf = (name: string): object => {
  const rule = (at: number): object => ({
    expression: `object.metadata.name != 'refused-by-${name}-${at}' || object.metadata.labels.exists(key, key == '${'x'.repeat(150)}')`,
    message: `rule ${at} of ${name} says no: ${'y'.repeat(80)}`,
  });
  return { ...specOf(name), validations: Array.from({ length: LONG_RULES }, (_, at) => rule(at)) };
};

const MEMBERS = 256;

/** As a repository has it. */
const written = (document: object): string => stringify(document, { lineWidth: 0 });

type Content = {
  readonly kind: string;
  readonly spec: object;
  readonly members?: readonly { readonly path: string; readonly document: string }[];
};

const releaseOf = (name: string): Content => {
  const members = Array.from({ length: MEMBERS }, (_, at) => {
    const member = `${name}-${at}`;
    const { version: _version, ...spec } = specOf(member);
    const document = written({ apiVersion: 'writ.dev/v1alpha1', kind: 'Policy', metadata: { name: member }, spec });
    return { path: `policies/${member}.yaml`, document };
  });
  const policies = members.map(({ path, document }) => ({ path, sha256: createHash('sha256').update(document).digest('hex') }));
  return { kind: 'Ruleset', spec: { version: 1, release: '1.0.0', policies }, members };
};

const contentOf = (sort: Sort, name: string): Content =>
  sort === 'release' ? releaseOf(name) : { kind: 'Policy', spec: sort === 'long' ? longSpecOf(name) : specOf(name) };

export type Wanted = { readonly sort: Sort; readonly asked: Asked; readonly index: number };

/** The JSON of an object that nobody has seen. */
export const objectOf = ({ sort, asked, index }: Wanted, { signer }: Installation): string => {
  const name = `${sort}-${asked}-${index}`;
  const { members, ...content } = contentOf(sort, name);
  const head = { apiVersion: 'writ.dev/v1alpha1', metadata: { name }, ...content };
  const document = written(head);
  const bytes = Buffer.from(document);
  const bundle =
    sort === 'keyless'
      ? JSON.stringify(sigstore.seal({ content: { message: bytes }, identity, atMs: SIGNED_AT_MS, log: 1 }))
      : seal(bytes, signer.privateKey);
  const signature = { document, bundles: [bundle], ...(members === undefined ? {} : { members }) };
  return JSON.stringify({ ...head, metadata: { name, labels: { [ASKED_LABEL]: asked } }, signature });
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
          rules: [{ kinds: ['Policy', 'Ruleset'], allOf: [{ threshold: 1, principals: [name, 'ci'] }] }],
          trustedRootSha256: createHash('sha256').update(trustedRoot).digest('hex'),
        },
      })}\n`,
  });
};
