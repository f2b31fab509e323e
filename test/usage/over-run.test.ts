// SPDX-License-Identifier: Apache-2.0
// How far a limit on use is passed: by no more than what is begun in the time that docs/usage.md states, a look's interval, the time of a
// look and that of a watch. Replicas of the webhook let agents in at once, each by what it was told last of the ledger that the operator
// really runs; each agent that is let in uses one unit then and there.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TenantLimit, TenantUsageStanding } from '../../crds/generated/objects.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { createOperatorMetrics } from '../../operator/metrics.ts';
import { runUsage } from '../../operator/usage/index.ts';
import type { Ledger } from '../../operator/usage/ledger.ts';
import { judgeUse } from '../../policies/usage/index.ts';
import { createLog } from '../../process/log.ts';
import { fakeClock } from '../fake-clock.ts';
import { scriptedClient } from '../scripted-client.ts';
import { START, event } from './ledger-scene.ts';

const INTERVAL_MS = 60_000;
const TICK_MS = 1000;
const REPLICAS = 4;
/** Agents that each replica is asked for in a tick. */
const ASKED = 3;
const LIMITS: readonly TenantLimit[] = [{ name: 'units', meter: 'reasoning_units', window: '24h', limit: '500', onExceed: 'Deny' }];
const tenant = { metadata: { name: 'acme' }, spec: { usage: { limits: LIMITS } } };

const cacheOf = <T extends KubeObject>(...objects: readonly T[]) => ({
  get: (name: string) => objects.find(({ metadata }) => metadata.name === name),
  list: () => objects,
  onChange: () => () => undefined,
});

type Status = { readonly limits?: readonly TenantUsageStanding[] };
type Run = { readonly used: number; readonly toldMs: readonly number[] };

/** Until every replica refuses. `lookMs`: what the API server takes to write a TenantUsage; `watchMs`: what it takes to the slowest replica. */
const drive = async (given: { readonly beginMs: number; readonly lookMs: number; readonly watchMs: number }): Promise<Run> => {
  const folder = await mkdtemp(join(tmpdir(), 'writ-over-run-'));
  const clock = fakeClock(START);
  const wait = (ms: number) => new Promise<void>((resolve) => void clock.schedule(ms, resolve));
  const replicas: Status[] = Array.from({ length: REPLICAS }, () => ({}));
  const toldMs: number[] = [];
  const client = scriptedClient({
    get: async () => undefined,
    apply: async (_resource, object: KubeObject & { readonly status?: Status }) => {
      await wait(given.lookMs);
      toldMs.push(clock.now());
      const { status } = object;
      if (status !== undefined)
        for (const index of replicas.keys())
          clock.schedule((given.watchMs * (index + 1)) / REPLICAS, () => void (replicas[index] = status));
      return object;
    },
  });
  const opened: Ledger[] = [];
  const stop = new AbortController();
  const running = runUsage(
    {
      location: join(folder, 'ledger.db'),
      holder: 'test',
      systemNamespace: 'writ-system',
      intervalMs: INTERVAL_MS,
      caches: {
        pods: cacheOf(),
        claims: cacheOf(),
        tenantUsages: cacheOf({ metadata: tenant.metadata }),
        tenants: cacheOf(tenant),
        namespaces: cacheOf(),
      },
      tenants: () => [tenant],
      liveReplicas: () => new Set(),
      clock,
      log: createLog({ name: 'test', level: 'error' }),
      metrics: createOperatorMetrics(),
      onLedger: (ledger) => void opened.push(...(ledger === undefined ? [] : [ledger])),
    },
    client,
    stop.signal,
  );
  const taken: Promise<unknown>[] = [];
  let used = 0;
  try {
    // Its folder is made by the real disk, which knows nothing of this clock.
    while (opened.length === 0) await clock.advance(1);
    await clock.advance(given.beginMs);
    for (let tick = 0, refused = 0; refused < REPLICAS; tick += 1) {
      assert.ok(tick < 2000, 'every replica refuses at last');
      refused = 0;
      for (const { limits } of replicas) {
        // All that it is asked for in a tick it judges by one standing: nothing else is between them.
        const verdicts = Array.from({ length: ASKED }, () => judgeUse(LIMITS, limits).verdict);
        refused += verdicts.includes('Deny') ? 1 : 0;
        const begun = verdicts
          .filter((verdict) => verdict === 'Allow')
          .map(() => event({ seq: (used += 1), meter: 'reasoning_units', atMs: clock.now() }, clock.now()));
        if (begun.length > 0) taken.push((opened[0] ?? assert.fail('the ledger is open')).accept(begun));
      }
      await clock.advance(TICK_MS);
    }
    await Promise.all(taken);
    return { used, toldMs };
  } finally {
    stop.abort();
    await clock.advance(INTERVAL_MS + 2 * given.lookMs);
    await running;
    await rm(folder, { recursive: true });
  }
};

const LIMIT = Number(LIMITS[0]?.limit);
const PER_TICK = REPLICAS * ASKED;
/** What was used in the tick in which the limit was reached is asked for before it is. */
const boundOf = ({ lookMs, watchMs }: { readonly lookMs: number; readonly watchMs: number }): number =>
  PER_TICK * (Math.ceil((Math.max(INTERVAL_MS, lookMs) + lookMs + watchMs) / TICK_MS) + 1);

describe('a limit on use with several replicas that let agents in at once', () => {
  for (const given of [
    { lookMs: 0, watchMs: 0 },
    { lookMs: 0, watchMs: 4000 },
    { lookMs: 20_000, watchMs: 2000 },
    { lookMs: 90_000, watchMs: 0 },
  ])
    it(`is passed by what is begun in an interval, a look of ${given.lookMs} ms and a watch of ${given.watchMs} ms at most`, async () => {
      const bound = boundOf(given);
      let worst = 0;
      // The limit is reached at another moment between two looks each time.
      for (const beginMs of [1000, 13_000, 26_000, 39_000, 52_000]) {
        const { used } = await drive({ ...given, beginMs });
        assert.ok(used - LIMIT <= bound, `${used - LIMIT} beyond the limit; the bound is ${bound}`);
        worst = Math.max(worst, used - LIMIT);
      }
      // A bound that nothing comes near would say nothing.
      assert.ok(worst > bound / 2, `${worst} beyond the limit at most; the bound is ${bound}`);
    });
});
