// SPDX-License-Identifier: Apache-2.0
// Ways to take a namespace, a right or an object that is another's: by labels, owner references and the subresources status and finalize, by
// roles given to oneself, by accounts and pods that carry more than their owner has. Each is refused for its reason, or leaves nothing taken.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  MANAGED_BY,
  MANAGED_BY_LABEL,
  SYSTEM_NAMESPACE,
  TENANT_LABEL,
  configMaps,
  deployments,
  gitSources,
  namespaces,
  pods,
  policies,
  secrets,
  tenants,
} from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import { until } from '../scenario/until.ts';
import { assertAllowed, assertRefused, attempt } from './attempt.ts';
import { compliantPod, isolatedTenant, ownerOf } from './isolated-tenant.ts';
import type { Manifest } from './isolated-tenant.ts';
import { clusterRoleBindings, networkPolicies, roleBindings, roles, serviceAccounts } from './resources.ts';
import { assertNothingLent } from './lending.ts';
import { startTwoTenants } from './two-tenants.ts';
import type { Side, TwoTenants } from './two-tenants.ts';

const RBAC = 'rbac.authorization.k8s.io';
const DRY = { dryRun: true } as const;
const FORBIDDEN = /forbidden/;
const BY_POLICY = /ValidatingAdmissionPolicy 'writ-/;
const JANITOR = 'janitor';

describe('what is a tenant’s stays so', () => {
  let scene: TwoTenants;
  let red: Side;
  let admin: KubeClient;
  /** May write every namespace and all in it, by RBAC; the group system:masters is not theirs. */
  let janitor: KubeClient;
  before(async () => {
    scene = await startTwoTenants();
    ({ red } = scene);
    admin = scene.writ.client;
    const rule = {
      subjects: [{ apiGroup: RBAC, kind: 'User', name: JANITOR }],
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'cluster-admin' },
    };
    await admin.create<Manifest>(clusterRoleBindings, { metadata: { name: JANITOR }, ...rule });
    await admin.create(namespaces, { metadata: { name: 'of-nobody' } });
    janitor = await scene.clientOf(JANITOR);
  });
  after(() => scene?.stop());

  const merge = (body: unknown) => ({ type: 'merge', body, ...DRY }) as const;
  const labelled = (labels: Readonly<Record<string, string | null>>) => merge({ metadata: { labels } });

  describe('namespaces', () => {
    for (const subresource of [undefined, 'status', 'finalize']) {
      const where = subresource === undefined ? 'the object' : `the subresource ${subresource}`;
      const write = async (name: string, change: (live: Manifest) => Manifest): Promise<unknown> => {
        const live = await admin.get<Manifest>(namespaces, { name });
        assert.ok(live);
        return janitor.replace(namespaces, change(live), { ...DRY, ...(subresource === undefined ? {} : { subresource }) });
      };
      const labels =
        (change: Readonly<Record<string, string>>, without: readonly string[] = []) =>
        (live: Manifest): Manifest => ({
          ...live,
          metadata: {
            ...live.metadata,
            labels: Object.fromEntries(Object.entries({ ...live.metadata.labels, ...change }).filter(([key]) => !without.includes(key))),
          },
        });
      it(`are not given to a tenant, taken from it, or passed on, through ${where}`, async () => {
        await assertRefused(() => write('of-nobody', labels({ [TENANT_LABEL]: 'red' })), BY_POLICY, 'a label for a namespace of nobody');
        await assertRefused(() => write('red-one', labels({ [TENANT_LABEL]: 'blue' })), BY_POLICY, "another tenant's label");
        await assertRefused(() => write('red-one', labels({}, [TENANT_LABEL])), BY_POLICY, 'the removal of the label');
        await assertRefused(() => write('red-one', labels({ [TENANT_LABEL]: '' })), BY_POLICY, 'an empty label');
        await assertAllowed(() => write('of-nobody', labels({ team: 'none' })), 'a label that says nothing of tenants');
      });
    }

    it('are not made with a label of a tenant', async () => {
      const made = (label: Readonly<Record<string, string>>): Promise<unknown> =>
        janitor.create(namespaces, { metadata: { name: 'made', labels: label } }, DRY);
      await assertRefused(() => made({ [TENANT_LABEL]: 'red' }), BY_POLICY, 'a namespace that says that it is red');
      await assertAllowed(() => made({}), 'a namespace that says nothing');
    });

    it('become no tenant’s by an owner reference to it', async () => {
      const red = await admin.get<Manifest>(tenants, { name: 'red' });
      const ownerReferences = [
        { apiVersion: 'writ.dev/v1alpha1', kind: 'Tenant', name: 'red', uid: red?.metadata.uid ?? '', controller: true },
      ];
      // Whether it is refused or only means nothing: the namespace is in no tenant, and nothing of the tenant is in it.
      await attempt(() => janitor.patch(namespaces, { name: 'of-nobody' }, { type: 'merge', body: { metadata: { ownerReferences } } }));
      await admin.patch(
        tenants,
        { name: 'red' },
        { type: 'merge', body: { metadata: { annotations: { 'writ.dev/requestedAt': 'now' } } } },
      );
      await assertAllowed(() => red_works(), 'work in red');
      const [live, bindings] = [
        await admin.get<Manifest>(namespaces, { name: 'of-nobody' }),
        await admin.list<Manifest>(roleBindings, { namespace: 'of-nobody' }),
      ];
      assert.equal(live?.metadata.labels?.[TENANT_LABEL], undefined);
      assert.deepEqual(bindings.items, []);
      assert.equal((await attempt(() => scene.red.owner.list(pods, { namespace: 'of-nobody' }))).allowed, false);
    });
    const red_works = (): Promise<unknown> => red.owner.create(pods, red.pod, DRY);

    it('are nothing that an owner may write, delete or make', async () => {
      for (const name of red.namespaces) {
        await assertRefused(
          () => red.owner.patch(namespaces, { name }, labelled({ 'pod-security.kubernetes.io/enforce': 'privileged' })),
          FORBIDDEN,
          'a weaker pod security',
        );
        await assertRefused(() => red.owner.delete(namespaces, { name }, DRY), FORBIDDEN, 'the deletion');
      }
      await assertRefused(() => red.owner.create(namespaces, { metadata: { name: 'red-three' } }, DRY), FORBIDDEN, 'a namespace');
      assert.equal((await assertAllowed(() => red.owner.get(namespaces, { name: 'red-one' }), 'to look at it'))?.metadata.name, 'red-one');
    });

    it('that two tenants ask for at once go to one of them, and the other is told', async () => {
      const names = ['first', 'second'];
      await Promise.all(names.map((name) => admin.create(tenants, isolatedTenant({ name, namespaces: [`${name}-own`, 'contested'] }))));
      type Told = {
        readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message: string }[] };
      };
      const ready = async (): Promise<readonly string[] | undefined> => {
        const both = await Promise.all(names.map((name) => admin.get<Manifest & Told>(tenants, { name })));
        const said = both.map((tenant) => tenant?.status?.conditions?.find(({ type }) => type === 'NamespacesReady'));
        if (said.some((condition) => condition === undefined || condition.status === 'Unknown')) return undefined;
        return said.map((condition) => (condition?.status === 'True' ? 'True' : (condition?.message ?? '')));
      };
      const [winner, loser] = await until(
        async () => {
          const said = await ready();
          return said?.filter((text) => text === 'True').length === 1
            ? said.toSorted((a, b) => Number(b === 'True') - Number(a === 'True'))
            : undefined;
        },
        { what: 'one of two to have it', withinMs: 30_000 },
      );
      assert.equal(winner, 'True');
      assert.match(loser ?? '', /NAMESPACE_OWNED_BY_ANOTHER.*contested|contested.*NAMESPACE_OWNED_BY_ANOTHER/);
    });
  });

  describe('rights', () => {
    const binding = (name: string, role: { readonly kind: string; readonly name: string }, subjects: readonly unknown[]): Manifest => ({
      metadata: { name, namespace: 'red-one' },
      roleRef: { apiGroup: RBAC, ...role },
      subjects,
    });
    const owner = { apiGroup: RBAC, kind: 'User', name: ownerOf('red') };
    const group = (name: string) => ({ apiGroup: RBAC, kind: 'Group', name });

    it('are not widened by binding a role that one has not', async () => {
      for (const name of ['cluster-admin', 'system:node', 'writ-operator', 'writ-webhook'])
        await assertRefused(
          () => red.owner.create(roleBindings, binding('more', { kind: 'ClusterRole', name }, [owner]), DRY),
          /attempting to grant RBAC permissions not currently held|not found|forbidden/,
          name,
        );
      await assertRefused(
        () =>
          red.owner.create<Manifest>(
            roles,
            { metadata: { name: 'all', namespace: 'red-one' }, rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }] },
            DRY,
          ),
        /attempting to grant RBAC permissions not currently held/,
        'a role of everything',
      );
      await assertRefused(
        () =>
          red.owner.create<Manifest>(
            clusterRoleBindings,
            { ...binding('more', { kind: 'ClusterRole', name: 'view' }, [owner]), metadata: { name: 'more' } },
            DRY,
          ),
        FORBIDDEN,
        'a binding for the cluster',
      );
      await assertAllowed(
        () =>
          red.owner.create(
            roleBindings,
            binding('guest', { kind: 'ClusterRole', name: 'view' }, [{ apiGroup: RBAC, kind: 'User', name: 'guest' }]),
            DRY,
          ),
        'a right that one has',
      );
    });

    it('are not given to everybody', async () => {
      const given = (subject: unknown): Promise<unknown> =>
        red.owner.create(roleBindings, binding('open', { kind: 'ClusterRole', name: 'view' }, [subject]), DRY);
      for (const name of ['system:authenticated', 'system:unauthenticated', 'system:serviceaccounts'])
        await assertRefused(() => given(group(name)), /ValidatingAdmissionPolicy 'writ-tenant-bindings'.*subjects/s, name);
      await assertAllowed(() => given(group('auditors')), 'a group by name');
      await assertAllowed(() => given({ kind: 'ServiceAccount', name: 'default', namespace: 'red-two' }), 'an account of the same tenant');
    });

    it('are not lent to what runs in another’s namespaces, however it is named', () =>
      assertNothingLent({ owner: red.owner, ruler: janitor }));

    it('of an account end where its owner’s end', async () => {
      await red.owner.create(serviceAccounts, { metadata: { name: 'robot', namespace: 'red-one' } });
      await red.owner.create(roleBindings, {
        ...binding('robot', { kind: 'ClusterRole', name: 'admin' }, [{ kind: 'ServiceAccount', name: 'robot', namespace: 'red-one' }]),
      });
      const token = await scene.writ.plane.kubectl(['create', 'token', 'robot', '-n', 'red-one'], { kubeconfig: red.kubeconfigs.owner });
      assert.equal(token.code, 0, token.stderr);
      const robot = async (args: readonly string[]): Promise<string> => {
        const kubeconfig = await scene.writ.plane.kubeconfigFor({ token: token.stdout.trim() });
        const { stdout, stderr } = await scene.writ.plane.kubectl(args, { kubeconfig });
        return `${stdout}${stderr}`;
      };
      assert.match(await robot(['create', 'configmap', 'made-by-robot', '-n', 'red-one', '--dry-run=server']), /created/);
      for (const args of [
        ['create', 'configmap', 'made-by-robot', '-n', 'red-two', '--dry-run=server'],
        ['get', 'secrets', '-n', 'blue-one'],
        ['get', 'secrets', '-A'],
        ['create', 'clusterrolebinding', 'robot', '--clusterrole=cluster-admin', '--serviceaccount=red-one:robot', '--dry-run=server'],
        [
          'create',
          'rolebinding',
          'robot2',
          '--clusterrole=cluster-admin',
          '--serviceaccount=red-one:robot',
          '-n',
          'red-one',
          '--dry-run=server',
        ],
        ['label', 'namespace', 'red-one', 'writ.dev/tenant-', '--dry-run=server'],
        ['patch', 'tenant', 'red', '--type=merge', '-p', '{"spec":{"podSecurity":null}}', '--dry-run=server'],
      ])
        assert.match(await robot(args), /[Ff]orbidden/, args.join(' '));
    });

    it('of a member end at the tenant’s own spec, at Writ’s kinds and at its namespace', async () => {
      const spec = { spec: { owners: [owner], podSecurity: { enforce: 'privileged' } } };
      for (const [what, deed] of [
        ['to patch one’s own Tenant', () => red.owner.patch(tenants, { name: 'red' }, merge(spec))],
        ['to patch its status', () => red.owner.patch(tenants, { name: 'red' }, { ...merge({ status: {} }), subresource: 'status' })],
        ['to patch the other Tenant', () => red.owner.patch(tenants, { name: 'blue' }, merge(spec))],
        ['to look at the other Tenant', () => red.owner.get(tenants, { name: 'blue' })],
        ['to list tenants', () => red.owner.list(tenants)],
        ['to delete one’s own Tenant', () => red.owner.delete(tenants, { name: 'red' }, DRY)],
        ['to make a Tenant', () => red.owner.create(tenants, isolatedTenant({ name: 'third', namespaces: ['blue-one'] }), DRY)],
        [
          'to make a GitSource',
          () =>
            red.owner.create<Manifest>(
              gitSources,
              { metadata: { name: 'own', namespace: 'red-one' }, spec: { url: 'https://example.com/x.git' } },
              DRY,
            ),
        ],
        ['to make a Policy', () => red.owner.create<Manifest>(policies, { metadata: { name: 'own' }, spec: { version: 1 } }, DRY)],
        ['to read the ledgers', () => red.owner.list(configMaps, { namespace: SYSTEM_NAMESPACE })],
        ['to read Writ’s key', () => red.owner.get(secrets, { namespace: SYSTEM_NAMESPACE, name: 'writ-webhook-tls' })],
      ] as const)
        await assertRefused(deed, FORBIDDEN, what);
      assert.equal(
        (await assertAllowed(() => red.owner.get(tenants, { name: 'red' }), 'to look at one’s own Tenant'))?.metadata.name,
        'red',
      );
    });
  });

  describe('objects', () => {
    it('that Writ made are not changed by whoever may do everything else', async () => {
      for (const resource of [roleBindings, networkPolicies]) {
        const { items } = await admin.list<Manifest>(resource, {
          namespace: 'red-one',
          labelSelector: `${MANAGED_BY_LABEL}=${MANAGED_BY}`,
        });
        const [first] = items;
        assert.ok(first, resource.kind);
        const ref = { name: first.metadata.name, namespace: 'red-one' };
        await assertRefused(() => janitor.delete(resource, ref, DRY), BY_POLICY, `deletion of a ${resource.kind}`);
        await assertRefused(
          () => janitor.patch(resource, ref, labelled({ [MANAGED_BY_LABEL]: null })),
          BY_POLICY,
          `unlabelling of a ${resource.kind}`,
        );
      }
    });

    it('of one’s own do not pass for Writ’s', async () => {
      const own = (labels: Readonly<Record<string, string>>): Manifest => ({
        metadata: { name: 'own', namespace: 'red-one', labels },
        spec: { podSelector: { matchLabels: { app: 'x' } }, policyTypes: ['Ingress'] },
      });
      await assertRefused(
        () => red.owner.create(networkPolicies, own({ [MANAGED_BY_LABEL]: MANAGED_BY, [TENANT_LABEL]: 'red' }), DRY),
        BY_POLICY,
        'a policy that says that Writ made it',
      );
      await assertAllowed(
        () => red.owner.create(networkPolicies, own({ [MANAGED_BY_LABEL]: 'helm' }), DRY),
        'a policy that says that helm made it',
      );
    });

    it('that were taken by an administrator come back as they were', async () => {
      const { items } = await admin.list<Manifest>(networkPolicies, {
        namespace: 'red-one',
        labelSelector: `${MANAGED_BY_LABEL}=${MANAGED_BY}`,
      });
      const [first] = items;
      assert.ok(first);
      const ref = { name: first.metadata.name, namespace: 'red-one' };
      assert.equal(await admin.delete(networkPolicies, ref), true);
      const back = await until(() => admin.get<Manifest>(networkPolicies, ref), { what: 'it to come back', withinMs: 20_000 });
      assert.deepEqual(back['spec'], first['spec']);
      await admin.patch(
        namespaces,
        { name: 'red-one' },
        { type: 'merge', body: { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } } } },
      );
      await until(
        async () =>
          (await admin.get<Manifest>(namespaces, { name: 'red-one' }))?.metadata.labels?.['pod-security.kubernetes.io/enforce'] ===
          'restricted',
        { what: 'pod security to come back', withinMs: 20_000 },
      );
    });

    it('that are pods keep to the tenant’s bounds through every way of changing them', async () => {
      const pod = compliantPod({ tenant: 'red', namespace: 'red-one', name: 'running' });
      await red.owner.create(pods, pod);
      const foreign = `registry.example.com/elsewhere/tool@sha256:${'4bf5122f'.repeat(8)}`;
      const ref = { name: 'running', namespace: 'red-one' };
      const [container] = pod.spec.containers;
      const ephemeral = (image: string) =>
        ({
          type: 'strategic',
          subresource: 'ephemeralcontainers',
          body: {
            spec: {
              ephemeralContainers: [{ name: 'debug', image, imagePullPolicy: 'Always', securityContext: container.securityContext }],
            },
          },
          ...DRY,
        }) as const;
      await assertRefused(
        () => janitor.patch(pods, ref, ephemeral(foreign)),
        /registry\.example\.com\/elsewhere\//,
        'an ephemeral container from elsewhere',
      );
      await assertAllowed(() => janitor.patch(pods, ref, ephemeral(String(container['image']))), 'an ephemeral container of the tenant');
      await assertRefused(
        () =>
          red.owner.patch(pods, ref, { type: 'strategic', body: { spec: { containers: [{ name: 'agent', image: foreign }] } }, ...DRY }),
        /registry\.example\.com\/elsewhere\//,
        'another image',
      );
    });

    it('that make pods make none that their maker could not', async () => {
      const pod = compliantPod({ tenant: 'red', namespace: 'red-one' });
      const labels = { app: 'sneaky' };
      const foreign = { ...pod.spec, containers: [{ ...pod.spec.containers[0], image: 'registry.example.com/elsewhere/x:latest' }] };
      const deployment: Manifest = {
        metadata: { name: 'sneaky', namespace: 'red-one' },
        spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: foreign } },
      };
      const made = await attempt(() => red.owner.create(deployments, deployment));
      if (made.allowed) {
        type Status = { readonly status?: { readonly conditions?: readonly { readonly type: string; readonly message?: string }[] } };
        const said = await until(
          async () =>
            (await admin.get<Manifest & Status>(deployments, { name: 'sneaky', namespace: 'red-one' }))?.status?.conditions?.find(
              ({ type }) => type === 'ReplicaFailure',
            ),
          { what: 'its pods to be refused', withinMs: 30_000 },
        );
        assert.match(said.message ?? '', /registry\.example\.com\/elsewhere/);
      } else assert.match(made.said, /registry\.example\.com\/elsewhere/);
      assert.deepEqual((await admin.list(pods, { namespace: 'red-one', labelSelector: 'app=sneaky' })).items, []);
    });
  });
});
