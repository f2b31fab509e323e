// SPDX-License-Identifier: Apache-2.0
// What Writ stands on is put right when somebody changes it, and every such deed is counted and told: both webhook
// configurations, the tenant label, the operator's own Deployment.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { OPERATOR_LEASE, SYSTEM_NAMESPACE, deployments, leases, namespaces, validatingWebhookConfigurations } from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { sleep, systemClock } from '../../process/clock.ts';
import { eventsAbout } from '../scenario/told.ts';
import { until } from '../scenario/until.ts';
import { assertRefused, startDrill } from './drill.ts';
import type { Drill } from './drill.ts';

type Hook = { readonly name: string };
type Configuration = KubeObject & { readonly webhooks: readonly Hook[] };
type Deployment = KubeObject & { readonly spec: { readonly replicas?: number; readonly [field: string]: unknown } };

describe('a repair', { timeout: 420_000 }, () => {
  let drill: Drill;
  before(async () => {
    drill = await startDrill();
  });
  after(() => drill?.writ.stop());

  const read = (name: string): Promise<Configuration | undefined> =>
    drill.writ.client.get<Configuration>(validatingWebhookConfigurations, { name });
  const shape = async (name: string): Promise<string> => JSON.stringify((await read(name))?.webhooks);
  const repairs = async (what: string): Promise<number> =>
    Number(
      new RegExp(`^writ_tamper_repairs_total\\{what="${what}"[^}]*\\} (\\d+)`, 'm').exec(await drill.writ.operator.metrics())?.[1] ?? 0,
    );
  const told = (kind: string, name: string, reason: string): Promise<unknown> =>
    until(async () => (await eventsAbout(drill.writ.client, { kind, name })).some((event) => event.reason === reason), {
      what: `an event about ${name}`,
    });

  for (const [name, what] of [
    ['writ', 'webhook-configuration'],
    ['writ-guard', 'guard-configuration'],
  ] as const) {
    const damages: readonly (readonly [string, (live: Configuration) => Promise<unknown>])[] = [
      ['deletes', () => drill.writ.client.delete(validatingWebhookConfigurations, { name })],
      ['empties', (live) => drill.writ.client.replace(validatingWebhookConfigurations, { ...live, webhooks: [] })],
      ['opens', (live) => replaced(live, { failurePolicy: 'Ignore' })],
      ['narrows', (live) => replaced(live, { matchConditions: [{ name: 'never', expression: 'false' }] })],
      ['points elsewhere', (live) => replaced(live, { clientConfig: { url: 'https://127.0.0.1:1/away' } })],
    ];
    const replaced = (live: Configuration, change: object): Promise<unknown> =>
      drill.writ.client.replace(validatingWebhookConfigurations, {
        ...live,
        webhooks: live.webhooks.map((hook) => ({ ...hook, ...change })),
      });
    for (const [deed, damage] of damages) {
      it(`follows whoever ${deed} the configuration ${name}, and is counted`, async () => {
        const [good, before] = [await shape(name), await repairs(what)];
        const live = await read(name);
        assert.ok(live);
        await damage(live);
        await until(async () => (await shape(name)) === good, { what: 'the repair', withinMs: 15_000 });
        await until(async () => (await repairs(what)) > before, { what: 'the count', withinMs: 15_000 });
        assertRefused(
          await until(
            async () => {
              const attempt = await drill.kubectl(['delete', 'policy', 'pinned', '--dry-run=server']);
              return attempt.code === 0 ? undefined : attempt;
            },
            { what: 'the guard to be asked again', withinMs: 15_000 },
          ),
          'REMOVAL_UNSEALED',
          /policies\/pinned\.yaml/,
        );
        assert.match(await until(async () => drill.verdict(), { what: 'a verdict' }), /pinned \(Invalid\)/);
      });
    }
    it(`is told by an event about the configuration ${name}`, async () => {
      await told('ValidatingWebhookConfiguration', name, 'TamperRepaired');
    });
  }

  it('follows whoever takes the tenant label off a namespace', async () => {
    const before = await repairs('tenant-label');
    const body = { metadata: { labels: { 'writ.dev/tenant': null } } };
    await drill.writ.client.patch(namespaces, { name: 'acme-prod' }, { type: 'merge', body });
    await until(async () => (await repairs('tenant-label')) > before, { what: 'the count', withinMs: 15_000 });
    await until(async () => (await drill.verdict()).includes('pinned (Invalid)'), {
      what: 'the namespace to be governed',
      withinMs: 15_000,
    });
    await told('Namespace', 'acme-prod', 'TamperRepaired');
  });

  const deployment = (replicas: number, digest: string): Deployment => ({
    metadata: { name: 'writ-operator', namespace: SYSTEM_NAMESPACE },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'writ-operator' } },
      template: {
        metadata: { labels: { app: 'writ-operator' } },
        spec: { containers: [{ name: 'operator', image: 'writ-operator', env: [{ name: 'TRUST_DIGEST', value: digest }] }] },
      },
    },
  });
  const ref = { namespace: SYSTEM_NAMESPACE, name: 'writ-operator' };
  const alarm = (what: string, withinMs = 20_000): Promise<unknown> =>
    until(
      async () => new RegExp(`^writ_operator_alarms_total\\{what="${what}"[^}]*\\} [1-9]`, 'm').test(await drill.writ.webhook.metrics()),
      {
        what: `the alarm ${what}`,
        withinMs,
      },
    );

  it('is missed by the replicas where a stranger keeps the Lease, however long it says that it lasts', async () => {
    await drill.writ.client.create(deployments, deployment(2, drill.writ.trustDigest));
    const lease = { namespace: SYSTEM_NAMESPACE, name: OPERATOR_LEASE };
    const stopping = new AbortController();
    const keeping = (async () => {
      for (let times = 0; !stopping.signal.aborted; times += 1) {
        const spec = {
          holderIdentity: `evil_${times}`,
          leaseDurationSeconds: 2_147_483_647,
          renewTime: new Date().toISOString().replace('Z', '000Z'),
        };
        await drill.writ.client.patch(leases, lease, { type: 'merge', body: { spec } });
        await sleep(systemClock, 1000, stopping.signal);
      }
    })();
    try {
      await until(async () => !/^writ_operator_leading[^\n]* 1$/m.test(await drill.writ.operator.metrics()), {
        what: 'the operator to lose its Lease',
        withinMs: 30_000,
      });
      for (const name of ['writ', 'writ-guard']) await drill.writ.client.delete(validatingWebhookConfigurations, { name });
      await Promise.all(['lease-foreign', 'guard-configuration', 'webhook-configuration'].map((what) => alarm(what, 90_000)));
      await told('Deployment', 'writ-operator', 'OperatorTampered');
    } finally {
      stopping.abort();
      await keeping;
    }
    for (const name of ['writ', 'writ-guard']) {
      await until(async () => read(name), { what: `the operator to put ${name} back`, withinMs: 90_000 });
    }
    for (const what of ['guard-configuration', 'webhook-configuration']) {
      await until(async () => new RegExp(`^writ_operator_alarm\\{what="${what}"[^}]*\\} 0`, 'm').test(await drill.writ.webhook.metrics()), {
        what: `the end of the alarm ${what}`,
        withinMs: 30_000,
      });
    }
    await drill.writ.client.delete(deployments, ref);
  });

  it('follows whoever scales the operator to zero; other changes of its Deployment are told', async () => {
    await drill.writ.client.create(deployments, deployment(2, drill.writ.trustDigest));
    await until(async () => /^writ_operator_alarm\{what="scaled-to-zero"[^}]*\} 0/m.test(await drill.writ.webhook.metrics()), {
      what: 'the first look',
    });
    // The first look at the Deployment, by which the replica knows how many there were.
    await until(async () => (await drill.writ.client.get<Deployment>(deployments, ref))?.spec.replicas === 2, { what: 'two replicas' });
    await drill.writ.client.patch(deployments, ref, { type: 'merge', body: { spec: { replicas: 0 } } });
    await until(async () => ((await drill.writ.client.get<Deployment>(deployments, ref))?.spec.replicas ?? 0) > 0, {
      what: 'the operator to be scaled up',
      withinMs: 20_000,
    });
    await alarm('scaled-to-zero');
    await told('Deployment', 'writ-operator', 'OperatorTampered');
    await drill.writ.client.apply(deployments, deployment(2, `sha256:${'0'.repeat(64)}`), { fieldManager: 'mallory' });
    await alarm('other-trust-digest');
    await drill.writ.client.delete(deployments, ref);
    await alarm('deployment-deleted');
  });
});
