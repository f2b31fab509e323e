// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AccessQuestion } from '../cel/index.ts';
import { subjectOf } from '../subject/index.ts';
import { decideAsking } from './access.ts';
import type { AccessOutcome, AskAccess } from './access.ts';
import type { Decision } from './index.ts';
import { request, setOf } from './test-case.ts';

const verbOf = (question: AccessQuestion): string => `${question.user.username} ${question.verb}`;

/** Answers by verb, and keeps what it was asked, round by round. */
const asker = (answers: Readonly<Record<string, AccessOutcome>>) => {
  const asked: string[] = [];
  const ask: AskAccess = (question) => {
    asked.push(verbOf(question));
    return Promise.resolve(answers[question.verb] ?? { allowed: false, reason: '', error: '' });
  };
  return { ask, asked };
};

const ALLOWED: AccessOutcome = { allowed: true, reason: 'because', error: '' };
const check = (verb: string, then = 'allowed()'): string => `authorizer.group('').resource('pods').check('${verb}').${then}`;

const decided = (expression: string, ask: AskAccess | undefined, spec = {}): Decision | Promise<Decision> => {
  const admission = request();
  const set = setOf({ validations: [{ expression }], ...spec });
  return decideAsking(
    { set, subject: subjectOf(admission), facts: { request: admission, namespaceObject: null, tenant: null, governed: true } },
    ask,
  );
};

describe('what policies ask the authorizer', () => {
  it('costs nothing, not even a promise, where no policy asks', () => {
    const never: AskAccess = () => assert.fail('nobody asked');
    assert.ok(!(decided('true', never) instanceof Promise));
    assert.ok(!(decided(`true || ${check('get')}`, never) instanceof Promise));
  });

  it('is answered, once for each question', async () => {
    const { ask, asked } = asker({ get: ALLOWED });
    const validations = [
      { expression: `${check('get')} && ${check('get', "reason() == 'because'")}` },
      { expression: `!${check('list')} && ${check('get')}` },
    ];
    const decision = await decided('true', ask, { validations });
    assert.equal(decision.verdict, 'Allow');
    assert.deepEqual(asked, ['jane get', 'jane list']);
  });

  it('is asked all at once, also what an error before would have hidden', async () => {
    const rounds: string[][] = [];
    let round: string[] | undefined;
    const ask: AskAccess = async (question) => {
      if (round === undefined) {
        rounds.push((round = []));
        queueMicrotask(() => queueMicrotask(() => (round = undefined)));
      }
      round.push(question.verb);
      return ALLOWED;
    };
    const validations = [
      { expression: `['a', 'b'].all(v, ${check('x').replace("'x'", 'v')})` },
      { expression: `${check('c')} ? ${check('d')} : false` },
    ];
    const decision = await decided('true', ask, { validations });
    assert.equal(decision.verdict, 'Allow');
    assert.deepEqual(rounds, [['a', 'b', 'c'], ['d']]);
  });

  it('and fails by failurePolicy when nobody answers', async () => {
    const { ask } = asker({ get: { failed: 'no answer within 5 ms' } });
    const decision = await decided(check('get'), ask);
    assert.match(decision.violations[0]?.message ?? '', /resulted in error: the authorizer could not be asked: no answer within 5 ms$/);
    assert.equal((await decided(check('get'), ask, { failurePolicy: 'Ignore' })).verdict, 'Allow');
    assert.equal((await decided(`${check('get')} || true`, ask)).verdict, 'Allow');
    assert.equal((await decided(check('get'), undefined)).verdict, 'Deny');
  });

  it('tells what went wrong while it thought', async () => {
    const { ask } = asker({ get: { allowed: false, reason: '', error: 'it broke' } });
    assert.equal((await decided(`${check('get', 'errored()')} && ${check('get', "error() == 'it broke'")}`, ask)).verdict, 'Allow');
  });

  it('ends, however many rounds a policy would like', async () => {
    const { ask, asked } = asker({});
    const chain = (left: number): string => (left === 0 ? 'true' : `(${check(`v${left}`)} ? true : ${chain(left - 1)})`);
    const validations = Array.from({ length: 10 }, () => ({ expression: chain(2) }));
    const decision = await decided('true', ask, { validations });
    assert.equal(decision.verdict, 'Allow');
    assert.deepEqual(asked, ['jane v2', 'jane v1']);
  });

  it('does not use up the steps of the decision', async () => {
    const { ask } = asker({ get: ALLOWED });
    const validations = Array.from({ length: 28 }, () => ({ expression: check('get') }));
    const admission = request();
    const set = setOf({ validations }, { validations }, { validations });
    const facts = { request: admission, namespaceObject: null, tenant: null, governed: true };
    assert.equal((await decideAsking({ set, subject: subjectOf(admission), facts }, ask)).verdict, 'Allow');
  });
});
