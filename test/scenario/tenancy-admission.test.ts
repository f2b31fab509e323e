// SPDX-License-Identifier: Apache-2.0
// A tenant's bounds on a real API server: what is completed, what is refused, who gets the last of a quota, and what holds
// while nobody answers.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  COMPLETE_CONFIGURATION_NAME,
  SYSTEM_NAMESPACE,
  TENANCY_CONFIGURATION_NAME,
  TENANT_LABEL,
  WEBHOOK_CONFIGURATION_NAME,
  configMaps,
  gitSources,
  mutatingWebhookConfigurations,
  namespaces,
  pods,
  tenants,
  validatingWebhookConfigurations,
} from '../../crds/kinds.ts';
import { decodeQuotaLedger, encodeQuotaLedger, quotaLedgerName, takenOf } from '../../crds/quota-ledger.ts';
import { createKubeClient } from '../../kube/client.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { UNIT } from '../../policies/quota/quantity.ts';
import type { Ask } from '../../policies/tenancy/summed-quota.ts';
import { seal } from '../../policies/trust/seal.ts';
import { systemClock } from '../../process/clock.ts';
import { createReservations } from '../../webhook/tenancy/reservations.ts';
import type { Reservations } from '../../webhook/tenancy/reservations.ts';
import { policyText, tenantText } from './documents.ts';
import { installWrit } from './installation.ts';
import type { Installation } from './installation.ts';
import { objectSays } from './told.ts';
import { until } from './until.ts';
import { PINNED_IMAGE, podOf, verdictOf } from './verdict.ts';

type Any = KubeObject & { readonly [field: string]: unknown };

const GPU = 'requests.nvidia.com/gpu';
const BOUNDS = `  owners: [{kind: User, name: bob}]
  podSecurity: {enforce: restricted}
  images:
    registries: [{prefix: registry.example.com/}]
    pullPolicies: [Always]
  scheduling:
    priorityClasses: {default: standard, allowed: [standard]}
    nodeSelector: {pool: agents}
  dataResidency: {regions: [eu-west-1], enforcement: Strict}
  network:
    defaultDeny: [Ingress, Egress]
    egress: [{name: api, cidrs: [10.20.0.0/16], ports: [443]}]
  resourceQuotas: [{name: compute, hard: {${GPU}: 8}}]
`;
const harmless = policyText({ name: 'harmless', expression: 'workload.containers.size() > 0', message: 'name a container' });
const [ONE, TWO, FREE] = ['acme-one', 'acme-two', 'free-one'];

describe("a tenant's bounds", () => {
  let writ: Installation;
  /** Holds every right in the tenant's namespaces, and on namespaces. */
  let ann: KubeClient;
  before(async () => {
    writ = await installWrit({
      documents: {
        'policies/harmless.yaml': harmless,
        'tenants/acme.yaml': tenantText('acme', [ONE, TWO], BOUNDS),
        'tenants/free.yaml': tenantText('free', [FREE]),
      },
      controlPlane: { controllerManager: false },
    });
    for (const name of ['acme', 'free'])
      await objectSays(writ.client, { resource: tenants, name }, { type: 'Ready', status: 'True', reason: 'Succeeded' });
    await kubectl(['create', 'priorityclass', 'standard', '--value=100']);
    await kubectl(['create', 'clusterrole', 'owner', '--verb=*', '--resource=*.*,pods/*,namespaces/*,*.writ.dev/*']);
    await kubectl(['create', 'clusterrolebinding', 'owner', '--clusterrole=owner', '--user=ann']);
    ann = createKubeClient({ kubeconfigPath: await writ.plane.kubeconfigFor({ user: 'ann' }), clock: systemClock, userAgent: 'ann' });
  });
  after(async () => {
    await ann?.close();
    await writ?.stop();
  });

  const kubectl = async (args: readonly string[], input?: unknown): Promise<string> => {
    const answer = await writ.plane.kubectl(args, input === undefined ? {} : { input: JSON.stringify(input) });
    assert.equal(answer.code, 0, answer.stderr);
    return answer.stdout;
  };
  /** Of no Tenant, and without the label by which the operator knows its own: nobody else writes it. */
  const RACE = 'race';
  const ledgerWith = (gpus: number): Any => {
    const { data } = encodeQuotaLedger({ tenant: RACE, settled: new Map([[GPU, BigInt(gpus) * UNIT]]), reservations: [] });
    return { metadata: { namespace: SYSTEM_NAMESPACE, name: quotaLedgerName(RACE) }, data };
  };
  const ledger = async (tenant: string) => {
    const found = decodeQuotaLedger(await writ.client.get(configMaps, { namespace: SYSTEM_NAMESPACE, name: quotaLedgerName(tenant) }));
    assert.ok(found);
    return found;
  };
  const settle = async (gpus: number): Promise<void> => {
    await writ.client.delete(configMaps, { namespace: SYSTEM_NAMESPACE, name: quotaLedgerName(RACE) });
    await writ.client.create(configMaps, ledgerWith(gpus));
  };
  const gpuPod = (namespace: string, name: string, gpus = 1): Any => ({
    metadata: { namespace, name },
    spec: { containers: [{ name: 'agent', image: PINNED_IMAGE, resources: { limits: { 'nvidia.com/gpu': gpus } } }] },
  });
  const said = (object: Any, resource = pods): Promise<string> => verdictOf(ann, object, resource);

  it('are asked about by two configurations, which the operator keeps', async () => {
    const read = async (resource: typeof pods, name: string) =>
      (await writ.client.get<KubeObject & { readonly webhooks?: readonly object[] }>(resource, { name }))?.webhooks ?? [];
    const held = await until(
      async () => {
        const [closed, open] = [
          await read(validatingWebhookConfigurations, TENANCY_CONFIGURATION_NAME),
          await read(mutatingWebhookConfigurations, COMPLETE_CONFIGURATION_NAME),
        ];
        return closed.length === 2 && open.length === 1 ? { closed, open } : undefined;
      },
      { what: 'the configurations' },
    );
    for (const webhook of held.closed)
      assert.partialDeepStrictEqual(webhook, { failurePolicy: 'Fail', timeoutSeconds: 5, sideEffects: 'NoneOnDryRun' });
    assert.partialDeepStrictEqual(held.open[0], {
      failurePolicy: 'Ignore',
      reinvocationPolicy: 'IfNeeded',
      timeoutSeconds: 2,
      sideEffects: 'None',
    });
    await writ.client.delete(validatingWebhookConfigurations, { name: TENANCY_CONFIGURATION_NAME });
    await writ.client.patch(
      mutatingWebhookConfigurations,
      { name: COMPLETE_CONFIGURATION_NAME },
      { type: 'json', body: [{ op: 'remove', path: '/webhooks/0' }] },
    );
    await until(
      async () =>
        (await read(validatingWebhookConfigurations, TENANCY_CONFIGURATION_NAME)).length === 2 &&
        (await read(mutatingWebhookConfigurations, COMPLETE_CONFIGURATION_NAME)).length === 1,
      { what: 'both to be put back' },
    );
    const { metadata } = (await writ.client.get(validatingWebhookConfigurations, { name: TENANCY_CONFIGURATION_NAME })) ?? {};
    const metrics = await writ.operator.metrics();
    assert.match(metrics, /writ_tamper_repairs_total\{what="tenancy-configuration"\} [1-9]/);
    // Nothing is written that says what is there already.
    await kubectl(['annotate', 'tenant', 'free', 'a=b']);
    assert.equal(
      (await writ.client.get(validatingWebhookConfigurations, { name: TENANCY_CONFIGURATION_NAME }))?.metadata.resourceVersion,
      metadata?.resourceVersion,
    );
    await until(async () => (await said(podOf({ namespace: ONE, image: 'evil.io/x' }))).includes('IMAGE_FORBIDDEN'), {
      what: 'the API server to ask',
    });
  });

  it('complete a bare pod, which Pod Security and the bounds then let in', async () => {
    const bare = (namespace: string) => ({
      metadata: { namespace, name: 'bare' },
      spec: { containers: [{ name: 'agent', image: PINNED_IMAGE }] },
    });
    type Made = KubeObject & { readonly spec: Record<string, unknown> & { readonly containers: readonly object[] } };
    const create = (namespace: string): Promise<Made> => ann.create<Made>(pods, bare(namespace), { dryRun: true });
    const made = await create(ONE);
    assert.partialDeepStrictEqual(made.spec, {
      priorityClassName: 'standard',
      priority: 100,
      nodeSelector: { pool: 'agents' },
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{ imagePullPolicy: 'Always', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }],
    });
    assert.match(JSON.stringify(made.spec['affinity']), /topology\.kubernetes\.io\/region.*eu-west-1/);
    // Where the tenant asks for nothing, nothing is given.
    const free = await create(FREE);
    assert.equal(free.spec['priorityClassName'], undefined);
    assert.deepEqual(free.spec['securityContext'], {});
    const root = { ...bare(ONE), spec: { containers: [{ name: 'agent', image: PINNED_IMAGE, securityContext: { runAsNonRoot: false } }] } };
    assert.match(await said(root), /violates PodSecurity "restricted/);
  });

  it('refuse what goes beyond them, with a code', async () => {
    const control = podOf({ namespace: ONE });
    assert.equal(await said(control), 'allowed');
    const pod = (more: object): Any => ({ ...control, spec: { ...control.spec, ...more } });
    assert.match(
      await said(podOf({ namespace: ONE, image: 'evil.io/x' })),
      /"validate\.writ\.dev".*IMAGE_FORBIDDEN: spec\.containers\[0\]\.image/,
    );
    assert.match(await said(pod({ nodeSelector: { pool: 'gpu' } })), /NODE_SELECTOR_FORBIDDEN/);
    assert.match(await said(pod({ priorityClassName: 'system-node-critical' })), /PRIORITY_CLASS_FORBIDDEN|not permitted/);
    assert.match(await said(pod({ nodeSelector: { 'topology.kubernetes.io/region': 'us-east-1' } })), /RESIDENCY_FORBIDDEN/);
    const networkPolicies = {
      group: 'networking.k8s.io',
      version: 'v1',
      plural: 'networkpolicies',
      kind: 'NetworkPolicy',
      namespaced: true,
    };
    const egress = (cidr: string, port: number): Any => ({
      metadata: { namespace: ONE, name: 'mine' },
      spec: { podSelector: {}, policyTypes: ['Egress'], egress: [{ to: [{ ipBlock: { cidr } }], ports: [{ port }] }] },
    });
    assert.equal(await said(egress('10.20.1.0/24', 443), networkPolicies), 'allowed');
    assert.match(await said(egress('0.0.0.0/0', 443), networkPolicies), /NETWORK_POLICY_WIDER: spec\.egress\[0\]/);
    assert.match(await said(egress('10.20.1.0/24', 22), networkPolicies), /NETWORK_POLICY_WIDER/);
    const services = { group: '', version: 'v1', plural: 'services', kind: 'Service', namespaced: true };
    assert.match(
      await said({ metadata: { namespace: ONE, name: 's' }, spec: { ports: [{ port: 80 }], externalIPs: ['192.0.2.1'] } }, services),
      /SERVICE_ADDRESS_FORBIDDEN/,
    );
    // Elsewhere none of it is asked.
    assert.equal(await said(podOf({ namespace: FREE, image: 'evil.io/x' })), 'allowed');
    assert.equal(await said(podOf({ namespace: 'default', image: 'evil.io/x' })), 'allowed');
  });

  it('let no pod be owned by a kind of Writ, however it is written', async () => {
    const uid = (await writ.client.get(tenants, { name: 'free' }))?.metadata.uid;
    assert.ok(uid !== undefined);
    const ownerReferences = [{ apiVersion: 'writ.dev/v1alpha1', kind: 'Tenant', name: 'free', uid, blockOwnerDeletion: true }];
    const pod = podOf({ namespace: FREE, name: 'owned' });
    assert.match(await said({ ...pod, metadata: { ...pod.metadata, ownerReferences } }), /OWNER_FORBIDDEN: metadata\.ownerReferences\[0\]/);
    await ann.create(pods, pod);
    const patch = (...more: readonly string[]) => {
      const body = JSON.stringify({ metadata: { ownerReferences } });
      return writ.plane.kubectl(['patch', 'pod', 'owned', '-n', FREE, '--as=ann', '--type=merge', '-p', body, ...more]);
    };
    assert.match((await patch()).stderr, /OWNER_FORBIDDEN/);
    // What these say of owners is thrown away.
    for (const subresource of ['status', 'resize']) assert.equal((await patch(`--subresource=${subresource}`)).code, 0);
    assert.equal((await ann.get<KubeObject>(pods, { namespace: FREE, name: 'owned' }))?.metadata.ownerReferences, undefined);
    await ann.delete(pods, { namespace: FREE, name: 'owned' });
  });

  it('cordon and quarantine a tenant', async () => {
    const state = (admission: string) =>
      kubectl(['patch', 'tenant', 'free', '--type=merge', '-p', JSON.stringify({ spec: { admission } })]);
    const expect = (what: RegExp) => until(async () => what.test(await said(podOf({ namespace: FREE }))), { what: String(what) });
    await state('Cordoned');
    await expect(/TENANT_CORDONED/);
    await state('Quarantined');
    await expect(/TENANT_QUARANTINED/);
    const gone = await writ.plane.kubectl(['delete', 'namespace', FREE, '--dry-run=server', '--as=ann']);
    assert.match(gone.stderr, /TENANT_QUARANTINED|forbidden/);
    await state('Open');
    await expect(/^allowed$/);
  });

  it('let eight of twelve who ask at once for the last eight have them, over two namespaces', async () => {
    await until(async () => (await said(gpuPod(ONE, 'first'))) === 'allowed', { what: 'the ledger to open' });
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        ann.create(pods, gpuPod(index % 2 === 0 ? ONE : TWO, `gpu-${index}`)).then(
          () => 'made',
          (error: unknown) => String(error),
        ),
      ),
    );
    assert.equal(answers.filter((answer) => answer === 'made').length, 8, answers.join('\n'));
    for (const answer of answers)
      if (answer !== 'made') assert.match(answer, /TENANT_QUOTA_EXCEEDED: requests\.nvidia\.com\/gpu: 8 of 8 are taken/);
    // Reserved, or counted by the operator already: never more, and nothing lost on the way from one to the other.
    assert.equal(takenOf(await ledger('acme')).get(GPU), 8n * UNIT);
    await until(async () => (await ledger('acme')).settled.get(GPU) === 8n * UNIT, { what: 'the operator to count them' });
    assert.equal(takenOf(await ledger('acme')).get(GPU), 8n * UNIT);
    assert.match(await said(gpuPod(TWO, 'one-more')), /TENANT_QUOTA_EXCEEDED/);
  });

  it('give the last GPU to exactly one of two replicas, in each of many rounds', async () => {
    const { stdout } = await writ.plane.kubectl(['create', 'token', 'writ-webhook', '-n', SYSTEM_NAMESPACE]);
    const kubeconfigPath = await writ.plane.kubeconfigFor({ token: stdout.trim() });
    const clients = [0, 1].map(() => createKubeClient({ kubeconfigPath, clock: systemClock, userAgent: 'replica' }));
    let conflicts = 0;
    const errors: unknown[] = [];
    const replicas = clients.map((client): Reservations =>
      createReservations({
        client,
        clock: systemClock,
        systemNamespace: SYSTEM_NAMESPACE,
        timeoutMs: 5000,
        observe: (result) => (conflicts += result === 'conflict' ? 1 : 0),
        onError: (error) => errors.push(error),
      }),
    );
    const ask = (uid: string): Ask => ({
      reservation: {
        uid,
        at: new Date().toISOString(),
        ref: { group: '', plural: 'pods', namespace: ONE, name: uid },
        amounts: new Map([[GPU, UNIT]]),
      },
      hard: new Map([[GPU, 8n * UNIT]]),
      dryRun: false,
    });
    for (let round = 0; round < 40; round += 1) {
      await settle(7);
      const answers = await Promise.all(replicas.map((replica, index) => replica.ask(RACE, ask(`r${round}-${index}`))));
      assert.deepEqual(answers.map(({ ok }) => String(ok)).toSorted(), ['false', 'true'], JSON.stringify(answers));
      assert.equal(takenOf(await ledger(RACE)).get(GPU), 8n * UNIT);
    }
    assert.deepEqual(errors, []);
    assert.ok(conflicts > 0, 'they never met');
    // The account of the webhook changes nothing of what was counted.
    await settle(7);
    const [client] = clients;
    const object = await client?.get<Any>(configMaps, { namespace: SYSTEM_NAMESPACE, name: quotaLedgerName(RACE) });
    assert.ok(client !== undefined && object !== undefined);
    await assert.rejects(client.replace(configMaps, { ...object, data: ledgerWith(1)['data'] }), /nothing that the operator has counted/);
    await assert.rejects(
      client.delete(configMaps, { namespace: SYSTEM_NAMESPACE, name: quotaLedgerName(RACE) }),
      /written by the operator and the webhook|may write only/,
    );
    await assert.rejects(ann.replace(configMaps, { ...object, data: ledgerWith(1)['data'] }), /quota ledgers are written by/);
    for (const one of clients) await one.close();
  });

  it('refuse what asks of a full quota whose ledger somebody deletes, and nothing else', async () => {
    await writ.client.delete(configMaps, { namespace: SYSTEM_NAMESPACE, name: quotaLedgerName('acme') });
    // Without a ledger, or with one that the operator has made anew and counted: nothing gets in between.
    assert.match(await said(gpuPod(ONE, 'late')), /TENANT_QUOTA_(UNAVAILABLE|EXCEEDED)/);
    assert.equal(await said(podOf({ namespace: ONE })), 'allowed');
  });

  describe('and its own source', () => {
    const own = (tenants: string, name = 'acme.labelled'): string => `apiVersion: writ.dev/v1alpha1
kind: Policy
metadata: {name: ${name}}
spec:
  version: 1
${tenants}  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
  validations: [{expression: has(object.metadata.labels), message: label it}]
`;
    const commit = (files: Readonly<Record<string, string>>): Promise<string> =>
      writ.push(
        Object.fromEntries(
          Object.entries(files).flatMap(([path, text]) => [
            [`acme/${path}`, text],
            [`acme/${path}.sigstore.json`, seal(Buffer.from(text), writ.signer.privateKey)],
          ]),
        ),
        { sealed: false },
      );
    const told = async (): Promise<string> => (await writ.condition('gitsource', 'acme-own', 'Ready'))?.message ?? '';
    const configMap = (namespace: string, labels?: Readonly<Record<string, string>>): Any => ({
      metadata: { namespace, name: 'probe', ...(labels === undefined ? {} : { labels }) },
    });
    before(async () => {
      await commit({ 'policies/acme.labelled.yaml': own('') });
      type Source = KubeObject & { readonly spec: { readonly receiver?: unknown } };
      const source = await writ.client.get<Source>(gitSources, { namespace: SYSTEM_NAMESPACE, name: 'policies' });
      assert.ok(source);
      const { receiver: _receiver, ...rest } = source.spec;
      await writ.client.create<Any>(gitSources, {
        metadata: { namespace: SYSTEM_NAMESPACE, name: 'acme-own' },
        spec: { ...rest, path: './acme', interval: '1s', tenantRef: { name: 'acme' } },
      });
    });

    it('bring nothing that reaches beyond it', async () => {
      await until(async () => /SOURCE_BEYOND_TENANT.*spec\.tenants must be \[acme\]/.test(await told()), {
        what: 'a policy of all to be refused',
      });
      await commit({
        'policies/acme.labelled.yaml': own('  tenants: [acme]\n'),
        'policies/other.yaml': own('  tenants: [acme]\n', 'other'),
      });
      await until(async () => /SOURCE_BEYOND_TENANT.*the name other does not begin with acme\./.test(await told()), {
        what: 'a foreign name to be refused',
      });
      await writ.push(
        {
          'acme/policies/other.yaml': null,
          'acme/policies/other.yaml.sigstore.json': null,
          'acme/tenants/acme.yaml': tenantText('acme', ['more']),
        },
        { sealed: false },
      );
      await until(async () => /SOURCE_BEYOND_TENANT.*brings policies alone/.test(await told()), { what: 'a Tenant to be refused' });
      assert.equal(await said(configMap(ONE), configMaps), 'allowed');
    });

    it('narrow what the tenant may do, and what nobody else may', async () => {
      await writ.push({ 'acme/tenants/acme.yaml': null }, { sealed: false });
      await until(async () => (await said(configMap(ONE), configMaps)).includes('acme.labelled (Invalid): label it'), {
        what: 'the policy to bind',
      });
      assert.equal(await said(configMap(TWO, { a: 'b' }), configMaps), 'allowed');
      for (const namespace of [FREE, 'default', 'kube-system']) assert.equal(await said(configMap(namespace), configMaps), 'allowed');
      type Configuration = KubeObject & { readonly webhooks: readonly { readonly name: string; readonly rules: unknown }[] };
      const live = await writ.client.get<Configuration>(validatingWebhookConfigurations, { name: WEBHOOK_CONFIGURATION_NAME });
      const asking = (live?.webhooks ?? []).filter(({ rules }) => JSON.stringify(rules).includes('configmaps'));
      assert.deepEqual(
        asking.map(({ name }) => name),
        ['acme.tenants.validate.writ.dev'],
      );
    });
  });

  describe('while no webhook runs', () => {
    /** What the operator made for the owner. */
    let ours = '';
    const owned = { 'app.kubernetes.io/managed-by': 'writ', [TENANT_LABEL]: 'acme' };
    const roleBindings = {
      group: 'rbac.authorization.k8s.io',
      version: 'v1',
      plural: 'rolebindings',
      kind: 'RoleBinding',
      namespaced: true,
    };
    const binding = (name: string, labels?: Readonly<Record<string, string>>): Any => ({
      metadata: { namespace: ONE, name, ...(labels === undefined ? {} : { labels }) },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'owner' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'ann' }],
    });
    const byHand = (args: readonly string[], input?: unknown) =>
      writ.plane.kubectl([...args, '--as=ann'], input === undefined ? {} : { input: JSON.stringify(input) });
    const refused = async (args: readonly string[], why: RegExp, input?: unknown): Promise<void> => {
      const { code, stderr } = await byHand(args, input);
      assert.notEqual(code, 0, args.join(' '));
      assert.match(stderr, why, args.join(' '));
    };
    before(async () => {
      await writ.webhook.stop('SIGKILL', 5000);
      const made = await writ.client.list<KubeObject>(roleBindings, { namespace: ONE, labelSelector: `${TENANT_LABEL}=acme` });
      ours = made.items[0]?.metadata.name ?? '';
      assert.match(ours, /^writ-/);
      await writ.client.create(roleBindings, binding('mine'));
    });

    it('the tenant takes in nothing new, and the rest of the cluster does not notice', async () => {
      assert.match(await said(podOf({ namespace: FREE })), /failed calling webhook "(objects\.tenancy|validate)\.writ\.dev"/);
      for (const namespace of ['default', 'kube-system']) assert.equal(await said(podOf({ namespace })), 'allowed');
      assert.equal((await byHand(['create', 'secret', 'generic', 'c', '-n', ONE])).code, 0);
      assert.equal((await byHand(['create', 'configmap', 'c', '-n', 'kube-system'])).code, 0);
    });

    it('what was made for it is not changed, deleted or made by its owner', async () => {
      const why = /written by the operator of Writ alone/;
      await refused(['delete', 'rolebinding', ours, '-n', ONE], why);
      await refused(['delete', 'rolebindings', '--all', '-n', ONE], why);
      await refused(['label', 'rolebinding', ours, 'app.kubernetes.io/managed-by-', '-n', ONE], why);
      await refused(['label', 'rolebinding', ours, `${TENANT_LABEL}-`, '-n', ONE], why);
      await refused(['patch', 'rolebinding', ours, '-n', ONE, '--type=merge', '-p', '{"subjects":[]}'], why);
      await refused(['create', '-f', '-'], why, {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        ...binding('writ-other', owned),
      });
      await refused(['delete', 'namespace', ONE], why);
      assert.ok((await ann.get(roleBindings, { namespace: ONE, name: ours })) !== undefined);
      assert.equal((await byHand(['create', 'rolebinding', 'mine', '-n', ONE, '--clusterrole=owner', '--user=bob'])).code, 0);
      assert.equal((await byHand(['delete', 'rolebinding', 'mine', '-n', ONE])).code, 0);
    });

    it('its namespaces keep what the operator gave them, by whatever way it is written', async () => {
      const patch = (body: object, ...more: readonly string[]): readonly string[] => [
        'patch',
        'namespace',
        ONE,
        '--type=merge',
        '-p',
        JSON.stringify(body),
        ...more,
      ];
      for (const more of [[], ['--subresource=status']]) {
        for (const labels of [
          { 'pod-security.kubernetes.io/enforce': 'privileged' },
          { 'pod-security.kubernetes.io/enforce': null },
          { [TENANT_LABEL]: 'rival' },
          { 'app.kubernetes.io/managed-by': null },
        ])
          await refused(patch({ metadata: { labels } }, ...more), /written by the operator of Writ alone/);
      }
      await refused(patch({ metadata: { annotations: { 'writ.dev/x': 'y' } } }), /annotations writ\.dev/);
      const uid = (await writ.client.get(tenants, { name: 'acme' }))?.metadata.uid;
      const ownerReferences = [{ apiVersion: 'writ.dev/v1alpha1', kind: 'Tenant', name: 'acme', uid, blockOwnerDeletion: true }];
      await refused(patch({ metadata: { ownerReferences } }), /owners and finalizers/);
      await refused(patch({ metadata: { finalizers: ['example.com/mine'] } }), /owners and finalizers/);
      const live = await writ.client.get<KubeObject>(namespaces, { name: ONE });
      await refused(['replace', '--raw', `/api/v1/namespaces/${ONE}/finalize`, '-f', '-'], /owners and finalizers/, {
        apiVersion: 'v1',
        kind: 'Namespace',
        ...live,
        spec: { finalizers: [] },
      });
      assert.equal((await byHand(patch({ metadata: { labels: { team: 'blue' }, annotations: { note: 'x' } } }))).code, 0);
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'hook', namespace: ONE, ownerReferences } };
      await refused(['create', '-f', '-'], /owned by a kind of Writ/, secret);
      assert.equal((await byHand(['create', '-f', '-'], { ...secret, metadata: { name: 'hook', namespace: ONE } })).code, 0);
    });

    it('nobody but the operator says the status of a Tenant', async () => {
      const status = JSON.stringify({ status: { namespaces: [{ name: 'kube-system', uid: 'x' }] } });
      await refused(['patch', 'tenant', 'acme', '--subresource=status', '--type=merge', '-p', status], /status of Writ's own kinds/);
    });
  });
});
