// SPDX-License-Identifier: Apache-2.0
// The facts that an invoice hangs on beside prices and use, as bytes: their digest is on it, so that nobody can say later that
// something else was ordered or approved.
import { formatTime } from '../../../policies/pricing/calendar.ts';
import type { Adjustment } from './adjustment.ts';
import type { Subscription } from './subscription.ts';

/** Nothing of after `atMs`: a file to which something is added makes the same bytes of what was before. */
export const ordersText = (
  { tenant, customer, changes, trialEndMs, endMs }: Subscription,
  { atMs, adjustments }: { readonly atMs: number; readonly adjustments: readonly Adjustment[] },
): string => {
  const untilNow = (ms: number | undefined): string | undefined => (ms === undefined || ms > atMs ? undefined : formatTime(ms));
  const facts = {
    tenant,
    customer,
    changes: changes.filter((change) => change.atMs <= atMs).map(({ atMs: ms, tier, cycle }) => ({ at: formatTime(ms), tier, cycle })),
    trialEnd: trialEndMs !== undefined && trialEndMs > atMs ? 'later' : untilNow(trialEndMs),
    end: untilNow(endMs),
    adjustments: adjustments.map(({ id, kind, amount, currency, reason, requester, approver, atMs: ms, invoice }) => ({
      id,
      kind,
      amount: String(amount),
      currency,
      reason,
      requester,
      approver,
      at: formatTime(ms),
      invoice,
    })),
  };
  return `${JSON.stringify(facts)}\n`;
};
