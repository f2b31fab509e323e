// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readConfig } from './config.ts';

const DIGEST = `--trust-digest=sha256:${'0'.repeat(64)}`;

it('what is needed is the pinned trust; the rest has a default', () => {
  const outcome = readConfig([DIGEST, '--replica-id=pod-1'], {});
  assert.ok(outcome.kind === 'config');
  assert.deepEqual(outcome.config.listen, { host: '0.0.0.0', port: 9443 });
  assert.equal(outcome.config.replica, 'pod-1');
  assert.equal(outcome.config.tlsFiles, undefined);
});

describe('what cannot be meant is named', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['--trust-digest', []],
    ['--trust-digest', ['--trust-digest=sha256:abc']],
    ['--address', [DIGEST, '--address=localhost']],
    ['--metrics-address', [DIGEST, '--metrics-address=:99999']],
    ['--tls-cert-file', [DIGEST, '--tls-cert-file=a.crt']],
    ['--replica-id', [DIGEST, '--replica-id=No Name']],
    ['--system-namespace', [DIGEST, '--system-namespace=__proto__']],
    ['--receipts', [DIGEST, '--receipt-key=a.key']],
    ['--receipts-max-mebibytes', [DIGEST, '--receipts=/r', '--receipts-max-mebibytes=0']],
    ['--receipt-batch-size', [DIGEST, '--receipts=/r', '--receipt-batch-size=0']],
    ['--drain-delay', [DIGEST, '--drain-delay=soon']],
    ['--usage-interval', [DIGEST, '--usage-interval=99ms']],
  ];
  for (const [flag, argv] of cases) {
    it(argv.join(' ') || 'nothing', () => {
      const outcome = readConfig(argv, {});
      assert.ok(outcome.kind === 'error');
      assert.ok(outcome.message.includes(flag), outcome.message);
    });
  }
});
