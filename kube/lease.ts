// SPDX-License-Identifier: Apache-2.0
// The Lease of coordination.k8s.io as leader election uses it (the fields and their meaning are client-go's, so that kubectl
// and other tools read it rightly), and who may take it. No clock but our own is trusted: a lease is over when we have SEEN it
// unchanged for as long as it lasts, whatever times are written in it.
import type { Clock } from '../process/clock.ts';
import type { KubeObject, ObjectRef } from './objects.ts';

export type Lease = KubeObject & {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
};

/** The lease as `identity` holds it now: a new term when it was someone else's. */
export const heldLease = (
  lease: Lease | undefined,
  by: { readonly ref: ObjectRef; readonly identity: string; readonly durationMs: number; readonly nowMs: number },
): Lease => {
  const now = microTime(by.nowMs);
  const before = lease?.spec ?? {};
  const isSameTerm = before.holderIdentity === by.identity && before.acquireTime !== undefined;
  const { name, namespace } = by.ref;
  return {
    metadata: lease?.metadata ?? { name, ...(namespace === undefined ? {} : { namespace }) },
    spec: {
      ...before,
      holderIdentity: by.identity,
      leaseDurationSeconds: Math.max(1, Math.round(by.durationMs / 1000)),
      acquireTime: isSameTerm ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: isSameTerm ? (before.leaseTransitions ?? 0) : lease === undefined ? 0 : (before.leaseTransitions ?? 0) + 1,
    },
  };
};

/** Given back: anyone may take it at once. */
export const releasedLease = (lease: Lease, nowMs: number): Lease => ({
  metadata: lease.metadata,
  spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(nowMs), acquireTime: microTime(nowMs) },
});

/** The longest that any lease is waited for, whatever is written in it: whoever may write one must not stop everybody for years. */
export const LEASE_MAX_MS = 60_000;

const microTime = (nowMs: number): string => new Date(nowMs).toISOString().replace('Z', '000Z');

export type LeaseWatcher = {
  /** Notes the lease as it is seen now, and says whether `identity` may take it. */
  mayTake(lease: Lease | undefined): boolean;
};

export const createLeaseWatcher = (options: {
  readonly clock: Clock;
  readonly identity: string;
  readonly durationMs: number;
}): LeaseWatcher => {
  let seen: { readonly mark: string; readonly atMs: number } | undefined;
  return {
    mayTake: (lease) => {
      const holder = lease?.spec?.holderIdentity ?? '';
      if (lease === undefined || holder === '' || holder === options.identity) return true;
      const mark = JSON.stringify([holder, lease.spec?.renewTime, lease.metadata.resourceVersion, lease.metadata.uid]);
      const nowMs = options.clock.monotonicMs();
      if (seen?.mark !== mark) seen = { mark, atMs: nowMs };
      // The longer of the two: the holder counts by its own setting.
      const lastsMs = Math.max(options.durationMs, Math.min((lease.spec?.leaseDurationSeconds ?? 0) * 1000, LEASE_MAX_MS));
      return nowMs - seen.atMs >= lastsMs;
    },
  };
};
