// SPDX-License-Identifier: Apache-2.0
// Ten thousand random requests of the people of two tenants, all at once: nothing of one is read, written or counted by the other.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { clusterRoleBindings, roleBindings } from './resources.ts';
import { servedKinds } from './access.ts';
import type { ServedKind } from './access.ts';
import { HELD_KINDS, SCRATCH, heldBy, plantCanaries } from './crossfire/canaries.ts';
import { describeFindings, fire } from './crossfire/fire.ts';
import type { Army } from './crossfire/fire.ts';
import { personOf } from './crossfire/person.ts';
import type { Person } from './crossfire/person.ts';
import { ownerOf, ownersGroupOf } from './isolated-tenant.ts';
import type { Manifest } from './isolated-tenant.ts';
import { startTwoTenants } from './two-tenants.ts';
import type { Side, TwoTenants } from './two-tenants.ts';

const SHOTS = 10_000;
const SEED = 20_260_611;
const IN_FLIGHT = 32;
const RBAC = 'rbac.authorization.k8s.io';

describe('crossfire between two tenants', () => {
  let scene: TwoTenants;
  let served: readonly ServedKind[];
  let armies: readonly [Army, Army];
  let stranger: Person;
  const people: Person[] = [];
  const wordOf = (side: Side): string => `canary-of-${side.name}-7f3a`;

  const recruit = async (name: string, tenant: string, kubeconfigPath: string): Promise<Person> => {
    const person = await personOf(scene.writ.plane, { name, tenant, kubeconfigPath });
    people.push(person);
    return person;
  };
  const armyOf = async (side: Side): Promise<Army> => {
    const { plane } = scene.writ;
    const [namespace] = side.namespaces;
    await side.owner.create<Manifest>(roleBindings, {
      metadata: { name: 'robot', namespace },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'edit' },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace }],
    });
    const token = await plane.kubectl(['create', 'token', 'default', '-n', namespace], { kubeconfig: side.kubeconfigs.owner });
    assert.equal(token.code, 0, token.stderr);
    await plantCanaries(side, wordOf(side));
    const held = await heldBy(scene.writ.client, side);
    return {
      target: { tenant: side.name, namespaces: side.namespaces, held },
      words: [wordOf(side), ...held.map(({ uid }) => uid).filter((uid) => uid !== '')],
      people: await Promise.all([
        recruit(ownerOf(side.name), side.name, side.kubeconfigs.owner),
        recruit(`${side.name}-developer`, side.name, side.kubeconfigs.developer),
        recruit(`${side.name}-viewer`, side.name, side.kubeconfigs.viewer),
        recruit(
          `one of ${ownersGroupOf(side.name)}`,
          side.name,
          await plane.kubeconfigFor({ user: 'somebody', groups: [ownersGroupOf(side.name)] }),
        ),
        recruit(`robot of ${side.name}`, side.name, await plane.kubeconfigFor({ token: token.stdout.trim() })),
      ]),
    };
  };

  before(async () => {
    scene = await startTwoTenants();
    served = await servedKinds(scene.writ.client);
    armies = [await armyOf(scene.red), await armyOf(scene.blue)];
    stranger = await recruit('stranger', '', await scene.writ.plane.kubeconfigFor({ user: 'stranger' }));
  });
  after(async () => {
    for (const person of people) person.close();
    await scene?.stop();
  });

  it('shows, changes and counts nothing of the other tenant', async (test) => {
    const before = [armies[0].target.held, armies[1].target.held];
    assert.ok(
      before.every((held) => held.length > 18),
      'each tenant has something to lose',
    );
    const outcome = await fire({ armies, stranger, served, seed: SEED, shots: SHOTS, inFlight: IN_FLIGHT });
    test.diagnostic(`seed ${SEED}, answers by aim and status: ${JSON.stringify(outcome.answers)}`);
    assert.equal(describeFindings(outcome, SEED), '');
    const now = [await heldBy(scene.writ.client, scene.red), await heldBy(scene.writ.client, scene.blue)];
    assert.deepEqual(now, before);
    // Else nothing was at stake: people could work all the while, and every sort of shot was fired.
    for (const [aim, answers] of Object.entries(outcome.answers))
      assert.ok(Object.values(answers).reduce((sum, count) => sum + count, 0) > SHOTS / 10, aim);
    const { own } = outcome.answers;
    assert.ok((own['200'] ?? 0) > 200 && (own['201'] ?? 0) > 20, JSON.stringify(own));
    for (const side of [scene.red, scene.blue])
      for (const namespace of side.namespaces)
        for (const resource of HELD_KINDS) {
          const { items } = await scene.writ.client.list<Manifest>(resource, { namespace });
          const foreign = items.filter(({ metadata: { name } }) => name.startsWith(SCRATCH) && !name.startsWith(`${SCRATCH}${side.name}-`));
          assert.deepEqual(foreign, []);
        }
  });

  const holes: readonly (readonly [what: string, open: () => Promise<() => Promise<unknown>>])[] = [
    [
      "a role in one of the other's namespaces",
      async () => {
        const ref = { name: 'hole', namespace: 'blue-one' };
        await scene.writ.client.create<Manifest>(roleBindings, {
          metadata: ref,
          roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'view' },
          subjects: [{ apiGroup: RBAC, kind: 'Group', name: 'system:authenticated' }],
        });
        return () => scene.writ.client.delete(roleBindings, ref);
      },
    ],
    [
      'a role in the whole cluster',
      async () => {
        const ref = { name: 'hole' };
        await scene.writ.client.create<Manifest>(clusterRoleBindings, {
          metadata: ref,
          roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'view' },
          subjects: [{ apiGroup: RBAC, kind: 'Group', name: ownersGroupOf('red') }],
        });
        return () => scene.writ.client.delete(clusterRoleBindings, ref);
      },
    ],
  ];
  for (const [what, open] of holes) {
    it(`sees ${what}`, async () => {
      const close = await open();
      try {
        const { findings } = await fire({ armies, stranger, served, seed: SEED + SHOTS, shots: 600, inFlight: IN_FLIGHT });
        assert.ok(findings.length > 0, 'a hole that is not seen');
      } finally {
        await close();
      }
    });
  }
});
