// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { it } from 'node:test';
import { runAhead } from './run-ahead.ts';
import { createEvidenceMemory } from './trust/evidence-memory.ts';
import { seal } from './trust/seal.ts';
import { NOW, keyed, policyBytes, trustOf } from './trust/test-trust.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const trust = trustOf({ principals: [keyed('ann', publicKey)] });

it('rests between the steps of judging, whatever the document is', () => {
  const rests = (bytes: Uint8Array, bundles: readonly string[]): number =>
    [...runAhead({ artifact: { bytes, bundles, file: 'policies/a.yaml', evidence: createEvidenceMemory() }, trust, atMs: NOW })].length;
  assert.equal(rests(policyBytes, [seal(policyBytes, privateKey)]), 3);
  for (const hostile of ['', '\0', '[', '__proto__: 1', 'kind: constructor', '{'.repeat(5000)])
    assert.equal(rests(Buffer.from(hostile), ['{}', hostile]), 3, hostile.slice(0, 20));
});
