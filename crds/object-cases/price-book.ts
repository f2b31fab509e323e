// SPDX-License-Identifier: Apache-2.0
import { object } from './case.ts';
import type { Fields, ObjectCase } from './case.ts';

const spec: Fields = {
  version: 1,
  effectiveFrom: '2026-01-01T00:00:00Z',
  currency: 'usd',
  minorDigits: 2,
  meters: [{ name: 'api_calls', unit: '1' }],
  tiers: [{ name: 'Starter', fees: { monthly: '99' }, usage: [{ meter: 'api_calls', included: '10000', overage: '0.001' }] }],
};
const priceBook = (changes: Fields): Fields => object('PriceBook', { ...spec, ...changes });

export const priceBookCases: readonly ObjectCase[] = [
  { what: 'a PriceBook', object: priceBook({}) },
  {
    what: 'a PriceBook with every field',
    object: priceBook({
      expires: '2027-03-01T00:00:00Z',
      title: 'Standard',
      retired: false,
      meters: [{ name: 'api_calls', unit: '1', per: '1000.5', priced: 'thousand', level: false, report: 'Absolute' }],
      tiers: [
        {
          name: 'Starter',
          fees: { monthly: '99.50', quarterly: '297', annual: '950' },
          usage: [{ meter: 'api_calls', included: '10000', overage: '0.001' }],
          promise: { availability: '99.9', latencyMs: 500 },
        },
      ],
      volumeDiscounts: [{ meter: 'api_calls', steps: [{ above: '1000', basisPoints: 3000 }] }],
      annualDiscountBasisPoints: 2000,
      minimumBasisPoints: 5600,
    }),
  },
  { what: 'a PriceBook that has ended', object: object('PriceBook', { version: 2, retired: true }) },
  { what: 'a PriceBook without tiers', object: priceBook({ tiers: undefined }), rule: 'or is retired' },
  {
    what: 'a tier of a meter that the book does not list',
    object: priceBook({ meters: undefined }),
    rule: 'every meter that a tier names must be listed under meters',
  },
  {
    what: 'a volume discount of a meter that the book does not list',
    object: priceBook({ volumeDiscounts: [{ meter: 'users', steps: [{ above: '1', basisPoints: 1 }] }] }),
    rule: 'every meter that a volume discount names must be listed under meters',
  },
  {
    what: 'a price in a number',
    object: priceBook({ tiers: [{ name: 'Starter', fees: { monthly: 99 } }] }),
    wrong: { at: '/spec/tiers/0/fees/monthly', keyword: 'type', field: 'spec.tiers[0].fees.monthly' },
  },
  {
    what: 'a price with an exponent',
    object: priceBook({ tiers: [{ name: 'Starter', fees: { monthly: '1e3' } }] }),
    wrong: { at: '/spec/tiers/0/fees/monthly', keyword: 'pattern', field: 'spec.tiers[0].fees.monthly' },
  },
  {
    what: 'one tier twice',
    object: priceBook({
      tiers: [
        { name: 'Starter', fees: {} },
        { name: 'Starter', fees: {} },
      ],
    }),
    wrong: { at: '/spec/tiers', keyword: 'x-kubernetes-list-type', field: 'spec.tiers[1]' },
  },
  {
    what: 'a beginning within an hour',
    object: priceBook({ effectiveFrom: '2026-01-01T00:30:00Z' }),
    wrong: { at: '/spec/effectiveFrom', keyword: 'pattern', field: 'spec.effectiveFrom' },
  },
];
