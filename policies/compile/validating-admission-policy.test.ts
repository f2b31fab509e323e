// SPDX-License-Identifier: Apache-2.0
// Bindings and params as the API server has them; numbers in names are those of the semantics that a real one was seen to have.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseJson } from '../cel/index.ts';
import type { ParsedDocument } from '../document/index.ts';
import { request } from '../decide/test-case.ts';
import { decide } from '../decide/index.ts';
import type { Decision } from '../decide/index.ts';
import type { AdmissionRequest } from '../decide/request.ts';
import type { JsonObject } from '../document/json.ts';
import { subjectOf } from '../subject/index.ts';
import { compilePolicies } from './index.ts';
import type { Problem } from '../problem.ts';
import { admissionPolicies } from './validating-admission-policy.ts';
import type { ClusterDocuments } from './validating-admission-policy.ts';

const document = (value: JsonObject): ParsedDocument => ({
  file: 'a.yaml',
  digest: `sha256:${JSON.stringify(value).length}`,
  value,
  positionOf: () => ({ file: 'a.yaml', line: 1, column: 1 }),
  positionIn: () => ({ file: 'a.yaml', line: 1, column: 1 }),
});

const policy = (spec: JsonObject = {}, name = 'p'): ParsedDocument =>
  document({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name, labels: { constructor: 'x' } },
    spec: {
      matchConstraints: { resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*'] }] },
      validations: [{ expression: 'false', message: 'no' }],
      ...spec,
    },
  });

const binding = (spec: JsonObject = {}, name = 'b'): ParsedDocument =>
  document({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name },
    spec: { policyName: 'p', validationActions: ['Deny'], ...spec },
  });

const configMap = (name: string, max: string, more: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'acme', ...more },
  data: { max },
});

const TAKES = { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } };

type Given = Partial<ClusterDocuments>;

const load = (given: Given): Pick<ReturnType<typeof compilePolicies>, 'set'> & Record<'problems' | 'warnings', readonly Problem[]> => {
  const { inputs, problems, warnings } = admissionPolicies({ policies: [], bindings: [], objects: [], kinds: [], ...given });
  const { set, refused } = compilePolicies(inputs);
  return { set, problems: [...problems, ...refused.flatMap((one) => one.problems)], warnings };
};

const judge = (given: Given, asked: AdmissionRequest = request()): Decision => {
  const { set, problems } = load(given);
  assert.deepEqual(problems, []);
  return decide(set, subjectOf(asked), { request: asked, namespaceObject: { metadata: { name: 'acme' } }, tenant: null, governed: true });
};

const said = (decision: Decision): readonly string[] =>
  decision.violations.map(({ enforcement, reason, message }) => `${enforcement} ${reason} ${message}`);

const onParams = (spec: JsonObject, objects: readonly JsonObject[], asked?: AdmissionRequest): readonly string[] =>
  said(
    judge(
      {
        policies: [
          policy({ ...TAKES, validations: [{ expression: "params.data.max == '1'", messageExpression: 'string(params.metadata.name)' }] }),
        ],
        bindings: [binding(spec)],
        objects,
      },
      asked,
    ),
  );

describe('bindings', () => {
  it('36: a policy without a binding does nothing, and that is told', () => {
    const given = { policies: [policy()] };
    assert.equal(judge(given).verdict, 'Allow');
    assert.deepEqual(
      load(given).warnings.map(({ code }) => code),
      ['POLICY_UNBOUND'],
    );
  });

  it('a binding of a policy that is not there is told', () => {
    const { warnings } = load({ policies: [policy({}, 'other')], bindings: [binding(), binding({ policyName: 'other' })] });
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['BINDING_ORPHAN'],
    );
  });

  for (const [actions, verdict] of [
    [['Deny'], 'Deny'],
    [['Warn'], 'Warn'],
    [['Audit'], 'Audit'],
    [['Audit', 'Deny'], 'Deny'],
    [['Audit', 'Warn'], 'Warn'],
  ] as const) {
    it(`27: ${actions.join(' and ')} of a failed validation`, () => {
      assert.equal(judge({ policies: [policy()], bindings: [binding({ validationActions: actions })] }).verdict, verdict);
    });
  }

  const FAILURE = 'validation.policy.admission.k8s.io/validation_failure';
  const failureOf = (given: Given): string | undefined => judge(given).auditAnnotations[FAILURE];

  for (const actions of [['Audit'], ['Deny', 'Audit'], ['Audit', 'Warn']] as const) {
    it(`${actions.join(' and ')}: what failed is told to the audit log`, () => {
      const validations = [{ expression: 'true' }, { expression: 'false', message: 'no <b>' }, { expression: 'false', message: 'nor' }];
      const text = `[{"message":"no \\u003cb\\u003e","policy":"p","binding":"b","expressionIndex":1,"validationActions":${JSON.stringify(actions)}}]`;
      assert.equal(failureOf({ policies: [policy({ validations })], bindings: [binding({ validationActions: actions })] }), text);
      assert.deepEqual(
        judge({ policies: [policy({ validations })], bindings: [binding({ validationActions: actions })] }).violations.length,
        2,
      );
    });
  }

  it('the audit log is told nothing without Audit, of what holds, and of errors that are forgiven', () => {
    const audits = [binding({ validationActions: ['Audit'] })];
    assert.equal(failureOf({ policies: [policy()], bindings: [binding({ validationActions: ['Warn'] })] }), undefined);
    assert.equal(failureOf({ policies: [policy({ validations: [{ expression: 'true' }] })], bindings: audits }), undefined);
    const failing = { validations: [{ expression: 'object.none == 1' }] };
    assert.equal(failureOf({ policies: [policy({ ...failing, failurePolicy: 'Ignore' })], bindings: audits }), undefined);
    assert.match(failureOf({ policies: [policy(failing)], bindings: audits }) ?? '', /no such key: none.*"expressionIndex":0/);
  });

  it('an error of an audit annotation denies and is no failure of a validation', () => {
    const spec = { validations: [{ expression: 'true' }], auditAnnotations: [{ key: 'k', valueExpression: 'string(object.none)' }] };
    const decision = judge({ policies: [policy(spec)], bindings: [binding({ validationActions: ['Audit'] })] });
    assert.deepEqual([decision.verdict, decision.auditAnnotations[FAILURE]], ['Deny', undefined]);
  });

  it('of several failures of one policy the first is kept, as the API server does', () => {
    const bindings = ['b', 'c'].map((name) => binding({ validationActions: ['Audit'] }, name));
    assert.match(failureOf({ policies: [policy()], bindings }) ?? '', /^\[\{[^{]*"binding":"b"[^{]*\}\]$/);
  });

  it('several bindings are judged each', () => {
    const decision = judge({ policies: [policy()], bindings: [binding(), binding({ validationActions: ['Warn'] }, 'c')] });
    assert.deepEqual(said(decision), ['Deny Invalid no', 'Warn Invalid no']);
    assert.equal(decision.evaluated.length, 1);
  });

  it('matchResources narrow what the policy matches', () => {
    const rule = (resource: string, operation = '*') => ({
      resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: [operation], resources: [resource] }],
    });
    const verdict = (matchResources: JsonObject) => judge({ policies: [policy()], bindings: [binding({ matchResources })] }).verdict;
    assert.equal(verdict(rule('pods')), 'Deny');
    assert.equal(verdict(rule('services')), 'Allow');
    assert.equal(verdict(rule('pods', 'DELETE')), 'Allow');
    assert.equal(verdict({ namespaceSelector: { matchLabels: { a: 'b' } } }), 'Allow');
    assert.equal(verdict({ objectSelector: { matchLabels: { constructor: 'x' } } }), 'Deny');
    assert.equal(verdict({ excludeResourceRules: rule('pods').resourceRules }), 'Allow');
  });

  it('36: policies, bindings and reviews are never subject to policies, webhook configurations are', () => {
    const on = (group: string, resource: string, kind: string) =>
      judge(
        { policies: [policy()], bindings: [binding()] },
        request({
          namespace: '',
          kind: { group, version: 'v1', kind },
          resource: { group, version: 'v1', resource },
          requestKind: undefined,
          requestResource: undefined,
        }),
      ).verdict;
    assert.equal(on('admissionregistration.k8s.io', 'validatingadmissionpolicies', 'ValidatingAdmissionPolicy'), 'Allow');
    assert.equal(on('authorization.k8s.io', 'subjectaccessreviews', 'SubjectAccessReview'), 'Allow');
    assert.equal(on('admissionregistration.k8s.io', 'validatingwebhookconfigurations', 'ValidatingWebhookConfiguration'), 'Deny');
  });

  for (const [name, spec, message] of [
    ['no actions', { validationActions: [] }, /at least one/],
    ['an unknown action', { validationActions: ['Refuse'] }, /^Unsupported value: "Refuse"/],
    ['Deny and Warn', { validationActions: ['Deny', 'Warn'] }, /must not contain both/],
    ['an action twice', { validationActions: ['Deny', 'Deny'] }, /^Duplicate value: "Deny"$/],
    [
      'name and selector',
      { paramRef: { name: 'a', selector: {}, parameterNotFoundAction: 'Deny' } },
      /^Forbidden: name and selector are mutually exclusive$/,
    ],
    ['neither', { paramRef: { parameterNotFoundAction: 'Deny' } }, /one of name or selector/],
    ['no parameterNotFoundAction', { paramRef: { name: 'a' } }, /^Required value$/],
    ['an unknown field', { enforcement: 'Deny' }, /no field of a binding/],
    [
      'a selector that means nothing',
      { paramRef: { selector: { matchExpressions: [{ key: 'a', operator: 'In' }] }, parameterNotFoundAction: 'Deny' } },
      /^Required value: must be specified when/,
    ],
    [
      'a rule that names nothing',
      { matchResources: { resourceRules: [{ apiGroups: [], apiVersions: ['v1'], operations: ['*'], resources: ['pods'] }] } },
      /./,
    ],
  ] as const) {
    it(`refuses ${name}`, () => {
      const { problems } = load({ policies: [policy(TAKES)], bindings: [binding(spec)] });
      assert.ok(problems.length > 0);
      for (const problem of problems) assert.match(problem.message, message);
    });
  }
});

describe('params', () => {
  const byName = { paramRef: { name: 'limits', parameterNotFoundAction: 'Deny' } };
  const NOT_FOUND = 'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction';

  it('30: without paramRef params is null, once', () => {
    assert.deepEqual(onParams({}, []), [
      "Deny Invalid failed expression: params.data.max == '1'".replace('failed expression: ', "expression '") +
        "' resulted in error: no such key: data",
    ]);
    const given = {
      policies: [policy({ ...TAKES, validations: [{ expression: 'params == null && !has(params.data)' }] })],
      bindings: [binding()],
    };
    assert.equal(judge(given).verdict, 'Allow');
  });

  it('30: without namespace they are taken from that of the request', () => {
    assert.deepEqual(onParams(byName, [configMap('limits', '2')]), ['Deny Invalid limits']);
    assert.deepEqual(onParams(byName, [configMap('limits', '1')]), []);
    assert.deepEqual(onParams(byName, [configMap('limits', '1', { namespace: 'other' })]), [`Deny Invalid ${NOT_FOUND}`]);
    assert.deepEqual(
      onParams({ paramRef: { ...byName.paramRef, namespace: 'other' } }, [configMap('limits', '1', { namespace: 'other' })]),
      [],
    );
  });

  it('30: a cluster-scoped object has no namespace to take them from, a Namespace has its own', () => {
    const at = (resource: string, kind: string, namespace: string) =>
      request({
        namespace,
        kind: { group: '', version: 'v1', kind },
        resource: { group: '', version: 'v1', resource },
        requestKind: undefined,
        requestResource: undefined,
      });
    assert.deepEqual(onParams(byName, [configMap('limits', '1')], at('nodes', 'Node', '')), [
      'Deny Invalid failed to configure binding: cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
    ]);
    assert.deepEqual(onParams(byName, [configMap('limits', '1')], at('namespaces', 'Namespace', 'acme')), []);
  });

  it('27: a setting that is missing denies whatever the actions are, unless errors are forgiven', () => {
    assert.deepEqual(onParams({ ...byName, validationActions: ['Warn'] }, []), [`Deny Invalid ${NOT_FOUND}`]);
    const forgiving = { policies: [policy({ ...TAKES, failurePolicy: 'Ignore' })], bindings: [binding(byName)] };
    assert.deepEqual(said(judge(forgiving)), []);
    assert.deepEqual(onParams({ paramRef: { name: 'limits', parameterNotFoundAction: 'Allow' } }, []), []);
  });

  it('30: with a selector every param must pass', () => {
    const selector = { paramRef: { selector: { matchLabels: { app: 'a' } }, parameterNotFoundAction: 'Deny' } };
    const labels = { labels: { app: 'a' } };
    const objects = [configMap('z', '2', labels), configMap('m', '1', labels), configMap('a', '3', labels), configMap('other', '4')];
    assert.deepEqual(onParams(selector, objects), ['Deny Invalid a', 'Deny Invalid z']);
    assert.deepEqual(onParams(selector, [configMap('other', '1')]), [`Deny Invalid ${NOT_FOUND}`]);
    assert.equal(onParams({ paramRef: { selector: {}, parameterNotFoundAction: 'Deny' } }, objects).length, 3);
  });

  it('a cluster-scoped kind takes no namespace', () => {
    const kinds = [{ group: 'rules.example.com', kind: 'Limit', plural: 'limits', namespaced: false }];
    const objects = [{ apiVersion: 'rules.example.com/v1', kind: 'Limit', metadata: { name: 'limits' }, max: 1 }];
    const policies = [
      policy({ paramKind: { apiVersion: 'rules.example.com/v1', kind: 'Limit' }, validations: [{ expression: 'params.max == 1' }] }),
    ];
    assert.deepEqual(said(judge({ policies, bindings: [binding(byName)], objects, kinds })), []);
    const spaced = [binding({ paramRef: { ...byName.paramRef, namespace: 'acme' } })];
    assert.match(said(judge({ policies, bindings: spaced, objects, kinds }))[0] ?? '', /must not be provided for a cluster-scoped/);
  });

  it('match conditions see them too', () => {
    const policies = [policy({ ...TAKES, matchConditions: [{ name: 'c', expression: "params.data.max == '2'" }] })];
    const verdict = (max: string) => judge({ policies, bindings: [binding(byName)], objects: [configMap('limits', max)] }).verdict;
    assert.deepEqual([verdict('1'), verdict('2')], ['Allow', 'Deny']);
  });

  it('hostile names are data', () => {
    const hostile = { paramRef: { name: 'constructor', parameterNotFoundAction: 'Deny' } };
    assert.deepEqual(onParams(hostile, []), [`Deny Invalid ${NOT_FOUND}`]);
  });
});

describe('policies of Kubernetes', () => {
  const codes = (spec: JsonObject): readonly string[] =>
    load({ policies: [policy(spec)], bindings: [binding()] }).problems.map(({ code, path }) => `${code} ${path ?? ''}`);

  it('know no variables of ours', () => {
    assert.deepEqual(codes({ validations: [{ expression: 'tenant.name == "a"' }] }), ['POLICY_EXPRESSION spec.validations[0].expression']);
    assert.deepEqual(codes({ validations: [{ expression: 'namespaceObject.metadata.name == "a"' }] }), []);
  });

  it('have no params without paramKind', () => {
    assert.deepEqual(codes({ validations: [{ expression: 'params == null' }] }), ['POLICY_EXPRESSION spec.validations[0].expression']);
  });

  it('have no fields of ours', () => {
    assert.deepEqual(codes({ enforcement: 'Deny', validations: [{ expression: 'true', messages: { es: 'x' } }] }), [
      'DOCUMENT_UNKNOWN_FIELD spec.enforcement',
      'DOCUMENT_UNKNOWN_FIELD spec.validations[0].messages',
    ]);
  });

  it('may share their name with one of ours', () => {
    const { inputs } = admissionPolicies({ policies: [policy()], bindings: [binding()], objects: [], kinds: [] });
    const [theirs] = inputs;
    assert.ok(theirs);
    const { bindings: _, ...ours } = theirs;
    const { set, refused } = compilePolicies([theirs, ours]);
    assert.deepEqual([set.policies.length, refused.length], [2, 0]);
  });

  it('say what parseJson objects say', () => {
    const asked = request({ object: parseJson('{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"n":1.0}}') });
    const policies = [policy({ validations: [{ expression: 'object.spec.n == 1.0' }] })];
    assert.equal(judge({ policies, bindings: [binding()] }, asked).verdict, 'Allow');
  });
});
