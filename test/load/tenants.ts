// SPDX-License-Identifier: Apache-2.0
/**
 * What tenants cost: one from its creation to Ready, all of them at once after a cold start, one edit among them, and the operator at rest.
 *
 * In: how many. Out: rows `tenants/…`. The installation is one of its own, since thousands of namespaces would weigh on the others' figures, and
 * has no controller manager, so that nobody but the operator writes. Requests are those that the API server counts. How much of
 * the cold start is the API server's is told twice: by the same objects written with nothing between them, and by processor time.
 */
import { tenants } from '../../crds/kinds.ts';
import { sleep, systemClock } from '../../process/clock.ts';
import { pinned } from '../scenario/documents.ts';
import { installWrit } from '../scenario/installation.ts';
import type { Installation } from '../scenario/installation.ts';
import { quantile, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';
import { residentMegabytes } from './processor-time.ts';
import { measureCold } from './tenant-cold.ts';
import { SETTLED_MS, nameOf, tenantDocument } from './tenant-load.ts';
import type { TenantLoad } from './tenant-load.ts';
import { createWaiting, watchReady } from './tenant-readiness.ts';
import type { Told, Waiting } from './tenant-readiness.ts';
import { judgedTenant, measureRestarts } from './tenant-restarts.ts';
import { byKind, requestsSoFar, since } from './tenant-writes.ts';
import type { Requests } from './tenant-writes.ts';

export const measureTenants = async (load: TenantLoad): Promise<readonly BenchRow[]> => {
  const writ = await installWrit({
    documents: {
      'policies/pinned.yaml': pinned,
      'tenants/judged.yaml': JSON.stringify(judgedTenant),
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
  let of: Requests | undefined;
  for (let index = 0; index < singles + 2; index += 1) {
    if (index % 10 === 0) say(`one tenant after the other: ${index} of ${singles}`);
    const before = await requestsSoFar(writ.client);
    const startedMs = performance.now();
    await writ.client.create(tenants, tenantDocument(`single-${index}`));
    const readyMs = await waiting.ready(`single-${index}`, 1);
    // The first ones find caches and connections cold.
    if (index < 2) continue;
    timesMs.push(readyMs - startedMs);
    if (index < singles + 1) continue;
    await sleep(systemClock, SETTLED_MS);
    of = since(before, await requestsSoFar(writ.client));
  }
  const how = `${singles} Tenants, each alone, from kubectl's write to Ready=True for its generation`;
  return [
    ...quantiles('tenants/one/ready', timesMs, how),
    ...(of === undefined
      ? []
      : [
          {
            name: 'tenants/one/requests',
            unit: 'a Tenant',
            value: of.reads + of.writes,
            how: `of the last one, its own included: ${byKind(of)}`,
          },
        ]),
  ];
};

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
