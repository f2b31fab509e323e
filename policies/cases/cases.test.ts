// SPDX-License-Identifier: Apache-2.0
// The format of a case, the request that it makes, and what it expects.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PolicySpec } from '../../crds/generated/objects.ts';
import { compilePolicies } from '../compile/index.ts';
import { input } from '../decide/test-case.ts';
import type { JsonObject } from '../document/json.ts';
import { coveredSet, missingOf } from './coverage.ts';
import { isBroken, readCases } from './index.ts';
import type { CasesFile } from './index.ts';
import { requestOf } from './request.ts';
import { runCase } from './run.ts';
import type { CaseOutcome, World } from './run.ts';

const read = (value: JsonObject): CasesFile =>
  readCases({ file: 'a.cases.yaml', value, positionOf: (path) => ({ file: 'a.cases.yaml', line: path.length, column: 1 }) });

const pod = (more: JsonObject = {}): JsonObject => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec: {}, ...more });

const problemOf = (one: JsonObject): string => {
  const [made] = read({ policies: ['a.yaml'], cases: [one] }).cases;
  return made !== undefined && isBroken(made) ? `${made.problem.path ?? ''}: ${made.problem.message}` : 'none';
};

describe('the format of a case', () => {
  for (const [name, one, expected] of [
    ['a good one', { object: pod(), expect: 'Allow' }, /^none$/],
    ['a field that is not known', { object: pod(), expects: 'Allow' }, /^cases\[0\]\.expects: expects is not known/],
    ['no expectation', { object: pod() }, /^cases\[0\]\.expect: expect is missing/],
    ['a verdict that is none', { object: pod(), expect: 'Denied' }, /one of Allow, Deny, Warn, Audit/],
    ['an expectation that says nothing', { object: pod(), expect: {} }, /says nothing/],
    ['a message where all is allowed', { object: pod(), expect: { verdict: 'Allow', message: 'x' } }, /no message/],
    ['no object', { expect: 'Allow' }, /CREATE needs object/],
    ['an update of nothing', { operation: 'UPDATE', object: pod(), expect: 'Allow' }, /UPDATE needs oldObject/],
    ['a deletion of nothing', { operation: 'DELETE', object: pod(), expect: 'Allow' }, /DELETE needs oldObject/],
    ['an operation that is none', { operation: 'PATCH', object: pod(), expect: 'Allow' }, /one of CREATE/],
    ['two objects', { object: pod(), file: 'a', expect: 'Allow' }, /given together/],
    ['an object that is none', { object: 'x', expect: 'Allow' }, /must be a mapping/],
    ['an authorizer of another shape', { object: pod(), authorizer: { deny: [] }, expect: 'Allow' }, /deny is not known/],
    ['an authorizer', { object: pod(), authorizer: { allow: [{ verb: 'get' }] }, expect: 'Allow' }, /^none$/],
    ['hostile fields', JSON.parse('{"__proto__": 1, "object": {}, "expect": "Allow"}'), /__proto__ is not known/],
  ] as const) {
    it(name, () => assert.match(problemOf(one), expected));
  }

  it('objects may stand in files', () => {
    const [one, two, three] = read({
      policies: 'a.yaml',
      cases: [
        { file: 'a.yaml', expect: 'Allow' },
        { object: { file: 'b.yaml' }, oldObject: { file: 'c.yaml' }, operation: 'UPDATE', expect: 'Allow' },
        { operation: 'DELETE', file: 'd.yaml', expect: 'Allow' },
      ],
    }).cases;
    assert.ok(one && two && three && !isBroken(one) && !isBroken(two) && !isBroken(three));
    assert.deepEqual(
      [one.object, two.object, two.oldObject, three.object, three.oldObject],
      [{ file: 'a.yaml' }, { file: 'b.yaml' }, { file: 'c.yaml' }, undefined, { file: 'd.yaml' }],
    );
  });

  it('a file needs policies and a list of cases', () => {
    const messages = (value: JsonObject) => read(value).problems.map(({ message }) => message);
    assert.deepEqual(messages({ policies: ['a'], cases: [] }), []);
    assert.deepEqual(messages({ cases: [] }), ['no policies are named']);
    assert.deepEqual(messages({ policies: ['a'] }), ['cases must be a list']);
    assert.match(messages({ policies: ['a'], cases: [], case: [] })[0] ?? '', /case is not known/);
  });
});

describe('the request of a case', () => {
  const made = (object: JsonObject, more: Partial<Parameters<typeof requestOf>[0]> = {}) => {
    const outcome = requestOf({ operation: 'CREATE', object, oldObject: null, user: {}, namespace: 'team', kinds: [], ...more });
    assert.ok(outcome.ok, JSON.stringify(outcome));
    return outcome.request;
  };

  for (const [apiVersion, kind, resource, namespace] of [
    ['v1', 'Pod', 'pods', 'team'],
    ['apps/v1', 'Deployment', 'deployments', 'team'],
    ['v1', 'Endpoints', 'endpoints', 'team'],
    ['networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies', 'team'],
    ['networking.k8s.io/v1', 'Ingress', 'ingresses', 'team'],
    ['rbac.authorization.k8s.io/v1', 'ClusterRole', 'clusterroles', ''],
    ['v1', 'Node', 'nodes', ''],
    ['v1', 'Namespace', 'namespaces', 'web'],
    ['v1', 'PodExecOptions', 'pods/exec', 'team'],
    ['policy/v1', 'Eviction', 'pods/eviction', 'team'],
    ['writ.dev/v1alpha1', 'TrustPolicy', 'trustpolicies', ''],
    ['x.example.com/v1', 'Mouse', 'mice', ''],
  ] as const) {
    it(`${kind} is one of ${resource}`, () => {
      const kinds = [{ group: 'x.example.com', kind: 'Mouse', plural: 'mice', namespaced: false }];
      const request = made({ apiVersion, kind, metadata: { name: 'web' } }, { kinds });
      const { resource: plural } = request.resource;
      assert.equal(request.subResource === '' ? plural : `${plural}/${request.subResource}`, resource);
      assert.equal(request.namespace, namespace);
    });
  }

  it('has what the API server adds: namespace and the group of everyone', () => {
    const request = made(pod(), { user: { username: 'jane', groups: ['dev'] } });
    assert.deepEqual(request.object, { ...pod(), metadata: { name: 'web', namespace: 'team' } });
    assert.deepEqual(request.userInfo.groups, ['dev', 'system:authenticated']);
  });

  it('is refused where nobody could make it', () => {
    const refused = (more: Partial<Parameters<typeof requestOf>[0]>) =>
      requestOf({ operation: 'CREATE', object: pod(), oldObject: null, user: {}, namespace: 'team', kinds: [], ...more }).ok;
    assert.equal(refused({ object: {} }), false);
    assert.equal(refused({ object: null }), false);
    assert.equal(refused({ operation: 'UPDATE' }), false);
    assert.equal(refused({ object: JSON.parse('{"constructor": {}}') }), false);
  });
});

const worldOf = (...specs: readonly Partial<PolicySpec>[]): World => {
  const { set, refused } = compilePolicies(specs.map((spec, index) => input(`p${index}`, spec)));
  assert.deepEqual(refused, []);
  return { set, kinds: [], namespaces: new Map(), tenants: new Map(), readObject: () => ({ message: 'no files here' }) };
};

const run = (one: JsonObject, world: World): CaseOutcome => {
  const [made] = read({ policies: ['a.yaml'], cases: [{ object: pod(), ...one }] }).cases;
  assert.ok(made !== undefined && !isBroken(made), JSON.stringify(made));
  return runCase(made, world);
};

describe('the outcome of a case', () => {
  const strict = worldOf({ validations: [{ expression: "object.metadata.name == 'good'", message: 'be good', reason: 'Forbidden' }] });
  const good = pod({ metadata: { name: 'good' } });

  for (const [name, one, held] of [
    ['the verdict', { expect: 'Deny' }, true],
    ['another verdict', { expect: 'Warn' }, false],
    ['nothing to say', { object: good, expect: 'Allow' }, true],
    ['a violation that is not there', { object: good, expect: 'Deny' }, false],
    ['policy, reason and a part of the message', { expect: { verdict: 'Deny', policy: 'p0', message: 'good', reason: 'Forbidden' } }, true],
    ['another message', { expect: { verdict: 'Deny', message: 'bad' } }, false],
    ['another reason', { expect: { verdict: 'Deny', reason: 'Invalid' } }, false],
    ['no verdict, only words', { expect: { message: 'be good' } }, true],
    ['a policy that is not there', { expect: { verdict: 'Deny', policy: 'p9' } }, false],
    ['a policy that is not there, allowed', { object: good, expect: { verdict: 'Allow', policy: 'p9' } }, false],
    ['a file that is not there', { object: { file: 'x' }, expect: 'Allow' }, false],
    ['a namespace that no tenant owns', { tenant: null, expect: 'Allow' }, true],
  ] as const) {
    it(`expects ${name}: ${held ? 'held' : 'not'}`, () => {
      const outcome = run(one, strict);
      assert.equal(outcome.held, held);
      assert.equal(outcome.because === undefined, held);
    });
  }

  it('tells what was expected and what was said', () => {
    assert.equal(run({ expect: 'Allow' }, strict).because, 'expected Allow; said Deny by p0 (Forbidden): be good');
  });

  it('each variable of a case is seen', () => {
    const says = (expression: string, one: JsonObject): boolean =>
      run({ expect: 'Allow', ...one }, worldOf({ validations: [{ expression }], params: { defaults: { a: 1, b: 2 } } })).held;
    assert.ok(says("namespaceObject.metadata.labels['writ.dev/tenant'] == 'test' && tenant.name == 'test'", {}));
    assert.ok(
      says("namespaceObject.metadata.labels.env == 'prod' && namespaceObject.metadata.name == 'n'", {
        namespaceObject: { metadata: { name: 'n', labels: { env: 'prod' } } },
      }),
    );
    assert.ok(says("request.namespace == 'n'", { namespaceObject: { metadata: { name: 'n' } } }));
    assert.ok(says("tenant.tier == 'Free' && tenant.name == 'acme'", { tenant: { metadata: { name: 'acme' }, spec: { tier: 'Free' } } }));
    assert.ok(says("tenant.tier == 'Free'", { tenant: { tier: 'Free' } }));
    assert.ok(
      says("request.userInfo.username == 'jane' && 'dev' in request.userInfo.groups", { user: { username: 'jane', groups: ['dev'] } }),
    );
    assert.ok(says('params.a == 1 && params.b == 5', { params: { b: 5 } }));
    assert.ok(
      says("request.operation == 'UPDATE' && oldObject.metadata.name == 'old'", {
        operation: 'UPDATE',
        oldObject: pod({ metadata: { name: 'old' } }),
      }),
    );
    assert.ok(says("request.operation == 'DELETE' && object == null", { operation: 'DELETE', oldObject: pod() }));
  });

  it('one run leaves nothing behind for the next', () => {
    const world = worldOf({ validations: [{ expression: 'params.a == 1' }], params: { defaults: { a: 1 } } });
    assert.equal(run({ params: { a: 2 }, expect: 'Deny' }, world).held, true);
    assert.equal(run({ expect: 'Allow' }, world).held, true);
  });
});

describe('coverage', () => {
  it('tells what never came out true, and what never false', () => {
    const world = worldOf({
      variables: [{ name: 'v', expression: '1' }],
      matchConditions: [{ name: 'c', expression: "object.metadata.name != 'skipped'" }],
      validations: [{ expression: "object.metadata.name == 'good'", messageExpression: "'x'" }, { expression: 'variables.v == 1' }],
    });
    const covered = coveredSet(world.set);
    const missing = () => covered.expressions.map((one) => missingOf(one).join('+'));
    assert.deepEqual(missing(), ['true+false', 'value', 'true+false', 'value', 'true+false']);
    run({ expect: 'Deny' }, { ...world, set: covered.set });
    assert.deepEqual(missing(), ['false', '', 'true', '', 'false']);
    run({ object: pod({ metadata: { name: 'good' } }), expect: 'Allow' }, { ...world, set: covered.set });
    run({ object: pod({ metadata: { name: 'skipped' } }), expect: 'Allow' }, { ...world, set: covered.set });
    assert.deepEqual(missing(), ['', '', '', '', 'false']);
  });

  it('an error is neither true nor false', () => {
    const world = worldOf({ validations: [{ expression: 'object.spec.nothing == 1' }] });
    const covered = coveredSet(world.set);
    assert.equal(run({ expect: 'Deny' }, { ...world, set: covered.set }).held, true);
    assert.deepEqual(covered.expressions[0]?.counts, { true: 0, false: 0, error: 1, value: 0 });
  });

  it('changes no decision', () => {
    const world = worldOf({ validations: [{ expression: "object.metadata.name == 'good'" }] });
    assert.deepEqual(run({ expect: 'Deny' }, { ...world, set: coveredSet(world.set).set }), run({ expect: 'Deny' }, world));
  });
});
