// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder, trustPolicy } from './spawn-writ.ts';
import type { Folder } from './spawn-writ.ts';
import { runInProcess } from './test-run.ts';
import type { Ran } from './spawn-writ.ts';

const PRICES = readFileSync(new URL('../deploy/examples/prices.yaml', import.meta.url), 'utf8');
const ACME = `tenant: acme
changes:
- {at: "2025-10-01T00:00:00Z", tier: Starter, cycle: Monthly}
adjustments:
- {id: late-1, kind: Credit, amount: "25.00", reason: late answer, requester: ann, approver: bob, at: "2025-10-20T00:00:00Z"}
`;
const october = (quantity: string): string =>
  JSON.stringify({
    closed: true,
    statements: [
      {
        tenant: 'acme',
        period: { start: '2025-10-01T00:00:00Z', end: '2025-11-01T00:00:00Z' },
        storedBefore: '2025-11-03T00:00:00.000Z',
        revision: 1,
        lines: [{ meter: 'api_calls', unit: '1', quantity }],
      },
    ],
  });
const prices = PRICES.replace('2026-01-01', '2025-01-01');

const scene = (): Folder => {
  const folder = temporaryFolder();
  folder.write({ 'prices.yaml': prices, 'acme.yaml': ACME, 'october.json': october('12345') });
  return folder;
};

const bill = (folder: Folder, command: string, ...more: readonly string[]): Promise<Ran> => {
  const at = (name: string): string => join(folder.path, name);
  const input = ['--prices', at('prices.yaml'), '--subscription', at('acme.yaml'), '--statement', at('october.json')];
  return runInProcess(['bill', command, ...input, '--at', '2025-11-01T00:00:00Z', ...more]);
};

describe('writ bill', () => {
  it('shows an invoice line by line', async () => {
    using folder = scene();
    const { code, out, err } = await bill(folder, 'preview');
    assert.equal(code, 0, err);
    assert.match(out, /Starter, monthly, 2025-11-01 – 2025-12-01 +99\.00 USD/);
    assert.match(out, /api_calls 12345, 10000 included, .* 2\.34 USD\n +2345 × 0\.001/);
    assert.match(out, /credit late-1: late answer \(asked for by ann, approved by bob\) +-25\.00 USD/);
    assert.match(out, /total +76\.34 USD/);
    assert.match(err, /prices assumed, no --trust is given/);
  });

  it('closes once, with a signature that verifies, and never says something else', async () => {
    using folder = scene();
    const at = (name: string): string => join(folder.path, name);
    assert.equal(folder.writ(['keygen', '--name', 'billing']).code, 0);
    const close = ['--key', at('billing.key'), '--out', at('invoices')];
    const first = await bill(folder, 'close', ...close);
    assert.equal(first.code, 0, first.err);
    const path = at('invoices/acme/2025-11-01T00.json');
    const bytes = readFileSync(path, 'utf8');
    assert.equal(bytes, (await bill(folder, 'preview', '--output', 'json')).out);
    const verified = await runInProcess(['verify-bundle', path, '--bundle', `${path}.sigstore.json`, '--key', at('billing.pub')]);
    assert.equal(verified.code, 0, verified.err);
    assert.match((await bill(folder, 'close', ...close)).out, /closed before/);
    assert.match((await bill(folder, 'reconcile', '--invoices', at('invoices'))).out, /1 of 1 invoice are/);

    folder.write({ 'october.json': october('99999') });
    const again = await bill(folder, 'close', ...close);
    assert.equal(again.code, 1);
    assert.match(again.err, /BILL_CLOSED/);
    assert.equal(readFileSync(path, 'utf8'), bytes);
    const differing = await bill(folder, 'reconcile', '--invoices', at('invoices'), '--output', 'json');
    assert.equal(differing.code, 1);
    assert.equal(JSON.parse(differing.out).problems[0].code, 'BILL_DIFFERS');
  });

  it('takes prices by their seal where a trust policy is given', async () => {
    using folder = scene();
    const at = (name: string): string => join(folder.path, name);
    folder.writ(['keygen', '--name', 'finance']);
    const pem = readFileSync(at('finance.pub'), 'utf8');
    folder.write({ 'trust.yaml': trustPolicy({ finance: pem }).replace('kinds: [Policy]', 'kinds: [PriceBook]') });
    const unsealed = await bill(folder, 'preview', '--trust', at('trust.yaml'));
    assert.equal(unsealed.code, 1);
    assert.match(unsealed.err, /SEAL_MISSING/);
    const signed = folder.writ(['sign', 'prices.yaml', '--key', 'finance.key']);
    assert.equal(signed.code, 0, signed.err);
    const sealed = await bill(folder, 'preview', '--trust', at('trust.yaml'));
    assert.equal(sealed.code, 0, sealed.err);
    assert.doesNotMatch(sealed.err, /assumed/);
    folder.write({ 'prices.yaml': prices.replace('monthly: "99"', 'monthly: "1"') });
    assert.match((await bill(folder, 'preview', '--trust', at('trust.yaml'))).err, /SEAL_/);
    // Prices that cannot be reckoned with are not sealed in the first place.
    folder.write({ 'bad.yaml': prices.replace('"99"', '"99.005"') });
    assert.match(folder.writ(['sign', 'bad.yaml', '--key', 'finance.key']).err, /PRICE_BOOK_INVALID: spec\.tiers\[1\]\.fees\.monthly/);
    assert.match(folder.writ(['lint', 'bad.yaml']).err + folder.writ(['lint', 'bad.yaml']).out, /PRICE_BOOK_INVALID/);
  });

  it('refuses a month that is not over, prices without a seal that counts, and facts that are none', async () => {
    using folder = scene();
    const at = (name: string): string => join(folder.path, name);
    folder.writ(['keygen', '--name', 'billing']);
    const later = await runInProcess([
      'bill',
      'close',
      '--prices',
      at('prices.yaml'),
      '--subscription',
      at('acme.yaml'),
      '--statement',
      at('october.json'),
      '--at',
      '2099-11-01T00:00:00Z',
      '--key',
      at('billing.key'),
      '--out',
      at('invoices'),
    ]);
    assert.match(later.err, /is not over|BILL_STATEMENT_MISSING/);
    const wrong: readonly (readonly [string, string, RegExp])[] = [
      ['acme.yaml', ACME.replace('tenant: acme', 'tenant: ../../etc'), /BILL_SUBSCRIPTION_INVALID: tenant: write the name of the Tenant/],
      [
        'acme.yaml',
        ACME.replace('approver: bob', 'approver: ann'),
        /BILL_ADJUSTMENT_INVALID: adjustment late-1: ann asked for it and approved it/,
      ],
      ['acme.yaml', ACME.replace('"25.00"', '"25.001"'), /write an amount of usd/],
      ['acme.yaml', ACME.replace('Monthly', 'Weekly'), /acme\.yaml:3:.*write one of Monthly/],
      ['acme.yaml', ACME.replace('tier:', 'teir:'), /there is no such field/],
      ['acme.yaml', 'tenant: acme\nchanges: []\n', /say since when/],
      ['october.json', '{"statements":[{"__proto__":1}]}', /BILL_STATEMENT_INVALID/],
      ['october.json', 'no json', /it is no JSON/],
      ['prices.yaml', prices.replace('kind: PriceBook', 'kind: Policy'), /DOCUMENT/],
    ];
    for (const [name, text, message] of wrong) {
      using other = scene();
      other.write({ [name]: text });
      const { code, err } = await bill(other, 'preview');
      assert.equal(code, 1, text);
      assert.match(err, message);
    }
  });
});
