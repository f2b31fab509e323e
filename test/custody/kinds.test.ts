// SPDX-License-Identifier: Apache-2.0
// Every kind that is sealed beside Policies, on a real API server: an administrator of the cluster patches, applies, replaces, strips,
// deletes, writes the status, brings back the version before and a backup of the day before; then with the operator stopped and the
// guard deleted. Tenants above all, from a trust policy that begins to name them: what has ended comes again under a higher version
// only, also after replica and operator began anew. No bound moves, and the replica goes by the same documents before and after.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { MARKS_NAME, SYNC_FIELD_MANAGER, SYSTEM_NAMESPACE, configMaps, sealedKinds, tenants, trustPolicies } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import { decodeMarks, encodeMarks } from '../../crds/marks.ts';
import type { Mark } from '../../crds/marks.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { seal } from '../../policies/trust/seal.ts';
import { policyText, tenantText } from '../scenario/documents.ts';
import { createSigner, digestOf } from '../scenario/sealed-repository.ts';
import type { Signer } from '../scenario/sealed-repository.ts';
import { sourceApplies, sourceRefuses } from '../scenario/told.ts';
import { until } from '../scenario/until.ts';
import { podOf, verdictOf } from '../scenario/verdict.ts';
import { assertRefused, sealedObject, startDrill } from './drill.ts';
import type { Drill } from './drill.ts';
import { DEEDS, KINDS, bringBackOlder, documentsAt, goesBy, readKind, rewriteSpec, writeStatus } from './kinds.ts';
import type { GoesBy, Live } from './kinds.ts';

const board = createSigner('board');
const SEALED = sealedKinds.map(({ kind }) => kind);

const trustAt = (version: number, platform: Signer, kinds: readonly string[]): string =>
  `${JSON.stringify({
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'TrustPolicy',
    metadata: { name: 'cluster' },
    spec: {
      version,
      principals: [platform, board].map(({ name, publicPem }) => ({ name, publicKeys: [{ pem: publicPem }] })),
      rules: [
        { kinds, allOf: [{ threshold: 1, principals: [platform.name] }] },
        { kinds: ['TrustPolicy'], allOf: [{ threshold: 1, principals: ['board'] }] },
      ],
      unsigned: 'Deny',
    },
  })}\n`;

const registries = (prefix: string): string => `  images: {registries: [{prefix: ${prefix}}]}\n`;
const acmeAt = (version: number, more = registries('ghcr.io/acme/')): string =>
  tenantText('acme', ['acme-prod'], `  version: ${version}\n${more}`);
const visitorAt = (version: number): string =>
  `apiVersion: writ.dev/v1alpha1\nkind: Tenant\nmetadata: {name: visitor}\nspec: {version: ${version}, deletionPolicy: Orphan}\n`;

/** As it is committed. */
const sealedFile = (path: string, text: string, { privateKey }: Signer): Record<string, string> => ({
  [path]: text,
  [`${path}.sigstore.json`]: seal(Buffer.from(text), privateKey),
});

describe('each kind that is sealed', { timeout: 480_000 }, () => {
  let drill: Drill;
  /** Of the day before. */
  const backup = new Map<Resource, Live>();
  let marksOfThen: Live;
  let bounds: string;
  let documents: GoesBy;

  const object = (document: string, name = 'acme'): Live => JSON.parse(sealedObject(drill.writ, document, 'Tenant', name));
  const apply = (document: string, name = 'acme'): Promise<unknown> =>
    drill.writ.client.apply(tenants, object(document, name), { fieldManager: SYNC_FIELD_MANAGER, force: true });
  const readMarks = (): Promise<Live | undefined> =>
    drill.writ.client.get<Live>(configMaps, { namespace: SYSTEM_NAMESPACE, name: MARKS_NAME });
  const marked = (name: string, version: number, more: Partial<Mark> = {}): Promise<unknown> =>
    until(
      async () => {
        const mark = decodeMarks(await readMarks())?.find((one) => one.kind === 'Tenant' && one.name === name);
        return mark?.version === version && mark.gone === more.gone && mark.mayEnd === more.mayEnd;
      },
      { what: `the mark of ${name} to say version ${version} ${JSON.stringify(more)}` },
    );
  const tenantFile = (document: string): Record<string, string> => sealedFile('tenants/acme.yaml', document, drill.writ.signer);
  /** An image from a registry that is not the tenant's. */
  const stranger = (): Promise<string> => verdictOf(drill.writ.client, podOf({ namespace: 'acme-prod' }));
  const everyOlderIsRefused = async (): Promise<void> => {
    for (const version of [1, 2]) await assert.rejects(apply(visitorAt(version), 'visitor'), /POLICY_ROLLBACK: spec\.version/);
    await assert.rejects(apply(acmeAt(3)), /POLICY_ROLLBACK: spec\.version/);
  };

  before(async () => {
    drill = await startDrill({ trust: (signer) => trustAt(1, signer, SEALED), documents: documentsAt(1) });
    const { client } = drill.writ;
    assert.equal(await stranger(), 'allowed');
    // It stands without a seal, and comes sealed with the trust policy that begins to ask for one.
    backup.set(trustPolicies, await client.get<Live>(trustPolicies, { name: 'cluster' }).then((live) => live ?? assert.fail()));
    const files = {
      ...sealedFile('trust.yaml', trustAt(2, drill.writ.signer, [...SEALED, 'Tenant']), board),
      ...sealedFile('trust/1.yaml', drill.writ.trust, board),
      ...tenantFile(acmeAt(3)),
    };
    await sourceApplies(client, await drill.writ.push(files, { sealed: false }));
    await marked('acme', 3);
    for (const kind of KINDS) if (!backup.has(kind.resource)) backup.set(kind.resource, await readKind(client, kind));
    marksOfThen = (await readMarks()) ?? assert.fail();
    const first = await goesBy(client);
    await sourceApplies(client, await drill.writ.push({ ...documentsAt(2), ...tenantFile(acmeAt(4)) }));
    await marked('acme', 4);
    await until(
      async () => {
        const now = await goesBy(client);
        const entries = Object.entries({ ...now.entitlements, ...now.rulesets });
        const before = { ...first.entitlements, ...first.rulesets };
        return entries.length === 4 && entries.every(([key, digest]) => before[key] !== digest);
      },
      { what: 'the second versions to be gone by' },
    );
    await until(async () => (await stranger()).includes('registr'), { what: 'the bounds of acme to hold' });
    [bounds, documents] = [await stranger(), await goesBy(client)];
  });
  after(() => drill?.writ.stop());
  const nothingMoved = async (): Promise<void> => {
    assert.equal(await stranger(), bounds);
    assert.deepEqual(await goesBy(drill.writ.client), documents);
  };
  beforeEach(nothingMoved);

  for (const kind of KINDS) {
    for (const { what, code, attempt } of DEEDS) {
      it(`who ${what} of a ${kind.resource.kind} is refused`, async () => {
        const was = await readKind(drill.writ.client, kind);
        await assert.rejects(attempt(drill.writ.client, kind, backup), new RegExp(`${code(kind)}: `));
        const { metadata, spec, signature } = await readKind(drill.writ.client, kind);
        assert.deepEqual([metadata.uid, spec, signature], [was.metadata.uid, was.spec, was.signature]);
      });
    }
    it(`who writes the status of a ${kind.resource.kind} changes nothing`, async () => {
      await writeStatus(drill.writ.client, kind);
      await nothingMoved();
    });
  }

  it('who edits a Tenant, writes another of its version, or pushes an older one is refused', async () => {
    const edited = await drill.edit(['tenant', 'acme'], 's#ghcr.io/acme/#registry.example.com/#');
    assertRefused(edited, '(SPEC_DIFFERS|SEAL_DIGEST_MISMATCH)', /spec\.images|tenants\/acme\.yaml/);
    await assert.rejects(apply(acmeAt(4, '')), /POLICY_EQUIVOCATION: spec\.version/);
    await drill.writ.push(tenantFile(acmeAt(3)), { sealed: false });
    await sourceRefuses(drill.writ.client, 'POLICY_ROLLBACK');
    await sourceApplies(drill.writ.client, await drill.writ.push(tenantFile(acmeAt(4)), { sealed: false }));
  });

  it('a Tenant that was deleted as its seal says comes again under a higher version only', async () => {
    await apply(visitorAt(1), 'visitor');
    await apply(visitorAt(2), 'visitor');
    await marked('visitor', 2, { mayEnd: true });
    const { client } = drill.writ;
    await client.delete(tenants, { name: 'visitor' });
    await until(async () => (await client.get<KubeObject>(tenants, { name: 'visitor' })) === undefined, { what: 'the visitor to go' });
    // Also before its end is marked.
    await assert.rejects(apply(visitorAt(1), 'visitor'), /POLICY_ROLLBACK: spec\.version/);
    await marked('visitor', 2, { mayEnd: true, gone: true });
    await everyOlderIsRefused();
  });

  it('the marks of Tenants nobody takes back, lowers, restores, or writes of what does not end', async () => {
    const marks = decodeMarks(await readMarks()) ?? [];
    const write = (name: string, change: Partial<Mark> | undefined): Promise<unknown> => {
      const is = (mark: Mark): boolean => mark.kind === 'Tenant' && mark.name === name;
      const listed = marks.flatMap((mark) => (!is(mark) ? [mark] : change === undefined ? [] : [{ ...mark, ...change }]));
      return drill.writ.client.apply(configMaps, encodeMarks(listed), { fieldManager: SYNC_FIELD_MANAGER, force: true });
    };
    await assert.rejects(write('visitor', undefined), /MARK_LOWERED: .*visitor/);
    await assert.rejects(write('visitor', { version: 1, digest: digestOf(visitorAt(1)) }), /MARK_LOWERED: /);
    await assert.rejects(write('acme', { version: 9 }), /MARK_UNPROVEN: /);
    await assert.rejects(write('acme', { mayEnd: true }), /MARK_UNPROVEN: /);
    await assert.rejects(write('acme', { gone: true }), /REMOVAL_UNSEALED: /);
    await write('acme', {});
    const { metadata, ...rest } = marksOfThen;
    const { resourceVersion = '' } = (await readMarks())?.metadata ?? {};
    const restored = { ...rest, metadata: { ...metadata, resourceVersion } };
    await assert.rejects(drill.writ.client.replace(configMaps, restored), /MARK_LOWERED: /);
  });

  it('nothing comes of what is written with operator stopped and guard deleted, nor for a replica and a leader that begin then', async () => {
    const { client } = drill.writ;
    await drill.writ.operator.stop('SIGKILL');
    const gone = await drill.kubectl(['delete', 'validatingwebhookconfiguration', 'writ-guard']);
    assert.equal(gone.code, 0, gone.said);
    const acme = { name: 'acme' };
    const write = (body: object): Promise<unknown> => client.patch(tenants, acme, { type: 'merge', body });
    const older = object(acmeAt(3, ''));
    for (const deed of [
      () => write({ spec: { images: null } }),
      () => write({ spec: { ...older.spec, images: null }, signature: older.signature }),
      () => write({ signature: null }),
      () => write({ metadata: { finalizers: null } }).then(() => client.delete(tenants, acme)),
      () => client.create(tenants, { ...object(acmeAt(4)), signature: undefined, spec: { version: 4 } }),
    ]) {
      await deed();
      for (let asked = 0; asked < 5; asked += 1) await nothingMoved();
    }
    // One that begins now goes by the bytes that are there, if those are sealed and not older than their mark.
    for (const [body, told] of [
      [{ signature: object(acmeAt(4)).signature }, bounds],
      [{ signature: older.signature }, /TENANT_UNSEALED/],
      [{ signature: null }, /TENANT_UNSEALED/],
    ] as const) {
      await write(body);
      await drill.writ.webhook.stop('SIGTERM', 5000);
      drill.writ.webhook = await drill.writ.startWebhook();
      await drill.writ.webhook.ready();
      const said = await stranger();
      if (typeof told === 'string') assert.equal(said, told);
      else assert.match(said, told);
    }
    for (const kind of KINDS) {
      await rewriteSpec(client, kind);
      await bringBackOlder(client, kind, backup);
      if (kind.resource !== tenants) await client.delete(kind.resource, { name: kind.name });
    }
    // Once this is in force, all that was written before it was seen.
    const sentinel = policyText({ name: 'sentinel', expression: 'size(workload.containers) >= 0', message: 'seen', enforcement: 'Audit' });
    const { code, said } = await drill.kubectl(['create', '-f', '-'], sealedObject(drill.writ, sentinel, 'Policy', 'sentinel'));
    assert.equal(code, 0, said);
    await until(async () => Object.hasOwn((await goesBy(client)).policies, 'sentinel'), { what: 'the replica to follow' });
    documents = { ...documents, policies: { ...documents.policies, sentinel: digestOf(sentinel) } };
    assert.deepEqual(await goesBy(client), documents);
    drill.writ.operator = await drill.writ.startOperator();
    await drill.writ.operator.ready();
    await marked('acme', 4);
    await until(async () => (await client.get<Live>(tenants, { name: 'acme' }))?.signature?.document === acmeAt(4), {
      what: 'acme to be back',
    });
    await sourceApplies(client, (await drill.writ.repository.git(['rev-parse', 'main'])).trim());
    await drill.writ.webhook.stop('SIGTERM', 5000);
    drill.writ.webhook = await drill.writ.startWebhook();
    await drill.writ.webhook.ready();
    await until(async () => JSON.stringify(await goesBy(client)) === JSON.stringify(documents), { what: 'the same to be gone by' });
    await until(async () => (await stranger()) === bounds, { what: 'the bounds of acme to hold' });
    await everyOlderIsRefused();
    await apply(visitorAt(3), 'visitor');
    await marked('visitor', 3, { mayEnd: true });
  });
});
