// SPDX-License-Identifier: Apache-2.0
import { object } from './case.ts';
import type { Fields, ObjectCase } from './case.ts';

const named: Fields = { metadata: { name: 'cluster' } };
const spec: Fields = { version: 1, tiers: [{ name: 'Free' }] };
const catalog = (changes: Fields): Fields => object('TierCatalog', { ...spec, ...changes }, named);
const tier = (changes: Fields): Fields => catalog({ tiers: [{ name: 'Free', ...changes }] });

export const tierCatalogCases: readonly ObjectCase[] = [
  { what: 'a smallest TierCatalog', object: catalog({}) },
  {
    what: 'a TierCatalog with every field',
    object: catalog({
      expires: '2027-03-01T00:00:00Z',
      retired: false,
      title: 'Tiers',
      description: 'What is sold.',
      defaultTier: 'Enterprise',
      tiers: [
        { name: 'Free' },
        {
          name: 'Enterprise',
          description: 'For many teams.',
          license: 'Required',
          features: ['external-egress', 'sso'],
          defaults: { podSecurity: { enforce: 'restricted' } },
          limits: { namespaces: 20, agents: 1000, rulesets: 32, podSecurity: 'baseline', resources: { 'requests.cpu': 64, pods: '2k' } },
          usage: { limits: [{ name: 'executions', meter: 'policy_executions', window: 'Month', limit: '1000', onExceed: 'Audit' }] },
          slo: { class: 'Gold', objectives: [{ name: 'admission-latency', target: '99.9', threshold: '50ms' }] },
          marketplace: { publisherTiers: ['Gold', 'Platinum'] },
        },
      ],
    }),
  },
  { what: 'a TierCatalog that has ended', object: catalog({ retired: true, tiers: undefined }) },
  { what: 'a TierCatalog of nothing', object: catalog({ tiers: undefined }), rule: 'either has tiers or is retired' },
  { what: 'a TierCatalog that has ended and has tiers', object: catalog({ retired: true }), rule: 'either has tiers or is retired' },
  { what: 'a TierCatalog of another name', object: object('TierCatalog', spec), rule: 'the one TierCatalog is named cluster' },
  { what: 'a default tier that is none', object: catalog({ defaultTier: 'Starter' }), rule: 'defaultTier must be one of tiers' },
  {
    what: 'a tier of an unknown name',
    object: catalog({ tiers: [{ name: 'Gold' }] }),
    wrong: { at: '/spec/tiers/0/name', keyword: 'enum', field: 'spec.tiers[0].name' },
  },
  {
    what: 'one tier twice',
    object: catalog({ tiers: [{ name: 'Free' }, { name: 'Free' }] }),
    wrong: { at: '/spec/tiers', keyword: 'x-kubernetes-list-type', field: 'spec.tiers[1]' },
  },
  {
    what: 'a price, which is not the catalog to say',
    object: tier({ price: '99' }),
    wrong: { at: '/spec/tiers/0', keyword: 'additionalProperties', field: 'spec.tiers[0].price' },
  },
  {
    what: 'a limit of agents below none',
    object: tier({ limits: { agents: -1 } }),
    wrong: { at: '/spec/tiers/0/limits/agents', keyword: 'minimum', field: 'spec.tiers[0].limits.agents' },
  },
  {
    what: 'a limit of resources that is no quantity',
    object: tier({ limits: { resources: { pods: 'many' } } }),
    wrong: { at: '/spec/tiers/0/limits/resources/pods', keyword: 'pattern', field: 'spec.tiers[0].limits.resources.pods' },
  },
];
