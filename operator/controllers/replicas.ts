// SPDX-License-Identifier: Apache-2.0
// Which webhook replicas live, and what each enforces. A replica's report says what it enforces; its Lease, renewed while
// it lives, says whether the report still counts.
import { decodeReplica, replicaName } from '../../crds/replica.ts';
import type { ConfigMap } from '../../crds/inventory.ts';
import type { ReplicaReport } from '../../crds/replica.ts';
import type { KubeObject } from '../../kube/objects.ts';

export type LeaseObject = KubeObject & { readonly spec?: { readonly renewTime?: string; readonly leaseDurationSeconds?: number } };

/** The reports of replicas whose Lease has not run out. */
export const liveReplicas = (input: {
  readonly reports: readonly (ConfigMap | KubeObject)[];
  readonly leases: readonly LeaseObject[];
  readonly nowMs: number;
}): readonly ReplicaReport[] => {
  const alive = new Set(input.leases.filter((lease) => leaseEndMs(lease) > input.nowMs).map((lease) => lease.metadata.name));
  return input.reports.flatMap((configMap) => {
    const report = decodeReplica(configMap);
    return report !== undefined && alive.has(replicaName(report.replica)) ? [report] : [];
  });
};

/** Epoch ms at which a Lease runs out; 0 for one that was given back or says nothing. */
export const leaseEndMs = ({ spec }: LeaseObject): number => {
  const renewedMs = Date.parse(spec?.renewTime ?? '');
  return Number.isNaN(renewedMs) ? 0 : renewedMs + (spec?.leaseDurationSeconds ?? 0) * 1000;
};

/** How many of them enforce exactly this document of the policy. */
export const enforcing = (replicas: readonly ReplicaReport[], policy: string, digest: string): number =>
  replicas.filter((report) => Object.hasOwn(report.policies, policy) && report.policies[policy] === digest).length;

/** Changes when, and only when, some policy's count may change. */
export const replicaFingerprint = (replicas: readonly ReplicaReport[]): string =>
  replicas
    .map(
      (report) => `${report.replica} ${report.setDigest} ${report.trustDigest} ${Object.keys(report.refused).length} ${report.flippedAt}`,
    )
    .toSorted()
    .join('\n');
