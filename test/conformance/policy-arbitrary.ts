// SPDX-License-Identifier: Apache-2.0
// Whole policies with their bindings and params, and the requests that they judge. The expressions are chosen for what a
// policy does with them (true, false, errors, dear, lazy); what a single expression means is the other test's matter.
import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type Case = { readonly policy: Json; readonly bindings: readonly Json[] };

const CONDITIONS = [
  'true',
  'false',
  'object.spec.replicas > 2',
  "object.metadata.name == 'web'",
  'has(object.metadata.labels)',
  'object.spec.missing == 1',
  "request.operation != 'DELETE'",
  'oldObject == null',
  'object != null',
  "request.userInfo.groups.exists(g, g == 'dev')",
  'namespaceObject == null',
  'request.namespace == object.metadata.namespace',
  'object.spec.containers.all(c, c.image != "x")',
  'has(request.subResource)',
  "request.name == ''",
  '!request.dryRun',
  "'tier' in object.metadata.labels",
  'has(oldObject.metadata)',
  'object.?spec.?replicas.orValue(0) == 3',
  "request.resource.resource == 'pods'",
];
/** Not in match conditions: there the namespace is null. */
const ANYWHERE = [...CONDITIONS, "namespaceObject.metadata.labels.team == 'red'", 'namespaceObject.metadata.name == request.namespace'];
const WITH_VARIABLES = [
  'variables.a == 1',
  'variables.b',
  'variables.b || true',
  'variables.a > 0 && variables.b',
  'variables.c == 3 || true',
];
const WITH_PARAMS = [
  "params.data.max == '3'",
  'params == null',
  'has(params.data)',
  "params.metadata.name.startsWith('p')",
  'int(params.data.max) >= 3',
];
const MESSAGES = [
  "'static'",
  "'name: ' + string(object.metadata.name)",
  "''",
  "'  padded '",
  "'two\\nlines'",
  'string(object.spec.missing)',
  "'é😀'",
];
const VALUES = [
  "'v'",
  "'name ' + string(object.metadata.name)",
  'null',
  "''",
  "' x '",
  'string(object.spec.missing)',
  "has(object.spec) ? 'spec' : ''",
];

const sometimes = <T>(arbitrary: Arbitrary<T>, freq = 2): Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined, freq });
const some = <T>(values: readonly T[], minLength = 1): Arbitrary<T[]> =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength, maxLength: 3 });

/** Absent fields are left out, as in a manifest. */
const record = (fields: Readonly<Record<string, Arbitrary<unknown>>>): Arbitrary<Json> =>
  fc.record(fields).map((made) => JSON.parse(JSON.stringify(made)) as Json);

const labelSelector = record({
  matchLabels: sometimes(fc.constantFrom({ tier: 'front' }, { team: 'red' }, { none: 'x' }), 1),
  matchExpressions: sometimes(
    fc.constantFrom(
      [{ key: 'tier', operator: 'Exists' }],
      [{ key: 'team', operator: 'NotIn', values: ['red', 'blue'] }],
      [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: ['acme'] }],
      [{ key: 'app', operator: 'DoesNotExist' }],
    ),
    1,
  ),
});

const rule = record({
  apiGroups: fc.constantFrom([''], ['*'], ['apps'], ['', 'apps']),
  apiVersions: fc.constantFrom(['v1'], ['*'], ['v2']),
  operations: fc.oneof(fc.constant(['*']), some(['CREATE', 'UPDATE', 'DELETE', 'CONNECT'])),
  resources: fc.constantFrom(
    ['pods'],
    ['*'],
    ['*/*'],
    ['pods/*'],
    ['deployments', 'pods'],
    ['namespaces'],
    ['*/exec'],
    ['deployments/scale'],
    ['pods/exec'],
  ),
  resourceNames: sometimes(fc.constantFrom(['web'], ['other']), 6),
  scope: sometimes(fc.constantFrom('*', 'Namespaced', 'Cluster'), 5),
});
const anything: Json = { apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'] };

/** Raw objects are not converted, so a version that nothing is served in may stand in a rule only where none is looked for. */
const servedVersions = (resources: Json): Json =>
  JSON.stringify(resources).includes('"Exact"')
    ? resources
    : (JSON.parse(JSON.stringify(resources).replaceAll('["v2"]', '["v1"]')) as Json);

const matchResources = (rules: Arbitrary<readonly Json[] | undefined>): Arbitrary<Json> =>
  record({
    resourceRules: rules,
    excludeResourceRules: sometimes(fc.array(rule, { minLength: 1, maxLength: 1 }), 8),
    namespaceSelector: sometimes(labelSelector, 5),
    objectSelector: sometimes(labelSelector, 5),
    matchPolicy: sometimes(fc.constantFrom('Exact', 'Equivalent'), 3),
  }).map(servedVersions);

const policyWith = (params: boolean, variables: boolean): Arbitrary<Json> => {
  const more = params ? WITH_PARAMS : [];
  const expressions = fc.constantFrom(...ANYWHERE, ...more, ...(variables ? WITH_VARIABLES : []));
  return record({
    failurePolicy: sometimes(fc.constantFrom('Fail', 'Ignore'), 3),
    paramKind: fc.constant(params ? { apiVersion: 'v1', kind: 'ConfigMap' } : undefined),
    matchConstraints: matchResources(
      fc.oneof({ arbitrary: fc.constant([anything]), weight: 3 }, { arbitrary: fc.array(rule, { minLength: 1, maxLength: 2 }), weight: 2 }),
    ),
    matchConditions: sometimes(
      fc
        .array(fc.constantFrom(...CONDITIONS, ...more), { minLength: 1, maxLength: 3 })
        .map((all) => all.map((expression, index) => ({ name: `c${index}`, expression }))),
      1,
    ),
    variables: fc.constant(
      variables
        ? [
            { name: 'a', expression: 'has(object.spec.replicas) ? 1 : 0' },
            { name: 'b', expression: 'variables.a == 1 && object.spec.missing == 1' },
            { name: 'c', expression: 'object.spec.replicas' },
          ]
        : undefined,
    ),
    validations: fc.array(
      record({
        expression: expressions,
        message: sometimes(fc.constantFrom('plain', ' padded ', 'with "quotes" and é')),
        messageExpression: sometimes(fc.constantFrom(...MESSAGES)),
        reason: sometimes(fc.constantFrom('Unauthorized', 'Forbidden', 'Invalid', 'RequestEntityTooLarge')),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    auditAnnotations: sometimes(
      fc
        .array(fc.constantFrom(...VALUES), { minLength: 1, maxLength: 2 })
        .map((all) => all.map((valueExpression, index) => ({ key: `k${index}`, valueExpression }))),
      2,
    ),
  }).map((spec) => ({ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy', metadata: { name: 'p' }, spec }));
};

const binding = (index: number, params: boolean): Arbitrary<Json> =>
  record({
    policyName: fc.constant('p'),
    validationActions: fc.constantFrom(['Deny'], ['Deny'], ['Warn'], ['Audit'], ['Deny', 'Audit'], ['Warn', 'Audit']),
    matchResources: sometimes(matchResources(fc.constant(undefined)), 4),
    paramRef: params
      ? sometimes(
          record({
            name: fc.constantFrom('p1', 'p2', 'nothing'),
            namespace: sometimes(fc.constantFrom('acme', 'other')),
            parameterNotFoundAction: fc.constantFrom('Allow', 'Deny'),
          }),
          6,
        )
      : fc.constant(undefined),
  }).map((spec) => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: `b${index}` },
    spec,
  }));

export const arbitraryCase = (): Arbitrary<Case> =>
  fc.tuple(fc.boolean(), fc.boolean(), fc.integer({ min: 1, max: 2 })).chain(([params, variables, count]) =>
    fc.record({
      policy: policyWith(params, variables),
      bindings: fc.tuple(...Array.from({ length: count }, (_, index) => binding(index, params))),
    }),
  );
