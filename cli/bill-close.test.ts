// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { freezePeriod, makeStatements } from '../operator/usage/close.ts';
import { openSqliteStore } from '../operator/usage/sqlite-store.ts';
import { undeclared } from '../operator/usage/stored-meters.ts';
import { USAGE_TABLES } from '../operator/usage/tables.ts';
import { systemClock } from '../process/clock.ts';
import { ACME, OCTOBER_MS, bill, october, scene, sealed, signFile } from './test-bill.ts';
import { runInProcess } from './test-run.ts';
import type { Ran } from './spawn-writ.ts';

describe('writ bill close', () => {
  it('closes once, with a signature that verifies, and never says something else', async () => {
    using folder = scene();
    const at = (name: string): string => join(folder.path, name);
    const trust = await sealed(folder);
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
    await signFile(folder, 'october.json');
    const again = await bill(folder, 'close', ...close);
    assert.equal(again.code, 1);
    assert.match(again.err, /BILL_CLOSED/);
    assert.equal(readFileSync(path, 'utf8'), bytes);
    const differing = await bill(folder, 'reconcile', ...checked, '--output', 'json');
    assert.equal(differing.code, 1);
    assert.equal(JSON.parse(differing.out).problems[0].code, 'BILL_DIFFERS');
  });

  it('bills no tenant and no month of which the ledger knows nothing', async () => {
    using folder = scene();
    const at = (name: string): string => join(folder.path, name);
    const trust = await sealed(folder);
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
    await store.transact((tx) => tx.run("UPDATE usage_source SET highest = 3, gaps = '1-2'"));
    assert.match((await run('preview', '2025-12-01T00:00:00Z')).err, /^not in the figures: acme {2}missing 2 of \/a$/m);
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
    const trust = await sealed(folder);
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
    const key = ['--statement-key', at('billing.pub')];
    for (const name of ['open.json', 'early.json', 'bare.json']) {
      await signFile(folder, name);
      assert.match((await run('close', '--statement', at(name), ...key, ...kept)).err, new RegExp(`BILL_MONTH_OPEN.*2025-10 .*${name}`));
    }
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

  it('bills what is heard of late of a month in which nothing was used', async () => {
    using folder = scene();
    const at = (name: string): string => join(folder.path, name);
    const trust = await sealed(folder);
    const store = await openSqliteStore({ file: at('ledger.db'), clock: systemClock });
    await store.migrate(USAGE_TABLES);
    await store.claim('test');
    const novemberMs = Date.UTC(2025, 10);
    await store.transact(async (tx) => {
      await freezePeriod(tx, OCTOBER_MS, Date.UTC(2025, 10, 3));
      await makeStatements(tx, OCTOBER_MS, { meterOf: undeclared });
      await tx.run(
        `INSERT INTO usage_total (billed_ms, tenant, used_ms, meter, count, sum, peak) VALUES (?, 'acme', ?, 'api_calls', 1, '12000000000', '0')`,
        [novemberMs, OCTOBER_MS],
      );
      await freezePeriod(tx, novemberMs, Date.UTC(2025, 11, 3));
    });
    await store.close();
    folder.write({ 'ended.yaml': `${ACME}end: "2025-11-01T00:00:00Z"\n` });
    const ended = ['--prices', at('prices.yaml'), '--subscription', at('ended.yaml'), ...trust, '--ledger', at('ledger.db')];
    const settled = await runInProcess(['bill', 'preview', ...ended, '--at', '2025-12-01T00:00:00Z', '--output', 'json']);
    assert.equal(settled.code, 0, settled.err);
    assert.deepEqual(
      JSON.parse(settled.out).lines.map(({ kind, amount }: Record<string, unknown>) => [kind, amount]),
      [['carried', 200]],
    );
    const documents = ['--prices', at('prices.yaml'), '--subscription', at('acme.yaml'), ...trust, '--ledger', at('ledger.db')];
    const shown = await runInProcess(['bill', 'preview', ...documents, '--at', '2025-12-01T00:00:00Z', '--output', 'json']);
    assert.equal(shown.code, 0, shown.err);
    const { lines } = JSON.parse(shown.out);
    assert.deepEqual(
      lines.flatMap(({ kind, meter, quantity }: Record<string, unknown>) => (kind === 'carried' ? [[meter, quantity]] : [])),
      [['api_calls', '12000']],
    );
  });

  it('signs nothing by a statement that nobody signed who is named', async () => {
    using folder = scene();
    const at = (name: string): string => join(folder.path, name);
    const trust = await sealed(folder);
    folder.writ(['keygen', '--name', 'other']);
    const documents = ['--prices', at('prices.yaml'), '--subscription', at('acme.yaml'), '--statement', at('october.json'), ...trust];
    const moment = ['--at', '2025-11-01T00:00:00Z'];
    const close = (...more: readonly string[]): Promise<Ran> =>
      runInProcess(['bill', 'close', ...documents, ...moment, '--key', at('billing.key'), '--out', at('invoices'), ...more]);
    const refused = async (said: RegExp, ...more: readonly string[]): Promise<void> => {
      const { code, err } = await close(...more);
      assert.deepEqual([code, said.test(err), existsSync(at('invoices'))], [1, true, false], err);
    };
    const key = ['--statement-key', at('billing.pub')];
    await refused(/BILL_STATEMENT_UNSIGNED: no --statement-key says whose signature .*october\.json must bear/);
    await refused(/BILL_STATEMENT_UNSIGNED: .*october\.json\.sigstore\.json: /, '--statement-key', at('other.pub'));
    folder.write({ 'october.json': october('1') });
    await refused(/BILL_STATEMENT_UNSIGNED: .*october\.json\.sigstore\.json: /, ...key);
    rmSync(at('october.json.sigstore.json'));
    await refused(/BILL_STATEMENT_UNSIGNED: .*it has no signature/, ...key);
    const shown = await runInProcess(['bill', 'preview', ...documents, ...moment]);
    assert.deepEqual([shown.code, /`writ bill close` refuses it: no --statement-key/.test(shown.err)], [0, true], shown.err);
    await signFile(folder, 'october.json');
    // The signature lies beside it, so a pattern names both.
    const both = await close(...key, '--statement', at('october.json'), at('october.json.sigstore.json'));
    assert.equal(both.code, 0, both.err);
    const again = ['bill', 'reconcile', ...documents, '--invoices', at('invoices'), '--key', at('billing.pub')];
    const unchecked = await runInProcess(again);
    assert.deepEqual([unchecked.code, /BILL_STATEMENT_UNSIGNED/.test(unchecked.err)], [1, true], unchecked.err);
    assert.equal((await runInProcess([...again, ...key])).code, 0);
  });

  it('takes orders and approvals under the signature of each who must give one', async () => {
    using folder = scene();
    const at = (name: string): string => join(folder.path, name);
    for (const name of ['ann', 'bob']) folder.writ(['keygen', '--name', name]);
    const by = ['--subscription-key', at('ann.pub'), at('bob.pub')];
    const preview = (): Promise<Ran> => bill(folder, 'preview', ...by);
    const sign = async (name: string): Promise<void> => {
      await signFile(folder, 'acme.yaml', name);
      renameSync(at('acme.yaml.sigstore.json'), at(`acme.yaml.${name}.sigstore.json`));
    };
    assert.match((await preview()).err, /BILL_SUBSCRIPTION_UNSIGNED: .*none of 0 signatures beside it is by .*ann\.pub/);
    await sign('ann');
    assert.match((await preview()).err, /BILL_SUBSCRIPTION_UNSIGNED: .*none of 1 signature beside it is by .*bob\.pub/);
    await sign('bob');
    const both = await preview();
    assert.equal(both.code, 0, both.err);
    folder.write({ 'acme.yaml': ACME.replace('"25.00"', '"2500.00"') });
    assert.match((await preview()).err, /BILL_SUBSCRIPTION_UNSIGNED/);
  });

  it('says by a digest what was ordered and approved, and what is ordered later changes nothing of it', async () => {
    using folder = scene();
    const orders = async (text: string): Promise<unknown> => {
      folder.write({ 'acme.yaml': text });
      return JSON.parse((await bill(folder, 'preview', '--output', 'json')).out).orders;
    };
    const first = await orders(ACME);
    assert.match(String(first), /^sha256:[0-9a-f]{64}$/);
    const later = '- {at: "2025-12-01T00:00:00Z", tier: Professional, cycle: Monthly}';
    assert.equal(await orders(ACME.replace('adjustments:', `${later}\nadjustments:`)), first);
    assert.notEqual(await orders(ACME.replace('approver: bob', 'approver: eve')), first);
    assert.notEqual(await orders(ACME.replace('2025-10-20', '2025-10-21')), first);
    assert.notEqual(await orders(ACME.replace('tenant: acme', 'tenant: acme\ncustomer: cus_1')), first);
  });
});
