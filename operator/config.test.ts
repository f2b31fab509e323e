// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from './config.ts';

const digest = `--trust-digest=sha256:${'a'.repeat(64)}`;
const refused: readonly [string, readonly string[], RegExp][] = [
  ['no digest', [], /--trust-digest is required/],
  ['a digest of another form', ['--trust-digest=abc'], /--trust-digest: write sha256:/],
  ['an address without a port', [digest, '--metrics-address=localhost'], /--metrics-address: "localhost" is not host:port/],
  ['a webhook at another path', [digest, '--webhook-url=https://x/'], /--webhook-url: write https/],
  ['a webhook over plain HTTP', [digest, '--webhook-url=http://x/validate'], /--webhook-url: write https/],
  [
    'a service without a namespace',
    [digest, '--webhook-service=writ'],
    /--webhook-service, --guard-service: write SERVICE\.NAMESPACE:PORT/,
  ],
  ['a guard without a namespace', [digest, '--guard-service=writ'], /--guard-service: write SERVICE\.NAMESPACE:PORT/],
  ['a lease that no other replica would wait for', [digest, '--lease-duration=61s'], /--lease-duration may be at most 60s/],
  ['leases that cannot work', [digest, '--lease-duration=1s'], /--lease-retry-period < --lease-renew-deadline < --lease-duration/],
  ['statements without a key', [digest, '--ledger=x', '--statement-dir=y'], /--statement-dir, --statement-secret: give both/],
  ['a folder of invoices without a key', [digest, '--ledger=x', '--invoice-dir=y'], /--invoice-dir, --invoice-key: give both/],
  ['a key of invoices without a folder', [digest, '--ledger=x', '--invoice-key=y'], /--invoice-dir, --invoice-key: give both/],
  ['invoices without a ledger', [digest, '--invoice-dir=y', '--invoice-key=z'], /--invoice-dir: it needs --ledger/],
  ['statements without a ledger', [digest, '--statement-dir=y', '--statement-secret=z'], /--statement-dir: it needs --ledger/],
  ['Stripe without a ledger', [digest, '--stripe-secret=z'], /--stripe-secret: it needs --ledger/],
  ['a misspelt flag', [digest, '--metric-address=:1'], /metrics-address/],
];
for (const [what, argv, expected] of refused) {
  test(`refuses ${what}`, () => {
    const outcome = readConfig(argv, {});
    assert.ok(outcome.kind === 'error', outcome.kind);
    assert.match(outcome.message, expected);
  });
}

test('the certificate carries the names by which the webhook is called', () => {
  const byService = readConfig([digest], {});
  assert.ok(byService.kind === 'config');
  assert.deepEqual(
    byService.config.certificateNames,
    ['writ-webhook', 'writ-guard'].flatMap((name) => [`${name}.writ-system.svc`, `${name}.writ-system.svc.cluster.local`]),
  );
  const byUrl = readConfig([digest, '--webhook-url=https://[::1]:8443/validate'], {});
  assert.ok(byUrl.kind === 'config');
  assert.deepEqual(byUrl.config.certificateNames, ['::1']);
  assert.deepEqual(byUrl.config.guardTarget, { kind: 'url', url: 'https://[::1]:8443/guard' });
});
