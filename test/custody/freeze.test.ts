// SPDX-License-Identifier: Apache-2.0
// Metadata that everybody may write who may patch an object: whatever stands in it, what is pushed comes into force, a revocation
// before all. And what would hold up the ConfigMaps that Writ goes by is refused, or put right where nobody was asked.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inventoryName } from '../../crds/inventory.ts';
import { MARKS_NAME, SYSTEM_NAMESPACE, configMaps, policies, tenants } from '../../crds/kinds.ts';
import { decodeMarks } from '../../crds/marks.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { seal } from '../../policies/trust/seal.ts';
import { bounded, policyText, tenantText } from '../scenario/documents.ts';
import { createSigner, digestOf, trustDocument } from '../scenario/sealed-repository.ts';
import type { Signer } from '../scenario/sealed-repository.ts';
import { eventsAbout, sourceApplies, sourceRefuses } from '../scenario/told.ts';
import { until } from '../scenario/until.ts';
import { assertRefused, pinnedAt, sealedObject, startDrill } from './drill.ts';
import type { Drill } from './drill.ts';

const inSystem = ['-n', SYSTEM_NAMESPACE];
const merge = (body: object): string[] => ['--type=merge', '-p', JSON.stringify(body)];
const INVENTORY = inventoryName('writ-system/policies');
const SOURCE_LABEL = 'writ.dev/source';

const leaving = createSigner('leaving');
/** The first of them decides who comes next. */
const trustOf = (signers: readonly [Signer, ...Signer[]], version: number): string =>
  trustDocument(signers, version).replace(
    '  unsigned: Deny',
    `  - kinds: [TrustPolicy]\n    allOf:\n    - threshold: 1\n      principals: [${signers[0].name}]\n  unsigned: Deny`,
  );

describe('metadata that freezes nothing', { timeout: 400_000 }, () => {
  let drill: Drill;
  let version = 2;
  before(async () => {
    drill = await startDrill({ trust: (signer) => trustOf([signer, leaving], 1) });
  });
  after(() => drill?.writ.stop());

  const done = async (args: readonly string[], input?: string): Promise<void> => {
    const { code, said } = await drill.kubectl(args, input);
    assert.equal(code, 0, said.slice(0, 1000));
  };
  const sealOf = (text: string): string => seal(Buffer.from(text), drill.writ.signer.privateKey);
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
    await follows({}, `# ${'long'.repeat(20_000)}\n`);
  });

  it('a revocation beside a document that is refused', async () => {
    const revoking = trustOf([drill.writ.signer], 2);
    const files = {
      'trust/1.yaml': drill.writ.trust,
      'trust/1.yaml.sigstore.json': sealOf(drill.writ.trust),
      'trust.yaml': revoking,
      'trust.yaml.sigstore.json': sealOf(revoking),
      // Nobody sealed that it ends.
      'policies/bounded.yaml': null,
      'policies/bounded.yaml.sigstore.json': null,
    };
    await drill.writ.push(files, { sealed: false });
    await sourceRefuses(drill.writ.client, 'REMOVAL_UNSEALED');
    await until(async () => (await drill.writ.webhook.metrics()).includes(digestOf(revoking)), { what: 'the revocation to be in force' });
  });

  it('nobody makes what Writ writes on unwritable, or another thing of it', async () => {
    for (const name of [MARKS_NAME, INVENTORY]) {
      const { code, said } = await drill.kubectl(['patch', 'configmap', name, ...inSystem, ...merge({ immutable: true })]);
      assert.notEqual(code, 0);
      assert.match(said, /immutable/);
    }
    assertRefused(
      await drill.kubectl(['label', 'configmap', MARKS_NAME, 'writ.dev/inventory=true', ...inSystem]),
      'LEDGER_HELD',
      /metadata\.labels/,
    );
  });

  it('what was made unwritable while nobody was asked is made anew, and nothing of it is lost', async () => {
    const read = (name: string): Promise<KubeObject | undefined> =>
      drill.writ.client.get(configMaps, { namespace: SYSTEM_NAMESPACE, name });
    await drill.writ.operator.stop('SIGKILL');
    await done(['delete', 'validatingwebhookconfiguration', 'writ-guard']);
    await done(['delete', 'validatingadmissionpolicybinding', 'writ-inventory-writes']);
    await until(
      async () => (await drill.kubectl(['patch', 'configmap', MARKS_NAME, ...inSystem, ...merge({ immutable: true })])).code === 0,
      { what: 'the API server to forget the policy' },
    );
    await done(['label', 'configmap', MARKS_NAME, 'writ.dev/inventory=true', ...inSystem]);
    await done([
      'patch',
      'configmap',
      INVENTORY,
      ...inSystem,
      ...merge({ immutable: true, metadata: { finalizers: ['evil.example/hold'] } }),
    ]);
    // Sealed, ordered by nobody, and of a source that is none.
    const squatter = policyText({ name: 'squatter', expression: 'size(workload.containers) >= 0', message: 'x', enforcement: 'Audit' });
    const object: { metadata: object } = JSON.parse(sealedObject(drill.writ, squatter, 'Policy', 'squatter'));
    const metadata = { ...object.metadata, labels: { [SOURCE_LABEL]: 'other.source' } };
    await done(['create', '-f', '-'], JSON.stringify({ ...object, metadata }));
    const before = decodeMarks(await read(MARKS_NAME)) ?? [];
    assert.notEqual(before.length, 0);
    drill.writ.webhook = (await drill.writ.webhook.stop('SIGKILL'), await drill.writ.startWebhook());
    await drill.writ.webhook.ready();
    assert.match(await drill.verdict(), new RegExp(`version ${version}`));
    drill.writ.operator = await drill.writ.startOperator();
    await drill.writ.operator.ready();
    version += 1;
    await sourceApplies(
      drill.writ.client,
      await drill.writ.push({ 'policies/pinned.yaml': pinnedAt(version), 'policies/bounded.yaml': bounded }),
    );
    await until(async () => (await drill.verdict()).includes(`version ${version}`), { what: `version ${version} to be enforced` });
    const marks = await until(
      async () => {
        const live = await read(MARKS_NAME);
        const now = decodeMarks(live)?.find(({ name }) => name === 'pinned');
        return now?.version === version ? live : undefined;
      },
      { what: 'the marks to rise' },
    );
    assert.equal(marks.metadata.labels?.['writ.dev/inventory'], undefined);
    const after = new Map((decodeMarks(marks) ?? []).map((mark) => [`${mark.kind}/${mark.name}`, mark.version]));
    for (const mark of before) assert.ok((after.get(`${mark.kind}/${mark.name}`) ?? 0) >= mark.version, mark.name);
    const reasons = [
      ...(await eventsAbout(drill.writ.client, { kind: 'ConfigMap', name: MARKS_NAME })),
      ...(await eventsAbout(drill.writ.client, { kind: 'ConfigMap', name: INVENTORY })),
    ].map(({ reason }) => reason);
    assert.ok(reasons.includes('MarksHeld') && reasons.includes('TamperRepaired'), reasons.join());
  });

  it('a namespace that is deleted and never goes lets nothing go', async () => {
    await done(['patch', 'namespace', SYSTEM_NAMESPACE, ...merge({ metadata: { finalizers: ['evil.example/hold'] } })]);
    const { said } = await drill.kubectl(['get', 'namespace', SYSTEM_NAMESPACE, '-o', 'json']);
    const namespace: object = JSON.parse(said);
    const emptied = JSON.stringify({ ...namespace, spec: { finalizers: [] } });
    await done(['replace', '--raw', `/api/v1/namespaces/${SYSTEM_NAMESPACE}/finalize`, '-f', '-'], emptied);
    await done(['delete', 'namespace', SYSTEM_NAMESPACE, '--wait=false']);
    await until(async () => /^writ_marks_problems\{problem="held"\} 1$/m.test(await drill.writ.operator.metrics()), {
      what: 'the alarm',
    });
    assertRefused(await drill.kubectl(['delete', 'configmap', MARKS_NAME, ...inSystem]), 'MARK_LOWERED', /writ-marks/);
    assertRefused(await drill.kubectl(['delete', 'configmap', INVENTORY, ...inSystem]), 'REMOVAL_UNSEALED', /policies/);
  });
});

const tenantJson = (name: string): string =>
  JSON.stringify({
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'Tenant',
    metadata: { name },
    spec: { namespaces: { items: [{ name: `${name}-prod` }] } },
  });
