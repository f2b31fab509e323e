// SPDX-License-Identifier: Apache-2.0
// What a TenantUsage says of the sources of its tenant: one that was heard of within the quarter of an hour is not silent, and one that
// is silent is named.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { KubeObject } from '../../kube/objects.ts';
import { scriptedClient } from '../../test/scripted-client.ts';
import { event, scene } from '../../test/usage/ledger-scene.ts';
import { systemClock } from '../../process/clock.ts';
import { openSqliteStore } from './sqlite-store.ts';
import { loadHealth } from './source-health.ts';
import type { SourceHealth } from './source-health.ts';
import { writeTenantUsage } from './tenant-usage.ts';

const MINUTE_MS = 60_000;
const LONG = 'x'.repeat(200);

describe('the condition Complete of a TenantUsage', () => {
  it('bears a quiet quarter of an hour, and names who is silent after that', async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'writ-usage-'));
    context.after(() => rm(folder, { recursive: true }));
    const open = (name: string) => openSqliteStore({ file: join(folder, `${name}.db`), clock: systemClock, groupMs: 0 });
    const { ledger, clock } = await scene({ open });
    context.after(() => ledger.store.close());
    const complete = async (afterMinutes: number) => {
      const nowMs = clock.now() + afterMinutes * MINUTE_MS;
      const said: { readonly type: string; readonly status: string; readonly message: string }[] = [];
      const client = scriptedClient({
        apply: async (_resource: unknown, body: KubeObject & { readonly status?: { readonly conditions: typeof said } }) => {
          said.push(...(body.status?.conditions ?? []));
          return body;
        },
      });
      const live = () => ({ metadata: { name: 'acme' } });
      const health = (await loadHealth(ledger, { nowMs, isLive: () => true, hasObjectives: () => true })).get('acme');
      await writeTenantUsage({ client, clock, ledger, live }, { metadata: { name: 'acme' }, spec: {} }, health);
      const { status, message } = said.find(({ type }) => type === 'Complete') ?? assert.fail('no Complete');
      return { status, message };
    };
    await ledger.accept([event({ source: '/a/boots/1' }), event({ source: '/b/boots/1' })]);
    assert.deepEqual(await complete(16), { status: 'True', message: '2 sources' });
    const names = '/a/boots/1, /b/boots/1';
    assert.deepEqual(await complete(18), { status: 'Unknown', message: `2 of 2 sources said nothing for 17 minutes: ${names}` });
    await ledger.accept([event({ source: `/c/${LONG}` }), event({ source: '/d/boots/1' })]);
    assert.deepEqual(await complete(18), {
      status: 'Unknown',
      message: `4 of 4 sources said nothing for 17 minutes: ${names}, /c/${LONG}, …`,
    });
    // A process that is idle under one name and speaks under another, and one that ended: neither is silent. One of another place is.
    await ledger.accept([event({ source: '/w/boots/1' }), event({ source: '/w/boots/1/levels' }), event({ source: '/v/boots/7' })]);
    clock.set(clock.now() + 20 * MINUTE_MS);
    await ledger.accept([event({ source: '/w/boots/1/levels', seq: 2 })]);
    assert.match((await complete(10)).message, /^5 of 7 sources said nothing/);
    await ledger.accept([event({ source: '/v/boots/9' })]);
    assert.match((await complete(10)).message, /^4 of 8 sources said nothing/);
    await ledger.accept([event({ source: '/w/boots/0' })]);
    assert.match((await complete(10)).message, /^4 of 9 sources said nothing/);
    assert.match((await complete(18)).message, /^9 of 9 sources said nothing/);
    assert.deepEqual(await complete(25 * 60), { status: 'True', message: '0 sources' });
  });

  it('calls no replica of the webhook silent that has ended, or has promised nothing', async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'writ-usage-'));
    context.after(() => rm(folder, { recursive: true }));
    const open = (name: string) => openSqliteStore({ file: join(folder, `${name}.db`), clock: systemClock, groupMs: 0 });
    const { ledger, clock } = await scene({ open });
    context.after(() => ledger.store.close());
    const live = new Set(['old']);
    const promised = new Set<string>();
    const look = async (afterMinutes: number): Promise<Readonly<Record<string, Omit<SourceHealth, 'missing' | 'quiet'>>>> => {
      const by = await loadHealth(ledger, {
        nowMs: clock.now() + afterMinutes * MINUTE_MS,
        isLive: (replica) => live.has(replica),
        hasObjectives: (tenant) => promised.has(tenant),
      });
      return Object.fromEntries(
        [...by].map(([tenant, { open: all, silent, due, overdue }]) => [tenant, { open: all, silent, due, overdue }]),
      );
    };
    const none = { open: 0, silent: 0, due: 0, overdue: 0 };
    // Neither tenant has objectives: whoever uses nothing is not told of, and that is no silence.
    await ledger.accept([event({ source: '/writ/webhook/old/boots/1' }), event({ tenant: 'beta', source: '/writ/webhook/old/boots/1' })]);
    assert.deepEqual(await look(60), { acme: { ...none, open: 1 }, beta: { ...none, open: 1 } });
    // With objectives the replica has to speak. While it does, of whichever tenant, the others are quiet.
    promised.add('acme');
    await ledger.accept([event({ source: '/writ/webhook/old/boots/1/levels' })]);
    assert.deepEqual((await look(16))['acme'], { ...none, open: 2, due: 2 });
    assert.deepEqual(await look(18), {
      acme: { open: 2, silent: 2, due: 2, overdue: 2 },
      beta: { open: 1, silent: 1, due: 1, overdue: 1 },
    });
    clock.set(clock.now() + 18 * MINUTE_MS);
    await ledger.accept([event({ source: '/writ/webhook/old/boots/1/levels', seq: 2 })]);
    assert.deepEqual((await look(0))['beta'], { ...none, open: 1, due: 1 });
    // A rollout: the one that ended is silent for good and nobody's concern, the next one is.
    live.clear();
    live.add('new');
    await ledger.accept([event({ source: '/writ/webhook/new/boots/2/levels' })]);
    assert.deepEqual(await look(10), { acme: { ...none, open: 1, due: 1 }, beta: none });
    assert.deepEqual((await look(30))['acme'], { open: 1, silent: 1, due: 1, overdue: 1 });
    // Objectives that were taken away are promised no more; numbers that are missing stay so.
    promised.clear();
    assert.deepEqual((await look(30))['acme'], { ...none, open: 1 });
    // Of any other sender nobody knows whether it had something to say.
    await ledger.accept([event({ source: '/gateway/boots/1' })]);
    assert.deepEqual((await look(30))['acme'], { ...none, open: 2, silent: 1 });
  });
});
