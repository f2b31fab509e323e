// SPDX-License-Identifier: Apache-2.0
// The ledger in the operator, on a real API server: who may report for whom, what a TenantUsage shows, what agents and storage use,
// what policies ran, who sees the detail, what a real Prometheus makes of it, and that a killed operator loses nothing of it.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { TenantUsage } from '../../crds/generated/objects.ts';
import { SYSTEM_NAMESPACE, persistentVolumeClaims, pods, tenantUsages, tenants } from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { readLevels } from '../../operator/slo/levels.ts';
import { readSqliteStore } from '../../operator/usage/sqlite-store.ts';
import { MINUTE_MS, minuteOf } from '../../policies/service-level/counts.ts';
import { judgeUse } from '../../policies/usage/index.ts';
import { pinned } from '../scenario/documents.ts';
import { freePort } from '../scenario/free-port.ts';
import { installWrit } from '../scenario/installation.ts';
import type { Installation } from '../scenario/installation.ts';
import { objectSays } from '../scenario/told.ts';
import { until } from '../scenario/until.ts';
import { intakeAuthorities, sendEvents, usageEvent } from '../scenario/usage-intake.ts';
import type { IntakeAnswer } from '../scenario/usage-intake.ts';
import { podOf, verdictOf } from '../scenario/verdict.ts';
import { prometheusBinary, startPrometheus } from './prometheus-server.ts';

const DIGEST = `registry.example.com/agent@sha256:${'0123456789abcdef'.repeat(4)}`;
const tenantText = (name: string): string => `apiVersion: writ.dev/v1alpha1
kind: Tenant
metadata: {name: ${name}}
spec:
  namespaces: {items: [{name: ${name}-one}]}
  slo: {objectives: [{name: availability, target: "99.9"}]}
  usage: {limits: [{name: units, meter: reasoning_units, window: 24h, limit: "10", onExceed: Deny}]}
`;

const AGENT = { 'writ.dev/agent': 'true' };

type Usage = KubeObject & Pick<TenantUsage, 'status'>;
type Item = { readonly id?: string; readonly value?: string; readonly source?: string };
type Detail = {
  readonly status: number;
  readonly body: { readonly items?: readonly Item[]; readonly next?: string; readonly code?: string };
};

describe('the ledger of use in a cluster', { timeout: 600_000 }, () => {
  let writ: Installation;
  let folder: string;
  let port: number;
  let ca = '';
  let acmeToken = '';

  const token = async (account: string, namespace: string, audience?: string): Promise<string> => {
    const more = audience === undefined ? [] : [`--audience=${audience}`];
    const { code, stdout, stderr } = await writ.plane.kubectl(['create', 'token', account, '-n', namespace, ...more]);
    assert.equal(code, 0, stderr);
    return stdout.trim();
  };
  const post = (bearer: string, events: readonly unknown[]): Promise<IntakeAnswer> => sendEvents({ port, ca, token: bearer, events });
  const get = (bearer: string, path: string): Promise<Detail> =>
    new Promise((resolve, reject) => {
      const call = request(`https://127.0.0.1:${port}${path}`, { ca, headers: { authorization: `Bearer ${bearer}` } });
      call.on('error', reject);
      call.on('response', (response) => {
        text(response).then((body) => resolve({ status: response.statusCode ?? 0, body: JSON.parse(body) }), reject);
      });
      call.end();
    });
  const eventOf = (tenant: string, seq: number, value: string, meter = 'reasoning_units') => usageEvent({ tenant, seq, meter, value });
  const usageOf = (name: string): Promise<Usage | undefined> => writ.client.get<Usage>(tenantUsages, { name });
  const shows = async (name: string, wanted: Readonly<Record<string, string | RegExp>>): Promise<void> => {
    await until(
      async () => {
        const meters = (await usageOf(name))?.status?.meters ?? [];
        return Object.entries(wanted).every(([meter, quantity]) => {
          const shown = meters.find((one) => one.meter === meter)?.quantity ?? '';
          return typeof quantity === 'string' ? shown === quantity : quantity.test(shown);
        });
      },
      { what: `${name} to have used ${Object.keys(wanted).join(' and ')}`, withinMs: 60_000 },
    );
  };
  const answers = async (): Promise<void> => {
    ca = await intakeAuthorities(writ.client);
    await until(async () => (await post(acmeToken, [])).status === 200, { what: 'the ledger to take events in', withinMs: 60_000 });
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'writ-ledger-'));
    port = await freePort();
    await writeFile(join(folder, 'token'), 'none yet');
    writ = await installWrit({
      documents: { 'policies/pinned.yaml': pinned, 'tenants/acme.yaml': tenantText('acme'), 'tenants/beta.yaml': tenantText('beta') },
      interval: '2s',
      operatorFlags: {
        ledger: join(folder, 'ledger.db'),
        'usage-address': `127.0.0.1:${port}`,
        'usage-interval': '1s',
        'usage-reporter': `${SYSTEM_NAMESPACE}/default`,
        'usage-reader': `${SYSTEM_NAMESPACE}/default`,
      },
      webhookFlags: {
        'usage-url': `https://127.0.0.1:${port}/v1/events`,
        'usage-token-file': join(folder, 'token'),
        'usage-spool': join(folder, 'spool'),
      },
    });
    await writeFile(join(folder, 'token'), await token('writ-webhook', SYSTEM_NAMESPACE, 'writ-usage'));
    for (const name of ['acme', 'beta'])
      await objectSays(writ.client, { resource: tenants, name }, { type: 'Ready', status: 'True', reason: 'Succeeded' });
    acmeToken = await until(() => token('default', 'acme-one', 'writ-usage').catch(() => undefined), { what: 'a token of acme' });
    await answers();
  });
  after(async () => {
    await writ?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('takes events of a tenant from its own accounts alone', async () => {
    const own = await post(acmeToken, [eventOf('acme', 1, '4'), eventOf('acme', 2, '0.5', 'api_calls')]);
    assert.deepEqual([own.status, own.body.stored], [200, 2], JSON.stringify(own));
    const foreign = await post(acmeToken, [eventOf('beta', 1, '4')]);
    assert.deepEqual([foreign.status, foreign.body.events?.[0]?.code], [403, 'USAGE_TENANT_FOREIGN']);
    const posing = await post(acmeToken, [{ ...eventOf('acme', 1, '4'), source: '/writ/agents/x' }]);
    assert.deepEqual([posing.status, posing.body.events?.[0]?.code], [403, 'USAGE_TENANT_FOREIGN']);
    for (const bearer of ['', 'nonsense', await token('default', 'acme-one'), await token('default', 'acme-one', 'elsewhere')]) {
      assert.equal((await post(bearer, [eventOf('acme', 3, '1')])).status, 401);
    }
    const stranger = await post(await token('default', 'default', 'writ-usage'), [eventOf('acme', 3, '1')]);
    assert.equal(stranger.status, 403);
    const gateway = await token('default', SYSTEM_NAMESPACE, 'writ-usage');
    const forged = await post(gateway, [{ ...eventOf('acme', 1, '1'), source: '/writ/webhook/x/boots/1' }]);
    assert.deepEqual([forged.status, forged.body.events?.[0]?.code], [403, 'USAGE_TENANT_FOREIGN']);
    const system = await token('writ-webhook', SYSTEM_NAMESPACE, 'writ-usage');
    const unknown = await post(system, [eventOf('nobody', 1, '1'), eventOf('acme', 3, '1', 'gpu_seconds')]);
    assert.deepEqual(
      [unknown.status, unknown.body.events?.map(({ code }) => code)],
      [202, ['USAGE_TENANT_UNKNOWN', 'USAGE_METER_UNKNOWN']],
    );
  });

  it('shows what was used, and that a limit is used up', async () => {
    await shows('acme', { reasoning_units: '4', api_calls: '0.5' });
    const limits = async () => (await usageOf('acme'))?.status?.limits ?? [];
    const spec = [{ name: 'units', meter: 'reasoning_units', window: '24h', limit: '10' }];
    assert.equal(judgeUse(spec, await limits()).verdict, 'Allow');
    assert.equal((await post(acmeToken, [eventOf('acme', 4, '6')])).status, 200);
    await until(async () => judgeUse(spec, await limits()).verdict === 'Deny', { what: 'the limit to be used up', withinMs: 60_000 });
    await objectSays(
      writ.client,
      { resource: tenantUsages, name: 'acme' },
      { type: 'WithinLimits', status: 'False', reason: 'LimitExceeded' },
    );
    const agentIn = (namespace: string) => ({
      ...podOf({ namespace, image: DIGEST }),
      metadata: { name: 'next', namespace, labels: AGENT },
    });
    await until(async () => (await verdictOf(writ.client, agentIn('acme-one'))).includes('USAGE_LIMIT_EXCEEDED'), {
      what: 'a new agent to be refused',
    });
    assert.equal(await verdictOf(writ.client, agentIn('beta-one')), 'allowed');
    assert.equal(await verdictOf(writ.client, podOf({ namespace: 'acme-one', image: DIGEST })), 'allowed', 'what is no agent is let in');
    const { stdout } = await writ.plane.kubectl(['get', 'tenantusages', 'acme']);
    assert.match(stdout, /^NAME +COMPLETE +LIMITS +READY +STATUS +AGE\nacme +False +False +True/);
  });

  it('measures agents by how long they run, and claims by what they hold', async () => {
    const anHourAgo = new Date(Date.now() - 3_600_000).toISOString().replace(/\.\d+Z/, 'Z');
    const pod = {
      ...podOf({ namespace: 'beta-one', image: DIGEST }),
      metadata: {
        name: 'agent',
        namespace: 'beta-one',
        labels: AGENT,
      },
    };
    await writ.client.create(pods, pod);
    await writ.client.patch(
      pods,
      { namespace: 'beta-one', name: 'agent' },
      {
        type: 'merge',
        subresource: 'status',
        body: {
          status: {
            phase: 'Running',
            startTime: anHourAgo,
            containerStatuses: [
              { name: 'agent', image: DIGEST, imageID: '', ready: true, restartCount: 0, state: { running: { startedAt: anHourAgo } } },
            ],
          },
        },
      },
    );
    // The controller manager binds the two.
    const storage = { accessModes: ['ReadWriteOnce'], storageClassName: '' };
    const volume = {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'data' },
      spec: { ...storage, capacity: { storage: '1Gi' }, hostPath: { path: '/nowhere' }, claimRef: { namespace: 'beta-one', name: 'data' } },
    };
    const made = await writ.plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(volume) });
    assert.equal(made.code, 0, made.stderr);
    const claim = {
      metadata: { name: 'data', namespace: 'beta-one' },
      spec: { ...storage, volumeName: 'data', resources: { requests: { storage: '1Gi' } } },
    };
    await writ.client.create(persistentVolumeClaims, claim);
    // It says that it ran for an hour; its namespace is younger, and nobody's use is what was before that.
    await shows('beta', { agent_hours: /^0\.0\d*[1-9]\d*$/, storage_bytes: /^[1-9]/ });
  });

  it('counts the policies that ran, as the webhook tells', async () => {
    // The pod of the test before was no dry run.
    await shows('beta', { policy_executions: /^[1-9]/ });
    // And whether its answers were as promised, once their minute is over.
    const counted = async (): Promise<bigint> => {
      const ledger = readSqliteStore(join(folder, 'ledger.db'));
      try {
        const toMs = minuteOf(Date.now()) + MINUTE_MS;
        const levels = await ledger.read((reader) =>
          readLevels(reader, { tenant: 'beta', fromMs: toMs - 60 * MINUTE_MS, toMs, cutMs: toMs }),
        );
        return [...(levels.get('availability')?.minutes.values() ?? [])].reduce((sum, { good }) => sum + good, 0n);
      } finally {
        ledger.close();
      }
    };
    await until(async () => (await counted()) > 0n, { what: 'the minutes of beta in the ledger', withinMs: 120_000 });
  });

  it('has the tables of billing and service levels before anything is written, whoever bills', async () => {
    const ledger = readSqliteStore(join(folder, 'ledger.db'));
    try {
      const rooms = await ledger.read((reader) => reader.all('SELECT room FROM store_room ORDER BY room'));
      assert.deepEqual(
        rooms.map(({ room }) => room),
        ['billing', 'slo', 'usage'],
      );
    } finally {
      ledger.close();
    }
  });

  it('shows in detail to a tenant what it used itself, and all to an account that is named for it', async () => {
    const first = await get(acmeToken, '/v1/usage/acme/events?limit=1&meter=reasoning_units');
    assert.equal(first.status, 200, JSON.stringify(first));
    assert.deepEqual(
      first.body.items?.map(({ id, value, source }) => [id, value, source]),
      [['1', '4', '/gateway/boots/1']],
    );
    const second = await get(acmeToken, `/v1/usage/acme/events?limit=1&meter=reasoning_units&cursor=${first.body.next ?? ''}`);
    assert.deepEqual(
      second.body.items?.map(({ id }) => id),
      ['4'],
    );
    const foreign = await get(acmeToken, '/v1/usage/beta/hours');
    assert.deepEqual([foreign.status, foreign.body.code], [403, 'USAGE_TENANT_HIDDEN']);
    const reporter = await token('writ-webhook', SYSTEM_NAMESPACE, 'writ-usage');
    assert.equal((await get(reporter, '/v1/usage/acme/hours')).status, 403);
    assert.equal((await get(await token('default', 'acme-one'), '/v1/usage/acme/hours')).status, 401);
    const reader = await token('default', SYSTEM_NAMESPACE, 'writ-usage');
    const hours = await get(reader, '/v1/usage/beta/hours?meter=policy_executions');
    assert.deepEqual([hours.status, hours.body.items?.length], [200, 1], JSON.stringify(hours));
  });

  const prometheus = prometheusBinary();
  const skip = prometheus === undefined ? 'this machine has no prometheus (Debian package prometheus)' : false;
  it('is scraped by a real Prometheus, whose rules say something of it', { skip }, async () => {
    const targets = { operator: new URL(writ.operator.endpoint).host, webhook: new URL(writ.webhook.endpoint).host };
    const rules = await readFile(new URL('../../deploy/monitoring/rules.yaml', import.meta.url), 'utf8');
    const server = await startPrometheus(prometheus ?? '', { targets, rules });
    try {
      type Queried = { readonly result: readonly { readonly value: readonly [atS: number, figure: string] }[] };
      const valueOf = async (query: string): Promise<string> => {
        const { result } = await server.ask<Queried>(`query?query=${encodeURIComponent(query)}`);
        return result.map(({ value: [, value] }) => value).join(' ');
      };
      const figures: Readonly<Record<string, string>> = {
        'up{job="operator"} + on () up{job="webhook"}': '2',
        'writ_usage_month_quantity{tenant="acme",meter="reasoning_units"}': '10',
        'sum(writ_usage_ledger_events_total{meter="reasoning_units",result="stored"})': '2',
        'writ_usage_ledger_events_total{meter="reasoning_units",result="conflict"}': '0',
        'count(writ_build_info)': '2',
        'round(tenant_slo:writ_slo_objective:ratio{tenant="acme",slo="availability"}, 0.001)': '0.999',
        'tenant_slo:writ_slo_valid_events:increase5m{tenant="acme",slo="availability"} >= bool 0': '1',
      };
      for (const [query, figure] of Object.entries(figures)) {
        await until(async () => (await valueOf(query)) === figure, { what: `${query} to be ${figure}`, withinMs: 60_000 });
      }
      const { activeTargets } = await server.ask<{ activeTargets: readonly { lastError: string; health: string }[] }>('targets');
      assert.deepEqual(
        activeTargets.map(({ health, lastError }) => [health, lastError]),
        [
          ['up', ''],
          ['up', ''],
        ],
      );
      type Rule = { readonly name: string; readonly health: string; readonly lastError?: string };
      const judged = async (): Promise<readonly Rule[]> => {
        const { groups } = await server.ask<{ groups: readonly { rules: readonly Rule[] }[] }>('rules');
        return groups.flatMap((group) => group.rules);
      };
      await until(async () => (await judged()).every(({ health }) => health !== 'unknown'), {
        what: 'every rule to be evaluated',
        withinMs: 60_000,
      });
      const all = await judged();
      assert.ok(all.length > 20);
      assert.deepEqual(
        all.filter(({ health }) => health !== 'ok'),
        [],
      );
    } finally {
      await server.stop();
    }
  });

  it('loses nothing when the operator is killed, and counts nothing twice', async () => {
    const again = [eventOf('beta', 1, '2')];
    const betaToken = await token('default', 'beta-one', 'writ-usage');
    assert.equal((await post(betaToken, again)).status, 200);
    await writ.operator.stop('SIGKILL');
    writ.operator = await writ.startOperator();
    await answers();
    const repeated = await post(betaToken, again);
    assert.deepEqual([repeated.status, repeated.body.stored], [200, 0]);
    const other = await post(betaToken, [{ ...again[0], data: { meter: 'reasoning_units', value: '3' } }]);
    assert.deepEqual([other.status, other.body.events?.[0]?.code], [409, 'USAGE_EVENT_CONFLICT']);
    await shows('beta', { reasoning_units: '2' });
    // Not the hour that it says: what one operator left out, the next one does not count.
    await shows('beta', { agent_hours: /^0\.\d*[1-9]\d*$/ });
    await shows('acme', { reasoning_units: '10' });
  });
});
