// SPDX-License-Identifier: Apache-2.0
// Use that is heard of after its month was frozen: the next month bills it, at Stripe as on the ledger's statement.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { event } from '../usage/ledger-scene.ts';
import { HOUR_MS, NOVEMBER, OCTOBER, START, scene } from './scene.ts';

const DAY_MS = 24 * HOUR_MS;
const DECEMBER = Date.UTC(2026, 11);

describe('use of a month that is frozen', () => {
  it('is reported in the first hour of the month that bills it, beside what was used there, and compared', async () => {
    const it = await scene();
    await it.ledger.accept([event({ value: '5' })]);
    await it.look(START + 2 * HOUR_MS);
    await it.ledger.accept([event({ value: '3', seq: 2, atMs: NOVEMBER })]);
    await it.look(NOVEMBER + 72 * HOUR_MS);
    // Of an hour that Stripe would not take any more, too.
    await it.ledger.accept([
      event({ value: '1000', seq: 3, atMs: NOVEMBER - HOUR_MS }),
      event({ value: '20', seq: 4, atMs: OCTOBER + HOUR_MS }),
    ]);
    const [october, november] = [it.fake.openInvoice('cus_acme', OCTOBER, NOVEMBER), it.fake.openInvoice('cus_acme', NOVEMBER, DECEMBER)];
    october.finalizesMs = NOVEMBER + 76 * HOUR_MS;
    for (let day = 3; day < 33; day += 1) {
      await it.look(NOVEMBER + day * DAY_MS + HOUR_MS);
      it.fake.finalizeDue();
    }
    await it.look(DECEMBER + 67 * HOUR_MS);
    assert.match(await it.metrics(), /writ_billing_drift_hours 0/);
    await it.look(DECEMBER + 73 * HOUR_MS);
    it.fake.finalizeDue();
    assert.deepEqual(
      [october, november].map(({ quantities }) => quantities.get('writ_api_calls_absolute')),
      ['5', '1023'],
    );
    await it.end();
  });
});
