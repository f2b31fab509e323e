// SPDX-License-Identifier: Apache-2.0
// What was enforced stays so, whatever an administrator takes away or puts back with kubectl: a replica that runs decides
// as before, one that starts decides nothing until it holds all of it again, and an older order is refused by both. The guard
// would refuse all of this (test/custody), so it is taken away each time.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  GUARD_CONFIGURATION_NAME,
  MARKS_NAME,
  SYSTEM_NAMESPACE,
  configMaps,
  policies,
  validatingWebhookConfigurations,
} from '../../crds/kinds.ts';
import { inventoryName } from '../../crds/inventory.ts';
import { decodeMarks } from '../../crds/marks.ts';
import { decodeReplica, replicaName } from '../../crds/replica.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { bounded, pinned, policyText, tenantText } from './documents.ts';
import { sampleOf } from './exposition.ts';
import { installWrit } from './installation.ts';
import type { Installation } from './installation.ts';
import { objectSays, sourceApplies, sourceRefuses } from './told.ts';
import { until } from './until.ts';
import { podOf, verdictOf } from './verdict.ts';

const SOURCE = `${SYSTEM_NAMESPACE}/policies`;
const INVENTORY = { namespace: SYSTEM_NAMESPACE, name: inventoryName(SOURCE) };
const MARKS = { namespace: SYSTEM_NAMESPACE, name: MARKS_NAME };
/** Operators are stopped and started here. */
const QUICK_LEASE = { 'lease-duration': '4s', 'lease-renew-deadline': '3s', 'lease-retry-period': '500ms' };
const boundedAt = (version: number): string => bounded.replace('version: 1', `version: ${version}`);
const extra = policyText({ name: 'extra', expression: 'size(workload.containers) < 9', message: 'at most eight' });

describe('what was enforced', () => {
  let writ: Installation;
  before(async () => {
    writ = await installWrit({
      documents: {
        'policies/pinned.yaml': pinned,
        'policies/bounded.yaml': bounded,
        'policies/extra.yaml': extra,
        'tenants/acme.yaml': tenantText('acme', ['acme-prod']),
      },
      interval: '2s',
      operatorFlags: QUICK_LEASE,
      controlPlane: { controllerManager: false },
    });
    await until(async () => (await decisions())[1]?.includes('pinned'), { what: 'the base to be enforced' });
  });
  after(() => writ?.stop());

  const ask = (facts: object): Promise<string> => verdictOf(writ.client, podOf({ namespace: 'acme-prod', ...facts }));
  const decisions = (): Promise<readonly string[]> => Promise.all([ask({}), ask({ image: 'agent:latest' }), ask({ limits: false })]);
  const marks = async (): Promise<readonly string[]> =>
    (decodeMarks(await writ.client.get<KubeObject>(configMaps, MARKS)) ?? [])
      .filter(({ kind }) => kind === 'Policy')
      .map(({ name, version, gone }) => `${name}-${version}${gone === true ? ' gone' : ''}`);
  const refusedHere = async (name: string): Promise<string | undefined> =>
    decodeReplica(await writ.client.get<KubeObject>(configMaps, { namespace: SYSTEM_NAMESPACE, name: replicaName('one') }))?.refused[name]
      ?.code;
  const marked = (wanted: readonly string[]): Promise<unknown> =>
    until(async () => JSON.stringify(await marks()) === JSON.stringify(wanted), {
      what: `the marks ${wanted.join(', ')}`,
      withinMs: 20_000,
    });
  /** The guard is put back at once where an operator runs, so it is tried until it slips by. */
  const unguarded = <T>(deed: () => Promise<T | undefined | false>): Promise<T> =>
    until(
      async () => {
        await writ.client.delete(validatingWebhookConfigurations, { name: GUARD_CONFIGURATION_NAME });
        return deed();
      },
      { what: 'a write that slips by', withinMs: 20_000 },
    );
  const restartWebhook = async (): Promise<void> => {
    await writ.webhook.stop('SIGTERM', 5000);
    writ.webhook = await writ.startWebhook();
  };
  const readyz = async (): Promise<string> => {
    const response = await fetch(`${writ.webhook.endpoint}/readyz`);
    return response.ok ? 'ready' : response.text();
  };

  it('is marked, and the marks are not let go of', async () => {
    await marked(['bounded-1', 'extra-1', 'pinned-1']);
    const before = await decisions();
    await unguarded(() => writ.client.delete(configMaps, MARKS));
    await until(async () => sampleOf(await writ.operator.metrics(), 'writ_marks_problems', { problem: 'deleting' }) === 1, {
      what: 'the operator to tell',
    });
    await sourceApplies(writ.client, await writ.push({ 'policies/bounded.yaml': boundedAt(2) }));
    await marked(['bounded-2', 'extra-1', 'pinned-1']);
    await unguarded(() => writ.client.patch(configMaps, MARKS, { type: 'merge', body: { metadata: { finalizers: null } } }));
    await until(
      async () => {
        const object = await writ.client.get<KubeObject>(configMaps, MARKS);
        return object !== undefined && object.metadata.deletionTimestamp === undefined;
      },
      { what: 'the marks to be made again' },
    );
    await marked(['bounded-2', 'extra-1', 'pinned-1']);
    assert.deepEqual(await decisions(), before);
  });

  it('decides on without its objects and inventory; a replica that starts is closed until they are back, then decides the same', async () => {
    const before = await decisions();
    await writ.operator.stop('SIGTERM');
    for (const { metadata } of (await writ.client.list(policies)).items) {
      await unguarded(() => writ.client.delete(policies, { name: metadata.name }));
    }
    await unguarded(() => writ.client.delete(configMaps, INVENTORY));
    await until(async () => (await refusedHere('pinned')) === undefined && (await writ.client.list(policies)).items.length === 0, {
      what: 'all to be gone',
    });
    assert.deepEqual(await decisions(), before);
    await restartWebhook();
    const told = await until(
      async () => {
        const text = await readyz();
        return text.includes('MARK_UNMET') ? text : undefined;
      },
      { what: 'the new replica to tell' },
    );
    assert.match(told, /Policy bounded version 2, Policy extra version 1, Policy pinned version 1/);
    for (const verdict of await decisions()) assert.notEqual(verdict, 'allowed');
    writ.operator = await writ.startOperator();
    await writ.operator.ready();
    await writ.webhook.ready();
    assert.deepEqual(await decisions(), before);
  });

  it('is not lowered by a backup: an older sealed version is refused by the replica that runs and by one that starts', async () => {
    const backup = await writ.client.get<KubeObject>(policies, { name: 'bounded' });
    assert.ok(backup);
    await sourceApplies(writ.client, await writ.push({ 'policies/bounded.yaml': boundedAt(3) }));
    await marked(['bounded-3', 'extra-1', 'pinned-1']);
    await objectSays(writ.client, { resource: policies, name: 'bounded' }, { type: 'Ready', status: 'True' });
    const before = await decisions();
    await writ.operator.stop('SIGTERM');
    // Without the label of its source it claims to stand alone.
    for (const labels of [backup.metadata.labels ?? {}, {}]) {
      const { resourceVersion: _resourceVersion, uid: _uid, managedFields: _managedFields, ...metadata } = backup.metadata;
      await unguarded(async () => {
        const { code } = await writ.plane.kubectl(['replace', '-f', '-'], {
          input: JSON.stringify({ ...backup, metadata: { ...metadata, labels } }),
        });
        return code === 0;
      });
      await restartWebhook();
      await until(async () => (await readyz()).includes('POLICY_ROLLBACK'), { what: 'the new replica to refuse it' });
    }
    writ.operator = await writ.startOperator();
    await writ.operator.ready();
    await writ.webhook.ready();
    assert.deepEqual(await decisions(), before);
    const older = await writ.push({ 'policies/bounded.yaml': boundedAt(2) });
    assert.match((await sourceRefuses(writ.client, 'POLICY_ROLLBACK')).message, /version 2 of policy bounded is older than version 3/);
    assert.deepEqual(await decisions(), before);
    assert.ok(older);
    await sourceApplies(writ.client, await writ.push({ 'policies/bounded.yaml': boundedAt(3) }));
  });

  it('ends by a set seal of its source, for good: neither its object nor its old commit brings it back', async () => {
    const kept = await writ.client.get<KubeObject>(policies, { name: 'extra' });
    assert.ok(kept);
    await sourceApplies(writ.client, await writ.push({ 'policies/extra.yaml': null }));
    await marked(['bounded-3', 'extra-1 gone', 'pinned-1']);
    await until(
      async () =>
        decodeReplica(await writ.client.get<KubeObject>(configMaps, { namespace: SYSTEM_NAMESPACE, name: replicaName('one') }))?.policies[
          'extra'
        ] === undefined,
      { what: 'the replica to follow' },
    );
    assert.equal(await writ.client.get(policies, { name: 'extra' }), undefined);
    const { resourceVersion: _resourceVersion, uid: _uid, managedFields: _managedFields, labels: _labels, ...metadata } = kept.metadata;
    await unguarded(() => writ.client.create(policies, { ...kept, metadata }));
    await until(async () => (await refusedHere('extra')) === 'POLICY_ROLLBACK', { what: 'the replica to refuse it' });
    await restartWebhook();
    await writ.webhook.ready();
    await until(async () => (await refusedHere('extra')) === 'POLICY_ROLLBACK', { what: 'the new replica to refuse it' });
    await writ.client.delete(policies, { name: 'extra' });
    await writ.push({ 'policies/extra.yaml': extra });
    assert.match((await sourceRefuses(writ.client, 'POLICY_ROLLBACK')).message, /version 1 of policy extra was ended by seal/);
    await sourceApplies(writ.client, await writ.push({ 'policies/extra.yaml': extra.replace('version: 1', 'version: 2') }));
  });
});
