// SPDX-License-Identifier: Apache-2.0
// What takes long to verify is verified one after the other, for those who wait for it still, and nobody takes all of the turns.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSealedJudge } from '../../policies/sealed-object.ts';
import { provingHere } from '../../policies/trust/evidence-task.ts';
import { fakeClock } from '../../test/fake-clock.ts';
import { createVerifyAhead } from './ahead.ts';
import { handleGuard } from './index.ts';
import type { Asker } from './places.ts';
import { AT_MS, answerOf, depsOf, policyAt, reviewOf, trust } from './test-guard.ts';
import { viewOf } from './test-view.ts';
import { createTurns } from './turns.ts';

const OPERATOR = 'system:serviceaccount:writ-system:writ-operator';
const askedBy = (user: string, lane: Asker['lane'] = 'others', isThere = (): boolean => true): Asker => ({ user, lane, isThere });

/** Turns in which nothing goes on until it is let. */
const held = () => {
  const turns = createTurns();
  const begun: string[] = [];
  const gate = Promise.withResolvers<void>();
  const take = (asker: Asker, name = asker.user) =>
    turns.take(asker, {
      prepare: undefined,
      work: async () => {
        begun.push(name);
        await gate.promise;
        return name;
      },
    });
  return { take, begun, go: gate.resolve };
};

describe('turns', () => {
  it('are nobody’s twice in a row while another waits, the operator before others', async () => {
    const { take, begun, go } = held();
    const all = [
      take(askedBy('a'), 'a1'),
      take(askedBy('a'), 'a2'),
      take(askedBy('a'), 'a3'),
      take(askedBy('b')),
      take(askedBy('o', 'operator')),
    ];
    go();
    await Promise.all(all.map(async (one) => one));
    assert.deepEqual(begun, ['a1', 'o', 'a2', 'b', 'a3']);
  });

  it('are few for each user, and few for all but the operator', async () => {
    const { take, go } = held();
    const taken = (count: number, asker: (at: number) => Asker) =>
      Array.from({ length: count }, (_, at) => take(asker(at))).filter(Boolean);
    const ofOne = taken(64, () => askedBy('editor'));
    const ofMany = taken(64, (at) => askedBy(`editor-${at}`));
    const [ofTrust, ofOperator] = [taken(64, (at) => askedBy(`admin-${at}`, 'trust')), taken(64, () => askedBy('o', 'operator'))];
    assert.deepEqual([ofOne.length, ofMany.length, ofTrust.length, ofOperator.length], [4, 8, 4, 16]);
    go();
    await Promise.all([...ofOne, ...ofMany, ...ofTrust, ...ofOperator]);
    assert.ok(take(askedBy('editor')) !== undefined, 'places are given back');
  });

  it('are given on by work that nobody waits for any more, which is never begun, and by work that fails', async () => {
    const { take, begun, go } = held();
    let isThere = true;
    const all = [take(askedBy('a')), take(askedBy('b', 'others', () => isThere)), take(askedBy('c'))];
    isThere = false;
    go();
    assert.deepEqual(await Promise.all(all.map(async (one) => one)), ['a', undefined, 'c']);
    assert.deepEqual(begun, ['a', 'c']);
    const turns = createTurns();
    const work = (): Promise<string> => Promise.reject(new Error('broken'));
    const broken = turns.take(askedBy('a'), { prepare: undefined, work });
    const after = turns.take(askedBy('b'), { prepare: work, work });
    await assert.rejects(async () => broken, /broken/);
    await assert.rejects(async () => after, /broken/);
    assert.equal(await turns.take(askedBy('a'), { prepare: undefined, work: async () => 'fine' }), 'fine');
  });
});

describe('a storm of long documents', () => {
  const validations = Array.from({ length: 30 }, (_, at) => ({ expression: `object.metadata.name != '${'x'.repeat(300)}${at}'` }));
  const long = reviewOf({ after: policyAt(1, { validations }) });
  const by = (username: string): string => long.replace('"username":"admin"', `"username":"${username}"`);

  const guard = () => {
    let begun = 0;
    const judge = createSealedJudge();
    const view = viewOf(trust, {
      atMs: AT_MS,
      judge: (...given) => {
        begun += 1;
        return judge(...given);
      },
    });
    const deps = { ...depsOf(view), ahead: createVerifyAhead(fakeClock(AT_MS), provingHere()) };
    return {
      begun: () => begun,
      ask: async (username: string, isAwaited?: () => boolean) => answerOf(await handleGuard(by(username), deps, isAwaited)),
    };
  };

  it('is refused beyond a few of one user, who may come again, and keeps nobody else out', async () => {
    const { ask, begun } = guard();
    const storm = Array.from({ length: 20 }, () => ask('editor'));
    const [other, operator] = [await ask('another'), await ask(OPERATOR)];
    assert.deepEqual([other.allowed, operator.allowed], [true, true]);
    const codes = (await Promise.all(storm)).map(({ allowed, code }) => (allowed ? 'pass' : code));
    assert.deepEqual(codes, [...Array(4).fill('pass'), ...Array(16).fill('REQUEST_OVERLOAD')]);
    assert.equal(begun(), 6);
  });

  it('is not verified where nobody waits for it any more', async () => {
    const { ask, begun } = guard();
    const codes = [await ask('editor', () => false), await ask('editor', () => false)].map(({ code }) => code);
    assert.deepEqual([codes, begun()], [['REQUEST_DEADLINE', 'REQUEST_DEADLINE'], 0]);
  });
});
