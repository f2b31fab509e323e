// SPDX-License-Identifier: Apache-2.0
import { object } from './case.ts';
import type { Fields, ObjectCase } from './case.ts';

const spec: Fields = {
  version: 1,
  installation: 'b7e4a0f2-6c0a-4a56-9f0e-1d2c3b4a5968',
  tier: 'Enterprise',
  expires: '2027-03-01T00:00:00Z',
};
const license = (changes: Fields): Fields => object('License', { ...spec, ...changes });

export const licenseCases: readonly ObjectCase[] = [
  { what: 'a smallest License', object: license({}) },
  {
    what: 'a License with every field',
    object: license({ gracePeriod: '336h', retired: false, tenants: ['acme'], customer: 'Acme Ltd' }),
  },
  { what: 'a License that has ended', object: object('License', { version: 2, retired: true }) },
  { what: 'a License for nobody', object: license({ installation: undefined }), rule: 'names installation, tier and expires' },
  { what: 'a License of nothing', object: license({ tier: undefined }), rule: 'names installation, tier and expires' },
  { what: 'a License for ever', object: license({ expires: undefined }), rule: 'names installation, tier and expires' },
  { what: 'a License with a grace period without end', object: license({ gracePeriod: '721h' }), rule: 'gracePeriod must be at most 720h' },
  {
    what: 'a License with a grace period after nothing',
    object: object('License', { version: 2, retired: true, gracePeriod: '72h' }),
    rule: 'gracePeriod needs expires',
  },
  {
    what: 'a License for no tenant',
    object: license({ tenants: [] }),
    wrong: { at: '/spec/tenants', keyword: 'minItems', field: 'spec.tenants' },
  },
  {
    what: 'a License of an unknown tier',
    object: license({ tier: 'Gold' }),
    wrong: { at: '/spec/tier', keyword: 'enum', field: 'spec.tier' },
  },
  {
    what: 'a License for an installation that is none',
    object: license({ installation: 'a b' }),
    wrong: { at: '/spec/installation', keyword: 'pattern', field: 'spec.installation' },
  },
];
