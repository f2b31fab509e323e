// SPDX-License-Identifier: Apache-2.0
// A tenant's own policies bind its namespaces alone, only narrow, and never hold up what the tenant stands on.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseJson } from '../cel/index.ts';
import { compilePolicies } from '../compile/index.ts';
import type { AdmissionRequest, JsonObject } from './request.ts';
import { conditions, decideOn, input, namespaceObject, request, setOf, validation } from './test-case.ts';

const onPods = {
  matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['*' as const], resources: ['pods'] }] },
};
const own = { ...validation('false'), ...onPods, tenants: ['acme'] };
const platform = { ...validation('true'), ...onPods };
const of = (tenant: string): { readonly namespaceObject: JsonObject } => ({
  namespaceObject: { metadata: { name: 'x', labels: { 'writ.dev/tenant': tenant } } },
});
const verdict = (asked?: AdmissionRequest, facts = {}): string => decideOn(setOf(own, platform), asked, facts).verdict;
const as = (user: Partial<AdmissionRequest['userInfo']>, more: Partial<AdmissionRequest> = {}): AdmissionRequest =>
  request({ ...more, userInfo: { username: 'u', uid: '', groups: [], extra: {}, ...user } });

describe("a tenant's own policy", () => {
  it('binds that tenant and no other', () => {
    assert.equal(verdict(), 'Deny');
    assert.equal(verdict(undefined, of('rival')), 'Allow');
    assert.equal(verdict(undefined, of('')), 'Allow');
    assert.equal(verdict(undefined, { namespaceObject: { metadata: { name: 'x' } }, governed: true }), 'Allow');
  });

  it('opens nothing: by itself it leaves the default of deny', () => {
    const lax = setOf({ ...validation('true'), ...onPods, tenants: ['acme'] });
    assert.match(JSON.stringify(decideOn(lax)), /NO_VERIFIED_POLICY/);
    assert.match(JSON.stringify(decideOn(lax, undefined, of('rival'))), /NO_VERIFIED_POLICY/);
    assert.equal(decideOn(setOf({ ...validation('true'), ...onPods, tenants: ['acme'] }, platform)).verdict, 'Allow');
    // What the platform refuses stays refused, whatever the tenant's own say.
    assert.equal(
      decideOn(setOf({ ...platform, ...validation('false') }, { ...own, ...validation('true'), ...conditions('false') })).verdict,
      'Deny',
    );
  });

  it('leaves alone what was made for the tenant, and what Kubernetes ends there', () => {
    const owned = parseJson('{"metadata":{"labels":{"app.kubernetes.io/managed-by":"writ","writ.dev/tenant":"acme"}}}');
    assert.equal(verdict(request({ object: owned })), 'Allow');
    assert.equal(verdict(request({ operation: 'DELETE', object: null, oldObject: owned })), 'Allow');
    const controllers = { groups: ['system:serviceaccounts:kube-system'] };
    const gone = { operation: 'DELETE', object: null, oldObject: parseJson('{"metadata":{}}') } as const;
    assert.equal(verdict(as(controllers, gone)), 'Allow');
    assert.equal(verdict(as({}, gone)), 'Deny');
    // A pod of a Deployment is a pod of the tenant.
    assert.equal(verdict(as(controllers)), 'Deny');
    assert.equal(verdict(as({ groups: ['system:masters'] })), 'Allow');
  });

  it('is about no Namespace', () => {
    const aNamespace = { group: '', version: 'v1', resource: 'namespaces' };
    const everything = {
      resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['*' as const], resources: ['pods', 'configmaps'] }],
    };
    const object = parseJson('{"metadata":{"name":"acme","labels":{"writ.dev/tenant":"acme"}}}');
    const asked = request({
      resource: aNamespace,
      requestResource: aNamespace,
      kind: { group: '', version: 'v1', kind: 'Namespace' },
      object,
    });
    assert.equal(decideOn(setOf({ ...own, matchConstraints: everything }, platform), asked, { namespaceObject }).verdict, 'Allow');
  });

  it('names each kind, and none that is not in a namespace', () => {
    const problems = (rule: object): readonly string[] =>
      compilePolicies([
        input('p', {
          ...own,
          matchConstraints: {
            resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], ...rule }],
          },
        }),
      ]).refused.flatMap(({ problems: found }) => found.map(({ code, path }) => `${code} ${path}`));
    assert.deepEqual(problems({}), []);
    assert.deepEqual(problems({ apiGroups: ['*'] }), ['POLICY_MATCH spec.matchConstraints.resourceRules[0].apiGroups']);
    for (const resources of [['*'], ['*/*'], ['pods', '*/scale'], ['namespaces']])
      assert.deepEqual(problems({ resources }), ['POLICY_MATCH spec.matchConstraints.resourceRules[0].resources'], resources.join());
  });
});
