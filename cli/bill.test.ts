// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { slaStatement } from '../operator/slo/index.ts';
import { slaText } from '../operator/slo/statement.ts';
import { writeSigned } from './signed-file.ts';
import { keySigner } from './signing/signer.ts';
import { trustPolicy } from './spawn-writ.ts';
import { ACME, OCTOBER_MS, bill, prices, scene, sealed, inputOf } from './test-bill.ts';
import { runInProcess } from './test-run.ts';
import type { Ran } from './spawn-writ.ts';

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

  it('drops no credit of an SLA statement without a word', async () => {
    using folder = scene();
    const statement = slaStatement({
      tenant: 'acme',
      period: { startMs: OCTOBER_MS, endMs: Date.UTC(2025, 10) },
      spans: [],
      currency: { code: 'usd', minorDigits: 2 },
      exclusions: [],
      levels: [],
      cutMs: Date.UTC(2025, 10, 3),
    });
    const credit = (at: string): string =>
      slaText({
        ...statement,
        adjustments: [{ id: 'sla-1', kind: 'Credit', amount: 500, reason: 'late', requester: 'slo', approver: 'schedule', at }],
      });
    folder.write({
      'here.json': credit('2025-10-20T00:00:00Z'),
      'next.json': credit('2025-11-20T00:00:00Z'),
      'other.json': credit('2025-10-20T00:00:00Z').replace('"tenant":"acme"', '"tenant":"other"'),
    });
    const at = (name: string): string => join(folder.path, name);
    for (const name of ['slo', 'other']) folder.writ(['keygen', '--name', name]);
    const signAs = async (name: string, key: string): Promise<void> => {
      rmSync(`${at(name)}.sigstore.json`, { force: true });
      const signer = keySigner(createPrivateKey(readFileSync(at(`${key}.key`), 'utf8')));
      await writeSigned({ path: at(name), text: readFileSync(at(name), 'utf8'), signer });
    };
    for (const name of ['here.json', 'next.json', 'other.json']) await signAs(name, 'slo');
    const rated = (name: string): Promise<Ran> => bill(folder, 'preview', '--sla', at(name), '--sla-key', at('slo.pub'));
    const here = await rated('here.json');
    assert.match(here.out, /credit sla-1/);
    assert.doesNotMatch(here.err, /not on this invoice/);
    const next = await rated('next.json');
    assert.equal(next.code, 0, next.err);
    assert.doesNotMatch(next.out, /sla-1/);
    assert.match(next.err, /not on this invoice: sla-1 of 2025-11-20T/);
    const other = await rated('other.json');
    assert.deepEqual([other.code, /BILL_CREDIT_FOREIGN: .*other\.json: it is for other/.test(other.err)], [1, true], other.err);
    // Only under the signature of whoever is named: not of another one, not altered, not without any, and not unchecked.
    const refused = async (said: RegExp): Promise<void> => {
      const { code, err, out } = await rated('here.json');
      assert.equal(code, 1, out);
      assert.match(err, said);
    };
    await signAs('here.json', 'other');
    await refused(/SLO_STATEMENT_UNSIGNED: .*here\.json\.sigstore\.json/);
    await signAs('here.json', 'slo');
    folder.write({ 'here.json': readFileSync(at('here.json'), 'utf8').replace('"amount":500', '"amount":50000') });
    await refused(/SLO_STATEMENT_UNSIGNED: .*here\.json\.sigstore\.json/);
    rmSync(at('here.json.sigstore.json'));
    await refused(/SLO_STATEMENT_UNSIGNED: .*here\.json: it has no signature/);
    const unchecked = await bill(folder, 'preview', '--sla', at('here.json'));
    assert.deepEqual([unchecked.code, /--sla: --sla-key FILE/.test(unchecked.err)], [2, true], unchecked.err);
  });

  it('ignores no option without a word', async () => {
    using folder = scene();
    const at = (name: string): string => join(folder.path, name);
    for (const [more, said] of [
      [['--trust-digest', `sha256:${'0'.repeat(64)}`], /--trust-digest: --trust FILE/],
      [['--sla-key', at('slo.pub')], /--sla-key: --sla FILE/],
      [['--ledger', at('ledger.db')], /--ledger and --statement: give one of them/],
    ] as const) {
      const { code, err, out } = await bill(folder, 'preview', ...more);
      assert.deepEqual([code, out, said.test(err)], [2, '', true], err);
    }
    const documents = ['--prices', at('prices.yaml'), '--subscription', at('acme.yaml')];
    const keyed = await runInProcess(['bill', 'preview', ...documents, '--statement-key', at('slo.pub')]);
    assert.deepEqual([keyed.code, /--statement-key: --statement FILE/.test(keyed.err)], [2, true], keyed.err);
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
    const trust = await sealed(folder);
    const kept = [...trust, '--key', at('billing.key'), '--out', at('invoices')];
    const due = ['--statement-key', at('billing.pub'), '--at', '2099-11-01T00:00:00Z'];
    const later = await runInProcess(['bill', 'close', ...inputOf(folder), ...due, ...kept]);
    assert.match(later.err, /BILL_STATEMENT_MISSING/);
    assert.equal(later.code, 1);
    folder.write({ 'later.yaml': ACME.replace('2025-10-01', '2099-10-01') });
    const ahead = ['--prices', at('prices.yaml'), '--subscription', at('later.yaml'), '--at', '2099-10-01T00:00:00Z'];
    const notDue = await runInProcess(['bill', 'close', ...ahead, ...kept]);
    assert.deepEqual([notDue.code, /BILL_MONTH_OPEN: what falls due at 2099.*not due yet/.test(notDue.err)], [1, true], notDue.err);
    const wrong: readonly (readonly [string, string, RegExp])[] = [
      ['acme.yaml', ACME.replace('tenant: acme', 'tenant: ../../etc'), /BILL_SUBSCRIPTION_INVALID: tenant: write the name of the Tenant/],
      [
        'acme.yaml',
        ACME.replace('approver: bob', 'approver: ann'),
        /BILL_ADJUSTMENT_INVALID: adjustment late-1: ann asked for it and approved it/,
      ],
      // Blank, but a sign of its own: who approves is still who asked.
      ['acme.yaml', ACME.replace('approver: bob', 'approver: "ann\\u3164\\uFE0F\\u2800"'), /BILL_ADJUSTMENT_INVALID.*approved it/],
      ['acme.yaml', ACME.replace('approver: bob', 'approver: "ａnn."'), /BILL_ADJUSTMENT_INVALID.*approved it/],
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
