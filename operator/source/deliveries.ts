// SPDX-License-Identifier: Apache-2.0
// The last deliveries of each source, so that "my webhook does nothing" has an answer, and the allowance per path.
import type { Clock } from '../../process/clock.ts';

export type DeliveryVerdict = 'Accepted' | 'Ignored' | 'Replayed' | 'Refused';

export type DeliveryRecord = {
  /** Epoch ms. */
  readonly at: number;
  /** The sender's own id of the delivery, where it gave one. */
  readonly id: string | undefined;
  readonly type: string;
  readonly event: string | undefined;
  readonly verdict: DeliveryVerdict;
  readonly status: number;
  readonly reason: string;
};

const KEPT = 50;

/** Newest first, 50 at most. */
export type DeliveryLog = {
  add(record: DeliveryRecord): void;
  list(): readonly DeliveryRecord[];
  /** Whether a delivery of this id was accepted before. */
  accepted(id: string): boolean;
};

export const createDeliveryLog = (): DeliveryLog => {
  const records: DeliveryRecord[] = [];
  // Apart from the records, so that a flood of refused deliveries does not push out what was accepted.
  const acceptedIds = new Set<string>();
  return {
    add: (record) => {
      records.unshift(record);
      records.length = Math.min(records.length, KEPT);
      if (record.verdict !== 'Accepted' || record.id === undefined) return;
      acceptedIds.add(record.id);
      for (const oldest of acceptedIds) {
        if (acceptedIds.size <= KEPT) break;
        acceptedIds.delete(oldest);
      }
    },
    list: () => [...records],
    accepted: (id) => acceptedIds.has(id),
  };
};

export type Allowance = {
  /** Takes one; otherwise how long until there is one. */
  take(): { readonly ok: true } | { readonly ok: false; readonly retryAfterMs: number };
};

/** A token bucket: `burst` at once, one more each `refillMs`. */
export const createAllowance = (clock: Clock, rate: { readonly burst: number; readonly refillMs: number }): Allowance => {
  let tokens = rate.burst;
  let countedAtMs = clock.monotonicMs();
  return {
    take: () => {
      const nowMs = clock.monotonicMs();
      tokens = Math.min(rate.burst, tokens + (nowMs - countedAtMs) / rate.refillMs);
      countedAtMs = nowMs;
      if (tokens < 1) return { ok: false, retryAfterMs: Math.ceil((1 - tokens) * rate.refillMs) };
      tokens -= 1;
      return { ok: true };
    },
  };
};
