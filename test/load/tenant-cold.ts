// SPDX-License-Identifier: Apache-2.0
// All Tenants at once after a cold start, and what the API server itself takes of the same objects in the same run: written by the
// operator's own account through the same checks, and by an administrator whom no check concerns. Nothing else runs then.
import { OPERATOR_SERVICE_ACCOUNT, SYSTEM_NAMESPACE, tenants } from '../../crds/kinds.ts';
import { createKubeClient } from '../../kube/client.ts';
import type { KubeClient } from '../../kube/client.ts';
import { systemClock } from '../../process/clock.ts';
import type { Installation } from '../scenario/installation.ts';
import { until } from '../scenario/until.ts';
import { rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';
import { processorMs } from './processor-time.ts';
import { IN_FLIGHT, PATIENCE_MS, apiServerPid, nameOf, hasLooked, tenantDocument } from './tenant-load.ts';
import type { TenantLoad } from './tenant-load.ts';
import type { Waiting } from './tenant-readiness.ts';
import { childrenOf, renamed, requestsSoFar, since, writeRaw } from './tenant-writes.ts';

/** So many tenants' objects are written again. */
const COPIED = 100;

const row = (name: string, unit: string, value: number, how: string): BenchRow => ({
  name: `tenants/cold/${name}`,
  unit,
  value: rounded(value),
  how,
});

export const measureCold = async (
  writ: Installation,
  waiting: Waiting,
  { tenants: count, say }: TenantLoad,
): Promise<readonly BenchRow[]> => {
  await writ.operator.stop('SIGTERM', 10_000);
  say(`writing ${count} Tenants while no operator runs`);
  let next = 0;
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      for (let index = next++; index < count; index = next++) await writ.client.create(tenants, tenantDocument(nameOf(index)));
    }),
  );
  const [before, there] = [await requestsSoFar(writ.client), waiting.count()];
  const serverTime = clockOf(apiServerPid(writ));
  const startedMs = performance.now();
  writ.operator = await writ.startOperator();
  await until(
    async () => {
      say(`${waiting.count() - there} of ${count} are ready after ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
      return waiting.count() - there >= count;
    },
    { what: 'all to be ready', withinMs: PATIENCE_MS, everyMs: 5000 },
  );
  const tookMs = waiting.lastMs() - startedMs;
  const { writes } = since(before, await requestsSoFar(writ.client));
  const operatorMs = processorMs(writ.operator.pid);
  const serverMs = serverTime();
  const perSecond = (writes * 1000) / tookMs;
  const possible = await measurePossible(writ, { tenants: count, say });
  const each = (writes / count).toFixed(1);
  return [
    row('time', 's', tookMs / 1000, `${count} Tenants that are there when the operator starts, from its start until all are Ready`),
    row('time-of-10000', 's', (tookMs / 1000) * (10_000 / count), `the same, multiplied up to 10,000`),
    row('writes', 'writes/s', perSecond, `${writes} writes, ${each} a tenant, over the whole time`),
    ...possible.rows,
    row('of-possible', 'ratio', perSecond / possible.perSecond, 'writes over writes-possible: near 1 the API server is the limit'),
    ...(operatorMs === undefined
      ? []
      : [row('processor/operator', 'ms/write', operatorMs / writes, 'processor time of the operator, its start included')]),
    ...(serverMs === undefined
      ? []
      : [row('processor/api-server', 'ms/write', serverMs / writes, 'processor time of kube-apiserver in the same time')]),
  ];
};

/** The processor time since now; undefined where it cannot be known. */
const clockOf = (pid: number | undefined): (() => number | undefined) => {
  const before = pid === undefined ? undefined : processorMs(pid);
  return () => {
    const now = pid === undefined ? undefined : processorMs(pid);
    return before === undefined || now === undefined ? undefined : now - before;
  };
};

type Possible = { readonly rows: readonly BenchRow[]; readonly perSecond: number };

const measurePossible = async (writ: Installation, { tenants: count, say }: Pick<TenantLoad, 'tenants' | 'say'>): Promise<Possible> => {
  say('the same objects without an operator');
  await writ.operator.stop('SIGTERM', 10_000);
  const copied = new Set(Array.from({ length: Math.min(count, COPIED) }, (_, index) => nameOf(index)));
  const objects = await childrenOf(writ.client, copied);
  const account = createKubeClient({
    kubeconfigPath: await writ.plane.kubeconfigFor({
      user: `system:serviceaccount:${SYSTEM_NAMESPACE}:${OPERATOR_SERVICE_ACCOUNT}`,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${SYSTEM_NAMESPACE}`],
    }),
    clock: systemClock,
    userAgent: 'writ-bench',
  });
  const measure = async (client: KubeClient, prefix: string) => {
    const serverTime = clockOf(apiServerPid(writ));
    const tookMs = await writeRaw(client, renamed(objects, ['load-', prefix]), IN_FLIGHT);
    return { perSecond: (objects.length * 1000) / tookMs, serverMs: serverTime() };
  };
  try {
    const [checked, bare] = [await measure(account, 'same-'), await measure(writ.client, 'bare-')];
    const what = `the ${objects.length} objects of ${copied.size} tenants applied for others by ${IN_FLIGHT} calls at once, no operator`;
    const processor = (name: string, ms: number | undefined): readonly BenchRow[] =>
      ms === undefined ? [] : [row(`processor/${name}`, 'ms/write', ms / objects.length, 'processor time of kube-apiserver for these')];
    return {
      perSecond: checked.perSecond,
      rows: [
        row('writes-possible', 'writes/s', checked.perSecond, `${what}, with the operator's account and through the same checks`),
        row('writes-bare', 'writes/s', bare.perSecond, `${what}, by system:masters, whom neither RBAC nor a policy holds up`),
        ...processor('possible', checked.serverMs),
        ...processor('bare', bare.serverMs),
      ],
    };
  } finally {
    await account.close();
    writ.operator = await writ.startOperator();
    await writ.operator.ready();
    // What was written for tenants that are none goes as far as it is nobody's.
    await until(async () => hasLooked(writ, count), { what: 'every tenant to be looked at', everyMs: 500, withinMs: PATIENCE_MS });
  }
};
