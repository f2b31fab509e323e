// SPDX-License-Identifier: Apache-2.0
// What `writ slo` says to input that it cannot use. What it makes of good input is in test/slo.
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { hash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openSqliteStore } from '../operator/usage/sqlite-store.ts';
import { billingMigrations } from '../operator/billing/outbox/tables.ts';
import { USAGE_TABLES } from '../operator/usage/tables.ts';
import { systemClock } from '../process/clock.ts';
import { writeSigned } from './signed-file.ts';
import { keySigner } from './signing/signer.ts';
import { temporaryFolder, trustPolicy } from './spawn-writ.ts';
import type { Folder, Ran } from './spawn-writ.ts';
import { runInProcess } from './test-run.ts';

const PRICES = readFileSync(new URL('../deploy/examples/prices.yaml', import.meta.url), 'utf8').replace('2026-01-01', '2025-01-01');
const ACME = 'tenant: acme\nchanges:\n- {at: "2025-10-01T00:00:00Z", tier: Enterprise, cycle: Monthly}\n';
const EXCLUSION = `exclusions:
- {id: one, kind: Maintenance, from: "2025-10-04T02:00:00Z", to: "2025-10-04T03:00:00Z", announced: "2025-09-30T12:00:00Z", reason: disk, requester: ann, approver: bob}
`;

const scene = async (): Promise<Folder> => {
  const folder = temporaryFolder();
  folder.write({ 'prices.yaml': PRICES, 'acme.yaml': ACME });
  const store = await openSqliteStore({ file: join(folder.path, 'ledger.db'), clock: systemClock });
  await store.migrate(USAGE_TABLES);
  await store.close();
  return folder;
};

const slo = ({ path }: Folder, command: string, ...more: readonly string[]): Promise<Ran> => {
  const documents = ['--prices', join(path, 'prices.yaml'), '--subscription', join(path, 'acme.yaml')];
  return runInProcess(['slo', command, ...(command === 'status' ? [] : documents), '--ledger', join(path, 'ledger.db'), ...more]);
};

describe('writ slo', () => {
  it('states a month of which the ledger knows nothing as one in which nothing was kept', async () => {
    using folder = await scene();
    const shown = await slo(folder, 'statement', '--month', '2025-10');
    assert.equal(shown.code, 0, shown.err);
    assert.match(shown.err, /not signed as it is: the ledger has never heard of acme/);
    assert.match(shown.out, /availability: Unknown: 0 % of 99\.9 %\n.* 0 good, 0 bad, 44640 missing, 0 excluded/);
    assert.match(shown.out, /below 95\.0 %: 100 % of the fee, 999\.00 USD/);
    for (const asked of [[], ['--tenant', 'nobody'], ['--output', 'json']]) {
      const { code, out } = await slo(folder, 'status', ...asked);
      assert.equal(code, 1, out);
      assert.match(out, /holds no counts of answers (of nobody )?for this time|"objectives": \[\]/);
    }
    folder.write({ 'acme.yaml': ACME + EXCLUSION });
    assert.match((await slo(folder, 'statement', '--month', '2025-10')).out, /44580 missing, 60 excluded[^]*excluded one: Maintenance/);
  });

  it('says how far it is with many tenants', async () => {
    using folder = await scene();
    const store = await openSqliteStore({ file: join(folder.path, 'ledger.db'), clock: systemClock });
    await store.claim('test');
    await store.transact((tx) =>
      tx.insert({
        into: 'usage_source',
        columns: ['number', 'tenant', 'source', 'highest', 'gaps', 'last_ms', 'open'],
        rows: Array.from({ length: 201 }, (_, at) => [at + 1, `t${at}`, '/writ/webhook/r/boots/1/levels', 0, '', systemClock.now(), 1]),
      }),
    );
    await store.close();
    assert.equal((await slo(folder, 'status')).err, '100 of 201 tenants\n200 of 201 tenants\n');
    assert.equal((await slo(folder, 'status', '--tenant', 't7')).err, '');
  });

  it('signs nothing of a tenant that the ledger never heard of, nor of a month from before it', async () => {
    using folder = await scene();
    const at = (name: string): string => join(folder.path, name);
    folder.writ(['keygen', '--name', 'sla']);
    folder.write({ 'trust.yaml': trustPolicy({ sla: readFileSync(at('sla.pub'), 'utf8') }).replace('[Policy]', '[PriceBook]') });
    assert.equal(folder.writ(['sign', 'prices.yaml', '--key', 'sla.key']).code, 0);
    const sign = (month: string): Promise<Ran> =>
      slo(folder, 'statement', '--month', month, '--trust', at('trust.yaml'), '--key', at('sla.key'), '--out', at('statements'));
    const unknown = await sign('2025-10');
    assert.deepEqual([unknown.code, /BILL_TENANT_UNKNOWN: .* acme \(correct /.test(unknown.err)], [1, true], unknown.err);
    const store = await openSqliteStore({ file: at('ledger.db'), clock: systemClock });
    await store.claim('test');
    await store.transact((tx) =>
      tx.run(`INSERT INTO usage_total (billed_ms, tenant, used_ms, meter, count, sum, peak) VALUES (?, 'acme', ?, 'users', 1, '1', '1')`, [
        Date.UTC(2025, 10),
        Date.UTC(2025, 10),
      ]),
    );
    await store.close();
    const before = await sign('2025-10');
    assert.match(before.err, /BILL_LEDGER_LATER: of 2025-10: the ledger knows nothing before 2025-11-01 \(/);
    assert.equal(existsSync(at('statements')), false);
    const { code, err } = await sign('2025-11');
    assert.deepEqual([code, existsSync(at('statements/acme/2025-11.r1.json'))], [0, true], err);
    // What the operator put on record of statements is held against the files; invoices lie elsewhere.
    const verify = (): Promise<Ran> =>
      slo(folder, 'verify', '--trust', at('trust.yaml'), '--statements', at('statements'), '--key', at('sla.pub'));
    const digest = `sha256:${hash('sha256', readFileSync(at('statements/acme/2025-11.r1.json')))}`;
    const record = async (...rows: readonly (readonly [id: string, digest: string])[]): Promise<Ran> => {
      const ledger = await openSqliteStore({ file: at('ledger.db'), clock: systemClock });
      await ledger.migrate(billingMigrations);
      await ledger.claim('test');
      await ledger.transact(async (tx) => {
        for (const [id, one] of rows) await tx.run(`INSERT INTO billing_issued VALUES ('${id}', 'acme', '', '${one}', '', 1)`);
      });
      await ledger.close();
      return verify();
    };
    const good = await record(['acme/2025-11/r1', digest], ['acme/2025-12-01T00:00:00Z', 'sha256:1']);
    assert.equal(good.code, 0, good.err);
    const gone = await record(['acme/2025-11/r2', 'sha256:2']);
    assert.match(gone.err, /BILL_RECORD_DIFFERS: acme\/2025-11\/r2 is on record as sha256:2, and the file is not there/);
  });

  it('refuses exclusions that are no excuse, with their place', async () => {
    using folder = await scene();
    const rows: readonly (readonly [from: string, to: string, said: RegExp])[] = [
      ['announced: "2025-09-30T12:00:00Z", ', '', /acme\.yaml:5:3: .*exclusions\[0\]: maintenance is announced 72 hours before/],
      ['2025-09-30T12', '2025-10-03T12', /72 hours/],
      ['approver: bob', 'approver: ann', /ann asked for it and approved it/],
      ['T03:00:00Z', 'T01:00:00Z', /ends before it begins/],
      ['T03:00:00Z', 'T03:00:01Z', /on a minute/],
      ['Maintenance', 'constructor', /exclusions\[0\]\.kind: write one of Maintenance, Tenant/],
      ['reason: disk', 'constructor: disk', /exclusions\[0\]\.constructor: there is no such field/],
      ['2025-10-04T02', '2025-02-30T02', /exclusions\[0\]\.from: write a UTC time/],
    ];
    for (const [from, to, said] of rows) {
      folder.write({ 'acme.yaml': ACME + EXCLUSION.replace(from, to) });
      const refused = await slo(folder, 'statement', '--month', '2025-10');
      assert.equal(refused.code, 1, to);
      assert.match(refused.err, /BILL_SUBSCRIPTION_INVALID/);
      assert.match(refused.err, said);
    }
    folder.write({ 'acme.yaml': ACME + EXCLUSION + EXCLUSION.replace('exclusions:\n', '') });
    assert.match((await slo(folder, 'statement', '--month', '2025-10')).err, /an id is there twice/);
  });

  it('tells wrong use from what it found', async () => {
    using folder = await scene();
    const at = (name: string): string => join(folder.path, name);
    const month = ['--month', '2025-10'];
    const outcomes = [
      [await slo(folder, 'statement', '--month', '2025-13'), 2, /write a month/],
      [await slo(folder, 'statement', '--month', '2099-10'), 1, /SLO_MONTH_OPEN: the month can be stated from 2099-11-03T00:00Z on/],
      [await slo(folder, 'statement', ...month, '--out', at('sla')), 2, /belong together/],
      [await slo(folder, 'statement', '--month', '2025-09'), 1, /SLO_NOTHING_PROMISED/],
      [await slo(folder, 'status', '--at', 'yesterday'), 2, /write a time/],
      [await slo(folder, 'status', '--ledger', at('none.db')), 1, /USAGE_LEDGER_UNAVAILABLE/],
      [await slo(folder, 'verify', '--statements', at('sla'), '--key', at('none.pub')), 1, /there is no statement for acme/],
      [await runInProcess(['slo', 'statement']), 2, /--prices/],
    ] as const;
    for (const [{ code, err, out }, expected, said] of outcomes) {
      assert.match(err + out, said);
      assert.equal(code, expected, err);
    }
    // A revision without the one before it, and a file that is none.
    folder.writ(['keygen', '--name', 'billing']);
    const issued = ['--out', at('sla'), '--key', at('billing.key')];
    const unchecked = await slo(folder, 'statement', ...month, ...issued);
    assert.deepEqual([unchecked.code, /BILL_PRICES_UNCHECKED: .*--trust/.test(unchecked.err)], [1, true], unchecked.err);
    assert.equal(existsSync(at('sla')), false);
    const pem = readFileSync(at('billing.pub'), 'utf8');
    folder.write({ 'trust.yaml': trustPolicy({ billing: pem }).replace('kinds: [Policy]', 'kinds: [PriceBook]') });
    assert.equal(folder.writ(['sign', 'prices.yaml', '--key', 'billing.key']).code, 0);
    const kept = [...issued, '--trust', at('trust.yaml')];
    folder.write({ 'sla/acme/2025-10.r2.json': '{}' });
    assert.match((await slo(folder, 'statement', ...month, ...kept)).err, /SLO_STATEMENT_INVALID.*revision 1 is not there/);
    folder.write({ 'sla/acme/2025-10.r1.json': '{}' });
    assert.match((await slo(folder, 'statement', ...month, ...kept)).err, /SLO_STATEMENT_INVALID.*it is no revision 1 for acme/);
    const signer = keySigner(createPrivateKey(readFileSync(at('billing.key'), 'utf8')));
    await writeSigned({ path: at('acme.yaml'), text: readFileSync(at('acme.yaml'), 'utf8'), signer });
    const sla = ['--sla', at('acme.yaml'), '--sla-key', at('billing.pub')];
    const bill = ['bill', 'preview', '--prices', at('prices.yaml'), '--subscription', at('acme.yaml'), ...sla];
    assert.match((await runInProcess([...bill, '--at', '2025-11-01T00:00:00Z'])).err, /SLO_STATEMENT_INVALID.*it is no SLA statement/);
  });
});
