// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { POD_RULES, createSealer } from '../../test/faults/webhook/sealed.ts';
import type { SealedPolicy } from '../../test/faults/webhook/sealed.ts';
import type { Decision } from '../../policies/decide/index.ts';
import { decideOn, request } from '../../policies/decide/test-case.ts';
import { atOnce } from '../../policies/steps.ts';
import { createJudge, isInGrace } from '../../policies/policy-object.ts';
import type { Judged, PolicyDocument } from '../../policies/policy-object.ts';
import { loadTrustObject } from '../../policies/trust/load.ts';
import { nextChangeMs } from './expired.ts';
import { createSetMaker } from './set.ts';

const FROM = Date.UTC(2026, 10, 22, 12);
const HOUR = 3_600_000;
const sealer = createSealer({ name: 'ann' }, { name: 'bob' });
const loaded = loadTrustObject(sealer.trustPolicy.signature, { pinnedDigest: sealer.trustDigest, at: FROM });
assert.ok(loaded.ok);
const { trust } = loaded;
const judge = atOnce(createJudge());

const time = (ms: number): string => new Date(ms).toISOString();
const glass = (more: Record<string, unknown> = {}, expires = time(FROM + HOUR), name = 'break-glass-42'): SealedPolicy =>
  sealer.policy(name, { version: 1, expires, breakGlass: { from: time(FROM), policies: ['strict'], reason: 'incident 42', ...more } });
const broken = (...spec: Parameters<typeof glass>): SealedPolicy => sealer.sealAgain(glass(...spec), 0, 1);
const denying = (name: string, more: Record<string, unknown> = {}): SealedPolicy =>
  sealer.policy(name, {
    version: 1,
    matchConstraints: POD_RULES,
    validations: [{ expression: 'false', message: `${name} says no` }],
    ...more,
  });
const judged = (policy: SealedPolicy, atMs = FROM): Judged => judge(policy, trust, atMs);
const documentOf = (policy: SealedPolicy, atMs = FROM): PolicyDocument => {
  const outcome = judged(policy, atMs);
  assert.ok(outcome.ok, outcome.ok ? '' : outcome.problem.message);
  return outcome.document;
};

const decisionOf = (documents: readonly PolicyDocument[], atMs: number): Decision => decideOn(createSetMaker()(documents, atMs), request());

describe('break-glass', () => {
  const strict = documentOf(denying('strict'));
  const other = documentOf(denying('other'));
  const document = documentOf(broken());

  it('lets what it names warn, from its first moment to its last, and nothing else', () => {
    const rows: readonly (readonly [atMs: number, verdict: Decision['verdict'], warnings: number])[] = [
      [FROM - 1, 'Deny', 0],
      [FROM, 'Warn', 1],
      [FROM + HOUR - 1, 'Warn', 1],
      [FROM + HOUR, 'Deny', 0],
    ];
    for (const [atMs, verdict, warnings] of rows) {
      const decision = decisionOf([strict, document], atMs);
      assert.deepEqual([decision.verdict, decision.warnings.length], [verdict, warnings], time(atMs));
    }
    const decision = decisionOf([strict, other, document], FROM);
    assert.equal(decision.verdict, 'Deny');
    assert.deepEqual(
      decision.violations.map(({ policy, enforcement }) => [policy, enforcement]),
      [
        ['other', 'Deny'],
        ['strict', 'Warn'],
      ],
    );
    assert.match(
      decision.warnings[0] ?? '',
      /^strict \(Invalid\): strict says no \(break-glass-42 lets it pass until 2026-11-22T13:00:00\.000Z\)$/,
    );
  });

  it('names all by *, and what has closed with time too', () => {
    const all = documentOf(broken({ policies: ['*'] }));
    assert.equal(decisionOf([strict, other, all], FROM).verdict, 'Warn');
    const ended = documentOf(denying('strict', { expires: time(FROM - HOUR) }));
    assert.equal(decisionOf([ended], FROM).verdict, 'Deny');
    assert.equal(decisionOf([ended, document], FROM).verdict, 'Warn');
  });

  it('makes another set of it, and the same one each time', () => {
    const make = createSetMaker();
    const before = make([strict, document], FROM - 1);
    const during = make([strict, document], FROM);
    const after = make([strict, document], FROM + 2 * HOUR);
    assert.notEqual(before.digest, during.digest);
    assert.equal(before.digest, after.digest);
    assert.equal(make([strict, document], FROM + 1).policies[0], make([strict, document, other], FROM + 2).policies[1]);
  });

  it('wakes the loader when it begins and when it ends, and closes nothing afterwards', () => {
    assert.equal(nextChangeMs([document], [], FROM - 5), FROM);
    assert.equal(nextChangeMs([document], [], FROM), FROM + HOUR);
    const over = documentOf(broken(), FROM + 2 * HOUR);
    assert.equal(isInGrace(over, FROM + 2 * HOUR), false);
    assert.deepEqual(createSetMaker()([over], FROM + 2 * HOUR).policies, []);
  });

  it('takes the seals of its own rule: those that write policies are not enough', () => {
    const outcome = judged(glass());
    assert.ok(!outcome.ok);
    assert.equal(outcome.problem.code, 'SEAL_THRESHOLD');
    assert.match(outcome.problem.message, /BreakGlass/);
  });

  it('is bounded to a day, says nothing else, and takes no name of another policy', () => {
    const rows: readonly (readonly [policy: SealedPolicy, message: RegExp])[] = [
      [broken({}, time(FROM + 24 * HOUR + 1)), /at most 24h/],
      [broken({}, time(FROM)), /at most 24h/],
      [
        sealer.sealAgain(
          sealer.policy('break-glass', { version: 1, breakGlass: { from: time(FROM), policies: ['a'], reason: 'x' } }),
          0,
          1,
        ),
        /at most 24h/,
      ],
      [broken({}, time(FROM + HOUR), 'strict'), /the name break-glass/],
      [sealer.sealAgain(denying('break-glass-1'), 0, 1), /the name break-glass/],
      [
        sealer.sealAgain(
          sealer.policy('break-glass', {
            version: 1,
            expires: time(FROM + HOUR),
            workloads: ['Agent'],
            breakGlass: { from: time(FROM), policies: ['a'], reason: 'x' },
          }),
          0,
          1,
        ),
        /no rule of its own/,
      ],
      [broken({ policies: [] }), /breakGlass.policies|fewer|least/],
    ];
    for (const [policy, message] of rows) {
      const outcome = judged(policy);
      assert.ok(!outcome.ok, JSON.stringify(policy.spec));
      assert.match(outcome.problem.message, message);
    }
    assert.ok(judged(broken({}, time(FROM + 24 * HOUR))).ok);
  });
});
