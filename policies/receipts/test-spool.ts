// SPDX-License-Identifier: Apache-2.0
// For tests: a spool as a replica writes it, in memory.
import { Buffer } from 'node:buffer';
import { generateKeyPairSync, hash, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readPublicKey } from '../trust/key.ts';
import type { PublicKey } from '../trust/key.ts';
import { NO_BATCH, batchDigest, encodeClaim, signedBytes } from './batch.ts';
import type { BatchClaim } from './batch.ts';
import { pemOf, writeHeader, writeSeal } from './lines.ts';
import { leafOfText, rootOf } from '../transparency/merkle.ts';

export type TestKey = { readonly privateKey: KeyObject; readonly publicKey: PublicKey; readonly digest: 'sha256' | null };

export const testKey = (type: 'ed25519' | 'p256' = 'ed25519'): TestKey => {
  const pair = type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKey = readPublicKey(pemOf(pair.publicKey));
  if (publicKey === undefined) throw new Error('no key');
  return { privateKey: pair.privateKey, publicKey, digest: type === 'ed25519' ? null : 'sha256' };
};

export const SET_DIGEST = `sha256:${'5'.repeat(64)}`;

export const setLine = JSON.stringify({
  msg: 'policy set',
  time: '2026-01-01T00:00:00.000Z',
  setDigest: SET_DIGEST,
  trustDigest: `sha256:${'7'.repeat(64)}`,
  revisions: { 'writ-system/policies': 'main@sha1:1' },
  policies: [{ policy: 'pinned', version: 3, digest: `sha256:${'d'.repeat(64)}`, signers: ['ann'] }],
});

export const idOf = (index: number): string => `d-${hash('sha256', String(index), 'hex').slice(0, 20)}`;

export const decisionLine = (index: number, change: object = {}): string =>
  JSON.stringify({
    msg: 'decision',
    id: idOf(index),
    time: '2026-01-01T00:00:01.000Z',
    uid: `uid-${index}`,
    tenant: 'acme',
    namespace: 'acme-prod',
    kind: 'v1, Pod',
    name: `pod-é-${index}\u0007`,
    operation: 'CREATE',
    user: 'ann',
    dryRun: index % 2 === 1,
    metered: index % 2 === 0,
    verdict: 'Deny',
    setDigest: SET_DIGEST,
    trustDigest: `sha256:${'7'.repeat(64)}`,
    revisions: { 'writ-system/policies': 'main@sha1:1' },
    allowed: ['other'],
    spoke: [{ policy: 'pinned', digest: `sha256:${'d'.repeat(64)}`, verdict: 'Deny', signers: ['ann'] }],
    violations: [],
    objectDigest: `sha256:${hash('sha256', `object ${index}`, 'hex')}`,
    durationUs: 12,
    ...change,
  });

export type TestBatch = { readonly lines: readonly string[]; readonly claim?: Partial<BatchClaim>; readonly key?: TestKey };

export type Chain = {
  /** One file, with batches that go on where the file before ended. */
  file(batches: readonly TestBatch[], header?: TestKey): Buffer;
};

export const chainOf = (key: TestKey, replica = 'one'): Chain => {
  let batch = 0;
  let prev = NO_BATCH;
  const batchText = ({ lines, claim, key: by = key }: TestBatch, header: TestKey): string => {
    const signer = by === key ? header : by;
    batch += 1;
    const time = '2026-01-01T00:00:02.000Z';
    const payload = encodeClaim({
      replica,
      batch,
      size: lines.length,
      root: rootOf(lines.map(leafOfText)).toString('hex'),
      prev,
      lost: 0,
      from: time,
      to: time,
      ...claim,
    });
    prev = batchDigest(payload);
    const signature = sign(signer.digest, signedBytes(payload), signer.privateKey);
    return lines.map((line) => `${line}\n`).join('') + writeSeal({ payload, signature, hint: signer.publicKey.hint });
  };
  return {
    file: (batches, header = key) =>
      Buffer.from(writeHeader({ replica, key: header.publicKey }) + batches.map((one) => batchText(one, header)).join('')),
  };
};

export const keysOf = (...keys: readonly TestKey[]): ReadonlyMap<string, PublicKey> =>
  new Map(keys.map(({ publicKey }) => [publicKey.hint, publicKey]));
