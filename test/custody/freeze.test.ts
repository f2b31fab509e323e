// SPDX-License-Identifier: Apache-2.0
// Metadata that everybody may write who may patch an object: whatever stands in it, what is pushed comes into force, a revocation
// before all. And what would hold up the ConfigMaps that Writ goes by is refused, or put right where nobody was asked.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inventoryName } from '../../crds/inventory.ts';
import { MARKS_NAME, SYSTEM_NAMESPACE, configMaps, policies, tenants, trustPolicies } from '../../crds/kinds.ts';
import { decodeMarks } from '../../crds/marks.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { seal } from '../../policies/trust/seal.ts';
import { policyText, tenantText } from '../scenario/documents.ts';
import { createSigner, digestOf, trustDocument } from '../scenario/sealed-repository.ts';
import { eventsAbout, sourceApplies, sourceRefuses } from '../scenario/told.ts';
import { until } from '../scenario/until.ts';
import { assertRefused, pinnedAt, sealedObject, startDrill } from './drill.ts';
import type { Drill } from './drill.ts';

const inSystem = ['-n', SYSTEM_NAMESPACE];
const merge = (body: object): string[] => ['--type=merge', '-p', JSON.stringify(body)];
const INVENTORY = inventoryName('writ-system/policies');
const SOURCE_LABEL = 'writ.dev/source';

describe('metadata that freezes nothing', { timeout: 400_000 }, () => {
  let drill: Drill;
  let version = 2;
  before(async () => {
    drill = await startDrill();
  });
  after(() => drill?.writ.stop());

  const done = async (args: readonly string[], input?: string): Promise<void> => {
    const { code, said } = await drill.kubectl(args, input);
    assert.equal(code, 0, said.slice(0, 1000));
  };
  /** What is pushed now comes into force. */
  const follows = async (documents: Readonly<Record<string, string>> = {}, more = ''): Promise<void> => {
    version += 1;
    await sourceApplies(drill.writ.client, await drill.writ.push({ 'policies/pinned.yaml': `${pinnedAt(version)}${more}`, ...documents }));
    await until(async () => (await drill.verdict()).includes(`version ${version}`), { what: `version ${version} to be enforced` });
  };
  const sourceOf = async (resource: typeof policies | typeof tenants, name: string): Promise<string | undefined> =>
    (await drill.writ.client.get<KubeObject>(resource, { name }))?.metadata.labels?.[SOURCE_LABEL];
  const bulk = (size: number, value: string): Readonly<Record<string, string>> =>
    Object.fromEntries(Array.from({ length: size }, (_, index) => [`bulk.example/${index}`, value]));

  it('a source that somebody wrote into the label of a Tenant', async () => {
    await done(['label', '--overwrite', 'tenant', 'acme', `${SOURCE_LABEL}=other.source`]);
    await follows();
    assert.equal(await sourceOf(tenants, 'acme'), 'writ-system.policies');
  });

  it('what is about to be pushed, made by hand under the label of another source', async () => {
    const fresh = policyText({ name: 'fresh', expression: 'size(workload.containers) >= 0', message: 'x', enforcement: 'Audit' });
    const object: { metadata: object } = JSON.parse(sealedObject(drill.writ, fresh, 'Policy', 'fresh'));
    const labels = { [SOURCE_LABEL]: 'other.source' };
    await done(['create', '-f', '-'], JSON.stringify({ ...object, metadata: { ...object.metadata, labels } }));
    await done(['create', '-f', '-'], JSON.stringify({ ...JSON.parse(tenantJson('squatted')), metadata: { name: 'squatted', labels } }));
    await follows({ 'policies/fresh.yaml': fresh, 'tenants/squatted.yaml': tenantText('squatted', ['squatted-prod']) });
    assert.equal(await sourceOf(policies, 'fresh'), 'writ-system.policies');
    assert.equal(await sourceOf(tenants, 'squatted'), 'writ-system.policies');
  });

  const rows: readonly (readonly [what: string, body: object])[] = [
    ['a finalizer', { metadata: { finalizers: ['evil.example/hold'] } }],
    [
      'an owner that is not there',
      {
        metadata: {
          ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'u', controller: true, blockOwnerDeletion: true }],
        },
      },
    ],
    ['annotations of Writ', { metadata: { annotations: { 'writ.dev/prune': 'Disabled', 'writ.dev/requested-at': 'never' } } }],
    ['as many annotations as there may be', { metadata: { annotations: bulk(1000, 'x'.repeat(200)) } }],
  ];
  for (const [what, body] of rows) {
    it(`${what}, on a policy and a Tenant`, async () => {
      await drill.writ.client.patch(policies, { name: 'pinned' }, { type: 'merge', body });
      await drill.writ.client.patch(tenants, { name: 'acme' }, { type: 'merge', body });
      await follows({ 'tenants/acme.yaml': tenantText('acme', ['acme-prod', `acme-${version}`]) });
    });
  }

  it('labels that fill the object', async () => {
    const fill = async (count: number): Promise<void> => {
      const labels = Object.fromEntries(
        Array.from({ length: count }, (_, index) => [`${`${'x'.repeat(60)}.`.repeat(4)}example/${index}`, 'x'.repeat(63)]),
      );
      try {
        await drill.writ.client.patch(policies, { name: 'pinned' }, { type: 'merge', body: { metadata: { labels } } });
      } catch (error) {
        assert.match(String(error), /too large/);
        await fill(count - 50);
      }
    };
    await fill(2800);
    await follows({}, `# ${'long'.repeat(30_000)}\n`);
  });
});

const tenantJson = (name: string): string =>
  JSON.stringify({
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'Tenant',
    metadata: { name },
    spec: { namespaces: { items: [{ name: `${name}-prod` }] } },
  });
void [
  assertRefused,
  seal,
  createSigner,
  trustDocument,
  digestOf,
  trustPolicies,
  sourceRefuses,
  eventsAbout,
  decodeMarks,
  configMaps,
  MARKS_NAME,
  INVENTORY,
  inSystem,
  merge,
];
