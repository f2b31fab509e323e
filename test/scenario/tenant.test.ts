// SPDX-License-Identifier: Apache-2.0
// A Tenant's namespaces: made with its label, kept with it, and never taken from somebody else.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { SYSTEM_NAMESPACE, TENANT_LABEL, namespaces, tenants } from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { pinned, tenantText } from './documents.ts';
import { installWrit } from './installation.ts';
import type { Installation } from './installation.ts';
import { conditionOf, eventsAbout, objectSays, sourceApplies } from './told.ts';
import { until } from './until.ts';
import { podOf, verdictOf } from './verdict.ts';

const TAGGED = { image: 'agent:latest' };

describe('a tenant', () => {
  let writ: Installation;
  before(async () => {
    writ = await installWrit({
      documents: { 'policies/pinned.yaml': pinned, 'tenants/acme.yaml': tenantText('acme', ['acme-one', 'acme-two']) },
      interval: '2s',
      controlPlane: { controllerManager: false },
    });
    await says('acme', 'True', 'Succeeded');
  });
  after(() => writ?.stop());

  const says = (name: string, status: string, reason: string) =>
    objectSays(writ.client, { resource: tenants, name }, { type: 'Ready', status, reason });
  const namespace = (name: string): Promise<KubeObject | undefined> => writ.client.get<KubeObject>(namespaces, { name });
  const label = async (name: string): Promise<string | undefined> => (await namespace(name))?.metadata.labels?.[TENANT_LABEL];
  const apply = async (text: string): Promise<void> => {
    const { code, stderr } = await writ.plane.kubectl(['apply', '--server-side', '-f', '-'], { input: text });
    assert.equal(code, 0, stderr);
  };

  it('from Git has its namespaces made and labelled, and they are governed', async () => {
    assert.deepEqual([await label('acme-one'), await label('acme-two')], ['acme', 'acme']);
    const refused = (verdict: string): boolean => verdict.includes('pinned (Invalid)');
    await until(async () => refused(await verdictOf(writ.client, podOf({ namespace: 'acme-two', ...TAGGED }))), { what: 'a refusal' });
    assert.equal(await verdictOf(writ.client, podOf({ namespace: 'default', ...TAGGED })), 'allowed');
  });

  it('has a status that reads well', async () => {
    const { stdout } = await writ.plane.kubectl(['get', 'tenants']);
    const [header = '', row = ''] = stdout.trim().split('\n');
    for (const column of ['NAME', 'READY', 'NAMESPACES', 'AGE']) assert.ok(header.split(/\s+/).includes(column), header);
    assert.match(row, /^acme\s+.*True/);
    assert.match(row, /\b2\b/);
    const waited = await writ.plane.kubectl(['wait', '--for=condition=Ready', 'tenant/acme', '--timeout=5s']);
    assert.equal(waited.code, 0, waited.stderr);
  });

  it('keeps its label on a namespace from which an admin takes it, or which an admin gives away', async () => {
    for (const stolen of [null, 'other', '']) {
      await writ.client.patch(
        namespaces,
        { name: 'acme-one' },
        { type: 'merge', body: { metadata: { labels: { [TENANT_LABEL]: stolen } } } },
      );
      await until(async () => (await label('acme-one')) === 'acme', {
        what: `the label to be back after ${JSON.stringify(stolen)}`,
        withinMs: 20_000,
      });
      await says('acme', 'True', 'Succeeded');
    }
  });

  const refusals: readonly (readonly [
    what: string,
    name: string,
    code: string,
    before: () => Promise<unknown>,
    items: readonly string[],
  ])[] = [
    [
      'a namespace that was there before',
      'late',
      'NAMESPACE_NOT_ADOPTED',
      () => writ.client.create(namespaces, { metadata: { name: 'elsewhere' } }),
      ['late-own', 'elsewhere'],
    ],
    ["another tenant's namespace", 'thief', 'NAMESPACE_OWNED_BY_ANOTHER', async () => undefined, ['thief-own', 'acme-two']],
  ];
  for (const [what, name, code, prepare, items] of refusals) {
    it(`does not get ${what}: ${code}, and gets its own all the same`, async () => {
      await prepare();
      const foreign = items[1] ?? '';
      const owner = await label(foreign);
      await apply(tenantText(name, items));
      const told = await until(
        async () => {
          const tenant = await writ.client.get<KubeObject>(tenants, { name });
          return conditionOf(tenant, 'Ready')?.message.includes(code) === true ? tenant : undefined;
        },
        { what: `tenant ${name} to say ${code}`, withinMs: 20_000 },
      );
      assert.equal(conditionOf(told, 'Ready')?.status, 'False');
      assert.match(conditionOf(told, 'NamespacesReady')?.message ?? '', /spec\.namespaces\.items\[1\]\.name/);
      assert.equal(conditionOf(told, 'Stalled')?.status, 'True');
      assert.deepEqual([await label(items[0] ?? ''), await label(foreign)], [name, owner]);
      await until(async () => (await eventsAbout(writ.client, { kind: 'Tenant', name })).some(({ note }) => note?.includes(code)), {
        what: 'an event',
      });
    });
  }

  it('does not get a system namespace: the API server itself refuses such a Tenant', async () => {
    for (const name of ['kube-system', 'default', SYSTEM_NAMESPACE]) {
      const { code, stderr } = await writ.plane.kubectl(['apply', '--server-side', '-f', '-'], {
        input: tenantText('rootlike', ['own', name]),
      });
      assert.notEqual(code, 0, name);
      assert.match(stderr, /spec\.namespaces\.items\[1\]\.name/);
    }
  });

  it('that is protected stays while it has namespaces, and what it lets go another may adopt at once', async () => {
    const adopting = (name: string) =>
      tenantText(name, ['heritage']).replace('  namespaces:\n', '  namespaces:\n    adoptionPolicy: IfUnowned\n');
    await apply(tenantText('elder', ['heritage']));
    await says('elder', 'True', 'Succeeded');
    await apply(adopting('heir'));
    await says('heir', 'False', 'NamespaceOwnedByAnother');
    assert.equal((await writ.plane.kubectl(['delete', 'tenant', 'elder', '--wait=false'])).code, 0);
    await says('elder', 'False', 'TenantProtected');
    await says('heir', 'False', 'NamespaceOwnedByAnother');
    await writ.client.patch(tenants, { name: 'elder' }, { type: 'merge', body: { spec: { deletionPolicy: 'Orphan' } } });
    await says('heir', 'True', 'Succeeded');
    assert.equal(await label('heritage'), 'heir');
    assert.equal(await writ.client.get(tenants, { name: 'elder' }), undefined);
  });

  it('that may adopt takes what is unowned', async () => {
    await apply(tenantText('late', ['late-own', 'elsewhere']).replace('  namespaces:\n', '  namespaces:\n    adoptionPolicy: IfUnowned\n'));
    await says('late', 'True', 'Succeeded');
    assert.equal(await label('elsewhere'), 'late');
    await until(async () => (await verdictOf(writ.client, podOf({ namespace: 'elsewhere', ...TAGGED }))).includes('pinned'), {
      what: 'a refusal',
    });
  });

  it('that leaves Git is kept, because it is protected, and its namespaces stay governed', async () => {
    const commit = await writ.push({ 'tenants/acme.yaml': null });
    const source = await sourceApplies(writ.client, commit);
    assert.match(conditionOf(source, 'Ready')?.message ?? '', /kept though gone from the tree: .*acme.*Protect/);
    assert.equal(await label('acme-one'), 'acme');
    assert.match(await verdictOf(writ.client, podOf({ namespace: 'acme-one', ...TAGGED })), /pinned \(Invalid\)/);
  });
});
