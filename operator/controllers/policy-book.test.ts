// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Inventory } from '../../crds/inventory.ts';
import type { ReplicaReport } from '../../crds/replica.ts';
import { digestOf } from '../../policies/document/digest.ts';
import { provingHere } from '../../policies/trust/evidence-task.ts';
import { loadTrust } from '../../policies/trust/index.ts';
import { seal } from '../../policies/trust/seal.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import type { LivePolicy } from './live.ts';
import { createPolicyBook } from './policy-book.ts';

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const START = Date.UTC(2026, 0, 1);
const validFor = { start: new Date(START).toISOString() };
const trustBytes = Buffer.from(
  JSON.stringify({
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'TrustPolicy',
    metadata: { name: 'cluster' },
    spec: {
      version: 1,
      principals: [{ name: 'alice', publicKeys: [{ pem: String(publicKey.export({ type: 'spki', format: 'pem' })), validFor }] }],
      rules: [{ kinds: ['Policy'], allOf: [{ threshold: 1, principals: ['alice'] }] }],
    },
  }),
);
const trust = loadTrust(trustBytes, { pinnedDigest: digestOf(trustBytes) });
assert.ok(trust.ok);

const EXPIRES = '2026-02-01T00:00:00Z';
const text = (name: string, version = 1): string => `apiVersion: writ.dev/v1alpha1
kind: Policy
metadata: {name: ${name}}
spec:
  version: ${version}
  expires: ${EXPIRES}
  workloads: [Agent]
  validations: [{expression: "true"}]
`;
const live = (name: string, document = text(name)): LivePolicy => ({
  metadata: { name },
  spec: { version: 1, validations: [{ expression: 'true' }] },
  signature: { document, bundles: [seal(Buffer.from(document), privateKey)] },
});
const damaged = (name: string): LivePolicy => ({ ...live(name), signature: { document: `${text(name)}#`, bundles: [] } });
const digest = (name: string, version = 1): string => digestOf(Buffer.from(text(name, version)));

const scene = (objects: LivePolicy[], startMs = START + 1000) => {
  const clock = fakeClock(startMs);
  const sealed = { list: () => objects };
  return {
    clock,
    objects,
    book: createPolicyBook({ sealed, rulesets: { list: () => [] }, trust: { current: () => trust }, clock, proving: provingHere() }),
  };
};
const report = (policies: ReplicaReport['policies']): ReplicaReport => ({
  replica: 'r',
  setDigest: '',
  trustDigest: '',
  policies,
  refused: {},
  flippedAt: '2026-01-01T00:00:00Z',
});
const inventory = (name: string, of: string): Inventory => ({
  source: 'writ-system/s',
  revision: 'main@sha1:1',
  documents: [{ group: 'writ.dev', version: 'v1alpha1', kind: 'Policy', name, digest: of }],
});
const quiet = { replicas: [], inventories: [] };

describe('the policy book', () => {
  it('holds a policy past its date, which replicas close, also when it is first seen then', async () => {
    const early = scene([live('p')]);
    assert.deepEqual(
      early.book.compiled().map(({ name }) => name),
      ['p'],
    );
    await early.clock.advance(60 * 24 * 3600_000);
    for (const { book } of [early, scene([live('p')], Date.UTC(2026, 5, 1))]) {
      assert.deepEqual(
        book.compiled().map(({ name }) => name),
        ['p'],
      );
      const judgement = book.judge(live('p'));
      assert.ok(judgement.ok);
      assert.equal(judgement.document.expiresMs, Date.parse(EXPIRES));
      assert.equal(book.coversAll(quiet), true);
    }
  });

  it('covers all only while it holds what objects, replicas and inventories speak of', () => {
    const { book } = scene([live('p')]);
    const rows: readonly [boolean, Parameters<typeof book.coversAll>[0]][] = [
      [true, quiet],
      [true, { replicas: [report({ p: digest('p') })], inventories: [inventory('p', digest('p'))] }],
      [false, { ...quiet, replicas: [report({ p: digest('p', 2) })] }],
      [false, { ...quiet, replicas: [report({ p: digest('p') }), report({ gone: digest('p') })] }],
      [false, { ...quiet, inventories: [inventory('p', digest('p', 2))] }],
      [false, { ...quiet, inventories: [inventory('constructor', digest('p'))] }],
    ];
    for (const [expected, enforced] of rows) assert.equal(book.coversAll(enforced), expected, JSON.stringify(enforced));
    assert.equal(scene([live('p'), damaged('q')]).book.coversAll(quiet), false);
    assert.equal(scene([live('p', text('other'))]).book.coversAll(quiet), false);
    assert.equal(scene([]).book.coversAll(quiet), true);
  });

  it('looks at a refusal again when a key begins to count', async () => {
    const { book, clock, objects } = scene([live('p')], START - 30_000);
    const [object] = objects;
    assert.ok(object);
    const first = book.judge(object);
    assert.equal(first.ok ? '' : first.problem.code, 'SEAL_KEY_NOT_VALID');
    assert.equal(first.untilMs, START);
    await clock.advance(29_999);
    assert.equal(book.judge(object), first);
    await clock.advance(1);
    assert.equal(book.judge(object).ok, true);
  });
});
