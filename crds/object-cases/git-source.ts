// SPDX-License-Identifier: Apache-2.0
import { object } from './case.ts';
import type { Fields, ObjectCase } from './case.ts';

const url = 'https://git.example.com/acme/policies.git';
const source = (changes: Fields, others: Fields = {}): Fields => object('GitSource', { url, ...changes }, others);

export const gitSourceCases: readonly ObjectCase[] = [
  { what: 'a GitSource with its url alone', object: source({}) },
  {
    what: 'a GitSource with every field',
    object: source({
      ref: { branch: 'main', commit: 'a'.repeat(40) },
      path: './clusters/prod',
      ignore: '*.md\n',
      interval: '1m30s',
      timeout: '60s',
      suspend: true,
      secretRef: { name: 'git-auth' },
      verify: { mode: 'HEAD', secretRef: { name: 'authors' } },
      tenantRef: { name: 'acme' },
      apply: { driftPolicy: 'Detect' },
      prune: { policy: 'Enabled', allowEmpty: true, maxDeletions: 5 },
      receiver: { type: 'GenericHMAC', secretRef: { name: 'hook' } },
    }),
  },
  { what: 'a GitSource over ssh', object: source({ url: 'ssh://git@git.example.com:2222/acme/policies.git' }) },
  { what: 'a GitSource without url', object: object('GitSource', {}), wrong: { at: '/spec', keyword: 'required', field: 'spec.url' } },
  { what: 'a GitSource without spec', object: object('GitSource', undefined), wrong: { at: '', keyword: 'required', field: 'spec' } },
  { what: 'a number as url', object: source({ url: 1 }), wrong: { at: '/spec/url', keyword: 'type', field: 'spec.url' } },
  {
    what: 'a misspelt field',
    object: source({ intervall: '1m' }),
    wrong: { at: '/spec', keyword: 'additionalProperties', field: 'spec.intervall' },
  },
  {
    what: 'an interval without unit',
    object: source({ interval: '60' }),
    wrong: { at: '/spec/interval', keyword: 'pattern', field: 'spec.interval' },
  },
  {
    what: 'an unknown drift policy',
    object: source({ apply: { driftPolicy: 'correct' } }),
    wrong: { at: '/spec/apply/driftPolicy', keyword: 'enum', field: 'spec.apply.driftPolicy' },
  },
  {
    what: 'a short commit id',
    object: source({ ref: { commit: 'abc123' } }),
    wrong: { at: '/spec/ref/commit', keyword: 'pattern', field: 'spec.ref.commit' },
  },
  { what: 'an empty ref', object: source({ ref: {} }), wrong: { at: '/spec/ref', keyword: 'minProperties', field: 'spec.ref' } },
  {
    what: 'a percentage beyond 100',
    object: source({ prune: { maxDeletions: '200%' } }),
    wrong: { at: '/spec/prune/maxDeletions', keyword: 'pattern', field: 'spec.prune.maxDeletions' },
  },
  {
    what: 'a negative number of deletions',
    object: source({ prune: { maxDeletions: -1 } }),
    wrong: { at: '/spec/prune/maxDeletions', keyword: 'minimum', field: 'spec.prune.maxDeletions' },
  },
  { what: 'a percentage of deletions', object: source({ prune: { maxDeletions: '10%' } }) },
  {
    what: 'half a deletion',
    object: source({ prune: { maxDeletions: 1.5 } }),
    wrong: { at: '/spec/prune/maxDeletions', keyword: 'type', field: 'spec.prune.maxDeletions' },
  },
  {
    what: 'a receiver without secret',
    object: source({ receiver: { type: 'GitHub' } }),
    wrong: { at: '/spec/receiver', keyword: 'required', field: 'spec.receiver.secretRef' },
  },
  {
    what: 'the short ssh form',
    object: source({ url: 'git@git.example.com:acme/policies.git' }),
    rule: 'url must start with https://, ssh://',
  },
  { what: 'a git:// url', object: source({ url: 'git://git.example.com/a.git' }), rule: 'url must start with https://, ssh://' },
  {
    what: 'a password in the url',
    object: source({ url: 'https://user:secret@git.example.com/a.git' }),
    rule: 'must not carry credentials',
  },
  {
    what: 'a password in an ssh url',
    object: source({ url: 'ssh://git:secret@git.example.com/a.git' }),
    rule: 'must not carry credentials',
  },
  { what: 'a line break in the url', object: source({ url: 'https://git.example.com/a.git\n' }), rule: 'must not contain white space' },
  { what: 'tag and semver', object: source({ ref: { tag: 'v1', semver: '>=1' } }), rule: 'at most one of tag, semver and name' },
  { what: 'a path out of the repository', object: source({ path: './a/../../b' }), rule: 'stay within the repository' },
  { what: 'an interval below a second', object: source({ interval: '10ms' }), rule: 'interval must be at least 1s' },
  { what: 'a timeout of nothing', object: source({ timeout: '0s' }), rule: 'timeout must be at least 1s' },
  {
    what: 'a name too long for a label',
    object: source({}, { metadata: { name: 'a'.repeat(52), namespace: 'default' } }),
    rule: 'at most 51 characters',
  },
];
