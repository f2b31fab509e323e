// SPDX-License-Identifier: Apache-2.0
// What billing asks of the ledger's store, on an engine of the caller's: a month with reports, a hold, events, a signed statement.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { event } from '../usage/ledger-scene.ts';
import type { EngineUnderTest } from '../usage/store-suite.ts';
import { HOUR_MS, NOVEMBER, OCTOBER, START, WEBHOOK, folder, scene } from './scene.ts';

export const describeBilling = (engine: EngineUnderTest): void => {
  void describe('billing', () => {
    it('goes through a month', async () => {
      const dir = join(folder, 'engine');
      const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      const it = await scene({
        store: await engine.open('billing'),
        secret: { 'webhook-secret': WEBHOOK, 'statement-key': pem },
        config: { 'statement-dir': dir, 'statement-secret': 'statements' },
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
      const expected = ['billing.reported', 'billing.held', 'billing.held', 'billing.final', 'billing.statement', 'billing.statement'];
      assert.deepEqual(actions, expected);
      await it.end();
    });
  });
};
