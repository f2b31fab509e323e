// SPDX-License-Identifier: Apache-2.0
// Whole policies with their bindings and params, and the requests that they judge. The expressions are chosen for what a
// policy does with them (true, false, errors, dear, lazy); what a single expression means is the other test's matter.
import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type Case = { readonly policy: Json; readonly bindings: readonly Json[]; readonly authorizations: readonly Authorization[] };

/** What the authorizer says; the first that fits counts, and a field that is absent fits everything. */
export type Authorization = {
  readonly user?: string;
  readonly verb?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly namespace?: string;
  readonly path?: string;
  readonly decision: 'allow' | 'deny' | 'no-opinion';
  readonly reason: string;
  readonly error: string;
};

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
const ASKING = [
  "authorizer.group('').resource('pods').namespace('acme').check('create').allowed()",
  "authorizer.requestResource.check('approve').allowed()",
  "authorizer.path('/healthz').check('get').reason() == 'because'",
  "authorizer.serviceAccount('acme', 'robot').group('apps').resource('deployments').subresource('scale').check('update').allowed()",
  "!authorizer.group('').resource('pods').check('delete').errored() || object.spec.missing == 1",
  "authorizer.group('').resource('pods').labelSelector('a=b').fieldSelector('spec.x=y').name('n').check('list').error() == ''",
  "authorizer.serviceAccount('no namespace', 'robot').path('/x').check('get').allowed()",
  "['a', 'b', 'c'].all(n, authorizer.path('/' + n).check('get').allowed())",
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
const WITH_ASKING_VARIABLES = ['variables.d', 'variables.d || variables.b', '!variables.d'];
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

/** There once in so many times. */
const sometimes = <T>(arbitrary: Arbitrary<T>, times = 2): Arbitrary<T | undefined> =>
  fc.oneof({ arbitrary: fc.constant(undefined), weight: times - 1 }, { arbitrary, weight: 1 });
const some = <T>(values: readonly T[], minLength = 1): Arbitrary<T[]> =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength, maxLength: 3 });

/** Absent fields are left out, as in a manifest. */
const record = (fields: Readonly<Record<string, Arbitrary<unknown>>>): Arbitrary<Json> =>
  fc.record(fields).map((made): Json => JSON.parse(JSON.stringify(made)));

const labelSelector = record({
  matchLabels: sometimes(fc.constantFrom({ tier: 'front' }, { team: 'red' }, { none: 'x' }), 2),
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
  JSON.stringify(resources).includes('"Exact"') ? resources : JSON.parse(JSON.stringify(resources).replaceAll('["v2"]', '["v1"]'));

const matchResources = (rules: Arbitrary<readonly Json[] | undefined>): Arbitrary<Json> =>
  record({
    resourceRules: rules,
    excludeResourceRules: sometimes(fc.array(rule, { minLength: 1, maxLength: 1 }), 8),
    namespaceSelector: sometimes(labelSelector, 5),
    objectSelector: sometimes(labelSelector, 5),
    matchPolicy: sometimes(fc.constantFrom('Exact', 'Equivalent'), 3),
  }).map(servedVersions);

/** Limits lie in no namespace. That nobody serves a kind can not be known from files, so every kind here is served. */
export type ParamKind = 'ConfigMap' | 'Limit';
const PARAM_KINDS: Readonly<Record<ParamKind, Json>> = {
  ConfigMap: { apiVersion: 'v1', kind: 'ConfigMap' },
  Limit: { apiVersion: 'example.com/v1', kind: 'Limit' },
};

type Shape = { readonly params: ParamKind | undefined; readonly variables: boolean; readonly asks: boolean };

const policyWith = ({ params, variables, asks }: Shape): Arbitrary<Json> => {
  const more = [...(params === undefined ? [] : WITH_PARAMS), ...(asks ? ASKING : [])];
  const expressions = fc.constantFrom(
    ...ANYWHERE,
    ...more,
    ...(variables ? WITH_VARIABLES : []),
    ...(variables && asks ? WITH_ASKING_VARIABLES : []),
  );
  return record({
    failurePolicy: sometimes(fc.constantFrom('Fail', 'Ignore'), 3),
    paramKind: fc.constant(params === undefined ? undefined : PARAM_KINDS[params]),
    matchConstraints: matchResources(
      fc.oneof({ arbitrary: fc.constant([anything]), weight: 3 }, { arbitrary: fc.array(rule, { minLength: 1, maxLength: 2 }), weight: 2 }),
    ),
    matchConditions: sometimes(
      fc
        .array(fc.constantFrom(...CONDITIONS, ...more), { minLength: 1, maxLength: 3 })
        .map((all) => all.map((expression, index) => ({ name: `c${index}`, expression }))),
      2,
    ),
    variables: fc.constant(
      variables
        ? [
            { name: 'a', expression: 'has(object.spec.replicas) ? 1 : 0' },
            { name: 'b', expression: 'variables.a == 1 && object.spec.missing == 1' },
            { name: 'c', expression: 'object.spec.replicas' },
            ...(asks ? [{ name: 'd', expression: "authorizer.requestResource.check('approve').allowed()" }] : []),
          ]
        : undefined,
    ),
    validations: fc.array(
      record({
        expression: expressions,
        message: sometimes(fc.constantFrom('plain', ' padded ', 'with "quotes" and é')),
        messageExpression: sometimes(fc.constantFrom(...MESSAGES, ...(params === undefined ? [] : ["'max ' + string(params.data.max)"]))),
        reason: sometimes(fc.constantFrom('Forbidden', 'Invalid', 'RequestEntityTooLarge')),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    auditAnnotations: sometimes(
      fc
        .array(fc.constantFrom(...VALUES, ...(params === undefined ? [] : ["'param ' + params.metadata.name"])), {
          minLength: 1,
          maxLength: 2,
        })
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
      ? fc.option(
          fc.oneof(
            record({
              name: fc.constantFrom('p1', 'p2', 'nothing'),
              namespace: sometimes(fc.constantFrom('acme', 'other')),
              parameterNotFoundAction: fc.constantFrom('Allow', 'Deny'),
            }),
            record({
              selector: fc.constantFrom(
                {},
                { matchLabels: { tier: 'front' } },
                { matchLabels: { tier: 'none' } },
                { matchExpressions: [{ key: 'tier', operator: 'Exists' }] },
                { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['back'] }] },
              ),
              namespace: sometimes(fc.constantFrom('acme', 'other', 'empty')),
              parameterNotFoundAction: fc.constantFrom('Allow', 'Deny'),
            }),
          ),
          { nil: undefined, freq: 6 },
        )
      : fc.constant(undefined),
  }).map((spec) => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: `b${index}` },
    spec,
  }));

const authorization: Arbitrary<Authorization> = fc
  .record({
    fields: fc.constantFrom<Partial<Authorization>>(
      {},
      { user: 'ann' },
      { user: 'system:serviceaccount:acme:robot' },
      { verb: 'approve' },
      { resource: 'pods' },
      { path: '/healthz' },
      { group: 'apps', resource: 'deployments' },
      { namespace: 'acme' },
    ),
    decision: fc.constantFrom('allow' as const, 'allow' as const, 'deny' as const, 'no-opinion' as const),
    reason: fc.constantFrom('because', ''),
    error: fc.constantFrom('', '', '', 'it broke'),
  })
  .map(({ fields, ...rest }) => ({ ...fields, ...rest }));

export const arbitraryCase = (): Arbitrary<Case> =>
  fc
    .record({
      params: fc.option(fc.constantFrom<ParamKind>('ConfigMap', 'ConfigMap', 'Limit'), {
        nil: undefined,
        freq: 3,
      }),
      variables: fc.boolean(),
      asks: fc.constantFrom(false, false, true),
      count: fc.integer({ min: 1, max: 2 }),
    })
    .chain(({ count, ...shape }) =>
      fc.record({
        policy: policyWith(shape),
        bindings: fc.tuple(...Array.from({ length: count }, (_, index) => binding(index, shape.params !== undefined))),
        authorizations: shape.asks ? fc.array(authorization, { maxLength: 3 }) : fc.constant([]),
      }),
    );
