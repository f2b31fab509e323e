// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { newAccount, putAccount } from '../operator/billing/accounts/tables.ts';
import { putCompared } from '../operator/billing/compared.ts';
import { billingMigrations } from '../operator/billing/outbox/tables.ts';
import { freezePeriod, makeStatements } from '../operator/usage/close.ts';
import { slaStatement } from '../operator/slo/index.ts';
import { slaText } from '../operator/slo/statement.ts';
import { openSqliteStore } from '../operator/usage/sqlite-store.ts';
import { undeclared } from '../operator/usage/stored-meters.ts';
import { USAGE_TABLES } from '../operator/usage/tables.ts';
import { systemClock } from '../process/clock.ts';
import { writeSigned } from './signed-file.ts';
import { keySigner } from './signing/signer.ts';
import { temporaryFolder, trustPolicy } from './spawn-writ.ts';
import type { Folder } from './spawn-writ.ts';
import { runInProcess } from './test-run.ts';
import type { Ran } from './spawn-writ.ts';

const PRICES = readFileSync(new URL('../deploy/examples/prices.yaml', import.meta.url), 'utf8');
const OCTOBER_MS = Date.UTC(2025, 9);
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

/** A key, and prices under its seal: the options by which it must count. */
const sealed = (folder: Folder): readonly string[] => {
  assert.equal(folder.writ(['keygen', '--name', 'billing']).code, 0);
  const pem = readFileSync(join(folder.path, 'billing.pub'), 'utf8');
  folder.write({ 'trust.yaml': trustPolicy({ billing: pem }).replace('kinds: [Policy]', 'kinds: [PriceBook]') });
  const { code, err } = folder.writ(['sign', 'prices.yaml', '--key', 'billing.key']);
  assert.equal(code, 0, err);
  return ['--trust', join(folder.path, 'trust.yaml')];
};

const bill = (folder: Folder, command: string, ...more: readonly string[]): Promise<Ran> => {
  const at = (name: string): string => join(folder.path, name);
  const input = ['--prices', at('prices.yaml'), '--subscription', at('acme.yaml'), '--statement', at('october.json')];
  const moment = command === 'reconcile' ? [] : ['--at', '2025-11-01T00:00:00Z'];
  return runInProcess(['bill', command, ...input, ...moment, ...more]);
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
    const trust = sealed(folder);
    const kept = ['--key', at('billing.key'), '--out', at('invoices')];
    const unchecked = await bill(folder, 'close', ...kept);
    assert.deepEqual([unchecked.code, /BILL_PRICES_UNCHECKED: .*--trust/.test(unchecked.err)], [1, true], unchecked.err);
    assert.equal(existsSync(at('invoices')), false);
    const close = [...trust, ...kept];
    const first = await bill(folder, 'close', ...close);
    assert.equal(first.code, 0, first.err);
    const path = at('invoices/acme/2025-11-01T00.json');
    const bytes = readFileSync(path, 'utf8');
    assert.equal(bytes, (await bill(folder, 'preview', '--output', 'json')).out);
    const verified = await runInProcess(['verify-bundle', path, '--bundle', `${path}.sigstore.json`, '--key', at('billing.pub')]);
    assert.equal(verified.code, 0, verified.err);
    assert.match((await bill(folder, 'close', ...close)).out, /closed before/);
    // What is there is no success where nobody signed it, or somebody else; a signature that is missing is made.
    folder.writ(['keygen', '--name', 'other']);
    const byOther = await bill(folder, 'close', ...trust, '--key', at('other.key'), '--out', at('invoices'));
    assert.deepEqual([byOther.code, byOther.out, /BILL_UNSIGNED/.test(byOther.err)], [1, '', true], byOther.err);
    folder.write({ 'invoices/acme/2025-11-01T00.json.sigstore.json': 'garbage' });
    const garbage = await bill(folder, 'close', ...close);
    assert.deepEqual([garbage.code, garbage.out, /BILL_UNSIGNED/.test(garbage.err)], [1, '', true], garbage.err);
    rmSync(`${path}.sigstore.json`);
    assert.match((await bill(folder, 'close', ...close)).out, /closed before/);
    const checked = ['--invoices', at('invoices'), '--key', at('billing.pub')];
    const good = await bill(folder, 'reconcile', ...checked);
    assert.equal(good.code, 0, good.err);
    assert.match(good.out, /1 of 1 invoice is signed, and to the byte/);

    folder.write({ 'october.json': october('99999') });
    const again = await bill(folder, 'close', ...close);
    assert.equal(again.code, 1);
    assert.match(again.err, /BILL_CLOSED/);
    assert.equal(readFileSync(path, 'utf8'), bytes);
    const differing = await bill(folder, 'reconcile', ...checked, '--output', 'json');
    assert.equal(differing.code, 1);
    assert.equal(JSON.parse(differing.out).problems[0].code, 'BILL_DIFFERS');
  });

  it('takes an invoice for good by its name, its signature and its bytes', async () => {
    using folder = scene();
    const at = (name: string): string => join(folder.path, name);
    const trust = sealed(folder);
    const reconcile = (key = 'billing.pub'): Promise<Ran> =>
      bill(folder, 'reconcile', ...trust, '--invoices', at('invoices'), '--key', at(key));
    const rows = [
      [() => undefined, /FILE_UNREADABLE: .*there is no invoice for acme/],
      [() => mkdirSync(at('invoices/acme'), { recursive: true }), /FILE_UNREADABLE: .*there is no invoice for acme/],
    ] as const;
    for (const [prepare, said] of rows) {
      prepare();
      const { code, err } = await reconcile();
      assert.deepEqual([code, said.test(err)], [1, true], err);
    }
    const closed = await bill(folder, 'close', ...trust, '--key', at('billing.key'), '--out', at('invoices'));
    assert.equal(closed.code, 0, closed.err);
    const path = at('invoices/acme/2025-11-01T00.json');
    const bundle = `${path}.sigstore.json`;
    const [invoice, signature] = [readFileSync(path, 'utf8'), readFileSync(bundle, 'utf8')];
    assert.equal((await reconcile()).code, 0);
    folder.writ(['keygen', '--name', 'other']);
    assert.match((await reconcile('other.pub')).err, /BILL_UNSIGNED: .*sigstore\.json: /);

    const copy = 'invoices/acme/2025-12-01T00.json';
    const broken: readonly (readonly [Readonly<Record<string, string>>, readonly string[], RegExp, RegExp])[] = [
      [{}, [bundle], /BILL_UNSIGNED: .*T00\.json: it has no signature/, /0 of 1 invoice is/],
      [{}, [path], /sigstore\.json.*BILL_DIFFERS: the invoice that it signs is not there/, /0 of 0 invoices are/],
      [
        { [copy]: invoice, [`${copy}.sigstore.json`]: signature },
        [],
        /2025-12-01T00\.json.* it is the invoice of 2025-11-01T/,
        /1 of 2 invoices is/,
      ],
      [{ 'invoices/acme/copy.json': invoice }, [], /copy\.json.* by another name/, /1 of 2 invoices is/],
      [{ 'invoices/acme/2025-13-41T00.json': '{"at":"2025-13-41T00:00:00Z"}' }, [], /it is no invoice/, /1 of 2/],
      [{ 'invoices/acme/x.json': '{"at":"__proto__","__proto__":{}}' }, [], /it is no invoice/, /1 of 2/],
      [{ 'invoices/acme/2025-11-01T00.json': invoice.replace('acme', 'umbra') }, [], /BILL_UNSIGNED[^]*BILL_DIFFERS/, /0 of 1/],
    ];
    for (const [written, removed, said, counted] of broken) {
      folder.write(written);
      for (const gone of removed) rmSync(gone);
      const { code, out, err } = await reconcile();
      assert.equal(code, 1, out);
      assert.match(err, said);
      assert.match(out, counted);
      for (const name of Object.keys(written)) rmSync(at(name));
      folder.write({ 'invoices/acme/2025-11-01T00.json': invoice, 'invoices/acme/2025-11-01T00.json.sigstore.json': signature });
    }
    assert.equal((await reconcile()).code, 0);
  });

  it('tells how far it is where there are many invoices', async () => {
    using folder = scene();
    folder.writ(['keygen', '--name', 'billing']);
    for (let day = 1; day < 7; day += 1) folder.write({ [`invoices/acme/2025-11-0${day}T00.json`]: '{}' });
    const at = (name: string): string => join(folder.path, name);
    // Each look at the clock is a second later.
    let nowMs = 0;
    const clock = { ...systemClock, monotonicMs: () => (nowMs += 1000) };
    const input = ['--prices', at('prices.yaml'), '--subscription', at('acme.yaml'), '--statement', at('october.json')];
    const argv = ['bill', 'reconcile', ...input, '--invoices', at('invoices'), '--key', at('billing.pub')];
    const { err, out } = await runInProcess(argv, {}, clock);
    const told = err.split('\n').filter((line) => / of 6 invoices, /.test(line));
    assert.deepEqual([told[0], told.length > 1], ['1 of 6 invoices, 2 wrong so far', true]);
    assert.doesNotMatch(out, /so far/);
  });

  it('tells where the payment provider subscribes something else than was ordered', async () => {
    using folder = scene();
    const at = (name: string): string => join(folder.path, name);
    folder.writ(['keygen', '--name', 'billing']);
    folder.write({ 'invoices/acme/2025-11-01T00.json': '{}' });
    const store = await openSqliteStore({ file: at('ledger.db'), clock: systemClock });
    for (const room of [USAGE_TABLES, billingMigrations]) await store.migrate(room);
    await store.claim('test');
    const terms = { tier: 'Starter', cycle: 'Monthly', anchorMs: OCTOBER_MS } as const;
    const kept = { ...newAccount({ tenant: 'acme', uid: 'u1' }), customer: 'cus_1', subscription: 'sub_1', terms };
    const later = { atMs: Date.UTC(2099, 0), terms: { ...terms, tier: 'Professional' } };
    const outcomes = [
      [kept, /sub_1: Starter, Monthly/, undefined],
      [
        { ...kept, terms: { ...terms, tier: 'Free' } },
        /sub_1: Free/,
        /BILL_SUBSCRIPTION_DIFFERS: acme: at .* sub_1 is Free, Monthly; the subscription says Starter, Monthly/,
      ],
      [{ ...kept, next: later }, /sub_1: Starter/, /BILL_SUBSCRIPTION_DIFFERS: acme: at 2099-01-01T00:00:00Z sub_1 is Professional/],
      [{ ...kept, next: { ...later, terms: undefined } }, /sub_1: Starter/, /sub_1 is nothing; the subscription says Starter/],
      [{ ...kept, problem: { code: 'BILL_SUBSCRIPTION_GONE', message: 'ended' } as const }, /sub_1/, /BILL_SUBSCRIPTION_GONE: acme: ended/],
    ] as const;
    for (const [account, shown, told] of outcomes) {
      await store.transact((tx) => putAccount(tx, account));
      const options = ['--ledger', at('ledger.db'), '--invoices', at('invoices'), '--key', at('billing.pub')];
      const { out, err } = await bill(folder, 'reconcile', ...options);
      assert.match(out, shown);
      if (told === undefined) assert.doesNotMatch(err, /BILL_SUBSCRIPTION/);
      else assert.match(err, told);
    }
    // What drafts of invoices differ by is what the operator's alert says.
    const sum = { hours: 3, unread: 0, meters: new Map([['users', { ledger: 5, off: 2 }]]) };
    await store.transact(async (tx) => {
      await putCompared(tx, { invoice: 'in_1', tenant: 'acme', atMs: OCTOBER_MS, sum });
      await putCompared(tx, { invoice: 'in_2', tenant: 'other', atMs: OCTOBER_MS, sum });
      await putCompared(tx, { invoice: 'in_3', tenant: 'acme', atMs: OCTOBER_MS, sum: { ...sum, hours: 0 } });
      await putCompared(tx, { invoice: 'in_4', tenant: 'acme', atMs: OCTOBER_MS, sum: { ...sum, hours: 0, unread: 2 } });
    });
    // A ledger that cannot be read agrees with nothing.
    const reconcile = () =>
      bill(folder, 'reconcile', '--ledger', at('ledger.db'), '--invoices', at('invoices'), '--key', at('billing.pub'));
    const drifting = (await reconcile()).err.split('\n').filter((line) => line.includes('BILL_DRIFT'));
    assert.deepEqual([drifting.length, /acme: 3 hours of in_1 differed .* 2025-10-01T00:00:00Z/.test(drifting[0] ?? '')], [1, true]);
    assert.match((await reconcile()).err, /BILL_DRAFT_UNREAD.*acme: 2 hours of in_4 could not be read/);
    // An older ledger says nothing of it.
    await store.transact((tx) => tx.run("UPDATE store_room SET steps = 6 WHERE room = 'billing'"));
    assert.doesNotMatch((await reconcile()).err, /BILL_DRIFT/);
    await store.transact((tx) => tx.run('ALTER TABLE billing_statement RENAME TO lost'));
    await store.transact((tx) => tx.run('ALTER TABLE billing_outbox RENAME TO lost_too'));
    await assert.rejects(reconcile, /billing_outbox/);
    await store.transact((tx) => tx.run("DELETE FROM store_room WHERE room = 'billing'"));
    assert.doesNotMatch((await reconcile()).out, /reports|subscription/, 'nothing was ever reported from it');
    await store.close();
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
    const trust = sealed(folder);
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
      ...trust,
    ]);
    assert.match(later.err, /BILL_STATEMENT_MISSING/);
    assert.equal(later.code, 1);
    folder.write({ 'later.yaml': ACME.replace('2025-10-01', '2099-10-01') });
    const ahead = ['--prices', at('prices.yaml'), '--subscription', at('later.yaml'), '--at', '2099-10-01T00:00:00Z'];
    const notDue = await runInProcess(['bill', 'close', ...ahead, ...trust, '--key', at('billing.key'), '--out', at('invoices')]);
    assert.deepEqual([notDue.code, /BILL_MONTH_OPEN: what falls due at 2099.*not due yet/.test(notDue.err)], [1, true], notDue.err);
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

  it('bills no tenant and no month of which the ledger knows nothing', async () => {
    using folder = scene();
    const at = (name: string): string => join(folder.path, name);
    const trust = sealed(folder);
    const store = await openSqliteStore({ file: at('ledger.db'), clock: systemClock });
    await store.migrate(USAGE_TABLES);
    await store.claim('test');
    const run = (command: string, moment: string, ...more: readonly string[]): Promise<Ran> => {
      const documents = ['--prices', at('prices.yaml'), '--subscription', at('acme.yaml'), ...trust, '--ledger', at('ledger.db')];
      return runInProcess(['bill', command, ...documents, '--at', moment, ...more]);
    };
    const kept = ['--key', at('billing.key'), '--out', at('invoices')];
    const refused = async (said: RegExp): Promise<void> => {
      const closed = await run('close', '2025-11-01T00:00:00Z', ...kept);
      assert.equal(closed.code, 1, closed.out);
      assert.match(closed.err, said);
      assert.equal(existsSync(at('invoices')), false);
    };
    await refused(/^BILL_TENANT_UNKNOWN: the ledger has never heard of acme \(correct `tenant`/);
    const shown = await run('preview', '2025-11-01T00:00:00Z');
    assert.deepEqual([shown.code, /99\.00 USD/.test(shown.out)], [0, true]);
    assert.match(shown.err, /`writ bill close` refuses it: the ledger has never heard of acme/);
    // It begins in the middle of November, and another tenant was heard of before.
    const began = Date.UTC(2025, 10, 14);
    await store.transact((tx) =>
      tx.run(`INSERT INTO usage_bucket (hour_ms, tenant, meter, count, sum, peak) VALUES (?, 'constructor', 'users', 1, '1', '1')`, [
        began,
      ]),
    );
    await refused(/BILL_TENANT_UNKNOWN/);
    await store.transact((tx) =>
      tx.run(`INSERT INTO usage_source (number, tenant, source, highest, gaps, last_ms, open) VALUES (1, 'acme', '/a', 1, '', ?, 0)`, [
        began,
      ]),
    );
    await refused(/^BILL_LEDGER_LATER: of 2025-10: the ledger knows nothing before 2025-11-14 \(give the statement/);
    assert.match((await run('preview', '2025-11-01T00:00:00Z')).err, /refuses it: of 2025-10: the ledger knows nothing/);
    // Of November it may be billed, though it used nothing.
    assert.match((await run('close', '2025-12-01T00:00:00Z', ...kept)).err, /BILL_MONTH_OPEN: not frozen yet: 2025-11/);
    await store.transact((tx) => freezePeriod(tx, Date.UTC(2025, 10), Date.UTC(2025, 11, 3)));
    // Frozen or not, a month from before is not one in which nothing was used.
    await refused(/BILL_LEDGER_LATER/);
    assert.equal((await run('close', '2025-12-01T00:00:00Z', ...kept)).code, 0);
    await store.close();
  });

  it('closes no month that the ledger has not frozen, and the same bytes ever after', async () => {
    using folder = scene();
    const at = (name: string): string => join(folder.path, name);
    const trust = sealed(folder);
    let nowMs = Date.UTC(2025, 10, 1, 12);
    const clock = { ...systemClock, now: () => nowMs };
    const store = await openSqliteStore({ file: at('ledger.db'), clock: systemClock });
    await store.migrate(USAGE_TABLES);
    await store.claim('test');
    const used = (sum: string): Promise<number> =>
      store.transact((tx) =>
        tx.run(
          `INSERT INTO usage_total (billed_ms, tenant, used_ms, meter, count, sum, peak) VALUES (?, 'acme', ?, 'api_calls', 1, ?, '0')
          ON CONFLICT (billed_ms, tenant, used_ms, meter) DO UPDATE SET sum = excluded.sum`,
          [OCTOBER_MS, OCTOBER_MS, sum],
        ),
      );
    const documents = ['--prices', at('prices.yaml'), '--subscription', at('acme.yaml'), '--at', '2025-11-01T00:00:00Z', ...trust];
    const fromLedger = ['--ledger', at('ledger.db')];
    const run = (command: string, ...more: readonly string[]): Promise<Ran> =>
      runInProcess(['bill', command, ...documents, ...more], {}, clock);
    const kept = ['--key', at('billing.key'), '--out', at('invoices')];

    await used('12345000000');
    const early = await run('close', ...fromLedger, ...kept);
    assert.deepEqual([early.code, /BILL_MONTH_OPEN: not frozen yet: 2025-10/.test(early.err)], [1, true], early.err);
    assert.equal(existsSync(at('invoices')), false);
    const shown = await run('preview', ...fromLedger);
    assert.equal(shown.code, 0, shown.err);
    assert.match(shown.err, /the month is still open.*2025-10/);
    // Nor one of a report that says so, or that was made before the month could be frozen, whatever it says.
    folder.write({ 'open.json': october('1').replace('"closed":true', '"closed":false') });
    folder.write({ 'early.json': october('1').replace('2025-11-03T00', '2025-11-02T23') });
    folder.write({ 'bare.json': JSON.stringify(JSON.parse(october('1').replace('2025-11-03T00', '2025-10-03T00')).statements[0]) });
    for (const name of ['open.json', 'early.json', 'bare.json'])
      assert.match((await run('close', '--statement', at(name), ...kept)).err, new RegExp(`BILL_MONTH_OPEN.*2025-10 .*${name}`));
    folder.write({ 'bare.json': JSON.stringify(JSON.parse(october('1')).statements[0]) });
    assert.doesNotMatch((await run('preview', '--statement', at('bare.json'))).err, /open/);

    // What comes before the freeze is in the month's own statement.
    await used('22345000000');
    nowMs += 48 * 3_600_000;
    await store.transact((tx) => freezePeriod(tx, OCTOBER_MS, nowMs));
    const closed = await run('close', ...fromLedger, ...kept);
    assert.equal(closed.code, 0, closed.err);
    const bytes = readFileSync(at('invoices/acme/2025-11-01T00.json'), 'utf8');
    assert.match(bytes, /22345/);
    // It was frozen, and its statement is made later; nothing of it depends on when it is read.
    nowMs += 1000;
    assert.match((await run('close', ...fromLedger, ...kept)).out, /closed before/);
    await store.transact((tx) => makeStatements(tx, OCTOBER_MS, { meterOf: undeclared }));
    assert.match((await run('close', ...fromLedger, ...kept)).out, /closed before/);
    await store.close();
  });
});
