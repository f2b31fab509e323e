// SPDX-License-Identifier: Apache-2.0
// Accidents by which operators have deleted what nobody meant to delete, and deletions that are meant: of the first nothing is lost, of the second
// what is meant and no more, and what stands in the way is named.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  PRUNE_ANNOTATION,
  SYSTEM_NAMESPACE,
  TENANT_LABEL,
  configMaps,
  customResourceDefinitions,
  gitSources,
  namespaces,
  tenants,
} from '../../crds/kinds.ts';
import { bounded, pinned } from '../scenario/documents.ts';
import { installWrit } from '../scenario/installation.ts';
import type { Installation } from '../scenario/installation.ts';
import { conditionOf, objectSays, readSource } from '../scenario/told.ts';
import type { ToldObject } from '../scenario/told.ts';
import { until } from '../scenario/until.ts';
import { belongings, lost } from './belongings.ts';
import type { Belongings } from './belongings.ts';
import { isolatedTenant } from './isolated-tenant.ts';
import type { Manifest } from './isolated-tenant.ts';

const PATIENCE_MS = 40_000;
const SOURCE = { namespace: SYSTEM_NAMESPACE, name: 'policies' };

describe('nothing is lost that nobody meant to lose', () => {
  let writ: Installation;
  const documentOf = (name: string, items: readonly string[], spec: Readonly<Record<string, unknown>> = {}): string =>
    JSON.stringify(isolatedTenant({ name, namespaces: items, spec }));
  const red = documentOf('red', ['red-one', 'red-two']);
  const blue = documentOf('blue', ['blue-one']);
  const standing = { 'tenants/red.yaml': red, 'tenants/blue.yaml': blue, 'policies/pinned.yaml': pinned, 'policies/bounded.yaml': bounded };

  before(async () => {
    writ = await installWrit({ interval: '2s', documents: standing });
    for (const name of ['red', 'blue']) await says(name, 'True');
    for (const namespace of ['red-one', 'red-two', 'blue-one'])
      await writ.client.create<Manifest>(configMaps, { metadata: { name: 'work', namespace }, data: { years: 'of it' } });
  });
  after(() => writ?.stop());

  const says = (name: string, status: string): Promise<ToldObject> =>
    objectSays(writ.client, { resource: tenants, name }, { type: 'Ready', status });
  const seen = async (commit: string): Promise<void> => {
    await until(async () => (await readSource(writ.client)).status?.lastAttemptedRevision?.endsWith(commit) === true, {
      what: `commit ${commit} to be looked at`,
      withinMs: PATIENCE_MS,
    });
  };
  let sentinels = 0;
  /** Whatever was to follow has followed: a tenant that came later is done. */
  const settled = async (): Promise<void> => {
    sentinels += 1;
    const name = `sentinel-${sentinels}`;
    await writ.client.create(tenants, isolatedTenant({ name, namespaces: [`${name}-own`], spec: { deletionPolicy: 'Orphan' } }));
    await says(name, 'True');
  };
  const unharmed = async (deed: () => Promise<unknown>, options: { readonly rightsEnd?: boolean } = {}): Promise<void> => {
    const had = await belongings(writ.client);
    await deed();
    await settled();
    // A namespace that is struck from the list is not its owner's any more, and the rights in it end; what bounds it stays.
    const struck = (name: string): boolean => options.rightsEnd === true && name.startsWith('Writ’s RoleBinding ');
    assert.deepEqual(
      lost(had, await belongings(writ.client)).filter((name) => !struck(name)),
      [],
    );
  };

  const commits: readonly (readonly [
    what: string,
    documents: Readonly<Record<string, string | null>>,
    after?: { readonly force?: boolean; readonly rightsEnd?: boolean },
  ])[] = [
    ['all tenants leave the tree', { 'tenants/red.yaml': null, 'tenants/blue.yaml': null }],
    ['a tenant’s file is named otherwise', { 'tenants/red.yaml': null, 'tenants/team-red.yaml': red }],
    ['a tenant’s name is changed in its file', { 'tenants/red.yaml': red.replace('"name":"red"', '"name":"crimson"') }],
    ['a namespace is struck from the list', { 'tenants/red.yaml': documentOf('red', ['red-one']) }, { rightsEnd: true }],
    ['every namespace is struck from the list', { 'tenants/red.yaml': documentOf('red', []) }, { rightsEnd: true }],
    ['a file is cut in the middle', { 'tenants/red.yaml': red.slice(0, red.length / 2) }],
    [
      'the history is replaced by an empty one',
      { 'tenants/red.yaml': null, 'tenants/blue.yaml': null, 'policies/pinned.yaml': null, 'policies/bounded.yaml': null },
      { force: true },
    ],
  ];
  for (const [what, documents, { force = false, rightsEnd = false } = {}] of commits) {
    it(`when ${what}`, async () => {
      await unharmed(async () => seen(await writ.push(documents, { sealed: false, force })), { rightsEnd });
      assert.equal(
        (await writ.client.get<Manifest>(namespaces, { name: 'red-two' }))?.metadata.labels?.[TENANT_LABEL],
        'red',
        'what was governed stays so',
      );
      const restored = await writ.push(
        { ...Object.fromEntries(Object.keys(documents).map((path) => [path, null])), ...standing },
        { force },
      );
      await seen(restored);
      await settled();
    });
  }

  it('when a tenant that says that it is not to be pruned leaves the tree, and the source says that it skipped it', async () => {
    const orphan = (name: string, annotations: Readonly<Record<string, string>>): string => {
      const { metadata, ...rest } = isolatedTenant({ name, namespaces: [`${name}-one`], spec: { deletionPolicy: 'Orphan' } });
      return JSON.stringify({ ...rest, metadata: { ...metadata, annotations } });
    };
    await writ.push({
      'tenants/kept.yaml': orphan('kept', { [PRUNE_ANNOTATION]: 'Disabled' }),
      'tenants/pruned.yaml': orphan('pruned', {}),
    });
    for (const name of ['kept', 'pruned']) await says(name, 'True');
    assert.notEqual(await writ.client.get(tenants, { name: 'pruned' }), undefined);
    const had = await belongings(writ.client);
    await seen(await writ.push({ 'tenants/kept.yaml': null, 'tenants/pruned.yaml': null }));
    await gone('pruned');
    assert.deepEqual(
      lost(had, await belongings(writ.client)).filter((name) => !name.startsWith('Writ’s ')),
      ['Tenant pruned'],
    );
    assert.match(conditionOf(await readSource(writ.client), 'Ready')?.message ?? '', /kept though gone from the tree: .*kept/);
  });

  it('when the source looks into a folder that is not there, or is deleted', async () => {
    await unharmed(async () => {
      await writ.client.patch(gitSources, SOURCE, { type: 'merge', body: { spec: { path: './elsewhere' } } });
      await until(async () => conditionOf(await readSource(writ.client), 'Ready')?.status === 'False', {
        what: 'the source to say so',
        withinMs: PATIENCE_MS,
      });
    });
    await writ.client.patch(gitSources, SOURCE, { type: 'merge', body: { spec: { path: './' } } });
    await until(async () => conditionOf(await readSource(writ.client), 'Ready')?.status === 'True', {
      what: 'the source to be well',
      withinMs: PATIENCE_MS,
    });
  });

  it('when somebody deletes every Tenant that is protected, and each says why it stays', async () => {
    await unharmed(async () => {
      const { code } = await writ.plane.kubectl(['delete', 'tenant', 'red', 'blue', '--wait=false']);
      assert.equal(code, 0);
      for (const name of ['red', 'blue']) {
        const said = conditionOf(await objectSays(writ.client, { resource: tenants, name }, { type: 'Stalled', status: 'True' }), 'Ready');
        assert.match(said?.message ?? '', new RegExp(`TENANT_PROTECTED: spec\\.deletionPolicy: .*${name}-one`));
      }
    });
  });

  const make = async (name: string, items: readonly string[], spec: Readonly<Record<string, unknown>>): Promise<void> => {
    await writ.client.create(tenants, isolatedTenant({ name, namespaces: items, spec }));
    await says(name, 'True');
    for (const namespace of items) await writ.client.create<Manifest>(configMaps, { metadata: { name: 'work', namespace } });
  };
  const gone = async (name: string): Promise<void> => {
    await until(async () => (await writ.client.get(tenants, { name })) === undefined, {
      what: `tenant ${name} to be gone`,
      withinMs: PATIENCE_MS,
      everyMs: 100,
    });
  };
  /** What is not in one of these namespaces, nor the tenant itself. */
  const elsewhere = (had: Belongings, now: Belongings, tenant: string, gone: readonly string[]): readonly string[] =>
    lost(had, now).filter(
      (name) =>
        name !== `Tenant ${tenant}` && !gone.some((namespace) => name === `Namespace ${namespace}` || name.includes(` ${namespace}/`)),
    );

  it('by a deletion that is meant: the namespaces that Writ made go, one that it took over and all others stay', async () => {
    await writ.client.create(namespaces, { metadata: { name: 'older' } });
    await make('leaver', ['leaver-one', 'older'], {
      deletionPolicy: 'Delete',
      namespaces: { adoptionPolicy: 'IfUnowned', items: [{ name: 'leaver-one' }, { name: 'older' }] },
    });
    const had = await belongings(writ.client);
    await writ.client.delete(tenants, { name: 'leaver' });
    await gone('leaver');
    const now = await belongings(writ.client);
    assert.deepEqual(
      elsewhere(had, now, 'leaver', ['leaver-one']).filter((name) => !name.startsWith('Writ’s ')),
      [],
    );
    assert.ok(lost(had, now).includes('Namespace leaver-one'));
    assert.notEqual(await writ.client.get(configMaps, { namespace: 'older', name: 'work' }), undefined);
  });

  it('by the deletion of a tenant that leaves what it has', async () => {
    await make('giver', ['giver-one'], { deletionPolicy: 'Orphan' });
    const had = await belongings(writ.client);
    await writ.client.delete(tenants, { name: 'giver' });
    await gone('giver');
    assert.deepEqual(
      lost(had, await belongings(writ.client)).filter((name) => !name.startsWith('Writ’s ')),
      ['Tenant giver'],
    );
    assert.equal(
      (await writ.client.get<Manifest>(namespaces, { name: 'giver-one' }))?.metadata.labels?.[TENANT_LABEL],
      'giver',
      'it does not open',
    );
  });

  it('by a deletion that something blocks: it is named, and when it is out of the way the rest follows by itself', async () => {
    await make('stuck', ['stuck-one'], { deletionPolicy: 'Delete' });
    await writ.client.create<Manifest>(configMaps, {
      metadata: { name: 'held', namespace: 'stuck-one', finalizers: ['example.com/held'] },
    });
    const had = await belongings(writ.client);
    await writ.client.delete(tenants, { name: 'stuck' });
    await until(
      async () =>
        /stuck-one.*example\.com\/held/s.test(
          conditionOf(await writ.client.get<ToldObject>(tenants, { name: 'stuck' }), 'Ready')?.message ?? '',
        ),
      { what: 'the blocker to be named', withinMs: PATIENCE_MS, everyMs: 100 },
    );
    await writ.client.patch(
      configMaps,
      { name: 'held', namespace: 'stuck-one' },
      { type: 'merge', body: { metadata: { finalizers: null } } },
    );
    await gone('stuck');
    assert.deepEqual(
      elsewhere(had, await belongings(writ.client), 'stuck', ['stuck-one']).filter((name) => !name.startsWith('Writ’s ')),
      [],
    );
  });

  it('by a deletion that is refused at first: it is tried again, and nothing is forgotten', async () => {
    await make('refused', ['refused-one'], { deletionPolicy: 'Delete' });
    const named = { metadata: { name: 'keep-refused' } };
    const policy = {
      ...named,
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          resourceRules: [
            { apiGroups: [''], apiVersions: ['v1'], operations: ['DELETE'], resources: ['namespaces'], resourceNames: ['refused-one'] },
          ],
        },
        validations: [{ expression: 'false', message: 'not yet' }],
      },
    };
    const binding = {
      ...named,
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      spec: { policyName: 'keep-refused', validationActions: ['Deny'] },
    };
    const applied = await writ.plane.kubectl(['apply', '-f', '-'], {
      input: [policy, binding].map((manifest) => JSON.stringify(manifest)).join('\n---\n'),
    });
    assert.equal(applied.code, 0, applied.stderr);
    await until(
      async () => (await writ.plane.kubectl(['delete', 'namespace', 'refused-one', '--dry-run=server'])).stderr.includes('not yet'),
      { what: 'the refusal to be in force', withinMs: PATIENCE_MS },
    );
    await writ.client.delete(tenants, { name: 'refused' });
    await settled();
    assert.notEqual(await writ.client.get(tenants, { name: 'refused' }), undefined, 'the tenant is there as long as what it must delete');
    assert.notEqual(await writ.client.get(namespaces, { name: 'refused-one' }), undefined);
    await writ.plane.kubectl(['delete', 'validatingadmissionpolicybinding', 'keep-refused']);
    await gone('refused');
    assert.equal(await writ.client.get(namespaces, { name: 'refused-one' }), undefined);
  });

  it('when whoever may do so deletes the kind Tenant itself', async () => {
    const had = await belongings(writ.client);
    await writ.client.delete(customResourceDefinitions, { name: 'tenants.writ.dev' });
    await until(
      async () =>
        (await writ.client.get<Manifest>(customResourceDefinitions, { name: 'tenants.writ.dev' }))?.metadata.deletionTimestamp !==
        undefined,
      { what: 'the kind to be going' },
    );
    await until(async () => (await writ.client.get<Manifest>(tenants, { name: 'red' }))?.metadata.deletionTimestamp !== undefined, {
      what: 'its objects to be going',
      withinMs: PATIENCE_MS,
    });
    const now = await belongings(writ.client);
    // The one with deletionPolicy Orphan has nothing that would hold it.
    const goes = ['Tenant sentinel-', 'Tenant kept', 'Writ’s '];
    const unmeant = lost(had, now).filter((name) => !goes.some((start) => name.startsWith(start)));
    assert.deepEqual(unmeant, []);
  });
});
