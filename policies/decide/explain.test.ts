// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { subjectOf } from '../subject/index.ts';
import { explain } from './explain.ts';
import { conditions, everything, namespaceObject, request, setOf, tenant, validation } from './test-case.ts';

test('explain says why a policy did not apply, and what each expression said', () => {
  const set = setOf(
    { ...validation('true'), ...conditions('true', 'false') },
    { ...validation('true'), workloads: ['Agent'], matchConstraints: {} },
    { ...validation('true'), matchConstraints: { ...everything, namespaceSelector: { matchLabels: { a: 'b' } } } },
    { validations: [{ expression: 'true' }, { expression: 'false', message: 'm' }] },
  );
  const asked = request();
  const { policies, decision } = explain(set, subjectOf(asked), { request: asked, namespaceObject, tenant });
  assert.deepEqual(
    policies.map(({ applied, because, verdict }) => `${applied} ${because} ${verdict}`),
    [
      'false its match condition c1 is false Allow',
      'false it is about agents, and nothing proves that the workload is one Allow',
      'false its namespaceSelector does not select the namespace Allow',
      'true its rules and selectors match the request Deny',
    ],
  );
  assert.deepEqual(policies[3]?.steps, [
    { kind: 'validation', name: 'true', source: 'true', outcome: 'true', parts: [] },
    { kind: 'validation', name: 'false', source: 'false', outcome: 'false', message: 'm', parts: [], failedAt: 0 },
  ]);
  assert.equal(decision.verdict, 'Deny');
});
