// SPDX-License-Identifier: Apache-2.0
// What the webhook decided on a real API server can be proven afterwards, offline, over its end and its death.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SYSTEM_NAMESPACE, configMaps } from '../../crds/kinds.ts';
import { decodeReplica, replicaName } from '../../crds/replica.ts';
import { pinned, tenantText } from './documents.ts';
import { installWrit } from './installation.ts';
import type { Installation } from './installation.ts';
import { until } from './until.ts';
import { podOf, verdictOf } from './verdict.ts';

const NAMESPACE = 'acme-prod';
const root = fileURLToPath(new URL('../..', import.meta.url));

describe('receipts of a webhook', () => {
  let writ: Installation;
  const keys: string[] = [];
  before(async () => {
    writ = await installWrit({
      documents: { 'tenants/acme.yaml': tenantText('acme', [NAMESPACE]), 'policies/pinned.yaml': pinned },
      controlPlane: { controllerManager: false },
    });
    await until(async () => (await verdictOf(writ.client, podOf({ namespace: NAMESPACE }))) === 'allowed', {
      what: 'a good pod to be allowed',
    });
  });
  after(() => writ?.stop());

  /** The key as an auditor gets it: from the report of the replica, once that is the one of the process that lives. */
  const takeKey = async (): Promise<void> => {
    const known = keys.map((file) => readFileSync(file, 'utf8'));
    const readKey = async (): Promise<string | undefined> => {
      const report = await writ.client.get(configMaps, { namespace: SYSTEM_NAMESPACE, name: replicaName('one') });
      const key = decodeReplica(report)?.receiptKey;
      return key === undefined || known.includes(key) ? undefined : key;
    };
    const file = join(writ.folder, `key-${keys.length}.pub`);
    writeFileSync(file, await until(readKey, { what: 'the report of the replica' }));
    keys.push(file);
  };
  const writCli = (...args: readonly string[]): { readonly code: number | null; readonly out: string; readonly err: string } => {
    const given = [join(root, 'cli/main.ts'), 'verify-receipt', ...args, '--key', ...keys];
    const { status, stdout, stderr } = spawnSync(process.execPath, given, { cwd: writ.folder, encoding: 'utf8' });
    return { code: status, out: stdout, err: stderr };
  };

  it('hold after it ended in order, and the log shows that none is missing', async () => {
    await takeKey();
    assert.match(await verdictOf(writ.client, podOf({ namespace: NAMESPACE, image: 'agent:latest' })), /pinned/);
    await writ.webhook.stop('SIGTERM', 15_000);
    const whole = writCli('receipts', '--log', 'decisions.jsonl', '--output', 'json');
    assert.equal(whole.code, 0, whole.out + whole.err);
    const [spool] = JSON.parse(whole.out).spools;
    assert.deepEqual([spool.replica, spool.first.batch, spool.last.end, spool.lost], ['one', 1, true, 0]);
    const lines = readFileSync(join(writ.folder, 'decisions.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const recorded = lines.filter(({ msg }) => msg !== 'receipts');
    assert.equal(spool.records, recorded.length, 'each line of the log has its receipt');
    const denied = recorded.findLast(({ verdict }) => verdict === 'Deny');
    const taken = writCli('receipts', '--extract', denied.id, '--out', 'receipt.json');
    assert.equal(taken.code, 0, taken.err);
    const { statement, policySet } = JSON.parse(writCli('receipt.json', '--output', 'json').out);
    assert.equal(statement.subject[0].digest.sha256, denied.objectDigest.replace('sha256:', ''));
    assert.deepEqual(
      statement.predicate.spoke.map(({ policy, signers }: { policy: string; signers: string[] }) => [policy, signers]),
      [['pinned', ['platform-security']]],
    );
    assert.ok(
      policySet.policies.some(
        ({ policy, digest }: { policy: string; digest: string }) => policy === 'pinned' && digest.startsWith('sha256:'),
      ),
    );
  });

  it('go on in one chain after it was started again and killed', async () => {
    const sealed = async (): Promise<number> => Number(/^writ_receipts_sealed_total (\d+)$/m.exec(await writ.webhook.metrics())?.[1] ?? 0);
    writ.webhook = await writ.startWebhook();
    await writ.webhook.ready();
    await takeKey();
    await until(async () => (await verdictOf(writ.client, podOf({ namespace: NAMESPACE }))) === 'allowed', {
      what: 'a good pod to be allowed',
    });
    await until(async () => (await sealed()) >= 2, { what: 'its receipts to be on disk' });
    await writ.webhook.stop('SIGKILL');
    writ.webhook = await writ.startWebhook();
    await writ.webhook.ready();
    await takeKey();
    await writ.webhook.stop('SIGTERM', 15_000);
    const { code, out, err } = writCli('receipts', '--log', 'decisions.jsonl', '--output', 'json');
    assert.equal(code, 0, out + err);
    const [spool] = JSON.parse(out).spools;
    assert.deepEqual([spool.first.batch, spool.crashes.length, spool.keys.length, spool.last.end], [1, 1, 3, true]);
  });
});
