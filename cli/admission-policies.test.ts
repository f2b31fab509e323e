// SPDX-License-Identifier: Apache-2.0
// A file with a ValidatingAdmissionPolicy, its binding and its params, as kubectl would apply it, in every command.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { temporaryFolder } from './spawn-writ.ts';

const VAP = `# what a cluster runs today
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: replica-limit
  annotations: {owner: "platform"}
spec:
  failurePolicy: Fail
  paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
  variables:
  - {name: max, expression: int(params.data.max)}
  validations:
  - expression: object.spec.replicas <= variables.max
    messageExpression: "'at most ' + string(variables.max)"
    reason: Forbidden
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: replica-limit-binding}
spec:
  policyName: replica-limit
  validationActions: [Deny, Audit]
  paramRef: {name: limits, parameterNotFoundAction: Deny}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: limits, namespace: team}
data: {max: "3", on: yes}
`;

const deployment = (replicas: number, namespace = 'team') =>
  `{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: ${namespace}}, spec: {replicas: ${replicas}}}`;

const CASES = `policies: [vap.yaml]
cases:
- {name: few, object: ${deployment(3)}, expect: Allow}
- {name: many, object: ${deployment(4)}, expect: {verdict: Deny, policy: replica-limit, message: at most 3, reason: Forbidden}}
- {name: no limit, object: ${deployment(1, 'other')}, expect: {verdict: Deny, message: no params found}}
- {name: another limit, object: ${deployment(9)}, params: {data: {max: "9"}}, expect: Allow}
- {name: nobody's namespace, tenant: null, object: ${deployment(4)}, expect: Deny}
`;

describe('a file of ValidatingAdmissionPolicies', () => {
  it('runs in test', () => {
    using folder = temporaryFolder();
    folder.write({ 'vap.yaml': VAP, 'vap.cases.yaml': CASES });
    const { code, out } = folder.writ(['test']);
    assert.equal(code, 0, out);
    assert.match(out, /^5 cases in 1 file: 5 held/);
  });

  it('may be several files, and a kind: List', () => {
    using folder = temporaryFolder();
    const [policy = '', binding = '', params = ''] = VAP.split('---\n');
    const list = `apiVersion: v1\nkind: List\nitems:\n${[binding, params].map((text) => text.trimEnd().replaceAll(/^/gm, '  ').replace('  ', '- ')).join('\n')}\n`;
    folder.write({ 'vap.yaml': policy, 'rest.yaml': list, 'vap.cases.yaml': CASES.replace('[vap.yaml]', '[vap.yaml, rest.yaml]') });
    assert.equal(folder.writ(['test']).code, 0);
  });

  it('runs in review', () => {
    using folder = temporaryFolder();
    folder.write({ 'vap.yaml': VAP });
    const review = (replicas: number) =>
      JSON.stringify({
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        request: {
          uid: `u${replicas}`,
          kind: { group: 'apps', version: 'v1', kind: 'Deployment' },
          resource: { group: 'apps', version: 'v1', resource: 'deployments' },
          name: 'd',
          namespace: 'team',
          operation: 'CREATE',
          userInfo: { username: 'ann' },
          object: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' }, spec: { replicas } },
        },
      });
    const { code, out } = folder.writ(['review', '--policies', 'vap.yaml'], { input: `${review(3)}\n${review(4)}\n` });
    assert.equal(code, 0);
    const [allowed, denied] = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).response);
    assert.deepEqual([allowed.allowed, denied.allowed, denied.status.code], [true, false, 403]);
    assert.match(denied.status.message, /replica-limit.*at most 3/s);
  });

  it('runs in lint, with problems and warnings at their places', () => {
    using folder = temporaryFolder();
    folder.write({ 'vap.yaml': VAP });
    assert.deepEqual(folder.writ(['lint', '.', '--strict']), { code: 0, out: '2 documents, 0 problems\n', err: '' });
    folder.write({ 'vap.yaml': VAP.replace('variables.max\n', 'variables.maxi\n').replace('[Deny, Audit]', '[Deny, Warn]') });
    const { code, err } = folder.writ(['lint', '.']);
    assert.equal(code, 1);
    assert.match(
      err,
      /^vap\.yaml:16:\d+: POLICY_EXPRESSION: spec\.validations\[0\]\.expression: .*maxi.*\nvap\.yaml:25:\d+: BINDING_INVALID: spec\.validationActions: .*both Deny and Warn/,
    );
    folder.write({
      'vap.yaml': VAP.replace(
        '[deployments]',
        '[deployments]}\n    excludeResourceRules:\n    - {apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*"]',
      ),
    });
    const lax = folder.writ(['lint', '.']);
    assert.equal(lax.code, 0);
    assert.match(
      lax.err,
      /^warning: vap\.yaml:12:7: MATCH_UNREACHABLE: spec\.matchConstraints\.resourceRules\[0\]: excludeResourceRules\[0\]/,
    );
    assert.equal(folder.writ(['lint', '.', '--strict']).code, 1);
  });

  it('lint tells SARIF what it tells people', () => {
    using folder = temporaryFolder();
    folder.write({
      'a b/vap.yaml': VAP.replace('variables.max\n', 'variables.maxi\n').replace('policyName: replica-limit', 'policyName: other'),
    });
    const { code, out } = folder.writ(['lint', '.', '--output', 'sarif']);
    assert.equal(code, 1);
    const { version, runs } = JSON.parse(out);
    assert.deepEqual([version, runs.length, runs[0].tool.driver.name], ['2.1.0', 1, 'writ']);
    const { results, tool } = runs[0];
    assert.deepEqual(results.map(({ ruleId, level }: { ruleId: string; level: string }) => `${level} ${ruleId}`).toSorted(), [
      'error POLICY_EXPRESSION',
      'warning BINDING_ORPHAN',
      'warning POLICY_UNBOUND',
    ]);
    for (const { ruleId, ruleIndex, message, locations } of results) {
      assert.equal(tool.driver.rules[ruleIndex].id, ruleId);
      assert.notEqual(message.text, '');
      assert.equal(locations[0].physicalLocation.artifactLocation.uri, 'a%20b/vap.yaml');
      assert.ok(locations[0].physicalLocation.region.startLine > 0);
    }
  });

  it('runs in explain, with variables, parts and a caret', () => {
    using folder = temporaryFolder();
    folder.write({ 'vap.yaml': VAP, 'd.yaml': deployment(4) });
    assert.match(
      folder.writ(['explain', 'vap.yaml']).out,
      /enforcement {2}Deny by replica-limit-binding.*\n {2}matches {6}CREATE, UPDATE deployments of apps\/v1\n/,
    );
    const { code, out } = folder.writ(['explain', 'vap.yaml', '--object', 'd.yaml']);
    assert.equal(code, 1);
    assert.match(out, /variable max = 3\n {4}binding replica-limit-binding: matches\n/);
    assert.match(
      out,
      /: false: at most 3\n {6}object\.spec\.replicas <= variables\.max\n {6}\^\n {8}object\.spec\.replicas = 4\n {8}variables\.max = 3\n/,
    );
    assert.match(out, /verdict: Deny\n {4}Forbidden: at most 3/);
    const { policies } = JSON.parse(folder.writ(['explain', 'vap.yaml', '--object', 'd.yaml', '--output', 'json']).out);
    assert.deepEqual(policies[0].variables, [{ name: 'max', source: 'int(params.data.max)', value: '3' }]);
    assert.equal(policies[0].steps.at(-1).parts.length, 2);
  });

  it('stays strict with documents of ours in the same file', () => {
    using folder = temporaryFolder();
    const tenant = 'apiVersion: writ.dev/v1alpha1\nkind: Tenant\nmetadata: {name: acme}\nspec: {locale: no}\n';
    folder.write({ 'all.yaml': `${VAP}---\n${tenant}` });
    assert.match(folder.writ(['lint', 'all.yaml']).err, new RegExp(`^all\\.yaml:${VAP.split('\n').length + 4}:16: DOCUMENT_AMBIGUOUS`));
  });
});
