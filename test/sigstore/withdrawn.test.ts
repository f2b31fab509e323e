// SPDX-License-Identifier: Apache-2.0
// A newer trust policy takes the seals from what is enforced: nothing is dropped, what it matched is closed, until a good
// version comes; a replica that runs and one that starts do the same. And policies that nobody has sealed.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Inventory } from '../../crds/inventory.ts';
import type { Mark } from '../../crds/marks.ts';
import { digestOf } from '../../policies/document/digest.ts';
import { rememberJudgements } from '../../policies/judge-memory.ts';
import type { SealedObject } from '../../policies/policy-object.ts';
import { provingHere } from '../../policies/trust/evidence-task.ts';
import { decide } from '../../policies/decide/index.ts';
import { parseReview } from '../../policies/decide/request.ts';
import { subjectOf } from '../../policies/subject/index.ts';
import { createLoader } from '../../webhook/policyset/loader.ts';
import type { LoaderState, Observed } from '../../webhook/policyset/loader.ts';
import { fakeClock } from '../fake-clock.ts';
import { policyObject, policyText, sealBy, trustObject, trustVersion } from './trust-world.ts';
import type { TrustVersion } from './trust-world.ts';
import { podReview } from '../../policies/decide/test-review.ts';

const both = trustVersion(1, ['ann', 'bob']);
const annRevoked = trustVersion(2, ['ann', 'bob'], { revoked: { principals: ['ann'] } });
const annGone = trustVersion(2, ['bob']);
const backAgain = trustVersion(3, ['ann', 'bob']);

const byAnn = policyObject(policyText('first', 1), sealBy(policyText('first', 1), 'ann'));
const byBob = policyObject(policyText('other', 1), sealBy(policyText('other', 1), 'bob'));

const replica = (pin: TrustVersion, marks: readonly Mark[] = []) => {
  let observed: Observed = { trustPolicy: undefined, sealed: [], inventories: [], unreadableInventories: [], marks };
  const states: LoaderState[] = [];
  const loader = createLoader({
    clock: fakeClock(),
    observe: () => observed,
    pinnedTrustDigest: pin.digest,
    judgements: rememberJudgements(),
    proving: provingHere(),
    onState: (state) => states.push(state),
    onFlip: () => undefined,
    onBug: (error) => assert.fail(String(error)),
  });
  const show = async (trustPolicy: SealedObject | undefined, ...shown: readonly (SealedObject | Inventory)[]) => {
    const inventories = shown.flatMap((one) => ('documents' in one ? [one] : []));
    observed = { ...observed, trustPolicy, sealed: shown.flatMap((one) => ('documents' in one ? [] : [one])), inventories };
    loader.request();
    await loader.settled();
    const state = states.at(-1);
    assert.ok(state);
    return {
      verdict: verdictOf(loader.current.set),
      refused: Object.fromEntries([...state.refused].map(([key, { code }]) => [key, code])),
      state,
    };
  };
  return { show, loader };
};

const parsed = parseReview(podReview());
assert.ok(parsed.ok);
const verdictOf = (set: Parameters<typeof decide>[0]): string => {
  const facts = { request: parsed.request, namespaceObject: { metadata: { name: 'n', labels: { 'writ.dev/tenant': 't' } } }, tenant: null };
  const { verdict, violations } = decide(set, subjectOf(parsed.request), facts);
  return violations.length === 0
    ? verdict
    : `${verdict} ${violations.map(({ policy, message }) => `${policy}: ${message.split(':')[0]}`).join()}`;
};

describe('a policy whose seals a newer trust policy takes away', () => {
  for (const [what, next, code] of [
    ['the principal is revoked', annRevoked, 'SEAL_REVOKED'],
    ['the principal is gone', annGone, 'SEAL_UNKNOWN_KEY'],
  ] as const) {
    it(`closes what it matched when ${what}; one that starts does the same`, async () => {
      const running = replica(both);
      assert.equal((await running.show(trustObject(both), byAnn, byBob)).verdict, 'Allow');
      const now = await running.show(trustObject(both, next), byAnn, byBob);
      assert.deepEqual([now.verdict, now.refused], [`Deny first: ${code}`, { 'Policy/first': code }]);
      const fresh = replica(both);
      const started = await fresh.show(trustObject(both, next), byAnn, byBob);
      assert.deepEqual([started.verdict, started.refused], [now.verdict, now.refused]);
      assert.equal(fresh.loader.current.set.digest, running.loader.current.set.digest);
    });
  }

  it('stays closed when its object is deleted or spoilt, and opens by a good version', async () => {
    const { show } = replica(both);
    await show(trustObject(both), byAnn, byBob);
    await show(trustObject(both, annRevoked), byAnn, byBob);
    assert.match((await show(trustObject(both, annRevoked), byBob)).verdict, /^Deny/);
    assert.match((await show(trustObject(both, annRevoked), policyObject('x', []), byBob)).verdict, /^Deny/);
    const second = policyText('first', 2);
    assert.match((await show(trustObject(both, annRevoked), policyObject(second, sealBy(second, 'ann')), byBob)).verdict, /^Deny/);
    assert.equal((await show(trustObject(both, annRevoked), policyObject(second, sealBy(second, 'bob')), byBob)).verdict, 'Allow');
  });

  it('is closed although its object was gone before the trust policy changed', async () => {
    const { show } = replica(both);
    await show(trustObject(both), byAnn, byBob);
    await show(trustObject(both), byBob);
    assert.equal((await show(trustObject(both, annRevoked), byBob)).verdict, 'Deny first: SEAL_REVOKED');
    assert.equal((await show(trustObject(both, annRevoked, backAgain), byBob)).verdict, 'Allow');
  });

  it('opens by new seals over the same bytes', async () => {
    const { show } = replica(both);
    await show(trustObject(both), byAnn, byBob);
    await show(trustObject(both, annRevoked), byAnn, byBob);
    const resealed = policyObject(policyText('first', 1), sealBy(policyText('first', 1), 'bob'));
    assert.equal((await show(trustObject(both, annRevoked), resealed, byBob)).verdict, 'Allow');
    // And whoever takes that seal off again changes nothing.
    assert.equal((await show(trustObject(both, annRevoked), byAnn, byBob)).verdict, 'Allow');
  });

  it('never takes the place of a good one', async () => {
    const { show, loader } = replica(both);
    await show(trustObject(both, annRevoked), byBob);
    const forged = policyText('other', 9);
    const { refused, verdict } = await show(trustObject(both, annRevoked), policyObject(forged, sealBy(forged, 'ann')));
    assert.deepEqual([verdict, refused], ['Allow', { 'Policy/other': 'SEAL_REVOKED' }]);
    assert.deepEqual(
      loader.current.set.policies.map(({ name, version }) => `${name}-${version}`),
      ['other-1'],
    );
    const next = policyText('other', 2);
    await show(trustObject(both, annRevoked), policyObject(next, sealBy(next, 'bob')));
    assert.equal(loader.current.set.policies[0]?.version, 2);
  });

  it('is neither ended nor loosened by whoever has the revoked key still, and a replica that starts follows them no further', async () => {
    const forgeries = [
      policyText('first', 9, '  retired: true\n').replace(/  matchConstraints:[^]*/, ''),
      policyText('first', 9, '  enforcement: Audit\n'),
      policyText('first', 9).replace('[pods]', '[secrets]'),
    ];
    for (const text of forgeries) {
      const forged = policyObject(text, sealBy(text, 'ann'));
      const { show, loader } = replica(both);
      await show(trustObject(both), byAnn, byBob);
      const { marks } = loader.enforcement;
      await show(trustObject(both, annRevoked), byAnn, byBob);
      const { verdict, refused } = await show(trustObject(both, annRevoked), forged, byBob);
      assert.deepEqual([verdict, refused], ['Deny first: SEAL_REVOKED', { 'Policy/first': 'SEAL_REVOKED' }], text);
      const inventory = {
        source: 'writ-system/policies',
        revision: 'r',
        documents: [{ kind: 'Policy', name: 'first', group: 'writ.dev', version: 'v1alpha1', digest: digestOf(Buffer.from(text)) }],
      };
      assert.match((await show(trustObject(both, annRevoked), forged, byBob, inventory)).verdict, /^Deny/);
      const fresh = replica(both, [...marks.values()]);
      await fresh.show(trustObject(both, annRevoked), forged, byBob);
      assert.equal(fresh.loader.current.closed?.code, 'MARK_UNMET');
    }
  });

  it('of a revoked document is closed too', async () => {
    const { digest } = trustVersion(1, ['ann', 'bob']);
    assert.equal(digest, both.digest);
    const { show } = replica(both);
    const first = await show(trustObject(both), byAnn, byBob);
    const revoked = trustVersion(2, ['ann', 'bob'], { revoked: { documents: [first.state.documents[0]?.digest ?? ''] } });
    assert.equal((await show(trustObject(both, revoked), byAnn, byBob)).verdict, 'Deny first: SEAL_REVOKED');
  });

  it('goes on while a trust policy that is past its date is in force', async () => {
    const { show } = replica(both);
    await show(trustObject(both), byAnn, byBob);
    const late = trustVersion(2, ['ann', 'bob'], { expires: '2020-01-01T00:00:00Z' });
    assert.equal((await show(trustObject(both, late), byAnn, byBob)).verdict, 'Allow');
  });
});

describe('a policy without a seal, where such may note', () => {
  const lax = trustVersion(1, ['ann', 'bob'], { unsigned: 'Audit' });
  const strict = trustVersion(2, ['ann', 'bob']);
  const forbidding = (name: string, version = 1): string => policyText(name, version).replace('"true"', '"false"');
  const bare = (name: string): SealedObject => ({
    metadata: { name },
    spec: {
      version: 1,
      enforcement: 'Deny',
      matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }] },
      validations: [{ expression: 'false', message: 'no' }],
    },
  });

  it('notes and refuses nothing, by its document or by its spec', async () => {
    const { show, loader } = replica(lax);
    const { verdict, refused } = await show(trustObject(lax), policyObject(forbidding('mild'), []), bare('plain'), byBob);
    assert.match(verdict, /^Audit mild.*plain/);
    assert.deepEqual(refused, {});
    assert.deepEqual([loader.current.signers.get('mild'), loader.current.signers.get('other')], [[], ['bob']]);
  });

  it('is refused where the trust policy does not say so, and goes when it does no more', async () => {
    const { show } = replica(both);
    assert.deepEqual((await show(trustObject(both), policyObject(forbidding('mild'), []), bare('plain'), byBob)).refused, {
      'Policy/mild': 'SEAL_MISSING',
      'Policy/plain': 'POLICY_UNSIGNED',
    });
    const other = replica(lax);
    assert.match((await other.show(trustObject(lax), bare('plain'), byBob)).verdict, /^Audit/);
    assert.equal((await other.show(trustObject(lax, strict), bare('plain'), byBob)).verdict, 'Allow');
  });

  it('opens nothing: with nothing sealed, workloads stay refused', async () => {
    const { show } = replica(lax);
    assert.match((await show(trustObject(lax), bare('plain'))).verdict, /^Deny/);
  });

  it('never takes the place of a sealed one, and gives its own to a sealed one of any version', async () => {
    const { show } = replica(lax);
    await show(trustObject(lax), byAnn, byBob);
    const over = await show(trustObject(lax), policyObject(forbidding('first', 9), []), byBob);
    assert.deepEqual([over.verdict, over.refused], ['Allow', { 'Policy/first': 'POLICY_UNSIGNED' }]);
    const other = replica(lax);
    assert.match((await other.show(trustObject(lax), policyObject(forbidding('first', 9), []), byBob)).verdict, /^Audit/);
    assert.equal((await other.show(trustObject(lax), byAnn, byBob)).verdict, 'Allow');
  });

  it('never takes the place of one that a mark remembers', async () => {
    const { show, loader } = replica(lax);
    await show(trustObject(lax), byAnn, byBob);
    const [mark] = [...loader.current.set.policies].filter(({ name }) => name === 'first');
    assert.ok(mark);
    const fresh = replica(lax);
    await fresh.show(trustObject(lax), byBob);
    const { refused } = await fresh.show(trustObject(lax), byAnn, byBob);
    assert.deepEqual(refused, {});
    const { refused: after } = await fresh.show(trustObject(lax), bare('first'), byBob);
    assert.deepEqual(after, { 'Policy/first': 'POLICY_UNSIGNED' });
  });

  it('never stands for the sealed bytes that somebody took the seals off, whatever trust policy comes then', async () => {
    const text = forbidding('first');
    const [sealedFirst, stripped] = [policyObject(text, sealBy(text, 'ann')), policyObject(text, [])];
    for (const [pin, next] of [
      [both, trustVersion(2, ['ann', 'bob'], { unsigned: 'Audit' })],
      [lax, trustVersion(2, ['ann', 'bob'], { unsigned: 'Audit', expires: '2999-01-01T00:00:00Z' })],
    ] as const) {
      const { show } = replica(pin);
      assert.match((await show(trustObject(pin), sealedFirst, byBob)).verdict, /^Deny first/);
      assert.match((await show(trustObject(pin), stripped, byBob)).verdict, /^Deny first/);
      assert.match((await show(trustObject(pin, next), stripped, byBob)).verdict, /^Deny first/);
      assert.match((await show(trustObject(pin, next), byBob)).verdict, /^Deny first/);
    }
  });

  it('ends when its object does', async () => {
    const { show } = replica(lax);
    assert.match((await show(trustObject(lax), bare('plain'), byBob)).verdict, /^Audit/);
    assert.match((await show(trustObject(lax), { ...bare('plain'), spec: { version: 1 } }, byBob)).verdict, /^Audit/);
    assert.equal((await show(trustObject(lax), byBob)).verdict, 'Allow');
  });

  it('is refused when a seal that does not count stands beside it', async () => {
    const { show } = replica(lax);
    const text = forbidding('mild');
    const { refused } = await show(trustObject(lax), policyObject(text, sealBy('other bytes', 'ann')), byBob);
    assert.deepEqual(refused, { 'Policy/mild': 'SEAL_DIGEST_MISMATCH' });
  });

  it('written as hostile as can be is refused', async () => {
    const { show } = replica(lax);
    let deep: object = {};
    for (let level = 0; level < 20_000; level += 1) deep = { deep };
    const { refused } = await show(trustObject(lax), { metadata: { name: 'deep' }, spec: deep }, { metadata: { name: 'none' } }, byBob);
    assert.deepEqual(Object.keys(refused), ['Policy/deep', 'Policy/none']);
  });
});
