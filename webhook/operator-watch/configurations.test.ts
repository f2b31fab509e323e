// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decisionFields, guardWebhooks, tenantNamespaces } from '../../crds/asked.ts';
import { rulesFor } from '../../policies/compile/admission-rules.ts';
import { policiesMatching } from '../../policies/compile/standing-rules.ts';
import { decisionsProblem, guardProblem } from './configurations.ts';

const NAMESPACE = 'writ-system';
const believed = { systemNamespace: NAMESPACE, authorities: 'pem' };
const targetOf = (path: string) => ({ service: { namespace: NAMESPACE, name: 'writ-webhook', port: 443, path }, caBundle: 'cGVt' });
type Hook = Readonly<Record<string, unknown>>;
type Live = { readonly webhooks: readonly Hook[] };
const guard: Live = { webhooks: guardWebhooks(NAMESPACE).map((asked) => ({ ...asked, clientConfig: targetOf('/guard') })) };
const policies = policiesMatching([
  { apiGroups: ['batch'], apiVersions: ['v1'], resources: ['jobs'], operations: ['DELETE'], scope: 'Namespaced' },
]);
const main = {
  name: 'validate.writ.dev',
  ...decisionFields,
  rules: rulesFor(policies),
  namespaceSelector: tenantNamespaces(NAMESPACE),
  clientConfig: targetOf('/validate'),
};
const decisions: Live = { webhooks: [main, { ...main, name: 'acme.tenants.validate.writ.dev', rules: [], namespaceSelector: {} }] };

const isGuard = ({ name }: Hook): boolean => guard.webhooks.some((hook) => hook['name'] === name);
/** Each webhook asks another way than it did. */
const asking = ({ webhooks }: Live, change: (path: string) => object): Live => ({
  webhooks: webhooks.map((hook) => ({ ...hook, clientConfig: change(isGuard(hook) ? '/guard' : '/validate') })),
});
const changes: readonly (readonly [string, (live: Live) => Live])[] = [
  ['emptied', () => ({ webhooks: [] })],
  ['opened', ({ webhooks }) => ({ webhooks: webhooks.map((hook) => ({ ...hook, failurePolicy: 'Ignore' })) })],
  [
    'narrowed',
    ({ webhooks }) => ({ webhooks: webhooks.map((hook) => ({ ...hook, matchConditions: [{ name: 'a', expression: 'false' }] })) }),
  ],
  ['without its rules', ({ webhooks }) => ({ webhooks: webhooks.map((hook) => ({ ...hook, rules: [] })) })],
  [
    'of other namespaces',
    ({ webhooks }) => ({ webhooks: webhooks.map((hook) => ({ ...hook, namespaceSelector: { matchLabels: { a: 'b' } } })) }),
  ],
  ['without its main webhook', ({ webhooks }) => ({ webhooks: webhooks.slice(1) })],
  [
    'sent elsewhere',
    ({ webhooks }) => ({ webhooks: webhooks.map((hook) => ({ ...hook, clientConfig: { url: 'https://a', caBundle: 'b' } })) }),
  ],
  [
    'sent to another namespace',
    (live) => asking(live, (path) => ({ ...targetOf(path), service: { ...targetOf(path).service, namespace: 'a' } })),
  ],
  ['sent to another path', (live) => asking(live, (path) => targetOf(path === '/guard' ? '/validate' : '/guard'))],
  ['sent to the path of bounds', (live) => asking(live, () => targetOf('/tenancy'))],
  ['sent to no path', (live) => asking(live, (path) => ({ ...targetOf(path), service: { ...targetOf(path).service, path: undefined } }))],
  ['sent to another path by URL', (live) => asking(live, (path) => ({ url: `https://127.0.0.1${path}/tenancy`, caBundle: 'cGVt' }))],
  ['sent to no URL', (live) => asking(live, (path) => ({ url: path, caBundle: 'cGVt' }))],
];

describe('a webhook configuration, as a replica sees it', () => {
  it('is as it has to be, by Service or by URL', () => {
    const byUrl = (live: Live): Live => asking(live, (path) => ({ url: `https://127.0.0.1:9443/writ${path}`, caBundle: 'cGVt' }));
    for (const target of [(live: Live) => live, byUrl]) {
      assert.equal(guardProblem(target(guard), believed), undefined);
      assert.equal(decisionsProblem(target(decisions), policies, believed), undefined);
    }
  });

  it('is missing', () => {
    assert.match(guardProblem(undefined, believed) ?? '', /writ-guard is missing/);
    assert.match(decisionsProblem(undefined, policies, believed) ?? '', /writ is missing/);
  });

  for (const [what, change] of changes) {
    it(`is ${what}`, () => {
      assert.match(guardProblem(change(guard), believed) ?? '', /writ-guard/);
      assert.match(decisionsProblem(change(decisions), policies, believed) ?? '', /writ/);
    });
  }

  it('asks about less than is enforced', () => {
    const less = { webhooks: [{ ...main, rules: rulesFor([]) }] };
    assert.equal(decisionsProblem(less, [], believed), undefined);
    assert.match(decisionsProblem(less, policies, believed) ?? '', /rules of/);
  });

  it('is whatever somebody wrote', () => {
    const hostile: unknown[] = [null, 7, [], {}, { webhooks: null }, { webhooks: [null, 7, { name: 'validate.writ.dev' }] }];
    hostile.push({ webhooks: [{ ...main, rules: [null, { apiGroups: 'constructor' }] }] }, JSON.parse('{"webhooks":{"__proto__":1}}'));
    for (const live of hostile) {
      assert.equal(typeof guardProblem(live, believed), 'string');
      assert.equal(typeof decisionsProblem(live, policies, believed), 'string');
    }
  });
});
