// SPDX-License-Identifier: Apache-2.0
// Trust that is handed on, on a real API server: the next version passes the guard under the seals of both, and nobody else's; what
// it takes the seals from is closed and not gone; and policies without a seal note, where it says so, and take nobody's place.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { MARKS_NAME, SYSTEM_NAMESPACE, configMaps, policies, trustPolicies } from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { parseDocument } from '../../policies/document/index.ts';
import { seal } from '../../policies/trust/seal.ts';
import { bounded, policyText } from '../scenario/documents.ts';
import { createSigner, digestOf } from '../scenario/sealed-repository.ts';
import type { Signer } from '../scenario/sealed-repository.ts';
import { sourceApplies, sourceRefuses } from '../scenario/told.ts';
import { until } from '../scenario/until.ts';
import { podOf, verdictOf } from '../scenario/verdict.ts';
import { assertRefused, pinnedAt, startDrill } from './drill.ts';
import type { Attempt, Drill } from './drill.ts';

const board = createSigner('board');
const mallory = createSigner('mallory');

type TrustSpec = {
  readonly revoked?: readonly string[];
  readonly documents?: readonly string[];
  readonly unsigned?: 'Deny' | 'Audit';
  readonly principals?: readonly Signer[];
};

/** Policies by one of them all, the trust policy by the board. */
const trustAt = (
  version: number,
  platform: Signer,
  { revoked = [], documents = [], unsigned = 'Deny', principals = [platform, board] }: TrustSpec = {},
): string =>
  `${JSON.stringify(
    {
      apiVersion: 'writ.dev/v1alpha1',
      kind: 'TrustPolicy',
      metadata: { name: 'cluster' },
      spec: {
        version,
        principals: principals.map(({ name, publicPem }) => ({ name, publicKeys: [{ pem: publicPem }] })),
        rules: [
          { kinds: ['Policy'], allOf: [{ threshold: 1, principals: principals.map(({ name }) => name) }] },
          { kinds: ['TrustPolicy'], allOf: [{ threshold: 1, principals: principals.includes(mallory) ? ['mallory'] : ['board'] }] },
        ],
        ...(revoked.length + documents.length === 0 ? {} : { revoked: { principals: revoked, documents } }),
        unsigned,
      },
    },
    undefined,
    1,
  )}\n`;

const sealsOf = (text: string, ...by: readonly Signer[]): readonly string[] =>
  by.map(({ privateKey }) => seal(Buffer.from(text), privateKey));

describe('trust that is handed on', { timeout: 300_000 }, () => {
  const data = mkdtempSync(join(tmpdir(), 'writ-succession-'));
  let drill: Drill;
  /** Those that the cluster followed, oldest first. */
  const versions: string[] = [];
  before(async () => {
    const operatorFlags = {
      ledger: join(data, 'ledger.db'),
      'usage-transport': 'plain',
      'usage-address': '127.0.0.1:0',
      'audit-dir': join(data, 'audit'),
      'audit-checkpoint-interval': '1s',
    };
    drill = await startDrill({ trust: (signer) => trustAt(1, signer), operatorFlags });
    versions.push(drill.writ.trust);
  });
  after(async () => {
    await drill?.writ.stop();
    rmSync(data, { recursive: true, force: true });
  });

  const isOnRecord = (digest: string): boolean =>
    readdirSync(join(data, 'audit', 'cluster'), { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile() && file.parentPath.includes('entries'))
      .some((file) =>
        readFileSync(join(file.parentPath, file.name), 'utf8').includes(
          `"action":"trust.followed","actor":"writ-operator","detail":{"digest":"${digest}"`,
        ),
      );
  const platform = (): Signer => drill.writ.signer;
  const specOf = (text: string): unknown => {
    const parsed = parseDocument(Buffer.from(text), 'drill.yaml');
    assert.ok(parsed.ok);
    return parsed.document.value['spec'];
  };
  const apply = (kind: string, name: string, document: string, signature: object): Promise<Attempt> =>
    drill.kubectl(
      ['apply', '--server-side', '--force-conflicts', '-f', '-'],
      JSON.stringify({
        apiVersion: 'writ.dev/v1alpha1',
        kind,
        metadata: { name },
        spec: specOf(document),
        signature: { document, ...signature },
      }),
    );
  const applyTrust = (document: string, by: readonly Signer[], chain: readonly string[] = versions): Promise<Attempt> =>
    apply('TrustPolicy', 'cluster', document, {
      bundles: sealsOf(document, ...by),
      chain: chain.map((text) => ({ document: text, bundles: sealsOf(text, board) })),
    });
  const inForce = (document: string): Promise<unknown> =>
    until(
      async () => {
        const found = await drill.writ.client.get<KubeObject & { status?: { digest?: string } }>(trustPolicies, { name: 'cluster' });
        const metrics = await drill.writ.webhook.metrics();
        return found?.status?.digest === digestOf(document) && metrics.includes(digestOf(document)) ? true : undefined;
      },
      { what: 'the trust policy to be in force with operator and replica' },
    );
  /** Through Git: trust.yaml with those before it, and each policy under these seals. */
  const push = async (document: string, by: Signer): Promise<string> => {
    const documents = { 'policies/pinned.yaml': pinnedAt(2), 'policies/bounded.yaml': bounded, 'trust.yaml': document };
    const before = Object.fromEntries(versions.map((text, index) => [`trust/${index + 1}.yaml`, text]));
    const files = { ...documents, ...before };
    const seals = Object.entries(files).map(([path, text]): [string, string] => [
      `${path}.sigstore.json`,
      sealsOf(text, path.startsWith('policies/') ? by : board)[0] ?? '',
    ]);
    return drill.writ.push({ ...files, ...Object.fromEntries(seals) }, { sealed: false });
  };
  const good = (): Promise<string> => verdictOf(drill.writ.client, podOf({ namespace: 'acme-prod' }));

  it('is refused under other seals than those of both versions, out of turn, and beside the chain', async () => {
    const next = trustAt(2, platform());
    const rows: readonly (readonly [Promise<Attempt>, string])[] = [
      [applyTrust(next, [platform()]), 'TRUST_CHAIN_SEALS_BEFORE'],
      [applyTrust(trustAt(2, platform(), { principals: [platform(), board, mallory] }), [board]), 'TRUST_CHAIN_SEALS_OWN'],
      [applyTrust(trustAt(3, platform()), [board]), 'TRUST_CHAIN_VERSION'],
      [applyTrust(next, [board], [trustAt(1, mallory)]), 'TRUST_NOT_PINNED'],
      [applyTrust(next, [board], []), 'TRUST_NOT_PINNED'],
    ];
    await drill.unshaken(async () => {
      for (const [attempt, code] of rows) assertRefused(await attempt, code, /trust\.yaml/);
    });
  });

  it('comes by Git under the seals of both, and never goes back', async () => {
    const next = trustAt(2, platform());
    await drill.unshaken(async () => {
      await sourceApplies(drill.writ.client, await push(next, platform()));
      await inForce(next);
      assertRefused(await applyTrust(drill.writ.trust, [board], []), 'TRUST_ROLLBACK', /spec\.version/);
      const twin = trustAt(2, platform(), { unsigned: 'Audit' });
      assertRefused(await applyTrust(twin, [board]), 'TRUST_CHAIN_EQUIVOCATION', /version 2/);
    });
    versions.push(next);
  });

  it('closes what a principal sealed who is withdrawn, until somebody who is trusted seals it', async () => {
    const next = trustAt(3, platform(), { revoked: ['platform-security'] });
    assert.equal(await good(), 'allowed');
    const { code, said } = await applyTrust(next, [board]);
    assert.equal(code, 0, said);
    await inForce(next);
    versions.push(next);
    assert.match(await good(), /SEAL_REVOKED/);
    const newer = pinnedAt(9);
    assertRefused(
      await apply('Policy', 'pinned', newer, { bundles: sealsOf(newer, platform()) }),
      'SEAL_REVOKED',
      /policies\/pinned\.yaml/,
    );
    assertRefused(await drill.kubectl(['delete', 'policy', 'pinned']), 'REMOVAL_UNSEALED', /policies\/pinned\.yaml/);
    await sourceRefuses(drill.writ.client, 'TRUST_ROLLBACK');
    assert.match(await good(), /SEAL_REVOKED/);
    // A replica that starts closes the same.
    await drill.writ.webhook.stop('SIGTERM', 5000);
    drill.writ.webhook = await drill.writ.startWebhook();
    await drill.writ.webhook.ready();
    assert.match(await good(), /SEAL_REVOKED/);
    const open = trustAt(4, platform(), { revoked: ['platform-security'] });
    await sourceApplies(drill.writ.client, await push(open, board));
    await inForce(open);
    versions.push(open);
    await until(async () => (await good()) === 'allowed', { what: 'what the board has sealed to open' });
    assert.match(await drill.verdict(), /pin every image, version 2/);
  });

  it('lets policies without a seal note where it says so, never in the place of a sealed one, and no longer than it says so', async () => {
    const lax = trustAt(5, platform(), { revoked: ['platform-security'], unsigned: 'Audit' });
    const mild = policyText({ name: 'mild', expression: 'size(workload.containers) == 0', message: 'nobody' });
    const unsealed = (name: string, document: string): Promise<Attempt> => apply('Policy', name, document, {});
    assertRefused(await unsealed('mild', mild), 'SEAL_MISSING|POLICY_UNSIGNED', /mild/);
    await sourceApplies(drill.writ.client, await push(lax, board));
    await inForce(lax);
    versions.push(lax);
    await drill.unshaken(async () => {
      const { code, said } = await unsealed('mild', mild);
      assert.equal(code, 0, said);
      await until(async () => /^writ_policies_enforced 3$/m.test(await drill.writ.webhook.metrics()), { what: 'it to take part' });
      assert.equal(await good(), 'allowed');
      assertRefused(await apply('Policy', 'pinned', pinnedAt(9), { bundles: [] }), 'POLICY_UNSIGNED', /signature/);
      assertRefused(
        await drill.kubectl(['patch', 'policy', 'pinned', '--type=json', '-p', '[{"op":"remove","path":"/signature/bundles"}]']),
        'POLICY_UNSIGNED',
        /signature/,
      );
    });
    const strict = trustAt(6, platform(), { revoked: ['platform-security'] });
    await drill.unshaken(async () => {
      await sourceApplies(drill.writ.client, await push(strict, board));
      await inForce(strict);
      versions.push(strict);
      await until(async () => /^writ_policies_enforced 2$/m.test(await drill.writ.webhook.metrics()), { what: 'it to take part no more' });
      const { code, said } = await drill.kubectl(['delete', 'policy', 'mild']);
      assert.equal(code, 0, said);
      assertRefused(await unsealed('mild', mild), 'SEAL_MISSING|POLICY_UNSIGNED', /mild/);
    });
    assert.equal((await drill.writ.client.get<KubeObject>(policies, { name: 'pinned' }))?.metadata.name, 'pinned');
  });

  it('comes back from the audit log where object, mark and guard went together, so that what was withdrawn stays so', async () => {
    const { writ } = drill;
    const last = trustAt(7, platform(), { revoked: ['platform-security'], documents: [digestOf(bounded)] });
    // By hand, so that Git, which holds the one before, can not bring it back.
    const { code, said } = await applyTrust(last, [board]);
    assert.equal(code, 0, said);
    await inForce(last);
    assert.match(await good(), /SEAL_REVOKED/);
    const done = async (...args: readonly string[]): Promise<void> => {
      const attempt = await drill.kubectl(args);
      assert.equal(attempt.code, 0, attempt.said);
    };
    await until(async () => isOnRecord(digestOf(last)), { what: 'the record of it' });
    await writ.operator.stop('SIGTERM', 5000);
    await writ.webhook.stop('SIGKILL');
    await done('delete', 'validatingwebhookconfiguration', 'writ-guard');
    await done('delete', 'configmap', MARKS_NAME, '-n', SYSTEM_NAMESPACE, '--wait=false');
    await done('patch', 'configmap', MARKS_NAME, '-n', SYSTEM_NAMESPACE, '--type=merge', '-p', '{"metadata":{"finalizers":null}}');
    await done('delete', 'trustpolicy', 'cluster');
    const before = versions.at(-1) ?? '';
    const older = await applyTrust(before, [board], versions.slice(0, -1));
    assert.equal(older.code, 0, older.said);
    // The replica alone knows nothing better.
    writ.webhook = await writ.startWebhook();
    await until(async () => (await writ.webhook.metrics()).includes(digestOf(before)), { what: 'the replica to follow the older one' });
    writ.operator = await writ.startOperator();
    await inForce(last);
    assert.match(await good(), /SEAL_REVOKED/);
    const marks = await until(
      () => writ.client.get<KubeObject & { data?: object }>(configMaps, { namespace: SYSTEM_NAMESPACE, name: MARKS_NAME }),
      {
        what: 'the marks',
      },
    );
    assert.match(JSON.stringify(marks.data), new RegExp(digestOf(last)));
  });
});
