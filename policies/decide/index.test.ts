// SPDX-License-Identifier: Apache-2.0
// What a decision tells, the default of deny, and budgets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Value } from '../cel/index.ts';
import { emptySet } from '../compile/index.ts';
import type { AdmissionRequest, JsonObject } from './request.ts';
import { decideOn, namespaceObject, pod, request, setOf, validation } from './test-case.ts';

test('audit annotations are written under the name of the policy; null and blank are none', () => {
  const set = setOf({
    auditAnnotations: [
      { key: 'image', valueExpression: "' ' + object.spec.containers[0].image" },
      { key: 'none', valueExpression: 'null' },
      { key: 'blank', valueExpression: "' '" },
    ],
  });
  assert.deepEqual(decideOn(set).auditAnnotations, { 'p0.image': 'a:1' });
});

test('a violation tells policy, digest, version, rule and HTTP status', () => {
  const [violation] = decideOn(
    setOf({ validations: [{ expression: 'true' }, { expression: 'false', reason: 'Forbidden', message: 'm' }] }),
  ).violations;
  assert.deepEqual(violation, {
    policy: 'p0',
    digest: 'sha256:p0',
    version: 3,
    enforcement: 'Deny',
    message: 'm',
    reason: 'Forbidden',
    code: 403,
    rule: 1,
    expression: 'false',
    cause: 'false',
  });
});

test('warnings are lines of policy, reason and text', () => {
  const decision = decideOn(setOf({ ...validation('false', { message: 'm' }), enforcement: 'Warn' }, validation('true')));
  assert.deepEqual(decision.warnings, ['p0 (Invalid): m']);
  assert.deepEqual(
    decision.evaluated.map(({ policy, verdict }) => `${policy} ${verdict}`),
    ['p0 Warn', 'p1 Allow'],
  );
});

const emptyRows: readonly (readonly [
  name: string,
  fields: Partial<AdmissionRequest>,
  namespaceObject: JsonObject | null,
  verdict: string,
])[] = [
  ['a pod', {}, namespaceObject, 'Deny'],
  ['a pod in a namespace not known', {}, null, 'Deny'],
  ['a pod outside of tenants', {}, { metadata: { name: 'other', labels: {} } }, 'Allow'],
  ['a deletion', { operation: 'DELETE', object: null, oldObject: pod }, namespaceObject, 'Allow'],
  ['status', { operation: 'UPDATE', subResource: 'status', oldObject: pod }, namespaceObject, 'Allow'],
  ['ephemeral containers', { operation: 'UPDATE', subResource: 'ephemeralcontainers', oldObject: pod }, namespaceObject, 'Deny'],
  ['resources of containers', { operation: 'UPDATE', subResource: 'resize', oldObject: pod }, namespaceObject, 'Deny'],
  ['an eviction', { operation: 'CREATE', subResource: 'eviction' }, namespaceObject, 'Allow'],
  [
    'a finalizer taken off',
    { operation: 'UPDATE', oldObject: { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } } },
    namespaceObject,
    'Allow',
  ],
  ['a ConfigMap', { kind: { group: '', version: 'v1', kind: 'ConfigMap' } }, namespaceObject, 'Allow'],
];

for (const [name, fields, namespace, verdict] of emptyRows) {
  test(`with nothing verified: ${name}: ${verdict}`, () => {
    const decision = decideOn(emptySet, request(fields), { namespaceObject: namespace });
    assert.equal(decision.verdict, verdict);
    assert.equal(decision.violations[0]?.problem, verdict === 'Deny' ? 'NO_VERIFIED_POLICY' : undefined);
  });
}

test('no policy speaks in a namespace that is not governed', () => {
  assert.equal(decideOn(setOf(validation('false')), request(), { namespaceObject: { metadata: { labels: {} } } }).verdict, 'Allow');
});

const DEAR = 'object.spec.list.all(a, object.spec.list.all(b, a + b != -1))';
const longList: Value = { metadata: {}, spec: { list: Array.from({ length: 3_000 }, (_, index) => index) } };

test('an expression beyond its budget is an error, which || does not absorb', () => {
  const decision = decideOn(setOf(validation(`(${DEAR}) || true`)), request({ object: longList }));
  assert.equal(decision.verdict, 'Deny');
  assert.match(decision.violations[0]?.message ?? '', /cost limit exceeded/);
});

test('a policy beyond its budget stops there', () => {
  const limits = { expression: 1_000, match: 1_000, policy: 2_500, audit: 1_000, effort: 1_000_000 };
  const set = setOf({
    validations: [{ expression: DEAR }, { expression: DEAR }, { expression: DEAR }, { expression: DEAR }, { expression: 'false' }],
  });
  const { violations } = decideOn(set, request({ object: longList }), { limits });
  assert.equal(violations.length, 1);
  assert.match(violations[0]?.message ?? '', /no further validation rules will be run/);
});

test('a decision beyond its budget is a denial with a code, soon', () => {
  const set = setOf(...Array.from({ length: 100 }, () => ({ ...validation(DEAR), enforcement: 'Audit' as const })));
  const startedMs = performance.now();
  const decision = decideOn(set, request({ object: longList }));
  assert.equal(decision.verdict, 'Deny');
  assert.equal(decision.violations[0]?.problem, 'DECISION_BUDGET');
  assert.ok(performance.now() - startedMs < 5_000);
});

test('a policy that may not deny does not, however much one call of it would cost', () => {
  const keyed: Value = { metadata: {}, spec: { list: Array.from({ length: 10_000 }, (_, k) => ({ k })) } };
  for (const expression of [
    'object.spec.list.map(x, x.k).distinct().size() > 0',
    "strings.quote(string(object.spec.list.map(x, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa').join(''))) != ''",
  ]) {
    const set = setOf({ ...validation(expression), enforcement: 'Audit', failurePolicy: 'Ignore' });
    assert.equal(decideOn(set, request({ object: keyed })).verdict, 'Allow', expression);
  }
});

test('a hundred policies that walk over a long list all have their say', () => {
  const walks = Array.from({ length: 100 }, () => validation('object.spec.list.all(a, a >= 0 && a < 3000)'));
  const decision = decideOn(setOf(...walks), request({ object: longList }));
  assert.equal(decision.verdict, 'Allow');
  assert.equal(decision.evaluated.length, 100);
});
