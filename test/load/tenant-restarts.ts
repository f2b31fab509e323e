// SPDX-License-Identifier: Apache-2.0
// What a restart costs where there are many tenants: the operator looks at all of them, the webhook must decide rightly soon.
import { pods, tenants } from '../../crds/kinds.ts';
import { sleep, systemClock } from '../../process/clock.ts';
import type { Installation } from '../scenario/installation.ts';
import { until } from '../scenario/until.ts';
import { PINNED_IMAGE, podOf, verdictOf } from '../scenario/verdict.ts';
import { rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';
import { processorMs } from './processor-time.ts';
import { PATIENCE_MS, SETTLED_MS, nameOf, hasLooked, tenantDocument } from './tenant-load.ts';
import type { TenantLoad } from './tenant-load.ts';
import { isReady } from './tenant-readiness.ts';
import type { Told } from './tenant-readiness.ts';
import { requestsSoFar, since } from './tenant-writes.ts';

const JUDGED = 'judged';
/** Without quotas: they would ask for a controller manager that says how much is used. */
export const judgedTenant = { ...tenantDocument(JUDGED), spec: { namespaces: { items: [{ name: JUDGED }] } } };

export const measureRestarts = async (writ: Installation, { tenants: count, say }: TenantLoad): Promise<readonly BenchRow[]> => {
  say('restarts');
  const before = await requestsSoFar(writ.client);
  await writ.operator.stop('SIGTERM', 10_000);
  const operatorStartedMs = performance.now();
  writ.operator = await writ.startOperator();
  const edited = nameOf(count - 1);
  const { metadata } = await writ.client.patch<Told>(
    tenants,
    { name: edited },
    { type: 'merge', body: { spec: { namespaces: { metadata: { labels: { edit: 'after-restart' } } } } } },
  );
  await until(
    async () => {
      const live = await writ.client.get<Told>(tenants, { name: edited });
      return live !== undefined && live.status?.observedGeneration === metadata.generation && isReady(live);
    },
    { what: 'the edit to be seen', everyMs: 50, withinMs: PATIENCE_MS },
  );
  const operatorMs = performance.now() - operatorStartedMs;
  await until(async () => hasLooked(writ, count), {
    what: 'every tenant to be looked at',
    everyMs: 500,
    withinMs: PATIENCE_MS,
  });
  await sleep(systemClock, SETTLED_MS);
  const { writes } = since(before, await requestsSoFar(writ.client));

  await writ.webhook.stop('SIGKILL');
  const webhookStartedMs = performance.now();
  writ.webhook = await writ.startWebhook();
  const sinceStart = (): number => performance.now() - webhookStartedMs;
  await until(async () => (await fetch(`${writ.webhook.endpoint}/healthz`)).ok, {
    what: 'the process to answer',
    everyMs: 20,
    withinMs: 120_000,
  });
  const answersMs = sinceStart();
  // Before it is ready no Service sends it anything.
  await writ.webhook.ready(120_000);
  const readyMs = sinceStart();
  await until(
    async () => {
      const [good, bad] = [
        await verdictOf(writ.client, podOf({ namespace: JUDGED, image: PINNED_IMAGE }), pods),
        await verdictOf(writ.client, podOf({ namespace: JUDGED, image: 'agent:latest' }), pods),
      ];
      return good === 'allowed' && bad.includes('pinned (Invalid)');
    },
    { what: 'right verdicts', everyMs: 20, withinMs: 120_000 },
  );
  const webhookMs = sinceStart();
  const webhookTookMs = processorMs(writ.webhook.pid);
  return [
    {
      name: 'tenants/restart/verdict',
      unit: 'ms',
      value: rounded(webhookMs),
      how: `from the start of a webhook process until the API server admits a good pod and refuses a bad one, ${count} tenants: ${rounded(answersMs)} ms to load, ${rounded(readyMs - answersMs)} ms more to list, verify and compile until it is ready`,
    },
    ...(webhookTookMs === undefined
      ? []
      : [{ name: 'tenants/restart/processor', unit: 'ms', value: webhookTookMs, how: 'processor time of the webhook in that time' }]),
    {
      name: 'tenants/restart/operator',
      unit: 'ms',
      value: rounded(operatorMs),
      how: `from the start of an operator process until an edit that waited for it is Ready, ${count} tenants`,
    },
    {
      name: 'tenants/restart/writes',
      unit: 'writes',
      value: writes,
      how: `of the operator in the restart, during which it looks at all ${count} tenants again, with one edit (its own write included)`,
    },
  ];
};
