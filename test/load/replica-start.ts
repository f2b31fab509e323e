// SPDX-License-Identifier: Apache-2.0
/**
 * A replica that starts where a thousand keyless policies stand: how long until it enforces them, and its longest turn meanwhile.
 *
 * In: an installation whose API server asks nobody about objects so labelled. Out: rows `custody/replica-start-1000/…`. The
 * process is the webhook as it runs in a cluster, so its first lists, metrics, log and report are part of it.
 */
import type { Installation } from '../scenario/installation.ts';
import { sampleOf } from '../scenario/exposition.ts';
import { freePort } from '../scenario/free-port.ts';
import { until } from '../scenario/until.ts';
import { rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';
import { postBytes } from './keep-alive-connection.ts';
import type { Connection, PostTarget } from './keep-alive-connection.ts';
import { objectOf } from './sealed-writes.ts';

const MANY = 1000;
const READY_WITHIN_MS = 300_000;
/** The process looks at its loop every so often, and that is part of what it tells. */
const LOOKS_EVERY_MS = 10;

export type ReplicaStartOptions = {
  readonly writ: Installation;
  readonly connection: Connection;
  readonly target: PostTarget;
  readonly say: (step: string) => void;
};

export const measureReplicaStart = async ({ writ, connection, target, say }: ReplicaStartOptions): Promise<readonly BenchRow[]> => {
  say(`writing ${MANY} keyless policies`);
  const url = new URL(target.url);
  url.search = '';
  for (let index = 0; index < MANY; index += 1) {
    const body = objectOf({ sort: 'keyless', asked: 'nobody', index: 1_000_000 + index }, writ);
    const answer = await connection.exchange(postBytes({ ...target, url: url.href }, body));
    if (answer.status !== 201) throw new Error(`a policy could not be written: ${answer.text()}`);
  }
  say('a second replica');
  const startedMs = performance.now();
  const replica = await writ.startWebhook({ id: 'two', port: await freePort() });
  try {
    // Each look forgets what was before it: while its code is loaded nobody can ask anything.
    await until(() => replica.metrics(), { what: 'the replica to answer', everyMs: 20, withinMs: READY_WITHIN_MS });
    await replica.ready(READY_WITHIN_MS);
    const durationMs = performance.now() - startedMs;
    const text = await replica.metrics();
    const enforced = sampleOf(text, 'writ_policies_enforced');
    if (enforced !== MANY) throw new Error(`${enforced} of ${MANY} policies are enforced`);
    const how = `a webhook process starts beside an API server that holds ${MANY} keyless policies`;
    return [
      { name: 'custody/replica-start-1000/ready', unit: 'ms', value: rounded(durationMs), how: `${how}, until all of them are enforced` },
      {
        name: 'custody/replica-start-1000/loop-lag-max',
        unit: 'ms',
        value: rounded(sampleOf(text, 'nodejs_eventloop_lag_max_seconds') * 1000 - LOOKS_EVERY_MS),
        how: `${how}; the longest wait of its event loop from its first answer until then, as it tells it, for other processes of the machine too`,
      },
    ];
  } finally {
    await replica.stop('SIGTERM', 10_000);
  }
};
