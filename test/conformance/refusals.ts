// SPDX-License-Identifier: Apache-2.0
// Policies and bindings that the API server does not store, and what it and Writ say of them in one form.
import { compilePolicies } from '../../policies/compile/index.ts';
import { admissionPolicies } from '../../policies/compile/validating-admission-policy.ts';
import { documentOf } from './compare-policy.ts';
import type { Case, Json } from './policy-arbitrary.ts';

type Fields = { readonly [key: string]: Json };

/** Errors that no place in the source belongs to. */
const PLACELESS = /^(must evaluate to |program instantiation failed: )/;

/**
 * `field: text` of the API server; the many errors of one expression, which it tells with the source in one text, each as
 * `field: line:column: text`.
 */
export const refusalsOf = (said: readonly string[]): readonly string[] =>
  said
    .flatMap((one) => {
      const colon = one.indexOf(': ');
      const [field, text] = [one.slice(0, colon), one.slice(colon + 2)];
      const errors = [...text.matchAll(/^(?:.*?compilation failed: )?ERROR: <input>:(\d+:\d+): (.*)$/gm)];
      if (errors.length > 0) return errors.map(([, place, error]) => `${field}: ${place}: ${error}`);
      const result = /^Invalid value: "(?:\\.|[^"\\])*": ((?:must evaluate to |program instantiation failed: )[^]*)$/.exec(text);
      return [`${field}: ${result?.[1] ?? text}`];
    })
    .toSorted();

/** What Writ says of the same. */
export const ourRefusals = ({ policy, bindings }: Pick<Case, 'policy' | 'bindings'>): readonly string[] => {
  const read = admissionPolicies({ policies: [documentOf(policy)], bindings: bindings.map(documentOf), objects: [], kinds: [] });
  const { refused } = compilePolicies(read.inputs);
  return [...read.problems, ...refused.flatMap(({ problems }) => problems)]
    .map(({ path, message }) => {
      const text = /^\d+:\d+: ([^]*)$/.exec(message)?.[1] ?? message;
      return `${path ?? ''}: ${PLACELESS.test(text) ? text : message}`;
    })
    .toSorted();
};

const RULES: Json = [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }];

const policy = (spec: Fields, name = 'p'): Json => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: { name },
  spec: { matchConstraints: { resourceRules: RULES }, ...spec },
});
const binding = (spec: Fields): Json => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: { name: 'b' },
  spec: { policyName: 'p', validationActions: ['Deny'], ...spec },
});
const whole = (spec: Fields): Fields => ({ policyName: 'p', validationActions: ['Deny'], ...spec });

const TRUE = [{ expression: 'true' }];
const expression = (source: string): Json => policy({ validations: [{ expression: source }] });
const rule = (fields: Fields): Json =>
  policy({
    matchConstraints: { resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'], ...fields }] },
    validations: TRUE,
  });

export const REFUSED_POLICIES: readonly Json[] = [
  ...[
    'nothing == 1',
    'object.spec.flag',
    '1 == 1.0',
    'object.a == 1 &&\n  nothing == 2',
    "object.spec.replicas > 'a' && request.nope == 1 && namespaceObject.kind == 'x'",
    "'a' + 1 == 'a1'",
    "[1, 'a'].size() == 2",
    'has(object)',
    'object.exists(x)',
    'math.greatest(1, 2) == 2',
    "'abc'.reverse() == 'cba'",
    'variables.a == 1',
    'params.x == 1',
    'authorizer.foo == 1',
    "authorizer.group(1).resource('x').check('get').allowed()",
    "authorizer.group('').check('get').allowed()",
    "authorizer.path('/x').check('get')",
    "quantity('1').foo == 1",
    'string(1)',
  ].map(expression),
  policy({ validations: [{ expression: 'true', messageExpression: 'object.metadata.name' }] }),
  policy({ validations: [{ expression: 'true', messageExpression: "authorizer.path('/x').check('get').reason()" }] }),
  policy({ validations: [{ expression: 'true', messageExpression: '1' }, { expression: 'nothing' }] }),
  policy({ validations: [{ expression: 'true', messageExpression: '  ' }] }),
  policy({ validations: [{ expression: 'true', message: ' ' }] }),
  policy({ validations: [{ expression: 'true', message: 'a\nb' }] }),
  policy({ validations: [{ expression: ' ' }] }),
  policy({ validations: [{ expression: 'true', reason: 'Unauthorized' }] }),
  policy({ validations: [{ expression: 'nothing', reason: 'NotFound' }] }),
  policy({}),
  policy({ validations: [] }),
  policy({ validations: TRUE, variables: [{ name: 'namespace', expression: '1' }] }),
  policy({ validations: TRUE, variables: [{ name: 'a-b', expression: '1' }] }),
  policy({
    validations: TRUE,
    variables: [
      { name: 'a', expression: 'variables.b' },
      { name: 'b', expression: '1' },
    ],
  }),
  policy({ validations: TRUE, variables: [{ name: 'a', expression: ' ' }] }),
  policy({ validations: TRUE, matchConditions: [{ name: 'a', expression: '1' }] }),
  policy({
    validations: TRUE,
    matchConditions: [
      { name: 'a', expression: 'true' },
      { name: 'a', expression: 'true' },
    ],
  }),
  policy({ validations: TRUE, matchConditions: [{ name: 'a b', expression: 'true' }] }),
  policy({ auditAnnotations: [{ key: 'a b', valueExpression: "'x'" }] }),
  policy({
    auditAnnotations: [
      { key: 'a', valueExpression: "'x'" },
      { key: 'a', valueExpression: "'y'" },
    ],
  }),
  policy({ auditAnnotations: [{ key: 'a', valueExpression: '1' }] }),
  policy({ auditAnnotations: [{ key: 'a', valueExpression: 'object.x' }] }),
  policy({ validations: TRUE, matchConstraints: {} }),
  policy({ validations: TRUE }, 'Not_A_Name'),
  policy({
    validations: TRUE,
    matchConstraints: { resourceRules: RULES, objectSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } },
  }),
  policy({
    validations: TRUE,
    matchConstraints: {
      resourceRules: RULES,
      namespaceSelector: { matchExpressions: [{ key: 'a b', operator: 'Exists', values: ['x'] }] },
    },
  }),
  policy({ validations: TRUE, matchConstraints: { resourceRules: RULES, namespaceSelector: { matchLabels: { a: 'not a value' } } } }),
  ...[
    { apiGroups: [] },
    { apiGroups: ['*', 'apps'] },
    { apiVersions: ['v1', '*'] },
    { operations: ['*', 'CREATE'] },
    { operations: [] },
    { resources: [] },
    { resources: ['*', 'pods'] },
    { resources: ['*/*', 'pods'] },
    { resources: ['pods/*', 'pods/exec'] },
    { resources: ['*/scale', 'deployments/scale'] },
    { resourceNames: ['a', 'a'] },
  ].map(rule),
];

export const REFUSED_BINDINGS: readonly Json[] = [
  binding(whole({ validationActions: [] })),
  binding(whole({ validationActions: ['Deny', 'Warn'] })),
  binding(whole({ validationActions: ['Deny', 'Deny'] })),
  binding(whole({ validationActions: ['Refuse'] })),
  binding(whole({ policyName: 'Not_A_Name' })),
  binding(whole({ paramRef: { name: 'a', selector: {}, parameterNotFoundAction: 'Deny' } })),
  binding(whole({ paramRef: { parameterNotFoundAction: 'Deny' } })),
  binding(whole({ paramRef: { name: 'a' } })),
  binding(whole({ paramRef: { name: 'a', parameterNotFoundAction: 'Ignore' } })),
  binding(whole({ matchResources: { objectSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } } })),
  binding(whole({ matchResources: { resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: [] }] } })),
];

/** A policy for bindings, and bindings for policies, that nothing is wrong with. */
export const SOUND_POLICY: Json = policy({ validations: TRUE });
