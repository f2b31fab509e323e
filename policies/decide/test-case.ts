// SPDX-License-Identifier: Apache-2.0
// A request, a namespace, a tenant and policies about them, for the tests of this folder.
import assert from 'node:assert/strict';
import type { PolicySpec } from '../../crds/generated/objects.ts';
import { parseJson } from '../cel/index.ts';
import type { Value } from '../cel/index.ts';
import { compilePolicies } from '../compile/index.ts';
import type { CompileInput, PolicySet } from '../compile/index.ts';
import { subjectOf } from '../subject/index.ts';
import { decide } from './index.ts';
import type { AdmissionFacts, Decision } from './index.ts';
import type { AdmissionRequest, JsonObject } from './request.ts';

export const everything = { resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*'] }] } as const;

export const input = (name: string, spec: Partial<PolicySpec>): CompileInput => ({
  policy: {
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'Policy',
    metadata: { name },
    spec: { version: 3, matchConstraints: everything, ...spec },
  },
  digest: `sha256:${name}`,
});

export const setOf = (...specs: readonly Partial<PolicySpec>[]): PolicySet => {
  const { set, refused } = compilePolicies(specs.map((spec, index) => input(`p${index}`, spec)));
  assert.deepEqual(refused, []);
  return set;
};

export const pod: Value = parseJson(
  '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","labels":{"constructor":"x"}},"spec":{"n":3,"big":9007199254740993,"half":0.5,"containers":[{"name":"a","image":"a:1"}]}}',
);

export const request = (fields: Partial<AdmissionRequest> = {}): AdmissionRequest => ({
  uid: 'u',
  kind: { group: '', version: 'v1', kind: 'Pod' },
  resource: { group: '', version: 'v1', resource: 'pods' },
  subResource: '',
  requestKind: { group: '', version: 'v1', kind: 'Pod' },
  requestResource: { group: '', version: 'v1', resource: 'pods' },
  requestSubResource: '',
  name: 'web',
  namespace: 'acme',
  operation: 'CREATE',
  userInfo: { username: 'jane', uid: '', groups: ['dev'], extra: {} },
  object: pod,
  oldObject: null,
  options: null,
  dryRun: false,
  ...fields,
});

export const namespaceObject: JsonObject = {
  kind: 'Namespace',
  metadata: { name: 'acme', labels: { 'writ.dev/tenant': 'acme' }, managedFields: [], ownerReferences: [] },
};
export const tenant: JsonObject = { metadata: { name: 'acme' }, spec: { tier: 'Enterprise', locale: 'es', quota: 1.5 } };

export const decideOn = (set: PolicySet, asked: AdmissionRequest = request(), facts: Partial<AdmissionFacts> = {}): Decision =>
  decide(set, subjectOf(asked), { request: asked, namespaceObject, tenant, ...facts });

export const validation = (expression: string, more: object = {}): Partial<PolicySpec> => ({ validations: [{ expression, ...more }] });
export const conditions = (...expressions: readonly string[]): Partial<PolicySpec> => ({
  matchConditions: expressions.map((expression, index) => ({ name: `c${index}`, expression })),
});
/** An expression that errs: `no such key: nothing`. */
export const ERROR = "object.nothing == 'x'";
