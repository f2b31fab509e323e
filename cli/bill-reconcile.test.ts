// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { newAccount, putAccount } from '../operator/billing/accounts/tables.ts';
import { putCompared } from '../operator/billing/compared.ts';
import { billingMigrations } from '../operator/billing/outbox/tables.ts';
import { openSqliteStore } from '../operator/usage/sqlite-store.ts';
import { USAGE_TABLES } from '../operator/usage/tables.ts';
import { systemClock } from '../process/clock.ts';
import { OCTOBER_MS, bill, scene, sealed, inputOf, signFile } from './test-bill.ts';
import { runInProcess } from './test-run.ts';
import type { Ran } from './spawn-writ.ts';

describe('writ bill reconcile', () => {
  it('takes an invoice for good by its name, its signature and its bytes', async () => {
    using folder = scene();
    const at = (name: string): string => join(folder.path, name);
    const trust = await sealed(folder);
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
    await signFile(folder, 'october.json');
    for (let day = 1; day < 7; day += 1) folder.write({ [`invoices/acme/2025-11-0${day}T00.json`]: '{}' });
    const at = (name: string): string => join(folder.path, name);
    // Each look at the clock is a second later.
    let nowMs = 0;
    const clock = { ...systemClock, monotonicMs: () => (nowMs += 1000) };
    const input = [...inputOf(folder), '--statement-key', at('billing.pub')];
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
    await signFile(folder, 'october.json');
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
    // What the operator put on record of invoices is held against the folder; SLA statements lie elsewhere.
    const empty = `sha256:${hash('sha256', '{}')}`;
    await store.transact(async (tx) => {
      for (const [id, digest] of [
        ['acme/2025-11-01T00:00:00Z', empty],
        ['acme/2025-10/r1', 'sha256:1'],
        ['other/2025-11-01T00:00:00Z', 'sha256:2'],
      ] as const)
        await tx.run(`INSERT INTO billing_issued VALUES ('${id}', '${id.slice(0, id.indexOf('/'))}', 'path', '${digest}', '', 1)`);
    });
    const held = await reconcile();
    assert.match(held.out, /invoices and SLA statements on record: 2\n/);
    assert.doesNotMatch(held.err, /BILL_RECORD_DIFFERS/);
    folder.write({ 'invoices/acme/2025-11-01T00.json': '{ }' });
    assert.match(
      (await reconcile()).err,
      /BILL_RECORD_DIFFERS: acme\/2025-11-01T00:00:00Z is on record as sha256:\w+, and the file is sha256:/,
    );
    await store.transact((tx) => tx.run("UPDATE billing_issued SET id = 'acme/2025-10-01T00:00:00Z' WHERE digest LIKE 'sha256:4%'"));
    assert.match((await reconcile()).err, /BILL_RECORD_DIFFERS: acme\/2025-10-01T00:00:00Z is on record as .*, and the file is not there/);
    // An older ledger says nothing of it.
    await store.transact((tx) => tx.run("UPDATE store_room SET steps = 6 WHERE room = 'billing'"));
    assert.doesNotMatch((await reconcile()).err, /BILL_DRIFT|BILL_RECORD/);
    await store.transact((tx) => tx.run('ALTER TABLE billing_statement RENAME TO lost'));
    await store.transact((tx) => tx.run('ALTER TABLE billing_outbox RENAME TO lost_too'));
    await assert.rejects(reconcile, /billing_outbox/);
    await store.transact((tx) => tx.run("DELETE FROM store_room WHERE room = 'billing'"));
    assert.doesNotMatch((await reconcile()).out, /reports|subscription/, 'nothing was ever reported from it');
    await store.close();
  });
});
