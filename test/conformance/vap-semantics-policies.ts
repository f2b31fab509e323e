// SPDX-License-Identifier: Apache-2.0
// What whole ValidatingAdmissionPolicies do, as seen on a real API server: every row names the fact that it is an instance of.
import {
  ANYTHING,
  binding,
  check,
  CONFIG_MAP,
  createDeployment,
  createNamespace,
  createPod,
  dear,
  deletePod,
  DENIED,
  fails,
  FALSE,
  holds,
  named,
  notStored,
  row,
  rules,
  SPENT,
  updateNode,
  updatePod,
} from './policy-rows.ts';
import type { PolicyRow } from './policy-rows.ts';

export const POLICY_ROWS: readonly PolicyRow[] = [
  holds(3, '!has(oldObject.metadata)'),
  holds(3, '!has(object.metadata)', deletePod),
  row(3, 'params without paramRef', {
    spec: { paramKind: CONFIG_MAP, validations: [{ expression: '!has(params.data)' }] },
    expect: 'allow',
  }),
  fails(3, "oldObject.metadata.name == 'x'", 'no such key: metadata'),
  row(3, 'a field of params without paramRef', {
    spec: { paramKind: CONFIG_MAP, validations: [{ expression: "params.data.max == '1'" }] },
    expect: { deny: "expression 'params.data.max == '1'' resulted in error: no such key: data" },
  }),
  fails(5, "request.subResource == ''", 'no such key: subResource'),
  holds(5, 'request.namespace == object.metadata.name && !has(object.metadata.namespace) && namespaceObject == null', createNamespace),
  holds(6, "!has(request.options.anything) && request.options.kind == 'CreateOptions'"),
  ...['object.spec.flag', 'has(object.spec.a) ? object.spec.a : true', 'object.?spec.?flag.orValue(true)'].map((expression) =>
    notStored(7, expression, { validations: [{ expression }] }, 'must evaluate to bool but got dyn'),
  ),
  notStored(
    7,
    'a message that is dyn',
    { validations: [{ expression: 'true', messageExpression: 'object.metadata.name' }] },
    'must evaluate to string',
  ),
  notStored(
    7,
    'an annotation that is dyn',
    { auditAnnotations: [{ key: 'k', valueExpression: 'object.metadata.name' }] },
    'must evaluate to',
  ),
  ...["variables.v == 'a'", 'variables.v == null'].map((expression) =>
    notStored(
      8,
      expression,
      { variables: [{ name: 'v', expression: '1' }], validations: [{ expression }] },
      "found no matching overload for '_==_'",
    ),
  ),
  notStored(
    8,
    'a bool variable as a number',
    { variables: [{ name: 'v', expression: 'object.x == 1' }], validations: [{ expression: 'variables.v == 1' }] },
    "found no matching overload for '_==_'",
  ),
  notStored(
    8,
    'a reference forwards',
    {
      variables: [
        { name: 'a', expression: 'variables.b' },
        { name: 'b', expression: '1' },
      ],
      validations: [{ expression: 'true' }],
    },
    "undefined field 'b'",
  ),
  notStored(8, 'variables without any', { validations: [{ expression: 'variables.a == 1' }] }, "undeclared reference to 'variables'"),
  notStored(
    8,
    'a reserved name',
    { variables: [{ name: 'namespace', expression: '1' }], validations: [{ expression: 'true' }] },
    'spec.variables[0].name',
  ),
  row(8, 'two variables of one name', {
    spec: {
      variables: [
        { name: 'v', expression: '1' },
        { name: 'v', expression: '2' },
      ],
      validations: [{ expression: 'variables.v == 2' }],
    },
    expect: 'allow',
  }),
  notStored(
    9,
    'variables in a match condition',
    { variables: [{ name: 'v', expression: '1' }], matchConditions: [{ name: 'm', expression: 'variables.v == 1' }], validations: FALSE },
    "undeclared reference to 'variables'",
  ),
  row(9, 'params and authorizer in match conditions', {
    spec: {
      paramKind: CONFIG_MAP,
      matchConditions: [{ name: 'm', expression: "params == null && !authorizer.path('/a').check('get').allowed()" }],
      validations: FALSE,
    },
    expect: DENIED,
  }),
  notStored(
    9,
    'authorizer in a message',
    { validations: [{ expression: 'false', messageExpression: "authorizer.path('/a').check('get').reason()" }] },
    "undeclared reference to 'authorizer'",
  ),
  row(24, 'one expression beyond its cost', {
    spec: { validations: [{ expression: check(3) }] },
    expect: { deny: `expression '${check(3)}' resulted in error: operation cancelled: actual cost limit exceeded` },
  }),
  row(24, 'a policy beyond its cost', { spec: { validations: dear(16) }, expect: { deny: SPENT } }),
  row(24, 'what came before the end of the budget is not told', {
    spec: { validations: [{ expression: 'false' }, ...dear(16)] },
    expect: { deny: SPENT },
  }),
  row(24, 'a policy beyond its cost, forgiven', {
    spec: { failurePolicy: 'Ignore', validations: [{ expression: 'false' }, ...dear(16)] },
    expect: 'allow',
  }),
  row(24, 'match conditions have a budget of their own', {
    spec: { matchConditions: dear(4).map((one, at) => ({ name: `m${at}`, ...one })), validations: FALSE },
    expect: { deny: SPENT },
  }),
  row(24, 'and use it up even after a false', {
    spec: {
      matchConditions: [{ name: 'no', expression: 'false' }, ...dear(4).map((one, at) => ({ name: `m${at}`, ...one }))],
      validations: FALSE,
    },
    expect: { deny: SPENT },
  }),
  row(24, 'messages use up what is left, and then what held denies', {
    spec: {
      validations: [
        { expression: 'true', messageExpression: "'x'" },
        ...dear(14).map((one) => ({
          ...one,
          messageExpression: 'lists.range(110).map(a, lists.range(110).map(b, string(a) + string(b))).size() > 0 ? "m" : "n"',
        })),
      ],
    },
    expect: { deny: `failed messageExpression: ${SPENT}` },
  }),
  row(25, 'one false skips although another errs', {
    spec: {
      matchConditions: [
        { name: 'a', expression: 'object.x == 1' },
        { name: 'b', expression: 'false' },
      ],
      validations: FALSE,
    },
    expect: 'allow',
  }),
  row(25, 'errors count when none is false', {
    spec: {
      matchConditions: [
        { name: 'a', expression: 'object.x == 1' },
        { name: 'b', expression: 'object.y == 1' },
      ],
      validations: [{ expression: 'true' }],
    },
    expect: {
      deny: "[expression 'object.x == 1' resulted in error: no such key: x, expression 'object.y == 1' resulted in error: no such key: y]",
    },
  }),
  row(25, 'and are forgiven', {
    spec: { failurePolicy: 'Ignore', matchConditions: [{ name: 'a', expression: 'object.x == 1' }], validations: FALSE },
    expect: 'allow',
  }),
  row(26, 'Ignore forgives errors, not false', {
    spec: { failurePolicy: 'Ignore', validations: [{ expression: 'object.x == 1' }, { expression: 'false' }] },
    expect: DENIED,
  }),
  row(27, 'Warn does not deny', {
    spec: { validations: FALSE },
    bindings: [binding({ validationActions: ['Warn'] })],
    expect: { warn: ['failed expression: false'] },
  }),
  row(27, 'Audit says nothing', {
    spec: { validations: [{ expression: 'object.x == 1' }] },
    bindings: [binding({ validationActions: ['Audit'] })],
    expect: 'allow',
  }),
  row(27, 'a setting that is not there denies under Warn', {
    spec: { paramKind: CONFIG_MAP, validations: FALSE },
    bindings: [binding({ validationActions: ['Warn'], paramRef: { name: 'none', parameterNotFoundAction: 'Deny' } })],
    expect: { deny: 'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction' },
  }),
  row(27, 'an error in an annotation denies under Audit', {
    spec: { auditAnnotations: [{ key: 'k', valueExpression: 'string(object.x)' }] },
    bindings: [binding({ validationActions: ['Audit'] })],
    expect: { deny: "expression 'string(object.x)' resulted in error: no such key: x" },
  }),
  row(28, 'a message expression is trimmed', {
    spec: { validations: [{ expression: 'false', messageExpression: "'  a b '" }] },
    expect: { deny: 'a b' },
  }),
  ...['string(object.x)', "'  '", "'a\\nb'", "lists.range(600).map(i, '0123456789').join()"].map((messageExpression) =>
    row(28, `instead of ${messageExpression} the message`, {
      spec: { validations: [{ expression: 'false', message: ' said ', messageExpression }] },
      expect: { deny: 'said' },
    }),
  ),
  row(28, 'without any the expression', { spec: { validations: [{ expression: '  false  ' }] }, expect: DENIED }),
  row(28, 'an error in a variable', {
    spec: { variables: [{ name: 'bad', expression: 'object.nothing == 1' }], validations: [{ expression: 'variables.bad' }] },
    expect: { deny: 'expression \'variables.bad\' resulted in error: composited variable "bad" fails to evaluate: no such key: nothing' },
  }),
  row(28, 'Forbidden where the rule says so', {
    spec: { validations: [{ expression: 'false', reason: 'Forbidden' }] },
    expect: { ...DENIED, reason: 'Forbidden', code: 403 },
  }),
  row(28, 'an error is Invalid all the same', {
    spec: { validations: [{ expression: 'object.x == 1', reason: 'Forbidden' }] },
    expect: { deny: "expression 'object.x == 1' resulted in error: no such key: x" },
  }),
  notStored(
    28,
    'Unauthorized is no reason',
    { validations: [{ expression: 'false', reason: 'Unauthorized' }] },
    'Unsupported value: "Unauthorized": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"',
  ),
  row(29, 'an absorbed error of a variable', {
    spec: { variables: [{ name: 'bad', expression: 'object.nothing == 1' }], validations: [{ expression: 'variables.bad || true' }] },
    expect: 'allow',
  }),
  row(30, 'paramKind without paramRef', {
    spec: { paramKind: CONFIG_MAP, validations: [{ expression: 'params == null' }] },
    expect: 'allow',
  }),
  row(30, 'every param of a selector must pass', {
    spec: { paramKind: CONFIG_MAP, validations: [{ expression: "params.data.max == '3'" }] },
    bindings: [binding({ paramRef: { selector: { matchLabels: { tier: 'front' } }, parameterNotFoundAction: 'Deny' } })],
    expect: { deny: "failed expression: params.data.max == '3'" },
  }),
  row(30, 'a selector that selects none', {
    spec: { paramKind: CONFIG_MAP, validations: FALSE },
    bindings: [binding({ paramRef: { selector: { matchLabels: { tier: 'none' } }, parameterNotFoundAction: 'Allow' } })],
    expect: 'allow',
  }),
  row(30, 'params of a Namespace come from itself', {
    spec: { paramKind: CONFIG_MAP, validations: [{ expression: "params.data.max == '3'" }] },
    bindings: [binding({ paramRef: { name: 'p1', parameterNotFoundAction: 'Deny' } })],
    request: createNamespace,
    expect: 'allow',
  }),
  row(30, 'a cluster-scoped object has no namespace to take them from', {
    spec: { paramKind: CONFIG_MAP, validations: FALSE },
    bindings: [binding({ paramRef: { name: 'p1', parameterNotFoundAction: 'Allow' } })],
    request: updateNode,
    expect: { deny: 'failed to configure binding: cannot use namespaced paramRef in policy binding that matches cluster-scoped resources' },
  }),
  row(32, 'pods/* takes pods', { spec: rules(['pods/*']), expect: DENIED }),
  row(32, '*/* takes everything', { spec: rules(['*/*']), request: named(createPod, { subresource: 'exec' }), expect: DENIED }),
  row(32, '* takes no subresource', { spec: rules(['*']), request: named(createPod, { subresource: 'exec' }), expect: 'allow' }),
  ...([updatePod, deletePod] as const).map((request) =>
    row(34, `objectSelector looks at the old object of ${request?.operation}`, {
      spec: { matchConstraints: { resourceRules: ANYTHING, objectSelector: { matchLabels: { tier: 'front' } } }, validations: FALSE },
      request,
      expect: DENIED,
    }),
  ),
  row(34, 'resourceNames never match a generated name', {
    spec: rules(['pods'], { resourceNames: ['web'] }),
    request: named(createPod, { name: '' }),
    expect: 'allow',
  }),
  row(35, 'a Namespace by its own labels', {
    spec: { matchConstraints: { resourceRules: ANYTHING, namespaceSelector: { matchLabels: { team: 'blue' } } }, validations: FALSE },
    request: createNamespace,
    expect: 'allow',
  }),
  row(35, 'other cluster-scoped objects whatever the selector', {
    spec: { matchConstraints: { resourceRules: ANYTHING, namespaceSelector: { matchLabels: { team: 'blue' } } }, validations: FALSE },
    request: updateNode,
    expect: DENIED,
  }),
  row(36, 'a policy without binding does nothing', { spec: { validations: FALSE }, bindings: [], expect: 'allow' }),
  row(9, 'audit annotations do not get the authorizer that they may name', {
    spec: { auditAnnotations: [{ key: 'k', valueExpression: "authorizer.path('/a').check('get').reason()" }] },
    expect: { deny: "expression 'authorizer.path('/a').check('get').reason()' resulted in error: no such attribute(s): authorizer" },
  }),
  row(27, 'values of several bindings are one annotation', {
    spec: { paramKind: CONFIG_MAP, auditAnnotations: [{ key: 'k', valueExpression: 'string(params.metadata.namespace)' }] },
    bindings: ['acme', 'other', 'acme'].map((namespace, at) =>
      binding({ paramRef: { name: 'p1', namespace, parameterNotFoundAction: 'Deny' } }, `b${at}`),
    ),
    request: createDeployment,
    expect: { annotations: { k: 'acme, other' } },
  }),
];
