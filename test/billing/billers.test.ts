// SPDX-License-Identifier: Apache-2.0
// Who bills a month, whatever becomes of a Tenant and its customer while it lasts: one of the two, all of it, and nobody in silence.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { waitsOf } from '../../operator/billing/waits.ts';
import { event } from '../usage/ledger-scene.ts';
import { HOUR_MS, NOVEMBER, OCTOBER, START, folder, scene } from './scene.ts';

const PEM = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const FROZEN = NOVEMBER + 49 * HOUR_MS;
let made = 0;

const both = async () => {
  const dir = join(folder, `billers-${(made += 1)}`);
  const it = await scene({ secret: { 'statement-key': PEM }, config: { 'statement-dir': dir, 'statement-secret': 'statements' } });
  const files = (): readonly string[] =>
    existsSync(dir)
      ? readdirSync(dir, { recursive: true })
          .map(String)
          .filter((name) => name.endsWith('.json') && !name.endsWith('.sigstore.json'))
          .toSorted()
      : [];
  const settled = async (): Promise<readonly string[]> =>
    (await it.recorded()).filter(({ action }) => action === 'billing.statement').map(({ detail }) => String(detail['sink']));
  return { it, dir, files, settled };
};

const billedAs = (tenant: string, customerRef?: string, creationTimestamp = '2026-10-01T00:00:00Z') => ({
  metadata: { name: tenant, creationTimestamp },
  spec: customerRef === undefined ? {} : { billing: { customerRef } },
});

describe('a month', () => {
  it('that was issued as a file is never reported', async () => {
    const { it, files } = await both();
    await it.ledger.accept([event({ tenant: 'free', source: '/b', value: '7' })]);
    await it.look(START + 2 * HOUR_MS);
    await it.look(FROZEN);
    assert.deepEqual(files(), ['free/2026-10.json']);
    it.tenants[1] = billedAs('free', 'cus_free');
    const invoice = it.fake.openInvoice('cus_free', OCTOBER, NOVEMBER);
    for (let hour = 1; hour < 22; hour += 1) await it.look(FROZEN + hour * HOUR_MS);
    assert.equal(invoice.finalizesMs, NOVEMBER + 72 * HOUR_MS, 'what it does not bill is not missing there');
    assert.equal(it.counted(START, 'cus_free'), '0');
    assert.equal(it.fake.requests.filter(({ path }) => path.endsWith('meter_events')).length, 0);
    await it.end();
  });

  it('that was to become a file when the operator died is not reported either', async () => {
    const { it, files } = await both();
    await it.ledger.accept([event({ tenant: 'free', source: '/b', value: '7' })]);
    await it.look(START + 2 * HOUR_MS);
    await it.look(FROZEN);
    await it.store.transact((tx) => tx.run("UPDATE billing_statement SET digest = ''"));
    it.tenants[1] = billedAs('free', 'cus_free');
    for (let hour = 1; hour < 4; hour += 1) await it.look(FROZEN + hour * HOUR_MS);
    assert.equal(it.counted(START, 'cus_free'), '0');
    assert.deepEqual(files(), ['free/2026-10.json']);
    assert.match(await it.metrics(), /writ_billing_statements{state="file"} 1[^]*state="waiting"} 0/);
    await it.end();
  });

  for (const [what, change] of [
    ['its Tenant goes', (tenants: unknown[]) => void tenants.splice(0, 1)],
    ['its customer is taken away', (tenants: unknown[]) => void (tenants[0] = billedAs('acme'))],
  ] as const)
    it(`that was begun at Stripe is reported to its end where ${what}`, async () => {
      const { it, files, settled } = await both();
      await it.ledger.accept([event({ value: '5' })]);
      await it.look(START + 2 * HOUR_MS);
      await it.ledger.accept([event({ value: '1000', seq: 2, atMs: START + 2 * HOUR_MS })]);
      change(it.tenants);
      for (let hour = 3; hour < 8; hour += 1) await it.look(START + hour * HOUR_MS);
      assert.equal(it.counted(START + 2 * HOUR_MS), '1000');
      await it.look(FROZEN);
      assert.deepEqual([files(), await settled()], [[], ['provider']]);
      await it.end();
    });

  it('of which Stripe counts less than the statement says waits, and that is told of', async () => {
    const { it, files, settled } = await both();
    await it.ledger.accept([event({ value: '5' })]);
    await it.look(START + 2 * HOUR_MS);
    it.setNetwork((request, answer) =>
      request.path.endsWith('meter_events')
        ? { status: 400, body: { error: { type: 'invalid_request_error', code: 'resource_missing', message: 'No such customer' } } }
        : answer(),
    );
    await it.ledger.accept([event({ value: '1000', seq: 2, atMs: START + 2 * HOUR_MS })]);
    await it.look(START + 4 * HOUR_MS);
    await it.look(FROZEN);
    assert.doesNotMatch(it.said.join(''), /BILL_STATEMENT_WAITING/);
    for (const hour of [80, 81]) await it.look(NOVEMBER + hour * HOUR_MS);
    assert.deepEqual([files(), await settled()], [[], []]);
    assert.equal(it.said.filter((line) => line.includes('BILL_STATEMENT_WAITING')).length, 1);
    assert.match(await it.metrics(), /state="waiting"} 1/);
    await it.end();
  });

  it('of which Stripe counts less is told of also where no statements are written, until it counts all of it', async () => {
    const it = await scene();
    await it.ledger.accept([event({ value: '5' })]);
    await it.look(START + 2 * HOUR_MS);
    let refuses = true;
    it.setNetwork((request, answer) =>
      refuses && request.path.endsWith('meter_events')
        ? { status: 429, body: { error: { type: 'invalid_request_error', message: 'slow down' } } }
        : answer(),
    );
    await it.ledger.accept([
      event({ value: '1000', seq: 2, atMs: START + 2 * HOUR_MS }),
      event({ tenant: 'free', source: '/b', value: '7' }),
    ]);
    await it.look(START + 4 * HOUR_MS);
    await it.look(FROZEN);
    assert.match(await it.metrics(), /writ_billing_statements{state="waiting"} 1/);
    assert.doesNotMatch(it.said.join(''), /BILL_STATEMENT_WAITING/, 'a day is left for reading back');
    for (const hour of [80, 81]) await it.look(NOVEMBER + hour * HOUR_MS);
    assert.equal(it.said.filter((line) => line.includes('BILL_STATEMENT_WAITING')).length, 1);
    const asked = { tenant: 'acme', isCustomer: true, nowMs: NOVEMBER + 81 * HOUR_MS };
    const [wait, ...more] = await it.store.read((reader) => waitsOf(reader, asked));
    assert.deepEqual([wait?.tenant, wait?.periodMs, more.length], ['acme', OCTOBER, 0]);
    assert.match(wait?.why ?? '', /not known to count 1 hours of api_calls/);
    refuses = false;
    for (let hour = 82; hour < 92; hour += 1) await it.look(NOVEMBER + hour * HOUR_MS);
    assert.match(await it.metrics(), /writ_billing_statements{state="waiting"} 0/);
    await it.end();
  });

  it('that has begun is told from its beginning of whom Stripe is to bill from now on, and of nobody else again', async () => {
    const it = await scene();
    await it.ledger.accept([event({ value: '5' }), event({ tenant: 'free', source: '/b', value: '7' })]);
    for (const hour of [2, 4]) await it.look(START + hour * HOUR_MS);
    it.tenants[1] = billedAs('free', 'cus_free');
    await it.look(START + 5 * HOUR_MS);
    assert.deepEqual([it.counted(START), it.counted(START, 'cus_free')], ['5', '7']);
    assert.equal(it.fake.requests.filter(({ path }) => path.endsWith('meter_events')).length, 2);
    await it.end();
  });

  it('of which nothing was begun and that Stripe takes no more becomes a file', async () => {
    const { it, files } = await both();
    await it.ledger.accept([event({ tenant: 'free', source: '/b', value: '7' })]);
    it.setSecret('statement-key', 'none');
    await it.look(START + 2 * HOUR_MS);
    await it.look(FROZEN + 40 * 24 * HOUR_MS);
    it.tenants[1] = billedAs('free', 'cus_free');
    it.setSecret('statement-key', PEM);
    await it.look(FROZEN + 40 * 24 * HOUR_MS + HOUR_MS);
    assert.deepEqual(files(), ['free/2026-10.json']);
    await it.end();
  });

  it('leaves what Stripe is not told of to a file of its own', async () => {
    const { it, dir, files, settled } = await both();
    await it.ledger.accept([event({ value: '5' }), event({ value: '3', seq: 2, meter: 'users' })]);
    await it.look(START + 2 * HOUR_MS);
    await it.look(FROZEN);
    assert.deepEqual([files(), await settled()], [['acme/2026-10.rest.json'], ['provider']]);
    const { tenant, lines } = JSON.parse(readFileSync(join(dir, 'acme/2026-10.rest.json'), 'utf8'));
    assert.deepEqual([tenant, lines.map(({ meter }: { meter: string }) => meter)], ['acme', ['users']]);
    assert.ok(existsSync(join(dir, 'acme/2026-10.rest.json.sigstore.json')));
    await it.end();
  });
});

describe('a customer of two tenants', () => {
  it('is that of the one that was there first, and the other is told of', async () => {
    const { it } = await both();
    // The one that was there first comes last by name.
    it.tenants[0] = billedAs('aaa', 'cus_acme', '2026-10-02T00:00:00Z');
    it.tenants.push(billedAs('acme', 'cus_acme', '2026-10-01T00:00:00Z'));
    await it.ledger.accept([event({ value: '5' }), event({ tenant: 'aaa', source: '/b', value: '7' })]);
    for (let hour = 2; hour < 12; hour += 1) await it.look(START + hour * HOUR_MS);
    assert.equal(it.counted(START), '5');
    assert.match(await it.metrics(), /writ_billing_reports{state="verified"} 1/);
    assert.equal(it.said.filter((line) => line.includes('BILL_CUSTOMER_SHARED')).length, 1);
    // With a customer of its own it is told from the beginning.
    it.tenants[0] = billedAs('aaa', 'cus_aaa');
    await it.look(START + 13 * HOUR_MS);
    assert.equal(it.counted(START, 'cus_aaa'), '7');
    await it.end();
  });
});
