// SPDX-License-Identifier: Apache-2.0
// Which webhook replicas live, and what each enforces. A replica's report says what it enforces; its Lease, renewed while
// it lives, says whether the report still counts.
import { decodeReplica, replicaName } from '../../crds/replica.ts';
import type { ConfigMap } from '../../crds/inventory.ts';
import type { ReplicaReport } from '../../crds/replica.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { Clock } from '../../process/clock.ts';

export type LeaseObject = KubeObject & { readonly spec?: { readonly renewTime?: string; readonly leaseDurationSeconds?: number } };

export type ReplicaObjects = { readonly reports: readonly (ConfigMap | KubeObject)[]; readonly leases: readonly LeaseObject[] };

export type ReplicaWatch = {
  /** The reports of replicas that live. */
  live(objects: ReplicaObjects): readonly ReplicaReport[];
  /** Names of reports and leases that nobody has touched for so long that nobody will. */
  abandoned(objects: ReplicaObjects): readonly string[];
};

/** A pod whose node went away never takes its report with it. */
const ABANDONED_MS = 3600_000;
/** Clocks of nodes may differ; a lease older than that is not even waited for when it is first seen. */
const SKEW_MS = 5 * 60_000;

/**
 * No clock but our own is trusted, as in leader election: a replica lives while we SEE its Lease being renewed, whatever
 * times are written in it. One that is seen for the first time has its whole duration to be renewed.
 */
export const createReplicaWatch = (clock: Clock): ReplicaWatch => {
  type Seen = { readonly mark: string; readonly atMs: number; readonly endsAtMs: number };
  let seen: ReadonlyMap<string, Seen> = new Map();
  const look = ({ reports, leases }: ReplicaObjects): ReadonlyMap<string, Seen> => {
    const nowMs = clock.monotonicMs();
    const byName = new Map(leases.map((lease) => [lease.metadata.name, lease.spec]));
    const names = new Set([...byName.keys(), ...reports.map(({ metadata }) => metadata.name)]);
    seen = new Map(
      [...names].map((name): [string, Seen] => {
        const { renewTime = '', leaseDurationSeconds = 0 } = byName.get(name) ?? {};
        const before = seen.get(name);
        if (before?.mark === renewTime) return [name, before];
        const durationMs = leaseDurationSeconds * 1000;
        const isLongOver = !(Date.parse(renewTime) + durationMs + SKEW_MS > clock.now());
        return [name, { mark: renewTime, atMs: nowMs, endsAtMs: before === undefined && isLongOver ? nowMs : nowMs + durationMs }];
      }),
    );
    return seen;
  };
  return {
    live: (objects) => {
      const marks = look(objects);
      const nowMs = clock.monotonicMs();
      return objects.reports.flatMap((configMap) => {
        const report = decodeReplica(configMap);
        return report !== undefined && (marks.get(replicaName(report.replica))?.endsAtMs ?? 0) > nowMs ? [report] : [];
      });
    },
    abandoned: (objects) => {
      const nowMs = clock.monotonicMs();
      return [...look(objects)].flatMap(([name, { atMs, endsAtMs }]) => (nowMs - Math.max(atMs, endsAtMs) > ABANDONED_MS ? [name] : []));
    },
  };
};

/** How many of them enforce exactly this document of the policy. */
export const enforcing = (replicas: readonly ReplicaReport[], policy: string, digest: string): number =>
  replicas.filter((report) => Object.hasOwn(report.policies, policy) && report.policies[policy] === digest).length;

const inOrder = (entries: Readonly<Record<string, unknown>>): unknown => Object.entries(entries).toSorted(([a], [b]) => (a < b ? -1 : 1));

/** Changes when, and only when, some policy's count may change. */
export const replicaFingerprint = (replicas: readonly ReplicaReport[]): string =>
  replicas
    .map(
      ({ replica, setDigest, trustDigest, refused, refusedRulesets = {}, entitlements = {}, refusedEntitlements = {}, flippedAt }) =>
        `${replica} ${setDigest} ${trustDigest} ${flippedAt} ${JSON.stringify([refused, refusedRulesets, entitlements, refusedEntitlements].map(inOrder))}`,
    )
    .toSorted()
    .join('\n');
