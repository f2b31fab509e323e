// SPDX-License-Identifier: Apache-2.0
// Policies that people apply, edit and delete with kubectl: the seal decides, not the hand. What no seal speaks of is put
// right as the source's drift policy says. What an administrator may try against all this is in test/custody.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SYSTEM_NAMESPACE, gitSources, policies } from '../../crds/kinds.ts';
import { bounded, pinned, policyText, tenantText } from './documents.ts';
import { installWrit } from './installation.ts';
import type { Installation } from './installation.ts';
import { conditionOf, objectSays, readSource, sourceApplies } from './told.ts';
import type { ToldObject } from './told.ts';
import { breath, until } from './until.ts';
import { podOf, verdictOf } from './verdict.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

describe('a Policy by kubectl', () => {
  let writ: Installation;
  before(async () => {
    writ = await installWrit({
      documents: {
        'policies/pinned.yaml': pinned,
        'policies/bounded.yaml': bounded,
        'tenants/acme.yaml': tenantText('acme', ['acme-prod']),
      },
      interval: '1s',
      controlPlane: { controllerManager: false },
    });
    await until(async () => (await tagged()).includes('pinned'), { what: 'the base to be enforced' });
  });
  after(() => writ?.stop());

  const tagged = (): Promise<string> => verdictOf(writ.client, podOf({ namespace: 'acme-prod', image: 'agent:latest' }));
  const good = (): Promise<string> => verdictOf(writ.client, podOf({ namespace: 'acme-prod' }));
  const policy = (name: string): Promise<ToldObject | undefined> => writ.client.get<ToldObject>(policies, { name });
  const says = (name: string, status: string, reason?: string): Promise<ToldObject> =>
    objectSays(writ.client, { resource: policies, name }, { type: 'Ready', status, ...(reason === undefined ? {} : { reason }) });
  const apply = async (input: string): Promise<void> => {
    const { code, stderr } = await writ.plane.kubectl(['apply', '-f', '-'], { input });
    assert.equal(code, 0, stderr);
  };
  const sealed = async (text: string): Promise<string> => {
    const [key, file] = [join(writ.folder, 'signer.key'), join(writ.folder, 'signed.yaml')];
    await writeFile(key, writ.signer.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    await writeFile(file, text);
    const { stdout } = await run(process.execPath, ['cli/main.ts', 'sign', file, '--key', key, '--output', 'resource'], { cwd: root });
    return stdout;
  };
  const edit = (name: string, body: unknown): Promise<unknown> => writ.client.patch(policies, { name }, { type: 'merge', body });
  const nobodyAt = (version: number): string =>
    policyText({ name: 'nobody', version, expression: 'size(workload.containers) == 0', message: 'nobody runs anything' });
  const nobody = nobodyAt(1);
  const retired = (name: string, version: number): string =>
    `apiVersion: writ.dev/v1alpha1\nkind: Policy\nmetadata:\n  name: ${name}\nspec:\n  version: ${version}\n  retired: true\n`;

  it('that `writ sign --output=resource` made is verified, enforced and shown so', async () => {
    await apply(await sealed(nobody));
    const told = await says('nobody', 'True', 'Enforced');
    assert.equal(conditionOf(told, 'Verified')?.status, 'True');
    assert.match(conditionOf(told, 'Verified')?.message ?? '', /platform-security/);
    assert.equal(told.status?.enforcedReplicas, 1);
    assert.match(await good(), /nobody \(Invalid\): nobody runs anything/);
    const columns = await writ.plane.kubectl(['get', 'policies', 'nobody']);
    assert.match(columns.stdout, /^nobody\s+.*True/m);
  });

  it('whose spec or bytes are edited is refused, and says where', async () => {
    const { signature } = (await policy('nobody')) ?? {};
    await assert.rejects(edit('nobody', { spec: { enforcement: 'Audit' } }), /SPEC_DIFFERS: spec\.enforcement: .*\(.+\)/);
    const loosened = { signature: { document: signature?.document?.replace('Deny', 'Audit') } };
    await assert.rejects(edit('nobody', loosened), /policies\/nobody\.yaml:1:1: SEAL_DIGEST_MISMATCH/);
    await says('nobody', 'True', 'Enforced');
    assert.match(await good(), /nobody \(Invalid\)/);
  });

  it('is enforced until it is retired by seal, and can be deleted then', async () => {
    await assert.rejects(writ.client.delete(policies, { name: 'nobody' }), /REMOVAL_UNSEALED: policies\/nobody\.yaml/);
    assert.match(await good(), /nobody \(Invalid\)/);
    await apply(await sealed(retired('nobody', 2)));
    const told = await says('nobody', 'True', 'Retired');
    assert.match(conditionOf(told, 'Ready')?.message ?? '', /retired by version 2/);
    await until(async () => (await good()) === 'allowed', { what: 'the policy to end' });
    await writ.client.delete(policies, { name: 'nobody' });
    await assert.rejects(apply(await sealed(nobody)), /POLICY_ROLLBACK/);
    assert.equal(await good(), 'allowed');
  });

  it('without a seal is refused', async () => {
    await assert.rejects(apply(nobody), /POLICY_UNSIGNED: signature: .*writ sign --output=resource/);
    assert.equal(await policy('nobody'), undefined);
  });

  const drift = async (driftPolicy: 'Correct' | 'Detect' | 'Ignore'): Promise<void> => {
    const name = { namespace: SYSTEM_NAMESPACE, name: 'policies' };
    await writ.client.patch(gitSources, name, { type: 'merge', body: { spec: { apply: { driftPolicy } } } });
  };
  const OWNER = 'app.kubernetes.io/managed-by';
  const owner = async (name: string): Promise<string | undefined> => (await policy(name))?.metadata.labels?.[OWNER];
  /** Asks all the while; any other answer is remembered. */
  const watchVerdict = (): { readonly stop: () => Promise<readonly string[]> } => {
    const others = new Set<string>();
    const stopping = new AbortController();
    const loop = (async () => {
      for (let isLast = false; !isLast; await breath()) {
        isLast = stopping.signal.aborted;
        const verdict = await tagged();
        if (!verdict.includes('pinned (Invalid)')) others.add(verdict);
      }
    })();
    return {
      stop: async () => {
        stopping.abort();
        await loop;
        return [...others];
      },
    };
  };
  const looked = async (): Promise<void> => {
    const metric = async (): Promise<number> =>
      Number(/^writ_source_syncs_total\{[^}]*result="unchanged"[^}]*\} (\d+)/m.exec(await writ.operator.metrics())?.[1] ?? 0);
    const from = await metric();
    await until(async () => (await metric()) >= from + 2, { what: 'two more looks', withinMs: 20_000 });
  };

  it('that edits what no seal speaks of is corrected, reported or ignored, and never changes a verdict', async () => {
    const verdicts = watchVerdict();
    const relabel = (): Promise<unknown> => edit('pinned', { metadata: { labels: { [OWNER]: 'somebody' } } });
    await relabel();
    await until(async () => (await owner('pinned')) === 'writ', { what: 'Correct to put it right', withinMs: 20_000 });

    await drift('Detect');
    await relabel();
    const drifted = await until(async () => conditionOf(await readSource(writ.client), 'Drifted'), {
      what: 'Detect to tell',
      withinMs: 20_000,
    });
    assert.match(drifted.message, /Policy.*pinned.*metadata\.labels\.app\.kubernetes\.io\/managed-by/);
    assert.equal(await owner('pinned'), 'somebody');

    await drift('Ignore');
    await until(async () => conditionOf(await readSource(writ.client), 'Drifted') === undefined, {
      what: 'Ignore to say nothing',
      withinMs: 20_000,
    });
    await looked();
    assert.equal(await owner('pinned'), 'somebody');

    await drift('Correct');
    await until(async () => (await owner('pinned')) === 'writ', { what: 'Correct to put it right', withinMs: 20_000 });
    await says('pinned', 'True', 'Enforced');
    assert.deepEqual(await verdicts.stop(), []);
  });

  it('that deletes what a source brought is refused', async () => {
    const verdicts = watchVerdict();
    const { code, stderr } = await writ.plane.kubectl(['delete', 'policy', 'pinned']);
    assert.notEqual(code, 0);
    assert.match(stderr, /REMOVAL_UNSEALED: policies\/pinned\.yaml may not end/);
    assert.deepEqual(await verdicts.stop(), []);
  });

  it('that was left by a source which broke off is swept, one that only wears its label is not', async () => {
    await apply(await sealed(nobodyAt(3)));
    await says('nobody', 'True', 'Enforced');
    await writ.plane.kubectl(['label', 'policy', 'nobody', 'writ.dev/source=writ-system.policies', 'app.kubernetes.io/managed-by=writ']);
    await looked();
    assert.equal((await policy('nobody'))?.metadata.name, 'nobody');
    assert.match(await good(), /nobody \(Invalid\)/, 'a label that nobody sealed must not switch it off');
    const left = await sealed(policyText({ name: 'left', expression: 'size(workload.containers) == 0', message: 'left behind' }));
    const labelled = left.replace(
      '  name: left\n',
      '  name: left\n  labels:\n    writ.dev/source: writ-system.policies\n    app.kubernetes.io/managed-by: writ\n',
    );
    await writ.plane.kubectl(['apply', '--server-side', '--field-manager=writ-sync', '-f', '-'], { input: labelled });
    await until(async () => (await policy('left')) === undefined, { what: 'the leftover to be swept', withinMs: 20_000 });
    await sourceApplies(writ.client, (await writ.repository.git(['rev-parse', 'main'])).trim());
  });
});
