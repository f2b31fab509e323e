// SPDX-License-Identifier: Apache-2.0
import { object, sha256 } from './case.ts';
import type { Fields, ObjectCase } from './case.ts';

const spec: Fields = { version: 1, policies: [{ path: 'policies/a.yaml', sha256 }] };
const signature: Fields = { document: 'apiVersion: writ.dev/v1alpha1\n', bundles: ['{}'] };
const ruleset = (changes: Fields): Fields => object('Ruleset', { ...spec, ...changes });

export const rulesetCases: readonly ObjectCase[] = [
  { what: 'a smallest Ruleset', object: ruleset({}) },
  {
    what: 'a Ruleset with every field',
    object: ruleset({
      release: '1.4.0-rc.1+build.7',
      expires: '2027-03-01T00:00:00.5+02:00',
      title: 'EU AI Act',
      publisher: { name: 'acme', tier: 'Gold' },
      license: 'Apache-2.0',
      scope: 'Tenants',
      requires: [{ name: 'baseline', release: '>=1.2.0' }],
      gracePeriod: '72h',
      retired: false,
      policies: [{ path: 'policies/a.yaml', sha256, enforcement: 'Warn', params: { max: 3 } }],
    }),
  },
  {
    what: 'a sealed Ruleset with its members',
    object: object('Ruleset', spec, { signature: { ...signature, members: [{ path: 'policies/a.yaml', document: 'a: 1\n' }] } }),
  },
  { what: 'a Ruleset that has ended', object: ruleset({ retired: true, policies: undefined }) },
  { what: 'a Ruleset that has ended and has members', object: ruleset({ retired: true }), rule: 'either has policies or is retired' },
  { what: 'a Ruleset of nothing', object: ruleset({ policies: undefined }), rule: 'either has policies or is retired' },
  {
    what: 'a grace period without a unit',
    object: ruleset({ expires: '2027-03-01T00:00:00Z', gracePeriod: '72' }),
    wrong: { at: '/spec/gracePeriod', keyword: 'pattern', field: 'spec.gracePeriod' },
  },
  { what: 'a grace period of nothing', object: ruleset({ gracePeriod: '72h' }), rule: 'gracePeriod needs expires' },
  {
    what: 'a grace period without end',
    object: ruleset({ expires: '2027-03-01T00:00:00Z', gracePeriod: '721h' }),
    rule: 'gracePeriod must be at most 720h',
  },
  {
    what: 'a member without its file',
    object: object('Ruleset', spec, { signature: { ...signature, members: [{ path: 'policies/a.yaml' }] } }),
    wrong: { at: '/signature/members/0', keyword: 'required', field: 'signature.members[0].document' },
  },
  {
    what: 'more members than there may be',
    object: object('Ruleset', spec, {
      signature: { ...signature, members: Array.from({ length: 257 }, (_, index) => ({ path: String(index), document: 'a' })) },
    }),
    wrong: { at: '/signature/members', keyword: 'maxItems', field: 'signature.members' },
  },
  {
    what: 'a Ruleset without members',
    object: ruleset({ policies: [] }),
    wrong: { at: '/spec/policies', keyword: 'minItems', field: 'spec.policies' },
  },
  {
    what: 'a release that is no version',
    object: ruleset({ release: 'v1' }),
    wrong: { at: '/spec/release', keyword: 'pattern', field: 'spec.release' },
  },
  {
    what: 'one member twice',
    object: ruleset({
      policies: [
        { path: 'a', sha256 },
        { path: 'a', sha256 },
      ],
    }),
    wrong: { at: '/spec/policies', keyword: 'x-kubernetes-list-type', field: 'spec.policies[1]' },
  },
  {
    what: 'a member outside the folder',
    object: ruleset({ policies: [{ path: '../a.yaml', sha256 }] }),
    rule: "stay below the ruleset's folder",
  },
];
