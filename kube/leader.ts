// SPDX-License-Identifier: Apache-2.0
// One leader at a time, by a Lease. The timing is client-go's (15 s lease, 10 s to renew, a try every 2 s); what is added is the
// fence: the leader's client refuses to write from the moment when renewing has taken too long by its own clock, before the
// lease can be anybody else's, even if this process was suspended in the middle of a call.
import { leases } from '../crds/kinds.ts';
import { sleep } from '../process/clock.ts';
import type { Clock } from '../process/clock.ts';
import type { KubeClient } from './client.ts';
import { createDeadline } from './deadline.ts';
import { isAlreadyExists, isConflict, KubeFencedError } from './errors.ts';
import { createLeaseFence } from './fence.ts';
import type { LeaseFence } from './fence.ts';
import { LEASE_MAX_MS, createLeaseWatcher, heldLease, releasedLease } from './lease.ts';
import type { Lease } from './lease.ts';

export type LeaderObserver = {
  readonly changed?: (leading: boolean) => void;
  /** Taking or renewing the lease failed; it is tried again. */
  readonly failed?: (error: unknown) => void;
};

export type LeaderOptions = {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
  /** Unique for each start of a process: pod name and a random part. */
  readonly identity: string;
  readonly clock: Clock;
  readonly leaseDurationMs?: number;
  readonly renewDeadlineMs?: number;
  readonly retryPeriodMs?: number;
  readonly random?: () => number;
  readonly observe?: LeaderObserver;
};

/** Ends soon after `leaderSignal` aborts; writes only through `client`. */
export type Lead = (leaderSignal: AbortSignal, client: KubeClient) => Promise<void>;

export type Leader = {
  /**
   * Stands for election until `signal` aborts, and runs `lead` in each term. Resolves after the abort, once `lead` has ended and
   * the lease is given back, or when `lead` returns by itself; rejects with what `lead` throws in its term.
   */
  run(signal: AbortSignal, lead: Lead): Promise<void>;
  isLeader(): boolean;
};

type Term = { readonly fence: LeaseFence; lease: Lease };

export const createLeader = (options: LeaderOptions): Leader => {
  const { client, clock, identity, random = Math.random, observe } = options;
  const { leaseDurationMs = 15_000, renewDeadlineMs = 10_000, retryPeriodMs = 2_000 } = options;
  if (!(retryPeriodMs < renewDeadlineMs && renewDeadlineMs < leaseDurationMs)) {
    throw new RangeError('leader election needs retryPeriodMs < renewDeadlineMs < leaseDurationMs');
  }
  // Others would not wait for it.
  if (leaseDurationMs > LEASE_MAX_MS) throw new RangeError(`a lease may last at most ${LEASE_MAX_MS} ms`);
  const ref = { namespace: options.namespace, name: options.name };
  const watcher = createLeaseWatcher({ clock, identity, durationMs: leaseDurationMs });
  let current: LeaseFence | undefined;

  /** Takes or renews the lease; undefined when it is someone else's. Ends within `withinMs`. */
  const hold = async (
    known: Lease | undefined,
    fence: LeaseFence,
    limit: { readonly withinMs: number; readonly signal?: AbortSignal },
  ): Promise<Lease | undefined> => {
    const deadline = createDeadline({ clock, timeoutMs: Math.max(limit.withinMs, 1), signal: limit.signal });
    const within = { signal: deadline.signal };
    try {
      const lease = known ?? (await client.get<Lease>(leases, ref, within));
      if (!watcher.mayTake(lease)) return undefined;
      const sentAt = fence.instant();
      const wanted = heldLease(lease, { ref, identity, durationMs: leaseDurationMs, nowMs: clock.now() });
      const held = lease === undefined ? await client.create(leases, wanted, within) : await client.replace(leases, wanted, within);
      fence.renewed(sentAt);
      return held;
    } catch (error) {
      // Someone was faster, or our own write of before did come through: look again.
      if (!isConflict(error) && !isAlreadyExists(error)) throw error;
      return known === undefined ? undefined : await hold(undefined, fence, { ...limit, withinMs: limit.withinMs / 2 });
    } finally {
      deadline.release();
    }
  };

  const campaign = async (signal: AbortSignal): Promise<Term | undefined> => {
    while (!signal.aborted) {
      const fence = createLeaseFence({ clock, renewDeadlineMs, leaseDurationMs });
      try {
        const lease = await hold(undefined, fence, { withinMs: renewDeadlineMs, signal });
        // The answer may have come so late that the term is over already.
        if (lease !== undefined && fence.remainingMs() > 0) return { fence, lease };
      } catch (error) {
        if (!signal.aborted) observe?.failed?.(error);
      }
      await sleep(clock, retryPeriodMs * (1 + 0.2 * random()), signal);
    }
    return undefined;
  };

  /** Renews until `over` aborts; resolves earlier only when the lease is lost. */
  const renew = async (term: Term, over: AbortSignal): Promise<'lost' | 'over'> => {
    for (;;) {
      await sleep(clock, Math.min(retryPeriodMs, Math.max(term.fence.remainingMs(), 1)), over);
      if (over.aborted) return 'over';
      const withinMs = term.fence.remainingMs();
      if (withinMs <= 0) return 'lost';
      try {
        const lease = await hold(term.lease, term.fence, { withinMs, signal: over });
        if (lease === undefined) return 'lost';
        term.lease = lease;
      } catch (error) {
        if (over.aborted) return 'over';
        observe?.failed?.(error);
      }
    }
  };

  const giveBack = async (term: Term): Promise<void> => {
    const deadline = createDeadline({ clock, timeoutMs: retryPeriodMs });
    try {
      await client.replace(leases, releasedLease(term.lease, clock.now()), { signal: deadline.signal });
    } catch (error) {
      observe?.failed?.(error);
    } finally {
      deadline.release();
    }
  };

  /** One term, from taking the lease to its loss or return. */
  const serve = async (term: Term, signal: AbortSignal, lead: Lead): Promise<'lost' | 'ended'> => {
    const leading = new AbortController();
    const over = new AbortController();
    const stop = (): void => leading.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    current = term.fence;
    observe?.changed?.(true);
    let isLost = false;
    const renewing = renew(term, over.signal).then((end) => {
      if (end !== 'lost') return;
      isLost = true;
      term.fence.drop();
      leading.abort(new KubeFencedError('leadership was lost'));
    });
    try {
      await lead(leading.signal, client.fenced(term.fence));
    } catch (error) {
      // Ended by us: how it ends is its own business.
      if (!leading.signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      over.abort();
      await renewing;
      term.fence.drop();
      current = undefined;
      observe?.changed?.(false);
      if (!isLost) await giveBack(term);
    }
    return isLost ? 'lost' : 'ended';
  };

  return {
    run: async (signal, lead) => {
      for (let term = await campaign(signal); term !== undefined; term = await campaign(signal)) {
        if ((await serve(term, signal, lead)) === 'ended') return;
      }
    },
    isLeader: () => current !== undefined && current.remainingMs() > 0,
  };
};
