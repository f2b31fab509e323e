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
import { loadHealth, writeTenantUsage } from './tenant-usage.ts';

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
      const health = (await loadHealth(ledger, nowMs)).get('acme');
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
});
