// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { it } from 'node:test';
import fc from 'fast-check';
import { judgeSealedObject } from './sealed-object.ts';
import { shapeOf, signatureOf } from './sealed-shape.ts';
import { loadTrustObject } from './trust/load.ts';
import { keyed, trustOf } from './trust/test-trust.ts';

const trust = trustOf({ principals: [keyed('ann', generateKeyPairSync('ed25519').publicKey)] });

it('keeps what the schema allows', () => {
  const whole = {
    document: 'd',
    bundles: ['b'],
    trustedRoot: 'r',
    chain: [{ document: 'e', bundles: ['c'], trustedRoot: 's' }],
    members: [{ path: 'p', document: 'm' }],
  };
  assert.deepEqual(signatureOf(whole), whole);
  assert.deepEqual(shapeOf({ document: 'd' }), { signature: { document: 'd' } });
});

it('leaves out what it does not, so that nothing that reads it throws', () => {
  for (const none of [undefined, null, 5, 'x', [], {}, { document: 5 }, { bundles: ['b'] }]) assert.deepEqual(shapeOf(none), {});
  assert.deepEqual(signatureOf({ document: 'd', bundles: 'b', trustedRoot: 1, chain: [null, 1, {}], members: [null, { path: 'p' }] }), {
    document: 'd',
    chain: [],
    members: [],
  });
  const hostile = fc.oneof(
    fc.jsonValue(),
    fc.record({ document: fc.oneof(fc.string(), fc.jsonValue()), bundles: fc.jsonValue(), chain: fc.jsonValue(), members: fc.jsonValue() }),
  );
  fc.assert(
    fc.property(hostile, fc.constantFrom('Policy', 'Ruleset'), (signature, kind) => {
      const shaped = shapeOf(signature);
      assert.equal(judgeSealedObject({ kind, metadata: { name: 'p' }, ...shaped }, trust, 0).ok, false);
      if (shaped.signature !== undefined) assert.equal(loadTrustObject(shaped.signature, { pinnedDigest: '', at: 0 }).ok, false);
    }),
  );
});
