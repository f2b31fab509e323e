// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Resource } from '../../crds/kinds.ts';
import { changesNeeds, completionConfiguration, createTenancyKeeper, tenancyConfiguration } from './tenancy-configuration.ts';
import type { WebhookConfigurationObject } from './owned-configuration.ts';
import { scriptedClient } from '../../test/scripted-client.ts';

const service = { kind: 'service', namespace: 'writ-system', name: 'writ-webhook', port: 443 } as const;
const plain = { name: 'plain', spec: {} };
const counting = {
  name: 'counting',
  spec: {
    resourceQuotas: [{ name: 'a', hard: { 'count/agents.kagent.dev': 3, 'count/leases.coordination.k8s.io': 1, secrets: 2, pods: 1 } }],
  },
};
const eachNamespace = { name: 'each', spec: { resourceQuotas: [{ name: 'a', scope: 'Namespace' as const, hard: { configmaps: 3 } }] } };
const completing = { name: 'completing', spec: { podSecurity: { enforce: 'restricted' as const } } };
const input = { target: service, authorities: 'pem', systemNamespace: 'writ-system', tenants: [plain] };
const signal = new AbortController().signal;

type Webhook = {
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly operations: readonly string[];
    readonly scope: string;
  }[];
};
const webhooksIn = ({ webhooks = [] }: WebhookConfigurationObject): readonly Webhook[] => JSON.parse(JSON.stringify(webhooks));
const rulesOf = (configuration: WebhookConfigurationObject, index = 0): Webhook['rules'] => webhooksIn(configuration)[index]?.rules ?? [];
const asks = (configuration: WebhookConfigurationObject, group: string, resource: string): boolean =>
  rulesOf(configuration).some((rule) => rule.apiGroups.includes(group) && rule.resources.includes(resource));

describe('the configurations of tenancy', () => {
  it('choose namespaces by the tenant label alone, and never the operator', () => {
    const webhooks = [
      ...(tenancyConfiguration(input).webhooks ?? []),
      ...(completionConfiguration({ ...input, tenants: [completing] }).webhooks ?? []),
    ];
    assert.equal(webhooks.length, 3);
    for (const webhook of webhooks) {
      assert.partialDeepStrictEqual(webhook, {
        namespaceSelector: {
          matchExpressions: [
            { key: 'writ.dev/tenant', operator: 'Exists' },
            {
              key: 'kubernetes.io/metadata.name',
              operator: 'NotIn',
              values: ['kube-system', 'kube-public', 'kube-node-lease', 'writ-system'],
            },
          ],
        },
        matchConditions: [{ expression: "request.userInfo.username != 'system:serviceaccount:writ-system:writ-operator'" }],
      });
    }
    for (const rule of rulesOf(tenancyConfiguration(input))) {
      assert.equal(rule.scope, 'Namespaced');
      assert.ok(
        !rule.apiGroups.includes('*') && !rule.resources.includes('*') && !rule.apiGroups.includes('coordination.k8s.io'),
        JSON.stringify(rule),
      );
    }
    assert.deepEqual(rulesOf(tenancyConfiguration(input), 1), [
      { apiGroups: [''], apiVersions: ['*'], resources: ['namespaces'], operations: ['DELETE'], scope: 'Cluster' },
    ]);
  });

  it('ask about what quotas over a tenant count, and never about what a cluster recovers by', () => {
    for (const [group, resource] of [
      ['', 'services'],
      ['networking.k8s.io', 'networkpolicies'],
      ['cilium.io', 'ciliumnetworkpolicies'],
    ] as const)
      assert.ok(asks(tenancyConfiguration(input), group, resource), resource);
    assert.equal(asks(tenancyConfiguration(input), '', 'secrets'), false);
    const counted = tenancyConfiguration({ ...input, tenants: [plain, counting, eachNamespace] });
    assert.ok(asks(counted, '', 'secrets'));
    // The bounds of workloads are judged where policies are, so nobody asks about them twice.
    for (const [group, resource] of [
      ['kagent.dev', 'agents'],
      ['', 'pods'],
      ['', 'pods/ephemeralcontainers'],
    ] as const)
      assert.equal(asks(counted, group, resource), false, resource);
    assert.equal(asks(counted, '', 'configmaps'), false);
    assert.equal(asks(counted, 'coordination.k8s.io', 'leases'), false);
  });

  it('complete pods only where some Tenant says what', () => {
    assert.deepEqual(completionConfiguration(input).webhooks, []);
    assert.partialDeepStrictEqual(completionConfiguration({ ...input, tenants: [plain, completing] }).webhooks?.[0], {
      failurePolicy: 'Ignore',
      reinvocationPolicy: 'IfNeeded',
      clientConfig: { service: { path: '/complete' } },
    });
    const byUrl = { kind: 'url', url: 'https://127.0.0.1:1/validate' } as const;
    assert.partialDeepStrictEqual(tenancyConfiguration({ ...input, target: byUrl }).webhooks?.[0], {
      clientConfig: { url: 'https://127.0.0.1:1/tenancy' },
    });
  });

  it('are looked at again only when a Tenant needs something else of them', () => {
    assert.equal(changesNeeds(undefined, plain), false);
    assert.equal(changesNeeds(plain, { name: 'plain', spec: { admission: 'Cordoned', images: { registries: [{ prefix: 'x' }] } } }), false);
    for (const [before, after] of [
      [undefined, counting],
      [counting, plain],
      [completing, undefined],
    ] as const)
      assert.equal(changesNeeds(before, after), true);
  });

  it('are written once, put right, and told of when somebody else changed them', async () => {
    const held = new Map<string, WebhookConfigurationObject>();
    let writes = 0;
    const tampered: string[] = [];
    let tenants = [plain];
    let holdsAny = false;
    const write = async (resource: Resource, object: WebhookConfigurationObject) => {
      writes += 1;
      // The API server leaves an empty list out.
      const { webhooks, ...rest } = structuredClone(object);
      held.set(resource.plural, webhooks?.length === 0 ? rest : { ...rest, webhooks: webhooks ?? [] });
      return object;
    };
    const keeper = createTenancyKeeper({
      client: scriptedClient({ get: async (resource: Resource) => held.get(resource.plural), apply: write, replace: write }),
      target: service,
      systemNamespace: 'writ-system',
      tenants: () => tenants,
      holdsAny: () => holdsAny,
      onTampered: ({ resource, what }) => tampered.push(`${resource.kind} ${what}`),
      onChange: () => undefined,
    });
    assert.equal(await keeper.reconcile(signal), false);
    keeper.trustAuthorities('pem');
    assert.equal(await keeper.reconcile(signal), true);
    assert.equal(await keeper.reconcile(signal), false);
    assert.equal(writes, 2);
    held.delete('validatingwebhookconfigurations');
    held.set('mutatingwebhookconfigurations', { metadata: { name: 'writ-complete' }, webhooks: [{ name: 'evil' }] });
    assert.equal(await keeper.reconcile(signal), true);
    assert.deepEqual(tampered, ['ValidatingWebhookConfiguration deleted', 'MutatingWebhookConfiguration metadata.labels']);
    assert.equal(writes, 4);
    const isCounted = (): boolean => asks(held.get('validatingwebhookconfigurations') ?? assert.fail(), '', 'secrets');
    tenants = [counting];
    await keeper.reconcile(signal);
    [tenants, holdsAny] = [[plain], true];
    assert.deepEqual(
      [await keeper.reconcile(signal), isCounted()],
      [false, true],
      'less is not asked while nothing is known of some tenant',
    );
    holdsAny = false;
    assert.deepEqual([await keeper.reconcile(signal), isCounted()], [true, false]);
  });
});
