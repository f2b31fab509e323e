// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isRecord } from '../../crds/wire.ts';
import { createGuardKeeper, guardConfiguration } from './guard-configuration.ts';
import type { WebhookConfigurationObject } from './owned-configuration.ts';
import { scriptedClient } from '../../test/scripted-client.ts';

const target = { kind: 'service', namespace: 'writ-system', name: 'writ-guard', port: 443 } as const;
const input = { target, authorities: 'pem', systemNamespace: 'writ-system' };
const signal = new AbortController().signal;

/** A client that holds one configuration, which anyone may change. */
const scene = () => {
  const cluster: { held: WebhookConfigurationObject | undefined; writes: number } = { held: undefined, writes: 0 };
  const write = async (_resource: unknown, object: WebhookConfigurationObject) => {
    cluster.held = structuredClone(object);
    cluster.writes += 1;
    return object;
  };
  const tampered: string[] = [];
  const keeper = createGuardKeeper({
    client: scriptedClient({ get: async () => cluster.held, apply: write, replace: write }),
    target,
    systemNamespace: 'writ-system',
    onTampered: (what) => tampered.push(what),
    onChange: () => undefined,
  });
  return { cluster, tampered, keeper };
};

describe('the guard configuration', () => {
  it('is about our kinds and our two sorts of ConfigMap, closes when nobody answers, and answers soon', () => {
    const { webhooks = [] } = guardConfiguration(input);
    assert.equal(webhooks.length, 3);
    for (const webhook of webhooks) {
      assert.partialDeepStrictEqual(webhook, { failurePolicy: 'Fail', sideEffects: 'None', matchPolicy: 'Equivalent', timeoutSeconds: 5 });
      assert.ok(isRecord(webhook) && !('matchConditions' in webhook));
    }
    const [kinds, inventories, marks] = webhooks;
    const operations = ['CREATE', 'UPDATE', 'DELETE'];
    assert.partialDeepStrictEqual(kinds, {
      clientConfig: { service: { namespace: 'writ-system', name: 'writ-guard', port: 443, path: '/guard' } },
      rules: [{ apiGroups: ['writ.dev'], resources: ['policies', 'rulesets', 'tenants', 'trustpolicies'], operations, scope: 'Cluster' }],
    });
    assert.ok(isRecord(kinds));
    assert.deepEqual([kinds['namespaceSelector'], kinds['objectSelector']], [{}, {}]);
    for (const [webhook, label] of [
      [inventories, 'writ.dev/inventory'],
      [marks, 'writ.dev/marks'],
    ] as const) {
      assert.partialDeepStrictEqual(webhook, {
        rules: [{ apiGroups: [''], resources: ['configmaps'], operations, scope: 'Namespaced' }],
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'writ-system' } },
        objectSelector: { matchLabels: { [label]: 'true' } },
      });
    }
  });

  it('is not written before its certificate can be believed', async () => {
    const { cluster, keeper } = scene();
    assert.equal(await keeper.reconcile(signal), false);
    assert.equal(cluster.held, undefined);
  });

  it('tells of whatever somebody else did to it, and of nothing that we did ourselves', async () => {
    const { cluster, tampered, keeper } = scene();
    keeper.trustAuthorities('one');
    assert.equal(await keeper.reconcile(signal), true);
    assert.equal(await keeper.reconcile(signal), false);
    keeper.trustAuthorities('two');
    assert.equal(await keeper.reconcile(signal), true);
    assert.deepEqual(tampered, []);
    const good = structuredClone(cluster.held);
    cluster.held = undefined;
    await keeper.reconcile(signal);
    assert.deepEqual(tampered, ['deleted']);
    cluster.held = { ...good, metadata: { name: 'writ-guard' }, webhooks: good?.webhooks?.slice(0, 1) ?? [] };
    await keeper.reconcile(signal);
    const [first, ...others] = good?.webhooks ?? [];
    assert.ok(isRecord(first));
    const opened = { ...first, matchConditions: [{ name: 'never', expression: 'false' }] };
    cluster.held = { ...good, metadata: { name: 'writ-guard' }, webhooks: [opened, ...others] };
    await keeper.reconcile(signal);
    assert.deepEqual(tampered.slice(1), ['metadata.labels', 'metadata.labels']);
    assert.deepEqual(cluster.held?.webhooks, good?.webhooks);
  });
});
