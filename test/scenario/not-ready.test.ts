// SPDX-License-Identifier: Apache-2.0
// An installation that does not come up says why: what the webhook waits for, what the operator said last, what its source
// tells a person.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { installWrit } from './installation.ts';

it('a first commit that is refused is told with its conditions and the last lines of both processes', { timeout: 120_000 }, async () => {
  const installing = installWrit({
    documents: { 'policies/broken.yaml': 'kind: Policy\nkind: Policy\n' },
    controlPlane: { controllerManager: false },
    webhookFlags: { 'trust-digest': `sha256:${'0'.repeat(64)}` },
    readyWithinMs: 5_000,
  });
  await assert.rejects(installing, (error: unknown) => {
    assert.ok(error instanceof Error);
    for (const told of [
      /the webhook is not ready: .*TRUST_/s,
      /webhook\.log:\n\{.*"listening"/s,
      /operator\.log:\n\{.*"leading"/s,
      /GitSource policies:\n {2}Ready=False \w+: policies\/broken\.yaml:2:1: DOCUMENT_/,
    ]) {
      assert.match(error.message, told);
    }
    return true;
  });
});
