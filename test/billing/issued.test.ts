// SPDX-License-Identifier: Apache-2.0
// What the command line issues is on record once it lies where the operator looks, once, and so is a file that says something else later.
import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, hash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { bill, scene as billScene, sealed } from '../../cli/test-bill.ts';
import { seal } from '../../policies/trust/seal.ts';
import { START, folder, scene } from './scene.ts';

const MINUTE_MS = 60_000;
const issuer = generateKeyPairSync('ed25519');
let made = 0;

const place = () => {
  const dir = join(folder, `issued-${(made += 1)}`);
  mkdirSync(dir);
  const key = join(dir, 'issuer.pub');
  writeFileSync(key, issuer.publicKey.export({ type: 'spki', format: 'pem' }));
  const write = (path: string, text: string, by = issuer.privateKey): void => {
    mkdirSync(join(dir, path, '..'), { recursive: true });
    writeFileSync(join(dir, path), text);
    writeFileSync(join(dir, `${path}.sigstore.json`), seal(Buffer.from(text), by));
  };
  return { dir, key, write };
};
const watching = ({ dir, key }: { readonly dir: string; readonly key: string }) =>
  scene({ config: { 'stripe-secret': undefined, 'invoice-dir': dir, 'invoice-key': [key] } });

const SLA = JSON.stringify({
  format: 'writ.dev/sla-statement/v1',
  id: 'acme/2026-09/r1',
  tenant: 'acme',
  total: 2990,
  currency: { code: 'usd', minorDigits: 2 },
  adjustments: [{ id: 'sla-2026-09-availability-r1', kind: 'Credit', amount: 2990, reason: 'r', requester: 'ann', approver: 'bob' }],
});

describe('what was issued', () => {
  it('by `writ bill close` goes on record with what moves money, once, and nobody’s name', async () => {
    using files = billScene();
    const trust = await sealed(files);
    const dir = join(files.path, 'invoices');
    const closed = await bill(files, 'close', ...trust, '--key', join(files.path, 'billing.key'), '--out', dir);
    assert.equal(closed.code, 0, closed.err);
    const path = join(dir, 'acme/2025-11-01T00.json');
    const it = await watching({ dir, key: join(files.path, 'billing.pub') });
    for (const minute of [0, 10, 20]) await it.look(START + minute * MINUTE_MS);
    const digest = `sha256:${hash('sha256', readFileSync(path))}`;
    const [entry, ...more] = await it.recorded();
    const { orders, ...detail } = entry?.detail ?? {};
    assert.match(String(orders), /^sha256:/);
    assert.deepEqual(
      [entry?.action, detail, more.length],
      [
        'billing.closed',
        {
          document: 'acme/2025-11-01T00:00:00Z',
          digest,
          total: '7634',
          currency: 'usd',
          moves: [{ kind: 'credit', id: 'late-1', amount: '-2500' }],
        },
        0,
      ],
    );
    assert.match(await it.metrics(), /writ_billing_up{sink="invoices"} 1/);
    // Changed afterwards by somebody who even has the key: on record, too, and told of once for each thing that it says.
    const key = createPrivateKey(readFileSync(join(files.path, 'billing.key'), 'utf8'));
    for (const [minute, text] of [
      [30, 'x'],
      [40, 'xy'],
      [50, 'xy'],
    ] as const) {
      writeFileSync(path, text);
      writeFileSync(`${path}.sigstore.json`, seal(Buffer.from(text), key));
      await it.look(START + minute * MINUTE_MS);
    }
    const altered = (await it.recorded()).slice(1);
    assert.deepEqual(
      altered.map(({ action, detail: { document, digest: kept } }) => [action, document, kept === digest]),
      [1, 2].map(() => ['billing.altered', 'acme/2025-11-01T00:00:00Z', true]),
    );
    assert.equal(it.said.filter((line) => line.includes('BILL_RECORD_DIFFERS')).length, 2);
    await it.end();
  });

  it('as an SLA statement is on record with its credits; another one of the same id is not taken for it', async () => {
    const at = place();
    at.write('acme/2026-09.r1.json', SLA);
    const it = await watching(at);
    await it.look(START);
    at.write('acme/copy.json', SLA.replace('2990', '2991'));
    await it.look(START + 10 * MINUTE_MS);
    const [first, second, ...more] = await it.recorded();
    assert.deepEqual(
      [first?.action, first?.detail['document'], first?.detail['moves']],
      ['billing.sla', 'acme/2026-09/r1', [{ kind: 'credit', id: 'sla-2026-09-availability-r1', amount: '2990' }]],
    );
    assert.deepEqual([second?.action, second?.detail['digest'], more.length], ['billing.altered', first?.detail['digest'], 0]);
    assert.match(it.said.join(''), /BILL_RECORD_DIFFERS/);
    await it.end();
  });

  it('is on record only under a signature by a key that counts, and where it lies with its own tenant', async () => {
    const at = place();
    at.write('acme/by-somebody-else.json', SLA, generateKeyPairSync('ed25519').privateKey);
    at.write('other/of-acme.json', SLA);
    for (const [index, text] of [
      '{}',
      '[',
      SLA.replace('"acme"', '"__proto__"'),
      SLA.replace('2990', '1e99'),
      SLA.replace('acme/2026', 'x/2026'),
    ].entries())
      at.write(`acme/none-${index}.json`, text);
    writeFileSync(join(at.dir, 'acme/unfinished.json'), SLA);
    at.write('apart/outside.json', SLA);
    symlinkSync(join(at.dir, 'apart/outside.json'), join(at.dir, 'acme/link.json'));
    symlinkSync(join(at.dir, 'apart/outside.json.sigstore.json'), join(at.dir, 'acme/link.json.sigstore.json'));
    mkdirSync(join(at.dir, 'acme/folder.json'));
    const it = await watching(at);
    await it.look(START);
    assert.deepEqual(await it.recorded(), []);
    assert.equal(it.said.filter((line) => line.includes('BILL_UNSIGNED')).length, 1);
    // Signed right, and finished.
    at.write('acme/by-somebody-else.json', SLA);
    await it.look(START + MINUTE_MS);
    assert.deepEqual(await it.recorded(), [], 'every ten minutes');
    await it.look(START + 10 * MINUTE_MS);
    assert.equal((await it.recorded()).length, 1);
    await it.end();
  });

  it('waits where folder or key cannot be read, and is told of', async () => {
    const at = place();
    at.write('acme/2026-09.r1.json', SLA);
    rmSync(at.key);
    const it = await watching(at);
    await it.look(START);
    assert.match(await it.metrics(), /writ_billing_up{sink="invoices"} 0/);
    assert.match(it.said.join(''), /what was issued cannot be put on record/);
    writeFileSync(at.key, issuer.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await it.look(START + MINUTE_MS);
    assert.match(it.said.join(''), /issuer\.pub: it is no public key in PEM/);
    writeFileSync(at.key, issuer.publicKey.export({ type: 'spki', format: 'pem' }));
    await it.look(START + 2 * MINUTE_MS);
    assert.equal((await it.recorded()).length, 1);
    await it.end();
  });
});
