// SPDX-License-Identifier: Apache-2.0
// An administrator of the cluster tries everything that kubectl offers against policies, trust, marks and inventories: each
// attempt is answered with a code, a place and a fix, and no decision changes. What the seals allow works.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { decodeInventory, encodeInventory, inventoryName } from '../../crds/inventory.ts';
import { MARKS_NAME, SYSTEM_NAMESPACE, configMaps, policies } from '../../crds/kinds.ts';
import { decodeMarks, encodeMarks } from '../../crds/marks.ts';
import type { Mark } from '../../crds/marks.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { policyText } from '../scenario/documents.ts';
import { createSigner, digestOf, trustDocument } from '../scenario/sealed-repository.ts';
import { sourceApplies } from '../scenario/told.ts';
import { until } from '../scenario/until.ts';
import { podOf, verdictOf } from '../scenario/verdict.ts';
import { assertRefused, pinnedAt, sealedObject, startDrill } from './drill.ts';
import type { Attempt, Drill } from './drill.ts';

const inSystem = ['-n', SYSTEM_NAMESPACE];
const merge = (body: object): string[] => ['--type=merge', '-p', JSON.stringify(body)];

type Standing = KubeObject & { readonly spec?: object; readonly status?: unknown };

describe('a cluster administrator', { timeout: 300_000 }, () => {
  let drill: Drill;
  let standing: Standing | undefined;
  before(async () => {
    drill = await startDrill();
    standing = await drill.writ.client.get<Standing>(policies, { name: 'pinned' });
    await until(async () => (await drill.writ.plane.kubectl(['get', 'validatingwebhookconfiguration', 'writ-guard'])).code === 0, {
      what: 'the guard',
    });
  });
  after(() => drill?.writ.stop());
  beforeEach(async () => assert.match(await drill.verdict(), /pinned \(Invalid\): pin every image, version 2/));

  const withoutStatus = (): object => {
    assert.ok(standing);
    const { metadata, status: _, ...rest } = standing;
    return { ...rest, apiVersion: 'writ.dev/v1alpha1', kind: 'Policy', metadata: { name: metadata.name } };
  };
  const loosened = (): string => JSON.stringify({ ...withoutStatus(), spec: { ...standing?.spec, enforcement: 'Audit' } });
  const unsealed = (): string => JSON.stringify({ ...withoutStatus(), signature: undefined });

  type Row = readonly [what: string, deed: () => Promise<Attempt>, code: string, place: RegExp];
  const attempts: readonly Row[] = [
    [
      'edits it',
      () => drill.edit(['policy', 'pinned'], 's/enforcement: Deny$/enforcement: Audit/'),
      'SPEC_DIFFERS|SEAL_DIGEST_MISMATCH',
      /spec\.enforcement|policies\/pinned\.yaml:1:1/,
    ],
    [
      'patches its spec',
      () => drill.kubectl(['patch', 'policy', 'pinned', ...merge({ spec: { enforcement: 'Audit' } })]),
      'SPEC_DIFFERS',
      /spec\.enforcement/,
    ],
    [
      'patches its bytes',
      () => drill.kubectl(['patch', 'policy', 'pinned', ...merge({ signature: { document: pinnedAt(3) } })]),
      'SEAL_DIGEST_MISMATCH',
      /policies\/pinned\.yaml:1:1/,
    ],
    [
      'takes its seal off',
      () => drill.kubectl(['patch', 'policy', 'pinned', ...merge({ signature: null })]),
      'POLICY_UNSIGNED',
      /signature/,
    ],
    [
      'takes its bundles away',
      () => drill.kubectl(['patch', 'policy', 'pinned', '--type=json', '-p', '[{"op":"remove","path":"/signature/bundles"}]']),
      'SEAL_MISSING',
      /policies\/pinned\.yaml/,
    ],
    [
      'applies a looser spec server-side',
      () => drill.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], loosened()),
      'SPEC_DIFFERS',
      /spec\.enforcement/,
    ],
    [
      'applies in the name of the operator',
      () => drill.kubectl(['apply', '--server-side', '--force-conflicts', '--field-manager=writ-sync', '-f', '-'], loosened()),
      'SPEC_DIFFERS',
      /spec\.enforcement/,
    ],
    ['replaces it by an unsealed one', () => drill.kubectl(['replace', '-f', '-'], unsealed()), 'POLICY_UNSIGNED', /signature/],
    [
      'replaces it by force',
      () => drill.kubectl(['replace', '--force', '-f', '-'], unsealed()),
      'REMOVAL_UNSEALED',
      /policies\/pinned\.yaml/,
    ],
    ['deletes it', () => drill.kubectl(['delete', 'policy', 'pinned', '--now']), 'REMOVAL_UNSEALED', /policies\/pinned\.yaml/],
    ['deletes all of them', () => drill.kubectl(['delete', 'policies', '--all']), 'REMOVAL_UNSEALED', /policies\/bounded\.yaml/],
    [
      'deletes it as the operator',
      () => drill.kubectl(['delete', 'policy', 'pinned', '--as=system:serviceaccount:writ-system:writ-operator']),
      'REMOVAL_UNSEALED',
      /policies\/pinned\.yaml/,
    ],
    [
      'applies an older sealed version',
      () => drill.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], sealedObject(drill.writ, pinnedAt(1))),
      'POLICY_ROLLBACK',
      /spec\.version/,
    ],
    [
      'applies a sealed document under another name',
      () => drill.kubectl(['apply', '-f', '-'], sealedObject(drill.writ, pinnedAt(3), 'Policy', 'other')),
      'POLICY_NAME_MISMATCH',
      /Policy other/,
    ],
    [
      'makes an unsealed policy',
      () => drill.kubectl(['create', '-f', '-'], unsealed().replaceAll('pinned', 'mine')),
      'POLICY_UNSIGNED',
      /signature/,
    ],
    ['deletes the trust policy', () => drill.kubectl(['delete', 'trustpolicy', 'cluster']), 'TRUST_KEPT', /TrustPolicy cluster/],
    [
      'trusts a key of their own',
      () =>
        drill.kubectl(['patch', 'trustpolicy', 'cluster', ...merge({ signature: { document: trustDocument([createSigner('mallory')]) } })]),
      'TRUST_NOT_PINNED',
      /trust\.yaml:1:1/,
    ],
    [
      'rewrites the rules of trust for readers',
      () => drill.kubectl(['patch', 'trustpolicy', 'cluster', ...merge({ spec: { unsigned: 'Audit' } })]),
      'SPEC_DIFFERS',
      /spec\.unsigned/,
    ],
    [
      "takes the trust policy's bytes away",
      () => drill.kubectl(['patch', 'trustpolicy', 'cluster', ...merge({ signature: null })]),
      'TRUST_MISSING',
      /signature\.document/,
    ],
    [
      'deletes the inventory',
      () => drill.kubectl(['delete', 'configmap', inventoryName('writ-system/policies'), ...inSystem]),
      'REMOVAL_UNSEALED',
      /policies\/(pinned|bounded)\.yaml/,
    ],
    [
      'takes the label off the inventory',
      () => drill.kubectl(['label', 'configmap', inventoryName('writ-system/policies'), 'writ.dev/inventory-', ...inSystem]),
      'REMOVAL_UNSEALED',
      /policies\/(pinned|bounded)\.yaml/,
    ],
    [
      'damages the inventory',
      () =>
        drill.kubectl([
          'patch',
          'configmap',
          inventoryName('writ-system/policies'),
          ...inSystem,
          ...merge({ data: { 'inventory.json': '{}' } }),
        ]),
      'INVENTORY_INVALID',
      /data/,
    ],
    [
      'orders what nobody sealed',
      async () => {
        const name = inventoryName('writ-system/policies');
        const { stdout } = await drill.writ.plane.kubectl([
          'get',
          'configmap',
          name,
          ...inSystem,
          '-o',
          'jsonpath={.data.inventory\\.json}',
        ]);
        const data = { 'inventory.json': stdout.replace(digestOf(pinnedAt(2)), digestOf(pinnedAt(9))) };
        return drill.kubectl(['patch', 'configmap', name, ...inSystem, ...merge({ data })]);
      },
      'INVENTORY_UNPROVEN',
      /Policy pinned/,
    ],
  ];
  for (const [what, deed, code, place] of attempts) {
    it(`who ${what} is refused with a code, a place and a fix`, async () => {
      await drill.unshaken(async () =>
        assertRefused(await deed(), code === 'SPEC_DIFFERS|SEAL_DIGEST_MISMATCH' ? `(${code})` : code, place),
      );
      assert.equal((await drill.writ.client.get<KubeObject>(policies, { name: 'pinned' }))?.metadata.uid, standing?.metadata.uid);
    });
  }

  it('who writes a status changes nothing', async () => {
    await drill.unshaken(async () => {
      const status = { digest: digestOf('lies'), signers: ['mallory'], conditions: [] };
      const { code, said } = await drill.kubectl(['patch', 'policy', 'pinned', '--subresource=status', ...merge({ status })]);
      assert.equal(code, 0, said);
      await until(async () => !(await drill.kubectl(['get', 'policy', 'pinned', '-o', 'yaml'])).said.includes('mallory'), {
        what: 'the operator to put it right',
      });
    });
  });

  it('who writes labels and annotations changes nothing', async () => {
    await drill.unshaken(async () => {
      for (const deed of [
        ['label', 'policy', 'pinned', 'team=a'],
        ['annotate', 'policy', 'pinned', 'note=b'],
        ['label', '--overwrite', 'policy', 'pinned', 'writ.dev/source-'],
      ]) {
        const { code, said } = await drill.kubectl(deed);
        assert.equal(code, 0, said);
      }
    });
  });

  it('who restores a backup of an older day is refused, and of this day changes nothing', async () => {
    const { stdout: today } = await drill.writ.plane.kubectl(['get', 'policies', '-o', 'yaml']);
    await drill.unshaken(async () => {
      assertRefused(await drill.kubectl(['delete', 'policies', '--all']), 'REMOVAL_UNSEALED', /policies\/bounded\.yaml/);
      assertRefused(await drill.kubectl(['replace', '-f', '-'], sealedObject(drill.writ, pinnedAt(1))), 'POLICY_ROLLBACK', /spec\.version/);
      const { code, said } = await drill.kubectl(
        ['apply', '--server-side', '--force-conflicts', '-f', '-'],
        today.replaceAll(/^ +(resourceVersion|uid|creationTimestamp): .*\n/gm, ''),
      );
      // Times and field ownership of a backup are refused by the API server itself; what matters is that nothing moved.
      assert.ok(code === 0 || said.includes('managedFields'), said);
    });
  });

  it('who edits the marks can only say what is', async () => {
    const live = await drill.writ.client.get<KubeObject>(configMaps, { namespace: SYSTEM_NAMESPACE, name: MARKS_NAME });
    const marks = decodeMarks(live) ?? [];
    const now = marks.find(({ kind, name }) => kind === 'Policy' && name === 'pinned');
    assert.ok(now);
    assert.deepEqual([now.version, now.digest], [2, digestOf(pinnedAt(2))]);
    const others = marks.filter(({ kind, name }) => kind !== 'Policy' || name !== 'pinned');
    const apply = (listed: readonly Mark[]): Promise<Attempt> =>
      drill.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], JSON.stringify(encodeMarks(listed)));
    await drill.unshaken(async () => {
      assertRefused(await apply([...others, { ...now, version: 1, digest: digestOf(pinnedAt(1)) }]), 'MARK_LOWERED', /data/);
      assertRefused(await apply([...others, { ...now, digest: digestOf(pinnedAt(3)) }]), 'MARK_LOWERED', /data/);
      assertRefused(await apply([...others, { ...now, version: 1000 }]), 'MARK_UNPROVEN', /data/);
      assertRefused(await apply([...others, { ...now, gone: true }]), 'REMOVAL_UNSEALED', /policies\/pinned\.yaml/);
      assertRefused(await apply([...others, { ...now, source: 'writ-system/mine' }]), 'MARK_UNPROVEN', /data/);
      assertRefused(await apply(others), 'MARK_LOWERED', /pinned/);
      assertRefused(await drill.kubectl(['delete', 'configmap', MARKS_NAME, ...inSystem]), 'MARK_LOWERED', /writ-marks/);
      assertRefused(await drill.kubectl(['label', 'configmap', MARKS_NAME, 'writ.dev/marks-', ...inSystem]), 'MARK_LOWERED', /writ-marks/);
      assert.equal((await apply(marks)).code, 0);
    });
  });

  it('sees each refusal in the metrics and the log of the guard', async () => {
    const metrics = await drill.writ.webhook.metrics();
    for (const [kind, code] of [
      ['Policy', 'SPEC_DIFFERS'],
      ['TrustPolicy', 'TRUST_KEPT'],
      ['Inventory', 'INVENTORY_INVALID'],
      ['Marks', 'MARK_LOWERED'],
    ]) {
      assert.match(metrics, new RegExp(`writ_guard_refusals_total\\{[^}]*kind="${kind}",code="${code}"[^}]*\\} [1-9]`), `${kind} ${code}`);
    }
  });

  it('may apply by hand what is sealed and new, and delete what is retired', async () => {
    const retiring = (version: number, retired: boolean): string =>
      `${policyText({ name: 'byhand', version, expression: 'size(workload.containers) == 0', message: 'nobody' })}${retired ? '  retired: true\n' : ''}`;
    const good = (): Promise<string> => verdictOf(drill.writ.client, podOf({ namespace: 'acme-prod' }));
    const apply = async (document: string): Promise<void> => {
      const { code, said } = await drill.kubectl(
        ['apply', '--server-side', '-f', '-'],
        sealedObject(drill.writ, document, 'Policy', 'byhand'),
      );
      assert.equal(code, 0, said);
    };
    await apply(retiring(1, false));
    await until(async () => (await good()).includes('byhand (Invalid)'), { what: 'it to be enforced' });
    assertRefused(await drill.kubectl(['delete', 'policy', 'byhand']), 'REMOVAL_UNSEALED', /policies\/byhand\.yaml/);
    await apply(retiring(2, true));
    await until(async () => (await good()) === 'allowed', { what: 'it to end' });
    const { code, said } = await drill.kubectl(['delete', 'policy', 'byhand']);
    assert.equal(code, 0, said);
    assertRefused(
      await drill.kubectl(['create', '-f', '-'], sealedObject(drill.writ, retiring(1, false), 'Policy', 'byhand')),
      'POLICY_ROLLBACK',
      /spec\.version/,
    );
  });

  it('sees a push through Git go through', async () => {
    await sourceApplies(drill.writ.client, await drill.writ.push({ 'policies/pinned.yaml': pinnedAt(3) }));
    await until(async () => (await drill.verdict()).includes('version 3'), { what: 'version 3 to be enforced' });
    await sourceApplies(
      drill.writ.client,
      await drill.writ.push({ 'policies/pinned.yaml': pinnedAt(4).replace('version 4', 'version 2') }),
    );
    await until(async () => (await drill.verdict()).includes('version 2'), { what: 'the old words under a new version' });
  });

  it('who writes a policy into an inventory, or a source into a label, moves nothing and holds up no push', async () => {
    const byHand = policyText({ name: 'byhand2', expression: 'size(workload.containers) == 0', message: 'nobody', enforcement: 'Warn' });
    const done = async (args: readonly string[], input?: string): Promise<void> => {
      const { code, said } = await drill.kubectl(args, input);
      assert.equal(code, 0, said);
    };
    const enforcedCount = (count: number): Promise<unknown> =>
      until(async () => new RegExp(`^writ_policies_enforced ${count}$`, 'm').test(await drill.writ.webhook.metrics()), {
        what: `${count} policies to be enforced`,
      });
    await done(['apply', '--server-side', '-f', '-'], sealedObject(drill.writ, byHand, 'Policy', 'byhand2'));
    await enforcedCount(3);
    const name = inventoryName('writ-system/policies');
    const live = decodeInventory(await drill.writ.client.get(configMaps, { namespace: SYSTEM_NAMESPACE, name }));
    assert.ok(live);
    const [first] = live.documents.filter(({ kind }) => kind === 'Policy');
    assert.ok(first);
    const forged = { ...live, documents: [...live.documents, { ...first, name: 'byhand2', digest: digestOf(byHand) }] };
    await done(['apply', '--server-side', '--force-conflicts', '-f', '-'], JSON.stringify(encodeInventory(forged)));
    await done(['label', '--overwrite', 'policy', 'pinned', 'writ.dev/source=writ-system.other']);
    await done(['label', '--overwrite', 'policy', 'byhand2', 'writ.dev/source=writ-system.policies']);
    const extra = policyText({ name: 'extra', expression: 'size(workload.containers) >= 0', message: 'never' });
    await sourceApplies(drill.writ.client, await drill.writ.push({ 'policies/pinned.yaml': pinnedAt(5), 'policies/extra.yaml': extra }));
    await until(async () => (await drill.verdict()).includes('version 5'), { what: 'version 5 to be enforced' });
    await enforcedCount(4);
    const pinned = await drill.writ.client.get<KubeObject>(policies, { name: 'pinned' });
    assert.equal(pinned?.metadata.labels?.['writ.dev/source'], 'writ-system.policies');
    // A set seal ends what it listed, and nothing that was only written in.
    const before = pinnedAt(6).replace('version 6', 'version 2');
    await sourceApplies(drill.writ.client, await drill.writ.push({ 'policies/extra.yaml': null, 'policies/pinned.yaml': before }));
    await enforcedCount(3);
    assert.equal((await drill.writ.client.get<KubeObject>(policies, { name: 'byhand2' }))?.metadata.name, 'byhand2');
    assertRefused(await drill.kubectl(['delete', 'policy', 'byhand2']), 'REMOVAL_UNSEALED', /policies\/byhand2\.yaml/);
  });

  it('who owns fields of a policy holds up neither its retirement through Git nor the end of its object', async () => {
    const file = 'policies/bounded.yaml';
    const unbounded = (): Promise<string> => verdictOf(drill.writ.client, podOf({ namespace: 'acme-prod', limits: false }));
    assert.match(await unbounded(), /bounded \(Invalid\)/);
    const said = (await drill.writ.plane.kubectl(['get', 'policy', 'bounded', '-o', 'json'])).stdout;
    const { spec, signature }: { readonly spec: object; readonly signature: object } = JSON.parse(said);
    const same = { apiVersion: 'writ.dev/v1alpha1', kind: 'Policy', metadata: { name: 'bounded' }, spec, signature };
    const owned = await drill.kubectl(
      ['apply', '--server-side', '--force-conflicts', '--field-manager=mine', '-f', '-'],
      JSON.stringify(same),
    );
    assert.equal(owned.code, 0, owned.said);
    const retired = 'apiVersion: writ.dev/v1alpha1\nkind: Policy\nmetadata:\n  name: bounded\nspec:\n  version: 2\n  retired: true\n';
    await sourceApplies(drill.writ.client, await drill.writ.push({ [file]: retired }));
    await until(async () => (await unbounded()) === 'allowed', { what: 'it to end' });
    const left = await drill.writ.client.get<KubeObject & { readonly spec?: unknown }>(policies, { name: 'bounded' });
    assert.deepEqual(left?.spec, { version: 2, retired: true });
    const dropped = { [file]: null, [`${file}.sigstore.json`]: null };
    await sourceApplies(drill.writ.client, await drill.writ.push(dropped, { sealed: false }));
    assert.equal(await drill.writ.client.get<KubeObject>(policies, { name: 'bounded' }), undefined);
    assert.equal(await unbounded(), 'allowed');
  });
});
