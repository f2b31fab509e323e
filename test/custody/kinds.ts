// SPDX-License-Identifier: Apache-2.0
// For kinds.test.ts: what cluster-admin.test.ts tries on a Policy, for each other kind that counts by its seals.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { SYSTEM_NAMESPACE, configMaps, licenses, priceBooks, rulesets, tenants, tierCatalogs, trustPolicies } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import { decodeReplica, replicaName } from '../../crds/replica.ts';
import type { ReplicaReport } from '../../crds/replica.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { releaseFiles } from '../scenario/documents.ts';

const shipped = (file: string, version: number): string =>
  readFileSync(new URL(`../../deploy/examples/${file}`, import.meta.url), 'utf8').replace('  version: 1\n', `  version: ${version}\n`);

export const documentsAt = (version: number): Record<string, string> => ({
  ...releaseFiles({
    name: 'base',
    version,
    release: `1.${version}.0`,
    members: [{ name: 'member', expression: 'size(workload.containers) > 0', message: `member of ${version}` }],
  }),
  'tiers.yaml': shipped('tiers.yaml', version),
  'prices/standard.yaml': shipped('prices.yaml', version),
  'licenses/acme.yaml': `apiVersion: writ.dev/v1alpha1\nkind: License\nmetadata: {name: acme}
spec: {version: ${version}, installation: elsewhere, tier: Enterprise, expires: 2099-01-01T00:00:00Z}\n`,
});

const CODES = {
  spec: 'SPEC_DIFFERS',
  bytes: 'SEAL_DIGEST_MISMATCH',
  unsealed: 'POLICY_UNSIGNED',
  removal: 'REMOVAL_UNSEALED',
  older: 'POLICY_ROLLBACK',
};
export type Kind = { readonly resource: Resource; readonly name: string; readonly codes?: Partial<typeof CODES> };
export const KINDS: readonly Kind[] = [
  { resource: rulesets, name: 'base' },
  { resource: tierCatalogs, name: 'cluster' },
  { resource: licenses, name: 'acme' },
  { resource: priceBooks, name: 'standard' },
  { resource: tenants, name: 'acme' },
  {
    resource: trustPolicies,
    name: 'cluster',
    codes: { bytes: 'TRUST_[A-Z_]+', unsealed: 'TRUST_MISSING', removal: 'TRUST_KEPT', older: 'TRUST_ROLLBACK' },
  },
];

export type Live = KubeObject & {
  readonly spec?: object | undefined;
  readonly signature?: { readonly document: string } | undefined;
  readonly status?: unknown;
};

export const readKind = async (client: KubeClient, { resource, name }: Kind): Promise<Live> => {
  const live = await client.get<Live>(resource, { name });
  assert.ok(live, `${resource.kind} ${name}`);
  return live;
};

/** What is sent of a file. */
const bare = ({ metadata: { name }, spec, signature }: Live): Live => ({ metadata: { name }, spec, signature });

const replaced = async (client: KubeClient, kind: Kind, object: Live): Promise<unknown> => {
  const { resourceVersion = '' } = (await readKind(client, kind)).metadata;
  return client.replace(kind.resource, { ...object, metadata: { ...object.metadata, resourceVersion } });
};

const patched = (client: KubeClient, { resource, name }: Kind, body: object): Promise<unknown> =>
  client.patch(resource, { name }, { type: 'merge', body });

export const writeStatus = (client: KubeClient, { resource, name }: Kind): Promise<unknown> =>
  client.patch(resource, { name }, { type: 'merge', subresource: 'status', body: { status: { conditions: [] } } });

export type Backup = ReadonlyMap<Resource, Live>;

export type Deed = {
  readonly what: string;
  readonly code: (kind: Kind) => string;
  readonly attempt: (client: KubeClient, kind: Kind, backup: Backup) => Promise<unknown>;
};

const deed = (what: string, key: keyof typeof CODES, attempt: Deed['attempt']): Deed => ({
  what,
  code: ({ codes }) => codes?.[key] ?? CODES[key],
  attempt,
});

export const rewriteSpec = (client: KubeClient, kind: Kind): Promise<unknown> => patched(client, kind, { spec: { version: 99 } });
export const bringBackOlder = (client: KubeClient, kind: Kind, backup: Backup): Promise<unknown> => {
  const live = backup.get(kind.resource);
  assert.ok(live);
  return replaced(client, kind, bare(live));
};

export const DEEDS: readonly Deed[] = [
  deed('patches the spec', 'spec', rewriteSpec),
  deed('patches the bytes', 'bytes', async (client, kind) => {
    const document = `${(await readKind(client, kind)).signature?.document}\n`;
    return patched(client, kind, { signature: { document } });
  }),
  deed('takes the seal off', 'unsealed', (client, kind) => patched(client, kind, { signature: null })),
  deed('applies another spec server-side, in the name of the operator,', 'spec', async (client, kind) => {
    const live = bare(await readKind(client, kind));
    return client.apply(kind.resource, { ...live, spec: { ...live.spec, version: 99 } }, { fieldManager: 'writ-sync', force: true });
  }),
  deed('replaces it without a seal', 'unsealed', async (client, kind) =>
    replaced(client, kind, { ...bare(await readKind(client, kind)), signature: undefined }),
  ),
  deed('deletes it', 'removal', (client, { resource, name }) => client.delete(resource, { name })),
  deed('brings back the version before, from a backup,', 'older', bringBackOlder),
];

export type GoesBy = Pick<ReplicaReport, 'policies' | 'rulesets' | 'entitlements' | 'trustDigest'>;

/** What the replica says that it enforces. */
export const goesBy = async (client: KubeClient): Promise<GoesBy> => {
  const report = decodeReplica(await client.get(configMaps, { namespace: SYSTEM_NAMESPACE, name: replicaName('one') }));
  assert.ok(report);
  const { policies, rulesets: releases = {}, entitlements = {}, trustDigest } = report;
  return { policies, rulesets: releases, entitlements, trustDigest };
};
