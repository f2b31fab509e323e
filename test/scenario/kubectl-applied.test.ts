// SPDX-License-Identifier: Apache-2.0
// Policies that people apply, edit and delete with kubectl: the seal decides, not the hand. What a source brought is put
// right as its drift policy says, and enforced by its document whatever the object says.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SYSTEM_NAMESPACE, configMaps, gitSources, policies } from '../../crds/kinds.ts';
import { decodeReplica, replicaName } from '../../crds/replica.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { bounded, pinned, policyText, tenantText } from './documents.ts';
import { installWrit } from './installation.ts';
import type { Installation } from './installation.ts';
import { conditionOf, eventsAbout, objectSays, readSource, sourceApplies } from './told.ts';
import type { ToldObject } from './told.ts';
import { until } from './until.ts';
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

  it('whose spec is edited keeps its verdict and says that the document counts', async () => {
    await edit('nobody', { spec: { enforcement: 'Audit' } });
    const told = await says('nobody', 'False', 'SpecDiffers');
    assert.match(conditionOf(told, 'Ready')?.message ?? '', /spec\.enforcement is not what the signed document says/);
    assert.match(await good(), /nobody \(Invalid\)/);
    await edit('nobody', { spec: { enforcement: 'Deny' } });
    await says('nobody', 'True', 'Enforced');
  });

  it('whose document is edited keeps its last good verdict', async () => {
    const { signature } = (await policy('nobody')) ?? {};
    await edit('nobody', { signature: { document: signature?.document?.replace('Deny', 'Audit') } });
    const told = await says('nobody', 'False', 'SealDigestMismatch');
    assert.match(conditionOf(told, 'Ready')?.message ?? '', /SEAL_DIGEST_MISMATCH.*still enforce the last verified document/);
    assert.match(await good(), /nobody \(Invalid\)/);
  });

  it('is enforced on though it is deleted, and though an older version is put in its place', async () => {
    await writ.client.delete(policies, { name: 'nobody' });
    const replica = async () =>
      decodeReplica(await writ.client.get<KubeObject>(configMaps, { namespace: SYSTEM_NAMESPACE, name: replicaName('one') }));
    await until(async () => (await replica())?.refused['nobody']?.code === 'REMOVAL_UNSEALED', { what: 'the replica to tell' });
    assert.match(await good(), /nobody \(Invalid\)/);
    await apply(await sealed(nobodyAt(2)));
    await says('nobody', 'True', 'Enforced');
    await apply(await sealed(nobodyAt(1)));
    const told = await says('nobody', 'False', 'PolicyRollback');
    assert.match(conditionOf(told, 'Ready')?.message ?? '', /POLICY_ROLLBACK: version 1 of policy nobody is older than version 2/);
    assert.match(await good(), /nobody \(Invalid\)/);
  });

  it('ends by a retired version of itself; its object may go then, and no older version comes back', async () => {
    await apply(await sealed(retired('nobody', 3)));
    const told = await says('nobody', 'True', 'Retired');
    assert.match(conditionOf(told, 'Ready')?.message ?? '', /retired by version 3/);
    assert.equal(await good(), 'allowed');
    await apply(await sealed(nobodyAt(2)));
    await says('nobody', 'False', 'PolicyRollback');
    assert.equal(await good(), 'allowed');
    await writ.client.delete(policies, { name: 'nobody' });
  });

  it('without a seal is shown and not enforced', async () => {
    await apply(nobody);
    const told = await says('nobody', 'False', 'PolicyUnsigned');
    assert.match(conditionOf(told, 'Ready')?.message ?? '', /POLICY_UNSIGNED: signature: .*writ sign --output=resource/);
    assert.equal(conditionOf(told, 'Verified')?.status, 'False');
    assert.equal(await good(), 'allowed');
    await until(
      async () => (await eventsAbout(writ.client, { kind: 'Policy', name: 'nobody' })).some(({ reason }) => reason === 'PolicyUnsigned'),
      {
        what: 'an event',
      },
    );
    await writ.client.delete(policies, { name: 'nobody' });
  });

  const drift = async (driftPolicy: 'Correct' | 'Detect' | 'Ignore'): Promise<void> => {
    const name = { namespace: SYSTEM_NAMESPACE, name: 'policies' };
    await writ.client.patch(gitSources, name, { type: 'merge', body: { spec: { apply: { driftPolicy } } } });
  };
  const enforcement = async (name: string): Promise<unknown> => {
    const { spec } = (await policy(name)) ?? {};
    return typeof spec === 'object' && spec !== null && 'enforcement' in spec ? spec.enforcement : undefined;
  };
  /** Asks all the while; any other answer is remembered. */
  const watchVerdict = (): { readonly stop: () => Promise<readonly string[]> } => {
    const others = new Set<string>();
    const stopping = new AbortController();
    const loop = (async () => {
      while (!stopping.signal.aborted) {
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

  it('that edits what a source brought is corrected, reported or ignored, and never changes a verdict', async () => {
    const verdicts = watchVerdict();
    await edit('pinned', { spec: { enforcement: 'Audit' } });
    await until(async () => (await enforcement('pinned')) === 'Deny', { what: 'Correct to put it right', withinMs: 20_000 });

    await drift('Detect');
    await edit('pinned', { spec: { enforcement: 'Audit' } });
    const drifted = await until(async () => conditionOf(await readSource(writ.client), 'Drifted'), {
      what: 'Detect to tell',
      withinMs: 20_000,
    });
    assert.match(drifted.message, /Policy.*pinned.*spec\.enforcement/);
    await says('pinned', 'False', 'SpecDiffers');
    assert.equal(await enforcement('pinned'), 'Audit');

    await drift('Ignore');
    await until(async () => conditionOf(await readSource(writ.client), 'Drifted') === undefined, {
      what: 'Ignore to say nothing',
      withinMs: 20_000,
    });
    await looked();
    assert.equal(await enforcement('pinned'), 'Audit');

    await drift('Correct');
    await until(async () => (await enforcement('pinned')) === 'Deny', { what: 'Correct to put it right', withinMs: 20_000 });
    await says('pinned', 'True', 'Enforced');
    assert.deepEqual(await verdicts.stop(), []);
  });

  it('that deletes what a source brought sees it come back, and no verdict changed meanwhile', async () => {
    const verdicts = watchVerdict();
    const { uid } = (await policy('pinned'))?.metadata ?? {};
    const { code } = await writ.plane.kubectl(['delete', 'policy', 'pinned']);
    assert.equal(code, 0);
    const back = await until(
      async () => {
        const found = await policy('pinned');
        return found !== undefined && found.metadata.uid !== uid ? found : undefined;
      },
      { what: 'the policy to come back', withinMs: 20_000 },
    );
    assert.equal(back.signature?.document, pinned);
    await says('pinned', 'True', 'Enforced');
    assert.deepEqual(await verdicts.stop(), []);
  });

  it('that was left by a source which broke off is swept, one that only wears its label is not', async () => {
    await apply(await sealed(nobodyAt(4)));
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
