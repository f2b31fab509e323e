// SPDX-License-Identifier: Apache-2.0
// The verdicts of ValidatingAdmissionPolicy, a row each: match conditions, errors and failurePolicy, absence, variables,
// messages, enforcement, JSON Schema, audit annotations; and what is refused when a policy is compiled.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicySpec } from '../../crds/generated/objects.ts';
import { compilePolicies } from '../compile/index.ts';
import type { Decision } from './index.ts';
import type { AdmissionRequest } from './request.ts';
import { conditions, decideOn, ERROR, input, pod, request, setOf, validation } from './test-case.ts';

const summary = (decision: Decision): string =>
  [decision.verdict, ...decision.violations.map(({ reason, message }) => `${reason}: ${message}`)].join('\n');

type Row = {
  readonly name: string;
  readonly spec: Partial<PolicySpec>;
  readonly request?: Partial<AdmissionRequest>;
  readonly expect: string;
};

const failed = (expression: string): string => `Deny\nInvalid: failed expression: ${expression}`;
const erred = (expression: string, error: string): string => `Deny\nInvalid: expression '${expression}' resulted in error: ${error}`;

const rows: readonly Row[] = [
  { name: 'what holds is allowed', spec: validation("object.metadata.name == 'web'"), expect: 'Allow' },
  { name: 'what does not is denied', spec: validation('false'), expect: failed('false') },
  { name: 'the expression is told trimmed', spec: validation(' false '), expect: failed('false') },

  // match conditions
  { name: 'a false condition skips the policy', spec: { ...validation('false'), ...conditions('false') }, expect: 'Allow' },
  {
    name: 'a false condition skips it even after an error',
    spec: { ...validation('false'), ...conditions(ERROR, 'false') },
    expect: 'Allow',
  },
  {
    name: 'an error in a condition denies when none is false',
    spec: { ...validation('true'), ...conditions('true', ERROR) },
    expect: `Deny\nInvalid: expression '${ERROR}' resulted in error: no such key: nothing`,
  },
  { name: 'and skips under Ignore', spec: { ...validation('false'), ...conditions(ERROR), failurePolicy: 'Ignore' }, expect: 'Allow' },
  {
    name: 'conditions see params',
    spec: { ...validation('false'), ...conditions('params.on == true'), params: { defaults: { on: false } } },
    expect: 'Allow',
  },
  {
    name: 'conditions see no namespace object',
    spec: { ...validation('false'), ...conditions('namespaceObject != null') },
    expect: 'Allow',
  },

  // failurePolicy
  { name: 'an error denies under Fail', spec: validation(ERROR), expect: erred(ERROR, 'no such key: nothing') },
  { name: 'Ignore forgives an error', spec: { ...validation(ERROR), failurePolicy: 'Ignore' }, expect: 'Allow' },
  {
    name: 'Ignore does not forgive a false',
    spec: { validations: [{ expression: ERROR }, { expression: 'false' }], failurePolicy: 'Ignore' },
    expect: failed('false'),
  },

  // absence
  { name: 'has(oldObject.x) on CREATE is false', spec: validation('has(oldObject.metadata)'), expect: failed('has(oldObject.metadata)') },
  {
    name: 'oldObject.x on CREATE is an error',
    spec: validation("oldObject.metadata.name == 'x'"),
    expect: erred("oldObject.metadata.name == 'x'", 'no such key: metadata'),
  },
  {
    name: 'has(object.x) on DELETE is false',
    spec: validation('!has(object.metadata) && has(oldObject.metadata)'),
    request: { operation: 'DELETE', object: null, oldObject: pod },
    expect: 'Allow',
  },
  {
    name: 'empty fields of request are absent',
    spec: validation("request.subResource == ''"),
    expect: erred("request.subResource == ''", 'no such key: subResource'),
  },
  { name: 'request has no object', spec: validation('!has(dyn(request).object) && !has(dyn(request).uid)'), expect: 'Allow' },
  {
    name: 'request has the rest',
    spec: validation(
      "request.kind.kind == 'Pod' && request.resource.resource == 'pods' && request.operation == 'CREATE' && request.userInfo.username == 'jane' && 'dev' in request.userInfo.groups && request.dryRun == false && request.namespace == 'acme'",
    ),
    expect: 'Allow',
  },
  {
    name: 'namespaceObject shows no kind, managedFields and ownerReferences',
    spec: validation(
      "namespaceObject.metadata.labels['writ.dev/tenant'] == 'acme' && !has(dyn(namespaceObject).kind) && !has(dyn(namespaceObject).metadata.managedFields) && !has(dyn(namespaceObject).metadata.ownerReferences)",
    ),
    expect: 'Allow',
  },
  {
    name: 'hostile keys are data',
    spec: validation("object.metadata.labels['constructor'] == 'x' && !('toString' in object.metadata.labels)"),
    expect: 'Allow',
  },
  {
    name: 'numbers are those of the API server',
    spec: validation('object.spec.big == 9007199254740993 && object.spec.n + 1 == 4 && object.spec.half < 1.0'),
    expect: 'Allow',
  },

  // ours
  {
    name: 'workload',
    spec: validation("workload.containers.all(c, c.image == 'a:1') && workload.kind == 'Pod' && workload.podSpec.n == 3"),
    expect: 'Allow',
  },
  { name: 'agent', spec: validation("!agent.isAgent && agent.evidence == 'none' && !has(agent.owner)"), expect: 'Allow' },
  { name: 'tenant', spec: validation("tenant.name == 'acme' && tenant.tier == 'Enterprise' && tenant.quota > 1.0"), expect: 'Allow' },
  {
    name: 'params',
    spec: { ...validation('object.spec.n <= params.max'), params: { defaults: { max: 2 } } },
    expect: failed('object.spec.n <= params.max'),
  },

  // variables
  {
    name: 'an unused error harms nobody',
    spec: { ...validation('true'), variables: [{ name: 'bad', expression: 'object.nothing' }] },
    expect: 'Allow',
  },
  {
    name: 'nor does an absorbed one',
    spec: { ...validation('variables.bad == 1 || true'), variables: [{ name: 'bad', expression: 'object.nothing' }] },
    expect: 'Allow',
  },
  {
    name: 'a used one denies',
    spec: { ...validation('variables.bad == 1'), variables: [{ name: 'bad', expression: 'object.nothing' }] },
    expect: erred('variables.bad == 1', 'composited variable "bad" fails to evaluate: no such key: nothing'),
  },
  {
    name: 'variables see those before them',
    spec: {
      ...validation('variables.b == 4'),
      variables: [
        { name: 'a', expression: 'object.spec.n' },
        { name: 'b', expression: 'variables.a + 1' },
      ],
    },
    expect: 'Allow',
  },
  {
    name: 'the later of two of one name counts',
    spec: {
      ...validation('variables.a == 4'),
      variables: [
        { name: 'a', expression: 'object.spec.n' },
        { name: 'a', expression: 'variables.a + 1' },
      ],
    },
    expect: 'Allow',
  },

  // messages
  { name: 'message, trimmed', spec: validation('false', { message: ' pin it ' }), expect: 'Deny\nInvalid: pin it' },
  {
    name: 'messageExpression, trimmed, before message',
    spec: validation('false', { message: 'm', messageExpression: "' n is ' + string(object.spec.n) + ' '" }),
    expect: 'Deny\nInvalid: n is 3',
  },
  { name: 'blank: message', spec: validation('false', { message: 'm', messageExpression: "'  '" }), expect: 'Deny\nInvalid: m' },
  { name: 'a line break: message', spec: validation('false', { message: 'm', messageExpression: "'a\\nb'" }), expect: 'Deny\nInvalid: m' },
  {
    name: 'an error: message',
    spec: validation('false', { message: 'm', messageExpression: "'a' + object.nothing" }),
    expect: 'Deny\nInvalid: m',
  },
  {
    name: 'an error without message: the expression',
    spec: validation('false', { messageExpression: "'a' + object.nothing" }),
    expect: failed('false'),
  },
  {
    name: 'over 5 KiB: message',
    spec: {
      ...validation('false', { message: 'm', messageExpression: "params.long + ''" }),
      params: { defaults: { long: 'é'.repeat(2_561) } },
    },
    expect: 'Deny\nInvalid: m',
  },
  {
    name: 'messageExpression reads variables',
    spec: { ...validation('false', { messageExpression: "'v ' + variables.v" }), variables: [{ name: 'v', expression: "'x'" }] },
    expect: 'Deny\nInvalid: v x',
  },
  { name: "the tenant's language", spec: validation('false', { message: 'm', messages: { es: 'hola' } }), expect: 'Deny\nInvalid: hola' },
  {
    name: "the user's language before it",
    spec: validation('false', { message: 'm', messages: { es: 'hola', pt: 'ola' } }),
    request: { userInfo: { username: 'jane', uid: '', groups: [], extra: { 'writ.dev/locale': ['pt-BR'] } } },
    expect: 'Deny\nInvalid: ola',
  },
  {
    name: 'a language that there is not',
    spec: validation('false', { message: 'm', messages: { fr: 'salut' } }),
    expect: 'Deny\nInvalid: m',
  },
  { name: 'reason', spec: validation('false', { message: 'm', reason: 'Forbidden' }), expect: 'Deny\nForbidden: m' },
  {
    name: 'every violation is told',
    spec: { validations: [{ expression: 'false', message: 'a' }, { expression: 'true' }, { expression: 'false', message: 'b' }] },
    expect: 'Deny\nInvalid: a\nInvalid: b',
  },

  // enforcement
  { name: 'Warn', spec: { ...validation('false', { message: 'm' }), enforcement: 'Warn' }, expect: 'Warn\nInvalid: m' },
  { name: 'Audit', spec: { ...validation('false', { message: 'm' }), enforcement: 'Audit' }, expect: 'Audit\nInvalid: m' },
  {
    name: 'errors follow the enforcement',
    spec: { ...validation(ERROR), enforcement: 'Warn' },
    expect: erred(ERROR, 'no such key: nothing').replace('Deny', 'Warn'),
  },

  // JSON Schema
  {
    name: 'jsonSchema',
    spec: { jsonSchema: { properties: { spec: { required: ['x'] } } } },
    expect: "Deny\nInvalid: /spec must have required property 'x'",
  },
  {
    name: 'jsonSchema says nothing of a deletion',
    spec: { jsonSchema: { required: ['x'] } },
    request: { operation: 'DELETE', object: null, oldObject: pod },
    expect: 'Allow',
  },

  // audit annotations
  {
    name: 'an error in an audit annotation denies whatever the enforcement',
    spec: { enforcement: 'Audit', auditAnnotations: [{ key: 'k', valueExpression: "'a' + object.nothing" }] },
    expect: `Deny\nInvalid: expression ''a' + object.nothing' resulted in error: no such key: nothing`,
  },
  {
    name: 'but not under Ignore',
    spec: { failurePolicy: 'Ignore', auditAnnotations: [{ key: 'k', valueExpression: "'a' + object.nothing" }] },
    expect: 'Allow',
  },
];

for (const row of rows) test(row.name, () => assert.equal(summary(decideOn(setOf(row.spec), request(row.request))), row.expect));

const refusedAt = (spec: Partial<PolicySpec>): readonly string[] =>
  compilePolicies([input('p', spec)]).refused.flatMap(({ problems }) => problems.map(({ code, path }) => `${code} ${path ?? ''}`));

const refusals: readonly (readonly [name: string, spec: Partial<PolicySpec>, expect: string])[] = [
  ['a syntax error', validation('object.'), 'POLICY_EXPRESSION spec.validations[0].expression'],
  [
    'authorizer in a message',
    validation('true', { messageExpression: "authorizer.path('/x').check('get').reason()" }),
    'POLICY_EXPRESSION spec.validations[0].messageExpression',
  ],
  ['params without params', validation('params.x == 1'), 'POLICY_EXPRESSION spec.validations[0].expression'],
  ['variables without variables', validation('variables.x == 1'), 'POLICY_EXPRESSION spec.validations[0].expression'],
  [
    'variables in a match condition',
    { ...validation('true'), ...conditions('variables.x == 1'), variables: [{ name: 'x', expression: '1' }] },
    'POLICY_EXPRESSION spec.matchConditions[0].expression',
  ],
  [
    'a forward reference',
    {
      ...validation('true'),
      variables: [
        { name: 'z', expression: '1' },
        { name: 'a', expression: 'variables.b' },
        { name: 'b', expression: '1' },
      ],
    },
    'POLICY_EXPRESSION spec.variables[1].expression',
  ],
  [
    'a variable named namespace',
    { ...validation('true'), variables: [{ name: 'namespace', expression: '1' }] },
    'POLICY_FIELD spec.variables[0].name',
  ],
  ['a message of two lines', validation('true', { message: 'a\nb' }), 'POLICY_FIELD spec.validations[0].message'],
  ['nothing demanded', {}, 'POLICY_EMPTY spec'],
];

for (const [name, spec, expect] of refusals) test(`refused: ${name}`, () => assert.deepEqual(refusedAt(spec), [expect]));
