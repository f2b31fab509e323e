// SPDX-License-Identifier: Apache-2.0
/**
 * From a push to the new verdict: a policy among a hundred others changes in Git, the receiver is told, and a pod is tried
 * at the API server every few milliseconds until the answer names the new version.
 *
 * In: an installation. Out: rows `push/enforced/…`. Time begins when `git push` has ended, so the delivery to the receiver
 * is part of it; the rows `after-202` begin when the receiver has answered.
 */
import { sleep, systemClock } from '../../process/clock.ts';
import { agentPod } from './agent-policies.ts';
import { quantile, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';
import { openConnection, postBytes } from './keep-alive-connection.ts';
import { PUSHED_POLICY, pushedPolicy, tenantNamespaces } from './load-installation.ts';
import type { LoadInstallation } from './load-installation.ts';

const PROBE_EVERY_MS = 2;
const PATIENCE_MS = 30_000;

type Push = { readonly sincePushMs: number; readonly since202Ms: number };

const refusedPod = (): unknown => {
  const pod = agentPod({ namespace: tenantNamespaces.push });
  return { ...pod, metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, 'refuse-me': 'yes' } } };
};

export const measurePushes = async (
  { writ, podCreates }: LoadInstallation,
  { pushes, say }: { readonly pushes: number; readonly say: (step: string) => void },
): Promise<readonly BenchRow[]> => {
  const target = podCreates(tenantNamespaces.push);
  const request = postBytes(target, JSON.stringify(refusedPod()));
  const connection = await openConnection(target);
  const refusedBy = async (version: number): Promise<number> => {
    const deadlineMs = performance.now() + PATIENCE_MS;
    let said = '';
    while (performance.now() < deadlineMs) {
      said = (await connection.exchange(request)).text();
      if (said.includes(`refused by version ${version};`)) return performance.now();
      await sleep(systemClock, PROBE_EVERY_MS);
    }
    throw new Error(`version ${version} was not enforced within ${PATIENCE_MS} ms; the API server says ${said}`);
  };
  const push = async (version: number): Promise<Push> => {
    await writ.push({ [PUSHED_POLICY]: pushedPolicy(version) }, { notify: false });
    const pushedMs = performance.now();
    let acceptedMs = Number.NaN;
    const accepted = writ.notify().then((status) => {
      if (status !== 202) throw new Error(`the receiver answered ${status}`);
      acceptedMs = performance.now();
    });
    const [enforcedMs] = await Promise.all([refusedBy(version), accepted]);
    return { sincePushMs: enforcedMs - pushedMs, since202Ms: enforcedMs - acceptedMs };
  };
  try {
    await refusedBy(1);
    // The first fetches after a start are slower than those of a day.
    for (const version of [2, 3]) await push(version);
    const all: Push[] = [];
    for (let at = 0; at < pushes; at += 1) {
      if (at % 10 === 0) say(`push ${at + 1} of ${pushes}`);
      all.push(await push(4 + at));
    }
    return rowsOf(all);
  } finally {
    connection.close();
  }
};

const rowsOf = (pushes: readonly Push[]): readonly BenchRow[] => {
  const how = `${pushes.length} pushes of one changed policy among 101 with receiver, over HTTPS Git, until a dry-run pod create is answered by the new version`;
  const rows = (name: string, timesMs: readonly number[], from: string): readonly BenchRow[] =>
    [['p50', 0.5] as const, ['p99', 0.99] as const, ['max', 1] as const].map(([label, share]) => ({
      name: `${name}/${label}`,
      unit: 'ms',
      value: rounded(quantile(timesMs, share)),
      how: `${how}, from ${from}`,
    }));
  return [
    ...rows(
      'push/enforced',
      pushes.map(({ sincePushMs }) => sincePushMs),
      'the end of git push',
    ),
    ...rows(
      'push/enforced/after-202',
      pushes.map(({ since202Ms }) => since202Ms),
      "the receiver's 202",
    ),
  ];
};
