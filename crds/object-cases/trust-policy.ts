// SPDX-License-Identifier: Apache-2.0
import { object, sha256 } from './case.ts';
import type { Fields, ObjectCase } from './case.ts';

const pem = '-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n';
const principal = { name: 'security-ci', publicKeys: [{ pem }] };
const trustSpec: Fields = {
  version: 4,
  principals: [principal],
  rules: [{ kinds: ['Policy'], allOf: [{ threshold: 1, principals: ['security-ci'] }] }],
};
const trust = (changes: Fields, others: Fields = {}): Fields =>
  object('TrustPolicy', { ...trustSpec, ...changes }, { metadata: { name: 'cluster' }, ...others });

export const trustPolicyCases: readonly ObjectCase[] = [
  { what: 'a smallest TrustPolicy', object: trust({}) },
  {
    what: 'a TrustPolicy with every field',
    object: trust({
      expires: '2027-03-01T00:00:00Z',
      principals: [
        {
          name: 'security-ci',
          identity: {
            issuer: 'https://token.actions.githubusercontent.com',
            subject: 'https://github.com/a/b',
            oids: { '1.3.6.1.4.1.57264.1.12': 'https://github.com/a/b' },
          },
        },
        { name: 'acme', publicKeys: [{ pem, validFor: { start: '2026-01-01T00:00:00Z', end: '2027-01-01T00:00:00Z' } }], minRsaBits: 4096 },
      ],
      rules: [{ kinds: ['Ruleset'], publisherTiers: ['Gold'], allOf: [{ threshold: 2, principals: ['security-ci', 'acme'] }] }],
      revoked: {
        principals: ['old'],
        keys: ['abc='],
        documents: [`sha256:${sha256}`],
        certificates: [{ issuer: 'https://i', subject: 's', from: '2026-01-01T00:00:00Z', until: '2026-02-01T00:00:00Z' }],
      },
      unsigned: 'Deny',
      trustedRootSha256: sha256,
    }),
  },
  {
    what: 'a TrustPolicy without version',
    object: trust({ version: undefined }),
    wrong: { at: '/spec', keyword: 'required', field: 'spec.version' },
  },
  {
    what: 'a rule for a kind that nobody seals',
    object: trust({ rules: [{ kinds: ['GitSource'], allOf: [{ threshold: 1, principals: ['security-ci'] }] }] }),
    wrong: { at: '/spec/rules/0/kinds/0', keyword: 'enum', field: 'spec.rules[0].kinds[0]' },
  },
  {
    what: 'a threshold of 0',
    object: trust({ rules: [{ kinds: ['Policy'], allOf: [{ threshold: 0, principals: ['security-ci'] }] }] }),
    wrong: { at: '/spec/rules/0/allOf/0/threshold', keyword: 'minimum', field: 'spec.rules[0].allOf[0].threshold' },
  },
  {
    what: 'one principal twice',
    object: trust({ principals: [principal, principal] }),
    wrong: { at: '/spec/principals', keyword: 'x-kubernetes-list-type', field: 'spec.principals[1]' },
  },
  { what: 'another name than cluster', object: trust({}, { metadata: { name: 'other' } }), rule: 'the one TrustPolicy is named cluster' },
  {
    what: 'a principal without identity and keys',
    object: trust({ principals: [{ name: 'security-ci' }] }),
    rule: 'either an identity or publicKeys',
  },
  {
    what: 'a threshold beyond the principals',
    object: trust({ rules: [{ kinds: ['Policy'], allOf: [{ threshold: 2, principals: ['security-ci'] }] }] }),
    rule: 'threshold must not be more',
  },
  {
    what: 'a rule that names a stranger',
    object: trust({ rules: [{ kinds: ['Policy'], allOf: [{ threshold: 1, principals: ['nobody'] }] }] }),
    rule: 'must be listed under principals',
  },
  {
    what: 'a private key',
    object: trust({ principals: [{ name: 'security-ci', publicKeys: [{ pem: '-----BEGIN PRIVATE KEY-----\n' }] }] }),
    rule: 'BEGIN PUBLIC KEY',
  },
];
