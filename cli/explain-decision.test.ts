// SPDX-License-Identifier: Apache-2.0
// A file with policy, binding, param and namespace as a cluster runs it, from lint to a decision that is judged again.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { temporaryFolder } from './spawn-writ.ts';

const POLICY = `apiVersion: v1
kind: Namespace
metadata: {name: team, labels: {env: prod, writ.dev/tenant: acme}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: limits, namespace: team}
data: {max: "3"}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: replicas}
spec:
  paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
  variables:
  - {name: max, expression: int(params.data.max)}
  validations:
  - expression: object.spec.replicas <= variables.max
    messageExpression: "'at most ' + string(variables.max)"
  - expression: |-
      object.spec.template.spec.containers.all(c,
        !has(c.imge))
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: replicas}
spec:
  policyName: replicas
  validationActions: [Deny]
  paramRef: {name: limits, parameterNotFoundAction: Deny}
  matchResources: {namespaceSelector: {matchLabels: {env: prod}}}
`.replace('!has(c.imge))', '!has(c.imge))\n    message: no typing errors');

const OBJECT = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: team}
spec: {replicas: 5, template: {spec: {containers: [{name: a, image: x}]}}}
`;

const ID = 'd-0123456789abcdef0123';

const record = (fields: Readonly<Record<string, unknown>> = {}): string =>
  `${JSON.stringify({
    msg: 'decision',
    id: ID,
    time: '2026-01-01T00:00:00Z',
    uid: 'u',
    tenant: 'acme',
    namespace: 'team',
    kind: 'apps/v1, Deployment',
    name: 'web',
    operation: 'CREATE',
    user: 'jane',
    dryRun: false,
    metered: true,
    verdict: 'Deny',
    setDigest: 'sha256:x',
    trustDigest: '',
    revisions: {},
    allowed: [],
    spoke: [{ policy: 'replicas', digest: '', verdict: 'Deny', signers: ['ci'] }],
    violations: [{ policy: 'replicas', version: 0, rule: 0, reason: 'Invalid', cause: 'false', message: 'at most 3' }],
    durationUs: 70,
    ...fields,
  })}\n`;

describe('a file as a cluster runs it', () => {
  it('is linted, with the types of the objects', () => {
    using folder = temporaryFolder();
    folder.write({ 'all.yaml': POLICY });
    const { code, out, err } = folder.writ(['lint', 'all.yaml']);
    assert.deepEqual([code, out], [0, '3 documents, 0 problems, 1 warning\n']);
    assert.match(
      err,
      /^warning: all\.yaml:25:13: EXPRESSION_TYPES: spec\.validations\[1\]\.expression: apps\/v1, Kind=Deployment: undefined/,
    );
    assert.equal(folder.writ(['lint', '--strict', 'all.yaml']).code, 1);
    const sarif = JSON.parse(folder.writ(['lint', '--output', 'sarif', 'all.yaml']).out);
    const [result] = sarif.runs[0].results;
    assert.deepEqual(
      [result.ruleId, result.level, result.locations[0].physicalLocation.region.startLine],
      ['EXPRESSION_TYPES', 'warning', 25],
    );
  });

  it('gives its variables, param and namespace to an expression', () => {
    using folder = temporaryFolder();
    folder.write({ 'all.yaml': POLICY, 'web.yaml': OBJECT });
    const value = (expression: string, ...more: readonly string[]): unknown =>
      JSON.parse(folder.writ(['eval', expression, '--object', 'web.yaml', '--with', 'all.yaml', '--output', 'json', ...more]).out).value;
    assert.equal(value('variables.max + object.spec.replicas'), 8);
    assert.equal(value('namespaceObject.metadata.labels.env + params.data.max', '--policy', 'replicas'), 'prod3');
    assert.equal(folder.writ(['eval', '1', '--object', 'web.yaml', '--with', 'all.yaml', '--policy', 'other']).code, 2);
  });
});

describe('explain a decision', () => {
  it('tells the record of the log, or of a file that holds it', () => {
    using folder = temporaryFolder();
    folder.write({ 'log.jsonl': `noise\n${record({ id: 'd-ffffffffffffffffffff' })}${record()}`, 'one.json': record() });
    for (const args of [[ID, '--log', 'log.jsonl'], ['one.json']]) {
      const { code, out } = folder.writ(['explain', ...args]);
      assert.equal(code, 0);
      assert.match(out, new RegExp(`^${ID}: Deny\n  asked {6}CREATE apps/v1, Deployment web in team by jane\n`));
      assert.match(out, /replicas version 0, spec\.validations\[0\], sealed by ci\n {4}Invalid: at most 3/);
    }
    assert.match(folder.writ(['explain', 'd-00000000000000000000', '--log', 'log.jsonl']).err, /DECISION_NOT_FOUND/);
  });

  it('judges the object again, asked as the record says', () => {
    using folder = temporaryFolder();
    folder.write({ 'all.yaml': POLICY, 'web.yaml': OBJECT, 'log.jsonl': record(), 'gone.jsonl': record({ operation: 'DELETE' }) });
    const again = ['--object', 'web.yaml', '--with', 'all.yaml'];
    const { code, out, err } = folder.writ(['explain', ID, '--log', 'log.jsonl', ...again]);
    assert.equal(code, 1);
    assert.match(err, /^warning: these policies are not the set by which it was decided/);
    assert.match(
      out,
      /validation object\.spec\.replicas <= variables\.max: false: at most 3\n {6}object\.spec\.replicas <= variables\.max\n {6}\^\n/,
    );
    assert.match(out, /object\.spec\.replicas = 5\n {8}variables\.max = 3\n/);
    // Deletions are none of the rules.
    const deleted = folder.writ(['explain', ID, '--log', 'gone.jsonl', ...again]);
    assert.equal(deleted.code, 0);
    assert.match(deleted.out, /does not apply: none of its rules/);
    const { explanation } = JSON.parse(folder.writ(['explain', ID, '--log', 'log.jsonl', ...again, '--output', 'json']).out);
    assert.deepEqual([explanation.decision.verdict, explanation.policies[0].steps[1].failedAt], ['Deny', 0]);
  });

  it('takes no other object, and no object without policies', () => {
    using folder = temporaryFolder();
    folder.write({ 'all.yaml': POLICY, 'web.yaml': OBJECT, 'log.jsonl': record({ kind: 'v1, Pod' }) });
    const { code, err } = folder.writ(['explain', ID, '--log', 'log.jsonl', '--object', 'web.yaml', '--with', 'all.yaml']);
    assert.deepEqual([code, err], [2, 'error: the decision is about v1, Pod, the object is apps/v1, Deployment\n']);
    assert.match(folder.writ(['explain', ID, '--log', 'log.jsonl', '--object', 'web.yaml']).err, /needs --with/);
  });
});
