// SPDX-License-Identifier: Apache-2.0
// The meter policy_executions: how many policies decided something of each tenant. Dry runs are not metered.
import type { Clock } from '../../process/clock.ts';
import type { DecisionRecord } from '../decisions/record.ts';
import type { Teller } from './index.ts';

export type ExecutionCounts = Teller & {
  /** Undefined for what nobody's policies decided. */
  count(record: DecisionRecord | undefined): void;
};

/** `intervalMs`: they are told no more often than this. */
export const createExecutionCounts = (clock: Clock, intervalMs: number): ExecutionCounts => {
  const counts = new Map<string, number>();
  let dueMs = Number.NEGATIVE_INFINITY;
  return {
    suffix: '',
    count: (record) => {
      if (record === undefined) return;
      const { metered, tenant, allowed, spoke } = record;
      const ran = allowed.length + spoke.length;
      if (!metered || tenant === '' || ran === 0) return;
      counts.set(tenant, (counts.get(tenant) ?? 0) + ran);
    },
    take: ({ max, isLast }) => {
      if (clock.monotonicMs() < dueMs && !isLast) return { facts: [], told: () => undefined };
      const taken = [...counts].slice(0, max);
      const time = new Date(clock.now()).toISOString();
      return {
        facts: taken.map(([subject, count]) => ({ subject, meter: 'policy_executions', value: String(count), time })),
        told: () => {
          if (taken.length < max) dueMs = clock.monotonicMs() + intervalMs;
          // What was counted meanwhile stays.
          for (const [tenant, count] of taken) {
            const left = (counts.get(tenant) ?? 0) - count;
            if (left > 0) counts.set(tenant, left);
            else counts.delete(tenant);
          }
        },
      };
    },
  };
};
