// SPDX-License-Identifier: Apache-2.0
// A price book goes by the same rules as every sealed document: what its bytes say counts, and only under a seal that does.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { SealedObject } from './policy-object.ts';
import { judgeSealedObject } from './sealed-object.ts';
import { seal } from './trust/seal.ts';
import { NOW, keyed, trustOf } from './trust/test-trust.ts';

const PRICES = readFileSync(new URL('../deploy/examples/prices.yaml', import.meta.url), 'utf8');
const finance = generateKeyPairSync('ed25519');
const trust = trustOf({ principals: [keyed('finance', finance.publicKey)], kinds: ['PriceBook'] });

const object = (document: string, { name = 'standard', isSealed = true } = {}): SealedObject => ({
  kind: 'PriceBook',
  metadata: { name },
  signature: { document, bundles: isSealed ? [seal(Buffer.from(document), finance.privateKey)] : [] },
});
const codeOf = (one: SealedObject, by = trust): string => {
  const judged = judgeSealedObject(one, by, NOW);
  return judged.ok ? 'ok' : judged.problem.code;
};

describe('a price book in the cluster', () => {
  it('counts by its seal, and says its version and who sealed it', () => {
    const judged = judgeSealedObject(object(PRICES), trust, NOW);
    assert.ok(judged.ok);
    const { kind, name, version, signers, compiled, retired } = judged.document;
    assert.deepEqual([kind, name, version, signers, compiled, retired], ['PriceBook', 'standard', 1, ['finance'], [], false]);
  });

  it('does not without one, under another name, or where nobody may seal prices', () => {
    assert.equal(codeOf({ kind: 'PriceBook', metadata: { name: 'standard' } }), 'POLICY_UNSIGNED');
    assert.equal(codeOf(object(PRICES, { isSealed: false })), 'SEAL_MISSING');
    assert.equal(codeOf(object(PRICES, { name: 'other' })), 'POLICY_NAME_MISMATCH');
    const others = trustOf({ principals: [keyed('finance', finance.publicKey)], kinds: ['Policy', 'TierCatalog'] });
    assert.equal(codeOf(object(PRICES), others), 'SEAL_NO_RULE');
    const changed = object(PRICES);
    const signature = { document: PRICES.replace('"99"', '"9"'), bundles: changed.signature?.bundles ?? [] };
    assert.match(codeOf({ ...changed, signature }), /^SEAL_/);
  });

  it('that cannot be reckoned with is refused, and known for what it is', () => {
    const judged = judgeSealedObject(object(PRICES.replace('"99"', '"99.005"')), trust, NOW);
    assert.ok(!judged.ok);
    assert.equal(judged.problem.code, 'PRICE_BOOK_INVALID');
    assert.equal(judged.signed?.version, 1);
  });

  it('ends by a seal', () => {
    const judged = judgeSealedObject(
      object('apiVersion: writ.dev/v1alpha1\nkind: PriceBook\nmetadata: {name: standard}\nspec: {version: 2, retired: true}\n'),
      trust,
      NOW,
    );
    assert.ok(judged.ok && judged.document.retired);
  });
});
