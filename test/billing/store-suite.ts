// SPDX-License-Identifier: Apache-2.0
// What billing asks of the ledger's store, on an engine of the caller's: a month with reports, a hold, events, a signed statement.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { event } from '../usage/ledger-scene.ts';
import { allAccounts } from '../../operator/billing/accounts/tables.ts';
import { allCompared } from '../../operator/billing/compared.ts';
import { billingMigrations } from '../../operator/billing/outbox/tables.ts';
import { textOf } from '../../operator/usage/store.ts';
import { seal } from '../../policies/trust/seal.ts';
import { describeReplaced } from './replaced-suite.ts';
import { simulate } from './simulation.ts';
import { simulateAccounts } from './subscription-simulation.ts';
import type { EngineUnderTest } from '../usage/store-suite.ts';
import { HOUR_MS, NOVEMBER, OCTOBER, START, WEBHOOK, folder, scene } from './scene.ts';

export const describeBilling = (engine: EngineUnderTest): void => {
  void describe('billing', () => {
    it('goes through a month', async () => {
      const dir = join(folder, 'engine');
      const { privateKey, publicKey } = generateKeyPairSync('ed25519');
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      // What the command line issued, before anything else happens.
      const invoices = join(dir, 'invoices');
      mkdirSync(join(invoices, 'acme'), { recursive: true });
      const opening = {
        format: 'writ.dev/invoice/v1',
        id: 'acme/2026-10-01T00:00:00Z',
        tenant: 'acme',
        total: 1,
        currency: { code: 'usd' },
      };
      const text = Buffer.from(JSON.stringify(opening));
      writeFileSync(join(invoices, 'acme/2026-10-01T00.json'), text);
      writeFileSync(join(invoices, 'acme/2026-10-01T00.json.sigstore.json'), seal(text, privateKey));
      writeFileSync(join(invoices, 'key.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
      const it = await scene({
        store: await engine.open('billing'),
        secret: { 'webhook-secret': WEBHOOK, 'statement-key': pem },
        config: {
          'statement-dir': dir,
          'statement-secret': 'statements',
          'invoice-dir': invoices,
          'invoice-key': [join(invoices, 'key.pub')],
        },
      });
      await it.ledger.accept([event({ value: '5' }), event({ tenant: 'free', source: '/b', value: '7' })]);
      await it.look(START + 2 * HOUR_MS);
      await it.look(START + 3 * HOUR_MS);
      assert.equal(it.counted(START), '5');
      const invoice = it.fake.openInvoice('cus_acme', OCTOBER, NOVEMBER);
      invoice.finalizesMs = NOVEMBER + HOUR_MS;
      await it.look(NOVEMBER + HOUR_MS / 2);
      invoice.finalizesMs = NOVEMBER + 2 * HOUR_MS;
      await it.look(NOVEMBER + HOUR_MS);
      assert.equal(invoice.finalizesMs, NOVEMBER + 72 * HOUR_MS);
      const object = { id: 'in_9', customer: 'cus_acme', currency: 'usd', status: 'open', total: 29_900 };
      const final = { id: 'evt_1', object: 'event', type: 'invoice.finalized', livemode: false, data: { object } };
      const answers = [await it.deliver(final), await it.deliver(final)];
      assert.deepEqual(
        answers.map((answer) => answer?.body.message),
        ['taken', 'seen'],
      );
      await it.look(NOVEMBER + 49 * HOUR_MS);
      assert.deepEqual(
        ['acme', 'free'].map((tenant) => existsSync(join(dir, tenant, '2026-10.json'))),
        [false, true],
      );
      const actions = (await it.recorded()).map(({ action }) => action);
      const expected = [
        'billing.closed',
        'billing.reported',
        'billing.held',
        'billing.held',
        'billing.final',
        'billing.statement',
        'billing.statement',
      ];
      assert.deepEqual(actions, expected);
      // What a draft differs by is kept with it, and goes with it.
      it.fake.meters.received.get('writ_api_calls_absolute')?.splice(0);
      await it.look(NOVEMBER + 68 * HOUR_MS);
      assert.deepEqual(
        (await it.store.read(allCompared)).map(({ tenant, sum }) => [tenant, sum.hours, sum.meters.get('api_calls')]),
        [['acme', 1, { ledger: 5, off: 5 }]],
      );
      invoice.status = 'open';
      await it.look(NOVEMBER + 69 * HOUR_MS);
      assert.deepEqual(await it.store.read(allCompared), []);
      await it.end();
    });

    it('reports and subscribes what is used and ordered, whatever happens in between', async () => {
      const reports = await simulate(1, {}, await engine.open('reports'));
      assert.deepEqual([reports.wrong, reports.regressions, reports.aside], [[], [], 0]);
      const subscriptions = await simulateAccounts(4, undefined, await engine.open('subscriptions'));
      assert.deepEqual(subscriptions.wrong, []);
    });

    it('takes over what was kept before uids were', async () => {
      const store = await engine.open('older');
      await store.migrate({ ...billingMigrations, steps: billingMigrations.steps.slice(0, 5) });
      await store.claim('older');
      const rest = "'Starter', 'Monthly', 5, 0, '', '', 0, '', '', 'wanted', 7";
      await store.transact(async (tx) => {
        for (const name of ['acme', 'zeta'])
          await tx.run(`INSERT INTO billing_account VALUES ('${name}', 'cus_${name}', 'sub_1', ${rest})`);
        await tx.run("INSERT INTO billing_ask VALUES ('acme', 'customer', '{}', 3, 'done', 9)");
      });
      await store.migrate(billingMigrations);
      await store.claim('newer');
      assert.deepEqual(
        (await store.read(allAccounts)).map(({ tenant, uid, customer, subscription, terms, untilMs, dueMs }) => ({
          row: [tenant, uid, customer, subscription, untilMs, dueMs],
          terms,
        })),
        ['acme', 'zeta'].map((name) => ({
          row: [name, '', `cus_${name}`, 'sub_1', 0, 7],
          terms: { tier: 'Starter', cycle: 'Monthly', anchorMs: 5 },
        })),
      );
      const [ask] = await store.read((reader) => reader.all("SELECT what, body FROM billing_ask WHERE tenant = 'acme' AND uid = ''"));
      assert.equal(ask === undefined ? '' : textOf(ask, 'what'), 'customer');
      await store.close();
    });

    let made = 0;
    describeReplaced(() => engine.open(`replaced${(made += 1)}`));
  });
};
