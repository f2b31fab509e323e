// SPDX-License-Identifier: Apache-2.0
// A replica that starts has run nothing yet, and to read a trust policy with its root takes it tens of milliseconds.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { digestOf } from '../../policies/document/digest.ts';
import { loadTrustObjectInSteps } from '../../policies/trust/load.ts';
import { NOW, keyed, trustBytes } from '../../policies/trust/test-trust.ts';
import { createSigstore } from './index.ts';

const { publicKey } = generateKeyPairSync('ed25519');
const trustedRoot = createSigstore().trustedRoot();
const bytes = trustBytes({ principals: [keyed('keeper', publicKey)], trustedRoot, version: 1, kinds: ['Policy'] });

describe('a trust policy that is loaded in steps', () => {
  it('is read in steps, each authority and log of its root in one of its own', () => {
    const signature = { document: bytes.toString(), trustedRoot: trustedRoot.toString() };
    const options = { pinnedDigest: digestOf(bytes), at: NOW };
    const withRoot = [...loadTrustObjectInSteps(signature, options)].length;
    // The document is known by now, the root is not asked for.
    const withoutRoot = [...loadTrustObjectInSteps({ document: bytes.toString() }, options)].length;
    assert.ok(withRoot >= withoutRoot + 8, `${withRoot} steps, ${withoutRoot} without its root`);
  });
});
