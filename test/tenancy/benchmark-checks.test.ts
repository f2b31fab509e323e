// SPDX-License-Identifier: Apache-2.0
// The checks of kubectl-mtb, the benchmark of Kubernetes' multi-tenancy group, all 19 and the four it only planned: as a tenant's owner, on a real
// API server, each beside what must go through and with the reason of the refusal.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { MANAGED_BY, MANAGED_BY_LABEL, namespaces, pods } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { accessChecks, hardIn } from './access-checks.ts';
import type { AccessCheck } from './access-checks.ts';
import { rightsIn, servedKinds, wrongAnswers } from './access.ts';
import { assertAllowed, assertRefused } from './attempt.ts';
import { COMPUTE_NAMES, OBJECT_NAMES, containerWith } from './isolated-tenant.ts';
import type { Manifest } from './isolated-tenant.ts';
import { boundChecks, classChecks, exposedChecks, plannedObjectChecks, podChecks } from './pod-checks.ts';
import { reaches } from './reachability.ts';
import type { NetworkPolicy } from './reachability.ts';
import { limitRanges, networkPolicies, resourceQuotas, roleBindings } from './resources.ts';
import { startTwoTenants } from './two-tenants.ts';
import type { Side, TwoTenants } from './two-tenants.ts';

const DRY = { dryRun: true } as const;
const ACCESS_IDS = ['MTB-PL1-CC-CPI-1', 'MTB-PL1-CC-TI-1', 'MTB-PL1-CC-TI-2', 'MTB-PL2-CC-TI-1', 'MTB-PL2-BC-OPS-3', 'MTB-PL2-BC-OPS-4'];

describe('a tenant by the checks of kubectl-mtb', () => {
  let scene: TwoTenants;
  let side: Side;
  let access: ReadonlyMap<string, AccessCheck>;
  before(async () => {
    scene = await startTwoTenants();
    side = scene.red;
    const served = await servedKinds(scene.writ.client);
    assert.ok(served.length > 60, `${served.length} kinds are served`);
    const checks = accessChecks({ served, tenant: side.name, namespaces: side.namespaces, otherNamespaces: scene.blue.namespaces });
    access = new Map(checks.map((check) => [check.id, check]));
    assert.deepEqual([...access.keys()], ACCESS_IDS);
  });
  after(() => scene?.stop());

  const create = (resource: Resource, object: KubeObject, as: Side = side) => as.owner.create(resource, object, DRY);

  for (const check of [...podChecks, ...exposedChecks, ...boundChecks, ...classChecks, ...plannedObjectChecks]) {
    it(`${check.id}: ${check.what} is refused for that`, async () => {
      await assertAllowed(() => create(check.resource, check.control(side.pod)), 'the control');
      await assertRefused(() => create(check.resource, check.flipped(side.pod)), check.refused, check.what);
    });
  }

  for (const id of ACCESS_IDS) {
    it(`${id}: owners may not do what is asked about, and may do the rest`, async () => {
      const check = access.get(id);
      assert.ok(check);
      const wrong = {
        refused: await wrongAnswers(side.owner, check.refused, false),
        granted: await wrongAnswers(side.owner, check.granted, true),
      };
      assert.deepEqual(wrong, { refused: [], granted: [] }, check.what);
    });
  }

  it('MTB-PL1-CC-TI-2: in a namespace of another tenant nobody has a right that a stranger has not', async () => {
    // The one thing outside of namespaces that owners may read, and that no namespace takes away.
    const ownTenant = JSON.stringify([['get'], ['writ.dev'], ['tenants'], [side.name]]);
    for (const client of [side.owner, side.developer, side.viewer])
      for (const namespace of scene.blue.namespaces)
        assert.deepEqual(
          (await rightsIn(client, namespace)).filter((right) => right !== ownTenant),
          await rightsIn(scene.stranger, namespace),
        );
    const own = await rightsIn(side.owner, side.namespaces[0]);
    assert.ok(own.includes(ownTenant), own.join());
    assert.ok(own.length > (await rightsIn(scene.stranger, side.namespaces[0])).length + 5);
  });

  it('MTB-PL1-BC-CPI-2: what Writ made for a tenant cannot be deleted, changed or relabelled by its owner', async () => {
    for (const resource of [roleBindings, networkPolicies, resourceQuotas, limitRanges]) {
      for (const namespace of side.namespaces) {
        const { items } = await scene.writ.client.list<KubeObject>(resource, {
          namespace,
          labelSelector: `${MANAGED_BY_LABEL}=${MANAGED_BY}`,
        });
        assert.ok(items.length > 0, `${resource.kind} of Writ in ${namespace}`);
        for (const { metadata } of items) {
          const ref = { name: metadata.name, namespace };
          const what = `${resource.kind} ${metadata.name}`;
          const unlabelled = { type: 'merge', body: { metadata: { labels: { [MANAGED_BY_LABEL]: null } } }, ...DRY } as const;
          await assertRefused(() => side.owner.delete(resource, ref, DRY), /forbidden/, `deletion of ${what}`);
          await assertRefused(() => side.owner.patch(resource, ref, unlabelled), /forbidden/, `unlabelling of ${what}`);
          await assertRefused(
            () => side.owner.patch(resource, ref, { type: 'merge', body: { spec: {}, metadata: { annotations: { a: 'b' } } }, ...DRY }),
            /forbidden/,
            `change of ${what}`,
          );
        }
      }
    }
    // By the API server itself, so that it holds while Writ is down: RBAC cannot tell Writ's binding from the owner's own.
    const [binding] = (
      await scene.writ.client.list<KubeObject>(roleBindings, {
        namespace: side.namespaces[0],
        labelSelector: `${MANAGED_BY_LABEL}=${MANAGED_BY}`,
      })
    ).items;
    const reason = /ValidatingAdmissionPolicy 'writ-/;
    await assertRefused(
      () => side.owner.delete(roleBindings, { name: binding?.metadata.name ?? '', namespace: side.namespaces[0] }, DRY),
      reason,
      'a deletion',
    );
    const collection = {
      method: 'DELETE',
      path: `/apis/rbac.authorization.k8s.io/v1/namespaces/${side.namespaces[0]}/rolebindings`,
      query: { dryRun: 'All' },
    } as const;
    await assertRefused(() => side.owner.request(collection), reason, 'the deletion of all');
  });

  it('MTB-PL1-BC-CPI-2: what the owner made can be deleted and changed by the owner', async () => {
    for (const [resource, object] of [
      [networkPolicies, { spec: { podSelector: { matchLabels: { app: 'probe' } }, policyTypes: ['Ingress'] } }],
      [
        roleBindings,
        {
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
          subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'friend-of-red' }],
        },
      ],
    ] as const) {
      const ref = { name: 'of-the-owner', namespace: side.namespaces[0] };
      await assertAllowed(() => side.owner.create(resource, { ...object, metadata: ref }), `a ${resource.kind}`);
      await assertAllowed(
        () => side.owner.patch(resource, ref, { type: 'merge', body: { metadata: { labels: { mine: 'yes' } } } }),
        'its change',
      );
      assert.equal(await assertAllowed(() => side.owner.delete(resource, ref), 'its deletion'), true);
    }
  });

  it('MTB-PL1-CC-DI-1: every image is pulled always, also where the pod says otherwise', async () => {
    const answered = await assertAllowed(
      () => side.owner.create(pods, containerWith(side.pod, { imagePullPolicy: 'IfNotPresent' }), DRY),
      'a pod that pulls if not present',
    );
    assert.deepEqual(
      answered.spec.containers.map(({ imagePullPolicy }) => imagePullPolicy),
      ['Always'],
    );
  });

  it('MTB-PL1-CC-FNS-1: a quota that the owner can read bounds computing', async () => {
    for (const namespace of side.namespaces) {
      const names = Object.keys(await hardIn(side.owner, namespace));
      assert.deepEqual(
        COMPUTE_NAMES.filter((name) => !names.includes(name)),
        [],
      );
    }
  });

  it('MTB-PL1-CC-FNS-2: a quota that the owner can read bounds the number of objects', async () => {
    for (const namespace of side.namespaces) {
      const names = Object.keys(await hardIn(side.owner, namespace));
      assert.deepEqual(
        OBJECT_NAMES.filter((name) => !names.includes(name)),
        [],
      );
    }
  });

  it('planned: pods of two tenants cannot talk to each other, whatever policies the tenants add', async () => {
    const view = async () => ({
      policies: (await scene.writ.client.list<NetworkPolicy>(networkPolicies)).items,
      namespaces: (await scene.writ.client.list<KubeObject>(namespaces)).items,
    });
    const ends = [scene.red, scene.blue]
      .flatMap(({ namespaces: list }) => list)
      .map((namespace) => ({ namespace, labels: { app: 'probe' } }));
    const tenantOf = (namespace: string): string => namespace.split('-')[0] ?? '';
    const crossing = async (): Promise<string[]> => {
      const now = await view();
      return ends.flatMap((from) =>
        ends
          .filter((to) => tenantOf(to.namespace) !== tenantOf(from.namespace))
          .flatMap((to) =>
            [53, 80, 443]
              .filter((port) => reaches(now, { from, to, protocol: 'TCP', port }))
              .map((port) => `${from.namespace} to ${to.namespace} by ${port}`),
          ),
      );
    };
    assert.deepEqual(await crossing(), []);
    const opened = (name: string, spec: unknown): Manifest => ({ metadata: { name, namespace: side.namespaces[0] }, spec });
    const everyone = [{ namespaceSelector: {} }];
    for (const [name, spec] of [
      ['ingress-from-everyone', { podSelector: {}, policyTypes: ['Ingress'], ingress: [{}] }],
      ['ingress-from-namespaces', { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from: everyone }] }],
      ['egress-to-everyone', { podSelector: {}, policyTypes: ['Egress'], egress: [{}] }],
      ['egress-to-namespaces', { podSelector: {}, policyTypes: ['Egress'], egress: [{ to: everyone }] }],
      ['egress-to-the-world', { podSelector: {}, policyTypes: ['Egress'], egress: [{ to: [{ ipBlock: { cidr: '0.0.0.0/0' } }] }] }],
      [
        'ingress-from-the-other',
        {
          podSelector: {},
          policyTypes: ['Ingress'],
          ingress: [{ from: [{ namespaceSelector: { matchLabels: { 'writ.dev/tenant': 'blue' } } }] }],
        },
      ],
    ] as const) {
      await assertRefused(() => side.owner.create(networkPolicies, opened(name, spec), DRY), /spec\.(ingress|egress)/, name);
    }
    await assertAllowed(
      () =>
        side.owner.create(
          networkPolicies,
          opened('narrower', {
            podSelector: { matchLabels: { app: 'probe' } },
            policyTypes: ['Ingress'],
            ingress: [{ from: [{ podSelector: {} }] }],
          }),
        ),
      'a policy that narrows',
    );
    assert.deepEqual(await crossing(), []);
    // The reckoning itself sees a way: between pods of nobody there is no policy.
    const nobody = { namespace: 'default', labels: {} };
    assert.equal(reaches(await view(), { from: nobody, to: nobody, protocol: 'TCP', port: 80 }), true);
  });

  it("what one tenant's image is, another may not run", async () => {
    await assertRefused(
      () => create(pods, { ...scene.red.pod, metadata: { ...scene.red.pod.metadata, namespace: 'blue-one' } }, scene.blue),
      /registry\.example\.com\/red\//,
      "red's image in blue",
    );
  });
});
