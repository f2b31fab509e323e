// SPDX-License-Identifier: Apache-2.0
/**
 * What tenants cost: one from its creation to Ready, all of them at once after a cold start, one edit among them, and the operator at rest.
 *
 * In: how many. Out: rows `tenants/…`. The installation is one of its own, since thousands of namespaces would weigh on the others' figures, and
 * has no controller manager, so that nobody but the operator writes. Requests are those that the API server counts. How much of
 * the cold start is the API server's is told twice: by the same objects written with nothing between them, and by processor time.
 */
import { pods, tenants } from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { sleep, systemClock } from '../../process/clock.ts';
import { pinned } from '../scenario/documents.ts';
import { installWrit } from '../scenario/installation.ts';
import type { Installation } from '../scenario/installation.ts';
import { sampleOf } from '../scenario/exposition.ts';
import { until } from '../scenario/until.ts';
import { PINNED_IMAGE, podOf, verdictOf } from '../scenario/verdict.ts';
import { isolatedTenant } from '../tenancy/isolated-tenant.ts';
import { quantile, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';
import { pidOf, processorMs, residentMegabytes } from './processor-time.ts';
import { createWaiting, isReady, watchReady } from './tenant-readiness.ts';
import type { Told, Waiting } from './tenant-readiness.ts';
import { copiesOf, requestsSoFar, since, writeRaw } from './tenant-writes.ts';

export type TenantLoad = {
  readonly tenants: number;
  readonly singles: number;
  readonly edits: number;
  readonly idleMs: number;
  readonly say: (step: string) => void;
};

const COPIED = 200;
const IN_FLIGHT = 16;
const SETTLED_MS = 3000;
const COLD_PATIENCE_MS = 45 * 60_000;
/** Without quotas: they would ask for a controller manager that says how much is used. */
const JUDGED = 'judged';

const nameOf = (index: number): string => `load-${String(index).padStart(5, '0')}`;

const document = (name: string): KubeObject =>
  isolatedTenant({ name, namespaces: [`${name}-work`], spec: { deletionPolicy: 'Orphan', scheduling: undefined } });

export const measureTenants = async (load: TenantLoad): Promise<readonly BenchRow[]> => {
  const writ = await installWrit({
    documents: {
      'policies/pinned.yaml': pinned,
      'tenants/judged.yaml': JSON.stringify({ ...document(JUDGED), spec: { namespaces: { items: [{ name: JUDGED }] } } }),
    },
    interval: '30m',
    controlPlane: { controllerManager: false },
    onStep: load.say,
  });
  const waiting = createWaiting();
  const watch = watchReady(writ.client, waiting.tell);
  try {
    const rows = [...(await measureSingles(writ, waiting, load)), ...(await measureCold(writ, waiting, load))];
    rows.push(...(await measureEdits(writ, waiting, load)), ...(await measureRest(writ, load)), ...(await measureRestarts(writ, load)));
    return rows;
  } finally {
    await watch.end();
    await writ.stop();
  }
};

const quantiles = (name: string, valuesMs: readonly number[], how: string): readonly BenchRow[] =>
  (
    [
      ['p50', 0.5],
      ['p99', 0.99],
    ] as const
  ).map(([label, share]) => ({ name: `${name}/${label}`, unit: 'ms', value: rounded(quantile(valuesMs, share)), how }));

const measureSingles = async (writ: Installation, waiting: Waiting, { singles, say }: TenantLoad): Promise<readonly BenchRow[]> => {
  const timesMs: number[] = [];
  let writes = 0;
  for (let index = 0; index < singles + 2; index += 1) {
    if (index % 10 === 0) say(`one tenant after the other: ${index} of ${singles}`);
    const before = await requestsSoFar(writ.client);
    const startedMs = performance.now();
    await writ.client.create(tenants, document(`single-${index}`));
    const readyMs = await waiting.ready(`single-${index}`, 1);
    // The first ones find caches and connections cold.
    if (index < 2) continue;
    timesMs.push(readyMs - startedMs);
    writes = since(before, await requestsSoFar(writ.client)).writes;
  }
  const how = `${singles} Tenants, each alone, from kubectl's write to Ready=True for its generation; ${writes} writes each, its own included`;
  return quantiles('tenants/one/ready', timesMs, how);
};

const measureCold = async (writ: Installation, waiting: Waiting, { tenants: count, say }: TenantLoad): Promise<readonly BenchRow[]> => {
  await writ.operator.stop('SIGTERM', 10_000);
  say(`writing ${count} Tenants while no operator runs`);
  let next = 0;
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      for (let index = next++; index < count; index = next++) await writ.client.create(tenants, document(nameOf(index)));
    }),
  );
  const [before, there] = [await requestsSoFar(writ.client), waiting.count()];
  const serverPid = apiServerPid(writ);
  const serverMs = serverPid === undefined ? undefined : processorMs(serverPid);
  const startedMs = performance.now();
  writ.operator = await writ.startOperator();
  await until(
    async () => {
      say(`${waiting.count() - there} of ${count} are ready after ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
      return waiting.count() - there >= count;
    },
    { what: 'all to be ready', withinMs: COLD_PATIENCE_MS, everyMs: 5000 },
  );
  const tookMs = waiting.lastMs() - startedMs;
  const { writes } = since(before, await requestsSoFar(writ.client));
  const operatorMs = processorMs(writ.operator.pid);
  const serverTookMs = serverPid === undefined || serverMs === undefined ? undefined : (processorMs(serverPid) ?? 0) - serverMs;
  say('the same objects without an operator');
  const copied = new Set(Array.from({ length: Math.min(count, COPIED) }, (_, index) => nameOf(index)));
  const copies = await copiesOf(writ.client, copied);
  const rawMs = await writeRaw(writ.client, copies, IN_FLIGHT);
  const perSecond = (writes * 1000) / tookMs;
  const rawPerSecond = (copies.length * 1000) / rawMs;
  const row = (name: string, unit: string, value: number, how: string): BenchRow => ({
    name: `tenants/cold/${name}`,
    unit,
    value: rounded(value),
    how,
  });
  const each = (writes / count).toFixed(1);
  return [
    row('time', 's', tookMs / 1000, `${count} Tenants that are there when the operator starts, from its start until all are Ready`),
    row('time-of-10000', 's', (tookMs / 1000) * (10_000 / count), `the same, multiplied up to 10,000`),
    row(
      'writes',
      'writes/s',
      perSecond,
      `${writes} writes, ${each} a tenant (finalizer, namespace, ${(copies.length / copied.size).toFixed(1)} objects, status), over the whole time`,
    ),
    row(
      'writes-raw',
      'writes/s',
      rawPerSecond,
      `the ${copies.length} objects of ${copied.size} tenants applied again under other names by ${IN_FLIGHT} calls at once, no operator`,
    ),
    row('of-raw', 'ratio', perSecond / rawPerSecond, 'writes over writes-raw: near 1 the API server is the limit'),
    ...(operatorMs === undefined
      ? []
      : [row('processor/operator', 'ms/tenant', operatorMs / count, 'processor time of the operator, its start included')]),
    ...(serverTookMs === undefined
      ? []
      : [row('processor/api-server', 'ms/tenant', serverTookMs / count, 'processor time of kube-apiserver in the same time')]),
  ];
};

const apiServerPid = ({ plane }: Installation): number | undefined => pidOf(`--secure-port=${new URL(plane.url).port}`);

const measureEdits = async (
  writ: Installation,
  waiting: Waiting,
  { tenants: count, edits, say }: TenantLoad,
): Promise<readonly BenchRow[]> => {
  say('edits');
  await sleep(systemClock, SETTLED_MS);
  const timesMs: number[] = [];
  const before = await requestsSoFar(writ.client);
  for (let index = 0; index < edits; index += 1) {
    const name = nameOf(Math.floor((index * count) / edits));
    const startedMs = performance.now();
    const edited = await writ.client.patch<Told>(
      tenants,
      { name },
      { type: 'merge', body: { spec: { namespaces: { metadata: { labels: { edit: `number-${index}` } } } } } },
    );
    timesMs.push((await waiting.ready(name, edited.metadata.generation ?? 0)) - startedMs);
  }
  await sleep(systemClock, SETTLED_MS);
  const { reads, writes } = since(before, await requestsSoFar(writ.client));
  const how = `${edits} edits of a namespace label, one Tenant of ${count} at a time, from the write to Ready for the new generation`;
  return [
    ...quantiles('tenants/edit/ready', timesMs, how),
    {
      name: 'tenants/edit/requests',
      unit: 'a Tenant',
      value: rounded((reads + writes) / edits),
      how: `requests about tenants and what they are made of, the edit included: ${reads} reads and ${writes} writes for ${edits} edits; the rest is not touched`,
    },
  ];
};

const measureRest = async (writ: Installation, { tenants: count, idleMs, say }: TenantLoad): Promise<readonly BenchRow[]> => {
  say('at rest');
  await sleep(systemClock, SETTLED_MS);
  const before = await requestsSoFar(writ.client);
  await sleep(systemClock, idleMs);
  const idle = since(before, await requestsSoFar(writ.client));
  const memory = (name: string, pid: number): readonly BenchRow[] => {
    const megabytes = residentMegabytes(pid);
    return megabytes === undefined
      ? []
      : [{ name: `tenants/memory/${name}`, unit: 'MB', value: rounded(megabytes), how: `resident with ${count} tenants; ${name}/main.ts` }];
  };
  return [
    {
      name: 'tenants/idle/writes',
      unit: 'writes',
      value: idle.writes,
      how: `about tenants and what they are made of, in ${idleMs / 1000} s in which nothing changes; ${idle.reads} reads`,
    },
    ...memory('operator', writ.operator.pid),
    ...memory('webhook', writ.webhook.pid),
  ];
};

const measureRestarts = async (writ: Installation, { tenants: count, say }: TenantLoad): Promise<readonly BenchRow[]> => {
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
    { what: 'the edit to be seen', everyMs: 50, withinMs: COLD_PATIENCE_MS },
  );
  const operatorMs = performance.now() - operatorStartedMs;
  await until(async () => (await queueDepth(writ)) === 0, {
    what: 'every tenant to be looked at',
    everyMs: 500,
    withinMs: COLD_PATIENCE_MS,
  });
  await sleep(systemClock, SETTLED_MS);
  const { writes } = since(before, await requestsSoFar(writ.client));

  await writ.webhook.stop('SIGKILL');
  const webhookStartedMs = performance.now();
  writ.webhook = await writ.startWebhook();
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
  const webhookMs = performance.now() - webhookStartedMs;
  return [
    {
      name: 'tenants/restart/verdict',
      unit: 'ms',
      value: rounded(webhookMs),
      how: `from the start of a webhook process until the API server admits a good pod and refuses a bad one, ${count} tenants`,
    },
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

const queueDepth = async ({ operator }: Installation): Promise<number> =>
  sampleOf(await operator.metrics(), 'writ_operator_queue_depth', { controller: 'tenant' });
