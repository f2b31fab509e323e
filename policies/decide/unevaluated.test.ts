// SPDX-License-Identifier: Apache-2.0
// A decision says where a policy that applied did not come to its end: what service levels count, forgiven or not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicySpec } from '../../crds/generated/objects.ts';
import { createSet } from '../compile/set-index.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { ERROR, decideOn, request, setOf, validation } from './test-case.ts';

const condition = (...expressions: readonly string[]): Partial<PolicySpec> => ({
  ...validation('true'),
  matchConditions: expressions.map((expression, index) => ({ name: `c${index}`, expression })),
});
const annotation = (expression: string): Partial<PolicySpec> => ({
  ...validation('true'),
  auditAnnotations: [{ key: 'told', valueExpression: expression }],
});

const rows: readonly (readonly [what: string, spec: Partial<PolicySpec>, unevaluated: true | undefined])[] = [
  ['a policy that holds', validation('true'), undefined],
  ['one that denies', validation('false'), undefined],
  ['an error of a validation', validation(ERROR), true],
  ['an error of a match condition', condition(ERROR), true],
  ['an error beside a match condition that is false', condition('false', ERROR), undefined],
  ['an error of an audit annotation', annotation('string(object.spec.nothing)'), true],
  ['an audit annotation that is written', annotation("'yes'"), undefined],
  ['one that holds under a schema', { ...validation('true'), jsonSchema: { type: 'object' } }, undefined],
];

test('a decision says where a policy did not come to its end, forgiven or not', () => {
  for (const [what, spec, unevaluated] of rows) {
    for (const failurePolicy of ['Fail', 'Ignore'] as const) {
      for (const enforcement of ['Deny', 'Audit'] as const) {
        const decision = decideOn(setOf(validation('true'), { ...spec, failurePolicy, enforcement }), request());
        assert.equal(decision.unevaluated, unevaluated, `${what} under ${failurePolicy}, ${enforcement}`);
      }
    }
  }
});

test('nor where the steps of a policy, or those of all, ran out', () => {
  const set = setOf({ ...validation('object.spec.n == 3'), failurePolicy: 'Ignore' });
  assert.equal(decideOn(set, request(), { limits: { ...DEFAULT_LIMITS, policy: 1 } }).unevaluated, true);
  const spent = decideOn(set, request(), { limits: { ...DEFAULT_LIMITS, effort: 1 } });
  assert.deepEqual([spent.verdict, spent.unevaluated], ['Deny', true]);
});

test('what no request of its kind is asked about, and what nobody sealed, spoils nothing', () => {
  const elsewhere = { resourceRules: [{ apiGroups: ['apps'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }] } as const;
  assert.equal(decideOn(setOf({ ...validation(ERROR), matchConstraints: elsewhere }), request()).unevaluated, undefined);
  const [sealed, note] = setOf(validation('true'), { ...validation(ERROR), enforcement: 'Audit' }).policies;
  assert.ok(sealed !== undefined && note !== undefined);
  const set = createSet([sealed, { ...note, unsigned: true }]);
  const { violations, unevaluated } = decideOn(set, request());
  assert.deepEqual([violations.map(({ cause }) => cause), unevaluated], [['error'], undefined]);
});
