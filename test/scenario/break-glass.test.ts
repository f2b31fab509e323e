// SPDX-License-Identifier: Apache-2.0
// Break-glass on a real API server: what it names warns from the push to the sealed end, and denies again by itself, without a
// push, a write or a person. Once over it holds up no later commit.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { policies } from '../../crds/kinds.ts';
import { bounded, pinned, tenantText } from './documents.ts';
import { sampleOf } from './exposition.ts';
import { installWrit } from './installation.ts';
import type { Installation } from './installation.ts';
import { conditionOf, objectSays, sourceApplies } from './told.ts';
import { until } from './until.ts';
import { podOf, verdictOf } from './verdict.ts';

const LASTS_MS = 12_000;

const breakGlass = (fromMs: number): string => `apiVersion: writ.dev/v1alpha1
kind: Policy
metadata:
  name: break-glass-42
spec:
  version: 1
  expires: ${new Date(fromMs + LASTS_MS).toISOString()}
  breakGlass:
    from: ${new Date(fromMs).toISOString()}
    policies: [pinned]
    reason: incident 42
`;

describe('break-glass', () => {
  let writ: Installation;
  before(async () => {
    writ = await installWrit({
      documents: {
        'policies/pinned.yaml': pinned,
        'policies/bounded.yaml': bounded,
        'tenants/acme.yaml': tenantText('acme', ['acme-prod']),
      },
      controlPlane: { controllerManager: false },
    });
    await until(async () => (await unpinned()).includes('pinned'), { what: 'the base to be enforced' });
  });
  after(() => writ?.stop());

  const unpinned = (): Promise<string> => verdictOf(writ.client, podOf({ namespace: 'acme-prod', image: 'agent:latest' }));
  const unlimited = (): Promise<string> => verdictOf(writ.client, podOf({ namespace: 'acme-prod', limits: false }));
  const suspended = async (): Promise<number> => sampleOf(await writ.webhook.metrics(), 'writ_policies_suspended');

  it('lets what it names pass for its time, and for no longer', async () => {
    assert.match(await unpinned(), /pinned/);
    await sourceApplies(writ.client, await writ.push({ 'policies/break-glass-42.yaml': breakGlass(Date.now()) }));
    await until(async () => (await unpinned()) === 'allowed', { what: 'the policy to let it pass' });
    assert.equal(await suspended(), 1);
    assert.match(await unlimited(), /bounded/);
    const object = { resource: policies, name: 'break-glass-42' };
    const told = await objectSays(writ.client, object, { type: 'Ready', status: 'True', reason: 'GlassBroken' });
    assert.match(conditionOf(told, 'Ready')?.message ?? '', /^refuses nothing by pinned from .* until .*: incident 42$/);
    await until(async () => (await unpinned()).includes('pinned'), { what: 'the policy to deny again', withinMs: 3 * LASTS_MS });
    assert.equal(await suspended(), 0);
    await objectSays(writ.client, object, { type: 'Ready', status: 'True', reason: 'GlassMended' });
  });

  it("is in nobody's way once it is over, and a replica that starts goes without it", async () => {
    await sourceApplies(writ.client, await writ.push({ 'policies/bounded.yaml': bounded.replace('version: 1', 'version: 2') }));
    await objectSays(writ.client, { resource: policies, name: 'bounded' }, { type: 'Ready', status: 'True', reason: 'Enforced' });
    await writ.webhook.stop('SIGTERM', 5000);
    writ.webhook = await writ.startWebhook();
    await until(async () => (await unpinned()).includes('pinned'), { what: 'the new replica to deny' });
  });
});
