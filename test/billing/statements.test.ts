// SPDX-License-Identifier: Apache-2.0
// Signed statements for those who bill elsewhere: one file a tenant and frozen month, written once, and none for what Stripe bills.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { verifyArtifact } from '../../policies/trust/index.ts';
import { keyed, trustOf } from '../../policies/trust/test-trust.ts';
import { event } from '../usage/ledger-scene.ts';
import { HOUR_MS, NOVEMBER, START, folder, scene } from './scene.ts';

const signer = generateKeyPairSync('ed25519');
const PEM = signer.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const FROZEN = NOVEMBER + 49 * HOUR_MS;
let made = 0;

type Options = { readonly stripe?: boolean; readonly pem?: string; readonly secret?: Readonly<Record<string, string>> };
const statements = async ({ stripe = false, pem = PEM, secret = {} }: Options = {}) => {
  const dir = join(folder, `statements-${(made += 1)}`);
  const it = await scene({
    secret: { 'statement-key': pem, ...secret },
    config: { 'statement-dir': dir, 'statement-secret': 'statements', ...(stripe ? {} : { 'stripe-secret': undefined }) },
  });
  await it.ledger.accept([event({ value: '5' }), event({ tenant: 'free', source: '/b', value: '7' })]);
  await it.look(START + 2 * HOUR_MS);
  const text = (path: string): string => readFileSync(join(dir, path), 'utf8');
  return { it, dir, text, files: () => (existsSync(dir) ? readdirSync(dir, { recursive: true }).map(String).toSorted() : []) };
};

const settled = async (it: Awaited<ReturnType<typeof scene>>): Promise<readonly string[]> =>
  (await it.recorded())
    .filter(({ action }) => action === 'billing.statement')
    .map(({ detail }) => `${String(detail['month'])} ${String(detail['sink'])}`);

describe('signed statements', () => {
  it('are there once the month is frozen, under a signature that others check, and say what the ledger says', async () => {
    const { it, files, text } = await statements();
    assert.deepEqual(files(), [], 'a month that is not frozen may change');
    await it.look(FROZEN);
    assert.deepEqual(files(), [
      'acme',
      'acme/2026-10.json',
      'acme/2026-10.json.sigstore.json',
      'free',
      'free/2026-10.json',
      'free/2026-10.json.sigstore.json',
    ]);
    const statement = JSON.parse(text('free/2026-10.json'));
    assert.deepEqual([statement.tenant, statement.lines], ['free', [{ meter: 'api_calls', unit: '1', quantity: '7' }]]);
    const trust = trustOf({ principals: [keyed('billing', signer.publicKey)], kinds: ['PriceBook'] });
    for (const tenant of ['acme', 'free']) {
      const bytes = Buffer.from(text(`${tenant}/2026-10.json`));
      const bundles = [text(`${tenant}/2026-10.json.sigstore.json`)];
      const judge = (what: Buffer) => verifyArtifact({ bytes: what, bundles, file: 'statement' }, trust, FROZEN);
      const codes = (outcome: ReturnType<typeof judge>) => (outcome.ok ? [] : outcome.problems.map(({ code }) => code));
      // It is no document of Writ, which is all that is wrong with it; changed, its seal does not hold.
      assert.ok(!codes(judge(bytes)).some((code) => code.startsWith('SEAL_')), codes(judge(bytes)).join());
      assert.ok(codes(judge(Buffer.from(`${bytes.toString()} `))).some((code) => code.startsWith('SEAL_')));
    }
    assert.deepEqual(await settled(it), ['2026-10 file', '2026-10 file']);
    assert.match(await it.metrics(), /writ_billing_statements{state="file"} 2[^]*state="waiting"} 0/);
    assert.match(await it.metrics(), /writ_usage_outbox_oldest_age_seconds{sink="statements"} 0/);
    await it.end();
  });

  it('are written once, and what was cut short is finished', async () => {
    const { it, dir, files, text } = await statements();
    await it.look(FROZEN);
    const whole = text('acme/2026-10.json');
    const seal = text('acme/2026-10.json.sigstore.json');
    await it.look(FROZEN + HOUR_MS);
    assert.equal(text('acme/2026-10.json'), whole);
    assert.equal((await settled(it)).length, 2);
    // As if it had ended between the file and its signature, before anything was stored.
    await it.store.transact((tx) => tx.run('DELETE FROM billing_statement'));
    rmSync(join(dir, 'free/2026-10.json.sigstore.json'));
    await it.look(FROZEN + 2 * HOUR_MS);
    assert.ok(files().includes('free/2026-10.json.sigstore.json'));
    assert.equal(text('acme/2026-10.json.sigstore.json'), seal);
    await it.end();
  });

  it('never replace a file that says something else, and tell of it', async () => {
    const { it, dir, text } = await statements();
    mkdirSync(join(dir, 'acme'), { recursive: true });
    writeFileSync(join(dir, 'acme/2026-10.json'), 'mine');
    await it.look(FROZEN);
    assert.equal(text('acme/2026-10.json'), 'mine');
    assert.ok(!existsSync(join(dir, 'acme/2026-10.json.sigstore.json')), 'it is not signed either');
    assert.match(it.said.join(''), /BILL_STATEMENT_TAKEN/);
    assert.match(await it.metrics(), /writ_billing_statements{state="file"} 1[^]*state="waiting"} 1/);
    const [, waits = ''] = /writ_usage_outbox_oldest_age_seconds{sink="statements"} (\d+)/.exec(await it.metrics()) ?? [];
    assert.ok(Number(waits) > 0, 'since the month was frozen');
    assert.equal((await settled(it)).length, 1);
    await it.end();
  });

  it('are not made of what Stripe bills, also where the Tenant is gone when the month is frozen', async () => {
    for (const isGone of [false, true]) {
      const { it, files } = await statements({ stripe: true });
      if (isGone) it.tenants.splice(0, 1);
      await it.look(FROZEN);
      assert.deepEqual(files(), ['free', 'free/2026-10.json', 'free/2026-10.json.sigstore.json']);
      assert.deepEqual(await settled(it), ['2026-10 provider', '2026-10 file']);
      // And it stays so where the tenant is billed elsewhere from then on.
      it.tenants[0] = { metadata: { name: 'acme' }, spec: {} };
      await it.look(FROZEN + HOUR_MS);
      assert.equal((await settled(it)).length, 2);
      await it.end();
    }
  });

  it('are signed by a key under a password too, and by nothing that is no key', async () => {
    const locked = signer.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'hunter2' }).toString();
    const open = await statements({ pem: locked, secret: { 'statement-key-password': 'hunter2' } });
    await open.it.look(FROZEN);
    assert.equal(open.files().length, 6);
    await open.it.end();
    const weak = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    for (const pem of ['hunter2', locked, weak]) {
      const { it, files } = await statements({ pem });
      await it.look(FROZEN);
      assert.deepEqual(files(), []);
      assert.match(await it.metrics(), /writ_billing_up{sink="statements"} 0/);
      assert.doesNotMatch(it.said.join(''), /hunter2|BEGIN/);
      await it.end();
    }
  });
});
