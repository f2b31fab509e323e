// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isRecord } from '../../crds/wire.ts';
import { compilePolicies } from '../../policies/compile/index.ts';
import type { CompiledPolicy } from '../../policies/compile/index.ts';
import { createAdmissionScope, webhookConfiguration } from './webhook-configuration.ts';
import type { WebhookConfigurationObject } from './owned-configuration.ts';
import { scriptedClient } from '../../test/scripted-client.ts';

const target = { kind: 'url', url: 'https://127.0.0.1:1/validate' } as const;

const policyOn = (resource: string): CompiledPolicy => {
  const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE' as const], resources: [resource] };
  const { set, refused } = compilePolicies([
    {
      policy: {
        apiVersion: 'writ.dev/v1alpha1',
        kind: 'Policy',
        metadata: { name: resource },
        spec: { version: 1, matchConstraints: { resourceRules: [rule] }, validations: [{ expression: 'true' }] },
      },
      digest: `sha256:${'0'.repeat(64)}`,
    },
  ]);
  assert.deepEqual(refused, []);
  const [policy] = set.policies;
  assert.ok(policy);
  return policy;
};

/** A client that holds one configuration and remembers what was written, after a wait that lets others come in between. */
const fakeClient = () => {
  const written: WebhookConfigurationObject[] = [];
  const write = async (_resource: unknown, object: WebhookConfigurationObject) => {
    await new Promise((resolve) => setImmediate(resolve));
    written.push(object);
    return object;
  };
  const client = {
    get: async () => written.at(-1),
    apply: write,
    replace: write,
  };
  return { written, client: scriptedClient(client) };
};
const resourcesOf = (object: WebhookConfigurationObject | undefined): string => JSON.stringify(object?.webhooks);
const signal = new AbortController().signal;

describe('the webhook configuration', () => {
  it('is about tenants alone, and closes when nobody answers', () => {
    const [webhook] = webhookConfiguration({ rules: [], target, authorities: 'pem', systemNamespace: 'writ-system' }).webhooks ?? [];
    assert.ok(isRecord(webhook));
    assert.deepEqual(webhook['namespaceSelector'], {
      matchExpressions: [
        { key: 'writ.dev/tenant', operator: 'Exists' },
        { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', 'kube-public', 'kube-node-lease', 'writ-system'] },
      ],
    });
    assert.partialDeepStrictEqual(webhook, {
      failurePolicy: 'Fail',
      sideEffects: 'NoneOnDryRun',
      timeoutSeconds: 5,
      matchPolicy: 'Equivalent',
    });
  });

  it("asks for a tenant's own policies about that tenant alone, and about nothing twice", async () => {
    const { client, written } = fakeClient();
    const confined = (resource: string, ...tenants: readonly string[]): CompiledPolicy => ({
      ...policyOn(resource),
      confinedTo: new Set(tenants),
    });
    let verified = [policyOn('secrets'), confined('configmaps', 'acme', 'rival'), confined('secrets', 'acme'), confined('pods', 'other')];
    let mayNarrow = true;
    const scopeOf = () =>
      createAdmissionScope({
        client,
        target,
        systemNamespace: 'writ-system',
        verified: () => verified,
        mayNarrow: () => mayNarrow,
        onChange: () => undefined,
      });
    const scope = scopeOf();
    scope.trustAuthorities('pem');
    await scope.reconcile(signal);
    type Webhook = {
      readonly name: string;
      readonly rules: unknown;
      readonly namespaceSelector: { readonly matchExpressions: readonly unknown[] };
    };
    const webhooks = (): readonly Webhook[] => JSON.parse(JSON.stringify(written.at(-1)?.webhooks ?? []));
    assert.deepEqual(
      webhooks().map(({ name }) => name),
      ['validate.writ.dev', 'acme.tenants.validate.writ.dev', 'rival.tenants.validate.writ.dev'],
    );
    const [shared, acme] = webhooks();
    assert.doesNotMatch(JSON.stringify(shared?.rules), /configmaps/);
    assert.deepEqual(acme?.rules, [
      { apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'], scope: 'Namespaced' },
    ]);
    assert.deepEqual(acme?.namespaceSelector.matchExpressions.at(-1), { key: 'writ.dev/tenant', operator: 'In', values: ['acme'] });
    assert.partialDeepStrictEqual(acme, { failurePolicy: 'Fail', timeoutSeconds: 5 });
    // A term that knows nothing yet leaves what it finds, for whom it finds it.
    verified = [];
    mayNarrow = false;
    const next = scopeOf();
    next.trustAuthorities('pem');
    assert.equal(await next.reconcile(signal), false);
    mayNarrow = true;
    await next.reconcile(signal);
    assert.deepEqual(
      webhooks().map(({ name }) => name),
      ['validate.writ.dev'],
    );
  });

  it('is not written before an authority is known', async () => {
    const { client, written } = fakeClient();
    const scope = createAdmissionScope({
      client,
      target,
      systemNamespace: 'writ-system',
      verified: () => [],
      mayNarrow: () => true,
      onChange: () => undefined,
    });
    assert.equal(await scope.reconcile(signal), false);
    assert.equal((await scope.widen('ns/s', [policyOn('secrets')], signal))?.code, 'APPLY_NOT_READY');
    assert.equal(written.length, 0);
    scope.trustAuthorities('pem');
    assert.equal(await scope.widen('ns/s', [policyOn('secrets')], signal), undefined);
    assert.match(resourcesOf(written.at(-1)), /secrets/);
  });

  it('is wide enough before a commit is enforced, keeps that, and forgets the commit before', async () => {
    const { client, written } = fakeClient();
    const scope = createAdmissionScope({
      client,
      target,
      systemNamespace: 'writ-system',
      verified: () => [],
      mayNarrow: () => true,
      onChange: () => undefined,
    });
    scope.trustAuthorities('pem');
    await scope.widen('ns/s', [policyOn('configmaps')], signal);
    assert.match(resourcesOf(written.at(-1)), /configmaps/);
    scope.settle('ns/s');
    await scope.widen('ns/s', [policyOn('secrets')], signal);
    assert.match(resourcesOf(written.at(-1)), /configmaps.*secrets|secrets.*configmaps/);
    scope.settle('ns/s');
    await scope.reconcile(signal);
    assert.doesNotMatch(resourcesOf(written.at(-1)), /configmaps/);
    assert.match(resourcesOf(written.at(-1)), /secrets/);
  });

  it('an older view never lands after a wider one', async () => {
    const { client, written } = fakeClient();
    const scope = createAdmissionScope({
      client,
      target,
      systemNamespace: 'writ-system',
      verified: () => [],
      mayNarrow: () => true,
      onChange: () => undefined,
    });
    scope.trustAuthorities('pem');
    await Promise.all([scope.reconcile(signal), scope.widen('ns/s', [policyOn('secrets')], signal), scope.reconcile(signal)]);
    assert.match(resourcesOf(written.at(-1)), /secrets/);
  });

  it('is not written again while it stands', async () => {
    const { client, written } = fakeClient();
    const scope = createAdmissionScope({
      client,
      target,
      systemNamespace: 'writ-system',
      verified: () => [policyOn('secrets')],
      mayNarrow: () => true,
      onChange: () => undefined,
    });
    scope.trustAuthorities('pem');
    assert.equal(await scope.reconcile(signal), true);
    assert.equal(await scope.reconcile(signal), false);
    assert.equal(written.length, 1);
  });

  it('is not narrowed while something that no object shows may still be enforced', async () => {
    const { client, written } = fakeClient();
    const state = { verified: [policyOn('secrets')], whole: true };
    const options = { client, target, systemNamespace: 'writ-system', onChange: () => undefined };
    const scopeNow = () => {
      const scope = createAdmissionScope({ ...options, verified: () => state.verified, mayNarrow: () => state.whole });
      scope.trustAuthorities('pem');
      return scope;
    };
    const scope = scopeNow();
    await scope.reconcile(signal);
    // The seal of the policy is damaged.
    Object.assign(state, { verified: [], whole: false });
    assert.equal(await scope.reconcile(signal), false);
    // Somebody takes the rules away at the same time.
    written.push(webhookConfiguration({ rules: [], target, authorities: 'pem', systemNamespace: 'writ-system' }));
    assert.equal(await scope.reconcile(signal), true);
    assert.match(resourcesOf(written.at(-1)), /secrets/);
    const restarted = scopeNow();
    assert.equal(await restarted.reconcile(signal), false);
    Object.assign(state, { verified: [policyOn('configmaps')] });
    await restarted.reconcile(signal);
    assert.match(resourcesOf(written.at(-1)), /configmaps.*secrets|secrets.*configmaps/);
    Object.assign(state, { whole: true });
    await restarted.reconcile(signal);
    assert.doesNotMatch(resourcesOf(written.at(-1)), /secrets/);
  });

  it('takes nothing over from a live configuration that cannot be read or must never be asked about', async () => {
    const { client, written } = fakeClient();
    const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['secrets'] };
    const odd = [{ ...rule, resources: 7 }, { ...rule, operations: ['FLY'] }, null, 'x', { ...rule, apiGroups: [{}] }];
    const nodes = { ...rule, resources: ['nodes'], scope: 'Cluster' };
    const foreign = { name: 'other.example', rules: [{ ...rule, resources: ['services'] }] };
    const rules = [...odd, nodes, rule];
    written.push({ metadata: { name: 'writ' }, webhooks: [7, foreign, { name: 'validate.writ.dev', rules }] });
    const options = { client, target, systemNamespace: 'writ-system', verified: () => [], onChange: () => undefined };
    const scope = createAdmissionScope({ ...options, mayNarrow: () => false });
    scope.trustAuthorities('pem');
    await scope.reconcile(signal);
    assert.match(resourcesOf(written.at(-1)), /"secrets"/);
    assert.doesNotMatch(resourcesOf(written.at(-1)), /"nodes"|"services"|FLY/);
  });
});
