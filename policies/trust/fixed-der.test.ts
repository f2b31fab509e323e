// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createSigstore } from '../../test/sigstore/index.ts';
import { verifyOnce } from './fixed-der.ts';
import { readTrustedRoot } from './trusted-root.ts';

it('asks once for each issuer, and keeps a no of one apart from the yes of another', () => {
  const asked: unknown[] = [];
  const [good, bad] = [{ name: 'good' }, { name: 'bad' }];
  const certificate = {
    verify: (issuer?: object): boolean => {
      asked.push(issuer);
      return issuer === good;
    },
  };
  verifyOnce(certificate);
  for (let round = 0; round < 3; round += 1)
    assert.deepEqual([certificate.verify(good), certificate.verify(bad), certificate.verify()], [true, false, false]);
  assert.deepEqual(asked, [good, bad, undefined]);
});

it('holds for the authorities of a trusted root', () => {
  const read = readTrustedRoot(createSigstore().trustedRoot());
  assert.ok(read.ok);
  const [[intermediate, root] = []] = read.root.material.certificateAuthorities.map(({ certChain }) => certChain);
  assert.ok(intermediate !== undefined && root !== undefined);
  assert.equal(intermediate.verify(root), true);
  // What it would need to verify again is taken away.
  intermediate.tbsCertificate.toDER = () => Buffer.from('changed');
  assert.equal(intermediate.verify(root), true);
  assert.equal(intermediate.verify(intermediate), false);
});
