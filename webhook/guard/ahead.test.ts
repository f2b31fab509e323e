// SPDX-License-Identifier: Apache-2.0
// Long documents at admission: verified once, in steps between which others are answered, and ruled on by what came of it.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { isRecord } from '../../crds/wire.ts';
import type { JudgeInSteps, SealedObject } from '../../policies/policy-object.ts';
import { digestOf } from '../../policies/document/digest.ts';
import { memberText, releaseText } from '../../policies/ruleset/test-release.ts';
import { createSealedJudge } from '../../policies/sealed-object.ts';
import { loadTrust } from '../../policies/trust/index.ts';
import type { Trust } from '../../policies/trust/index.ts';
import { seal } from '../../policies/trust/seal.ts';
import { NOW, keyed, trustBytes, trustOf } from '../../policies/trust/test-trust.ts';
import { provingHere } from '../../policies/trust/evidence-task.ts';
import { POD_RULES, createSealer } from '../../test/faults/webhook/sealed.ts';
import type { SealedPolicy, Sealer } from '../../test/faults/webhook/sealed.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { createVerifyAhead } from './ahead.ts';
import { handleGuard } from './index.ts';
import type { Guarded } from './index.ts';
import { answerOf, reviewOf } from './test-guard.ts';
import type { Change } from './test-guard.ts';
import { viewOf } from './test-view.ts';
import type { GuardView } from './view.ts';
import { createWaiting } from './wait.ts';
import type { Waiting } from './wait.ts';

const AT_MS = Date.UTC(2026, 0, 1);
const trustBy = (sealer: Sealer): Trust => {
  const loaded = loadTrust(Buffer.from(sealer.trustPolicy.signature.document), { pinnedDigest: sealer.trustDigest });
  assert.ok(loaded.ok);
  return loaded.trust;
};
const sealer = createSealer();
const trust = trustBy(sealer);
const others = trustBy(createSealer({ name: 'mallory' }));

/** Of `count` rules with long texts of their own. */
const policyOf = (count: number, more: object = {}): SealedPolicy => {
  const validations = Array.from({ length: count }, (_, at) => ({
    expression: `object.metadata.name != '${'x'.repeat(300)}${count}-${at}'`,
  }));
  return sealer.policy('pinned', { version: 1, matchConstraints: POD_RULES, validations, ...more });
};

/** Judges as ever, and tells what of. */
const watchedJudge = (told: (object: SealedObject) => void): JudgeInSteps => {
  const judge = createSealedJudge();
  return function* (object, ...rest) {
    told(object);
    const steps = judge(object, ...rest);
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) {
      yield;
      told(object);
    }
    return step.value;
  };
};

const countingJudge = (): { readonly begun: () => number; readonly judge: JudgeInSteps } => {
  let begun = 0;
  const judge = createSealedJudge();
  return {
    begun: () => begun,
    judge: (...given) => {
      begun += 1;
      return judge(...given);
    },
  };
};

type World = { readonly views: readonly [GuardView, ...GuardView[]]; readonly changes: readonly Change[] };

/** What is answered, and the turns that the event loop made before; each look at the view finds the next one. */
const asked = async ({ views, changes }: World) => {
  let readings = 0;
  let looks = 0;
  // Each look at it finds that a piece has taken long enough.
  const clock = { ...fakeClock(AT_MS), monotonicMs: () => (readings += 10) };
  const waiting: Waiting = { settle: (judge) => judge(), wake: () => undefined };
  const view = (): GuardView => {
    const found = views[Math.min(looks, views.length - 1)] ?? views[0];
    looks += 1;
    return found;
  };
  const beat = { turns: 0, on: true };
  const turn = (): void => {
    beat.turns += 1;
    if (beat.on) setImmediate(turn);
  };
  setImmediate(turn);
  const deps = { view, waiting, systemNamespace: 'writ-system', ahead: createVerifyAhead(clock, provingHere()) };
  const answers = await Promise.all(changes.map(async (change) => handleGuard(reviewOf(change), deps)));
  beat.on = false;
  return { turns: beat.turns, said: answers.map((answer) => answerOf(answer)).map(({ allowed, code }) => (allowed ? 'pass' : code)) };
};

describe('a long document at admission', () => {
  it('is verified once, in pieces between which others are answered', async () => {
    const { begun, judge } = countingJudge();
    const { turns, said } = await asked({ views: [viewOf(trust, { atMs: AT_MS, judge })], changes: [{ after: policyOf(30) }] });
    assert.deepEqual([said, begun()], [['pass'], 1]);
    assert.ok(turns >= 30, `${turns} turns`);
  });

  it('is read in pieces too', async () => {
    const policy = policyOf(1, { params: { defaults: { numbers: Array.from({ length: 4000 }, (_, at) => at) } } });
    const { turns, said } = await asked({ views: [viewOf(trust, { atMs: AT_MS })], changes: [{ after: policy }] });
    assert.deepEqual(said, ['pass']);
    assert.ok(turns >= 12, `${turns} turns`);
  });

  it('is read in pieces where it has no seal and needs none', async () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const lax = trustOf({ principals: [keyed('ci', publicKey)], unsigned: 'Audit' });
    const { metadata, spec } = policyOf(1, { params: { defaults: { numbers: Array.from({ length: 9000 }, (_, at) => at) } } });
    const { turns, said } = await asked({ views: [viewOf(lax, { atMs: NOW })], changes: [{ after: { metadata, spec } }] });
    assert.deepEqual(said, ['pass']);
    assert.ok(turns >= 20, `${turns} turns`);
  });

  it('is verified member by member where it is a release', async () => {
    const pair = generateKeyPairSync('ed25519');
    const members = Array.from({ length: 256 }, (_, at) => memberText(`m-${at}`));
    const document = releaseText('pinned', members);
    const value: unknown = JSON.parse(document);
    assert.ok(isRecord(value));
    const signature = {
      document,
      bundles: [seal(Buffer.from(document), pair.privateKey)],
      members: members.map(({ path, text }) => ({ path, document: text })),
    };
    const by = trustOf({ principals: [keyed('ci', pair.publicKey)], kinds: ['Ruleset'] });
    const { turns, said } = await asked({
      views: [viewOf(by, { atMs: NOW })],
      changes: [{ after: { metadata: { name: 'pinned' }, spec: value['spec'], signature }, resource: 'rulesets' }],
    });
    assert.deepEqual(said, ['pass']);
    assert.ok(turns >= 2 * 256, `${turns} turns`);
  });

  it('is verified one after the other, or each turn would be as long as all of them', async () => {
    const order: string[] = [];
    const judge = watchedJudge(({ signature }) => void (order.at(-1) === signature?.document || order.push(signature?.document ?? '')));
    const changes = [policyOf(30), policyOf(31), policyOf(32)].map((after) => ({ after }));
    const { said } = await asked({ views: [viewOf(trust, { atMs: AT_MS, judge })], changes });
    assert.deepEqual(said, ['pass', 'pass', 'pass']);
    assert.equal(order.length, 3);
  });

  it('is judged anew by the trust policy that came meanwhile', async () => {
    const [ours, theirs] = [viewOf(trust, { atMs: AT_MS }), viewOf(others, { atMs: AT_MS })];
    assert.deepEqual((await asked({ views: [theirs, ours], changes: [{ after: policyOf(30) }] })).said, ['pass']);
    assert.deepEqual((await asked({ views: [ours, theirs], changes: [{ after: policyOf(30) }] })).said, ['SEAL_UNKNOWN_KEY']);
  });

  it('waits for a trust policy as a short one does, also for one that came while it was verified', async () => {
    const [ours, theirs] = [viewOf(trust, { atMs: AT_MS }), viewOf(others, { atMs: AT_MS })];
    const clock = fakeClock(AT_MS);
    let state = theirs;
    const waiting = createWaiting({ clock, timeoutMs: 1000, stateOf: () => state });
    const ahead = createVerifyAhead(clock, provingHere());
    const ask = (): Promise<Guarded> =>
      Promise.resolve(
        handleGuard(reviewOf({ after: policyOf(30) }), { view: () => state, waiting, systemNamespace: 'writ-system', ahead }),
      );
    const meanwhile = ask();
    state = ours;
    assert.equal(answerOf(await meanwhile).allowed, true);
    state = theirs;
    const [woken, late] = [ask(), ask()];
    while (clock.pending < 2) await new Promise((resolve) => void setImmediate(resolve));
    state = ours;
    waiting.wake();
    assert.equal(answerOf(await woken).allowed, true);
    assert.equal(answerOf(await late).allowed, true);
    state = theirs;
    const last = ask();
    while (clock.pending === 0) await new Promise((resolve) => void setImmediate(resolve));
    await clock.advance(1000);
    assert.equal(answerOf(await last).code, 'SEAL_UNKNOWN_KEY');
    assert.equal(clock.pending, 0);
  });

  it('is judged anew where time alone has changed what it is worth', async () => {
    const policy = policyOf(30, { expires: new Date(AT_MS + 1000).toISOString() });
    const [now, then] = [viewOf(trust, { atMs: AT_MS }), viewOf(trust, { atMs: AT_MS + 2000 })];
    assert.deepEqual((await asked({ views: [now], changes: [{ after: policy }] })).said, ['pass']);
    assert.deepEqual((await asked({ views: [now, then], changes: [{ after: policy }] })).said, ['POLICY_EXPIRED']);
  });

  it('is not looked at where nothing of it changes that means anything', async () => {
    const policy = policyOf(30);
    const labelled = { ...policy, metadata: { ...policy.metadata, labels: { a: 'b' } } };
    const { turns, said } = await asked({ views: [viewOf(others, { atMs: AT_MS })], changes: [{ before: policy, after: labelled }] });
    assert.deepEqual({ turns, said }, { turns: 0, said: ['pass'] });
  });
});

const LINKS = 12;

/** A trust policy that came by a chain from the first, all under one key, and how many steps it has at least. */
const chained = (spoil: (bundles: readonly string[]) => readonly string[] = (bundles) => bundles) => {
  const pair = generateKeyPairSync('ed25519');
  const links = Array.from({ length: LINKS }, (_, at) => {
    const bytes = trustBytes({ principals: [keyed('keeper', pair.publicKey)], version: at + 1, kinds: ['TrustPolicy'] });
    const bundles = [seal(bytes, pair.privateKey)];
    return { document: bytes.toString(), bundles: at === LINKS - 2 ? spoil(bundles) : bundles };
  });
  const [first, last] = [links[0], links.at(-1)];
  assert.ok(first !== undefined && last !== undefined);
  const value: unknown = JSON.parse(last.document);
  assert.ok(isRecord(value));
  const after = { metadata: { name: 'cluster' }, spec: value['spec'], signature: { ...last, chain: links.slice(0, -1) } };
  const held = loadTrust(Buffer.from(first.document), { pinnedDigest: digestOf(Buffer.from(first.document)) });
  assert.ok(held.ok);
  return { trust: held.trust, change: { after, resource: 'trustpolicies', name: 'cluster' } };
};

describe('a trust policy at admission', () => {
  it('is verified link by link, in pieces between which others are answered', async () => {
    const { trust: pinned, change } = chained();
    const { turns, said } = await asked({ views: [viewOf(pinned, { atMs: NOW })], changes: [change] });
    assert.deepEqual(said, ['pass']);
    assert.ok(turns >= 4 * LINKS, `${turns} turns`);
  });

  it('comes first where there is none yet, in pieces too', async () => {
    const { trust: pinned, change } = chained();
    const { turns, said } = await asked({ views: [viewOf(pinned, { atMs: NOW, trust: undefined })], changes: [change] });
    assert.deepEqual(said, ['pass']);
    assert.ok(turns >= 4 * LINKS, `${turns} turns`);
  });

  it('is refused for a link that is not sealed, or whose bundle is spelled in another way', async () => {
    const ask = async (spoil: (bundles: readonly string[]) => readonly string[]) => {
      const { trust: pinned, change } = chained(spoil);
      return (await asked({ views: [viewOf(pinned, { atMs: NOW })], changes: [change] })).said;
    };
    assert.deepEqual(await ask(() => []), ['TRUST_CHAIN_SEALS_BEFORE']);
    assert.deepEqual(await ask((bundles) => bundles.map((bundle) => ` ${bundle}`)), ['SEAL_FORM']);
  });

  it('is refused where another is in force when it is verified', async () => {
    const [one, other] = [chained(), chained()];
    const views = [viewOf(one.trust, { atMs: NOW }), viewOf(other.trust, { atMs: NOW, pinnedTrustDigest: one.trust.digest })] as const;
    assert.deepEqual((await asked({ views, changes: [one.change] })).said, ['TRUST_CHAIN_EQUIVOCATION']);
  });
});

describe('a short document at admission', () => {
  it('is verified at once', async () => {
    const { turns, said } = await asked({ views: [viewOf(trust, { atMs: AT_MS })], changes: [{ after: policyOf(3) }] });
    assert.deepEqual({ turns, said }, { turns: 0, said: ['pass'] });
  });
});
