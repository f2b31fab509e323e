// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseReview } from './request.ts';

const request = {
  uid: 'u1',
  kind: { group: 'apps', version: 'v1', kind: 'Deployment' },
  resource: { group: 'apps', version: 'v1', resource: 'deployments' },
  requestKind: { group: 'apps', version: 'v1', kind: 'Deployment' },
  requestResource: { group: 'apps', version: 'v1', resource: 'deployments' },
  name: 'web',
  namespace: 'acme',
  operation: 'CREATE',
  userInfo: { username: 'jane', groups: ['dev', 7], extra: { __proto__x: ['y'] } },
  object: { kind: 'Deployment', spec: { replicas: 3 } },
  oldObject: null,
  dryRun: true,
};
const review = (fields: object, top: object = {}): string =>
  JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: { ...request, ...fields }, ...top });

const code = (text: string): string => {
  const outcome = parseReview(text);
  return outcome.ok ? 'ok' : `${outcome.problem.code} ${outcome.problem.path ?? ''}`.trim();
};

const rows: readonly (readonly [name: string, text: string, expect: string])[] = [
  ['a whole review', review({}), 'ok'],
  ['nothing', '', 'REVIEW_NOT_JSON'],
  ['binary', '\u0000\u0001', 'REVIEW_NOT_JSON'],
  ['half of a review', review({}).slice(0, -5), 'REVIEW_NOT_JSON'],
  ['a list', '[]', 'REVIEW_NOT_REVIEW kind'],
  ['a number', '1.5', 'REVIEW_NOT_REVIEW kind'],
  ['another kind', '{"kind":"Pod"}', 'REVIEW_NOT_REVIEW kind'],
  ['v1beta1', review({}, { apiVersion: 'admission.k8s.io/v1beta1' }), 'REVIEW_VERSION apiVersion'],
  ['no request', JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' }), 'REVIEW_INVALID request'],
  ['a request that is a list', review({}, { request: [] }), 'REVIEW_INVALID request'],
  ['no uid', review({ uid: '' }), 'REVIEW_INVALID request.uid'],
  ['no kind', review({ kind: 'Pod' }), 'REVIEW_INVALID request.kind'],
  ['no resource', review({ resource: {} }), 'REVIEW_INVALID request.resource'],
  ['an unknown operation', review({ operation: 'PATCH' }), 'REVIEW_INVALID request.operation'],
  ['a CREATE without object', review({ object: null }), 'REVIEW_WITHOUT_OBJECT request.object'],
  ['an object that is text', review({ object: 'x' }), 'REVIEW_WITHOUT_OBJECT request.object'],
  ['an UPDATE without object', review({ operation: 'UPDATE', object: undefined, oldObject: {} }), 'REVIEW_WITHOUT_OBJECT request.object'],
  ['a DELETE with only oldObject', review({ operation: 'DELETE', object: undefined, oldObject: { a: 1 } }), 'ok'],
  [
    'a DELETE without either',
    review({ operation: 'DELETE', object: undefined, oldObject: undefined }),
    'REVIEW_WITHOUT_OBJECT request.oldObject',
  ],
  ['a CONNECT', review({ operation: 'CONNECT', subResource: 'exec' }), 'ok'],
];

for (const [name, text, expect] of rows) test(name, () => assert.equal(code(text), expect));

test('what was sent arrives', () => {
  const outcome = parseReview(review({}));
  assert.ok(outcome.ok);
  assert.equal(outcome.request.dryRun, true);
  assert.deepEqual(outcome.request.userInfo, { username: 'jane', uid: '', groups: ['dev'], extra: { __proto__x: ['y'] } });
  assert.deepEqual(outcome.request.object, { kind: 'Deployment', spec: { replicas: 3 } });
  assert.equal(outcome.request.subResource, '');
});

test('a deletion has no object, a creation no old one', () => {
  const deletion = parseReview(review({ operation: 'DELETE', oldObject: {} }));
  assert.ok(deletion.ok && deletion.request.object === null);
  const creation = parseReview(review({ oldObject: { a: 1 } }));
  assert.ok(creation.ok && creation.request.oldObject === null);
});

test('no text makes it throw', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.json().map((json) => review({}, { request: JSON.parse(json) })),
      ),
      (text) => typeof code(text) === 'string',
    ),
    { numRuns: 1_000 },
  );
});

test('nor does one that nests a hundred thousand times', () => {
  assert.equal(code(`${'['.repeat(100_000)}${']'.repeat(100_000)}`).startsWith('REVIEW_NOT'), true);
});
