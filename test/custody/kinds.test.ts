// SPDX-License-Identifier: Apache-2.0
// What cluster-admin.test.ts tries on a Policy, on each other kind that counts by its seals: an administrator patches, applies,
// replaces, strips, deletes, writes the status, brings back the version before and the backup of the day before; then all of it once
// more with the operator stopped and the guard deleted. What the replica says that it goes by is the same before and after.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, describe, it } from 'node:test';
import { SYSTEM_NAMESPACE, configMaps, licenses, priceBooks, rulesets, tierCatalogs, trustPolicies } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import { decodeReplica, replicaName } from '../../crds/replica.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { policyText, releaseFiles } from '../scenario/documents.ts';
import { sourceApplies } from '../scenario/told.ts';
import { until } from '../scenario/until.ts';
import { sealedObject, startDrill } from './drill.ts';
import type { Drill } from './drill.ts';

const shipped = (file: string, version: number): string =>
  readFileSync(new URL(`../../deploy/examples/${file}`, import.meta.url), 'utf8').replace('  version: 1\n', `  version: ${version}\n`);
const documentsAt = (version: number): Record<string, string> => ({
  ...releaseFiles({
    name: 'base',
    version,
    release: `1.${version}.0`,
    members: [{ name: 'member', expression: 'size(workload.containers) > 0', message: `member of ${version}` }],
  }),
  'tiers.yaml': shipped('tiers.yaml', version),
  'prices/standard.yaml': shipped('prices.yaml', version).replace(/name: [a-z-]+/, 'name: standard'),
  'licenses/acme.yaml': `apiVersion: writ.dev/v1alpha1\nkind: License\nmetadata: {name: acme}\nspec: {version: ${version}, tier: Enterprise, expires: 2099-01-01T00:00:00Z}\n`,
});

type Live = KubeObject & {
  readonly spec?: object | undefined;
  readonly signature?: { readonly document: string } | undefined;
  readonly status?: unknown;
};
type Kind = { readonly resource: Resource; readonly name: string; readonly codes?: Partial<typeof CODES> };
const CODES = {
  spec: 'SPEC_DIFFERS',
  bytes: 'SEAL_DIGEST_MISMATCH',
  unsealed: 'POLICY_UNSIGNED',
  removal: 'REMOVAL_UNSEALED',
  older: 'POLICY_ROLLBACK',
};
const KINDS: readonly Kind[] = [
  { resource: rulesets, name: 'base' },
  { resource: tierCatalogs, name: 'cluster' },
  { resource: licenses, name: 'acme' },
  { resource: priceBooks, name: 'standard' },
  // What came before the one that is pinned test/custody/succession.test.ts tries.
  { resource: trustPolicies, name: 'cluster', codes: { bytes: 'TRUST_NOT_PINNED', unsealed: 'TRUST_MISSING', removal: 'TRUST_KEPT' } },
];

describe('of every kind that counts by its seals', { timeout: 300_000 }, () => {
  let drill: Drill;
  /** Of the day before. */
  const backup = new Map<Resource, Live>();
  const read = async ({ resource, name }: Kind): Promise<Live> => {
    const live = await drill.writ.client.get<Live>(resource, { name });
    assert.ok(live, `${resource.kind} ${name}`);
    return live;
  };
  const report = async () => {
    const live = await drill.writ.client.get(configMaps, { namespace: SYSTEM_NAMESPACE, name: replicaName('one') });
    const { policies = {}, rulesets: releases, entitlements, trustDigest } = decodeReplica(live) ?? {};
    const { sentinel, ...others } = policies;
    return { sentinel, goesBy: { policies: others, releases, entitlements, trustDigest } };
  };
  before(async () => {
    drill = await startDrill({ documents: documentsAt(1) });
    for (const kind of KINDS) backup.set(kind.resource, await read(kind));
    const first = (await report()).goesBy;
    assert.deepEqual(Object.keys(first.entitlements ?? {}).toSorted(), ['License/acme', 'PriceBook/standard', 'TierCatalog/cluster']);
    await sourceApplies(drill.writ.client, await drill.writ.push(documentsAt(2)));
    await until(
      async () => {
        const { goesBy } = await report();
        const one = { ...first.entitlements, ...first.releases };
        return Object.entries({ ...goesBy.entitlements, ...goesBy.releases }).every(([key, digest]) => one[key] !== digest);
      },
      { what: 'the second versions to be gone by' },
    );
  });
  after(() => drill?.writ.stop());
  let goesBy: Awaited<ReturnType<typeof report>>['goesBy'];
  beforeEach(async () => {
    goesBy ??= (await report()).goesBy;
    assert.deepEqual((await report()).goesBy, goesBy);
  });

  /** What `kubectl replace` sends of a file. */
  const bare = ({ metadata: { name }, spec, signature }: Live, more: object = {}): Live => ({
    metadata: { name },
    spec,
    signature,
    ...more,
  });
  const patched = ({ resource, name }: Kind, body: object, subresource?: string): Promise<unknown> =>
    drill.writ.client.patch(resource, { name }, { type: 'merge', body, ...(subresource === undefined ? {} : { subresource }) });
  const older = ({ resource }: Kind): Promise<unknown> => {
    const live = backup.get(resource);
    assert.ok(live);
    return drill.writ.client.replace(resource, bare(live));
  };
  type Deed = readonly [what: string, code: keyof typeof CODES, deed: (kind: Kind) => Promise<unknown>];
  const deeds: readonly Deed[] = [
    ['patches its spec', 'spec', (kind) => patched(kind, { spec: { version: 99 } })],
    [
      'patches its bytes',
      'bytes',
      async (kind) => patched(kind, { signature: { document: `${(await read(kind)).signature?.document}\n` } }),
    ],
    ['takes its seal off', 'unsealed', (kind) => patched(kind, { signature: null })],
    [
      'applies another spec server-side, in the name of the operator',
      'spec',
      async (kind) => {
        const live = await read(kind);
        const spec = { ...live.spec, version: 99 };
        return drill.writ.client.apply(kind.resource, bare(live, { spec }), { fieldManager: 'writ-sync', force: true });
      },
    ],
    [
      'replaces it by one without a seal',
      'unsealed',
      async (kind) => drill.writ.client.replace(kind.resource, bare(await read(kind), { signature: undefined })),
    ],
    ['deletes it', 'removal', ({ resource, name }) => drill.writ.client.delete(resource, { name })],
  ];
  const restoring: Deed = ['brings back the version before, from a backup', 'older', older];

  for (const kind of KINDS) {
    const rows = kind.resource === trustPolicies ? deeds : [...deeds, restoring];
    for (const [what, key, deed] of rows) {
      it(`who ${what}, a ${kind.resource.kind}, is refused`, async () => {
        const before = await read(kind);
        await assert.rejects(deed(kind), new RegExp(`${kind.codes?.[key] ?? CODES[key]}: `));
        const { metadata, spec, signature } = await read(kind);
        assert.deepEqual([metadata.uid, spec, signature], [before.metadata.uid, before.spec, before.signature]);
        assert.deepEqual((await report()).goesBy, goesBy);
      });
    }
    it(`who writes the status of a ${kind.resource.kind} changes nothing`, async () => {
      await patched(kind, { status: { digest: `sha256:${'0'.repeat(64)}`, conditions: [] } }, 'status');
      assert.deepEqual((await report()).goesBy, goesBy);
    });
  }

  it('nothing changes either while the operator is stopped and the guard deleted, nor for a replica that starts after the repair', async () => {
    await drill.writ.operator.stop('SIGKILL');
    await drill.writ.client.request({
      method: 'DELETE',
      path: '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/writ-guard',
    });
    for (const kind of KINDS) {
      await patched(kind, { spec: { version: 99 } });
      if (kind.resource !== trustPolicies) await older(kind);
      await drill.writ.client.delete(kind.resource, { name: kind.name });
    }
    // Once this is in force, all that was written before it was seen.
    const sentinel = policyText({ name: 'sentinel', expression: 'size(workload.containers) >= 0', message: 'seen', enforcement: 'Audit' });
    const { code, said } = await drill.kubectl(['create', '-f', '-'], sealedObject(drill.writ, sentinel, 'Policy', 'sentinel'));
    assert.equal(code, 0, said);
    await until(async () => (await report()).sentinel, { what: 'the replica to follow' });
    assert.deepEqual((await report()).goesBy, goesBy);
    drill.writ.operator = await drill.writ.startOperator();
    await drill.writ.operator.ready();
    for (const kind of KINDS)
      await until(() => drill.writ.client.get(kind.resource, { name: kind.name }), { what: `${kind.resource.kind} to be back` });
    await sourceApplies(drill.writ.client, (await drill.writ.repository.git(['rev-parse', 'main'])).trim());
    await drill.writ.webhook.stop('SIGTERM', 5000);
    drill.writ.webhook = await drill.writ.startWebhook();
    await drill.writ.webhook.ready();
    await until(async () => JSON.stringify((await report()).goesBy) === JSON.stringify(goesBy), { what: 'the same to be gone by' });
  });
});
