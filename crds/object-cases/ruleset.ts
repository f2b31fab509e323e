// SPDX-License-Identifier: Apache-2.0
import { object, sha256 } from './case.ts';
import type { Fields, ObjectCase } from './case.ts';

const ruleset = (changes: Fields): Fields => object('Ruleset', { version: 1, policies: [{ path: 'policies/a.yaml', sha256 }], ...changes });

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
      policies: [{ path: 'policies/a.yaml', sha256, enforcement: 'Warn', params: { max: 3 } }],
    }),
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
