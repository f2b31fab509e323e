// SPDX-License-Identifier: Apache-2.0
// Test data: what graduated tiers come to, as Stripe documents them.
import { ZERO, add, multiply, parseDecimal, whole } from '../../policies/pricing/ratio.ts';
import type { Ratio } from '../../policies/pricing/ratio.ts';
import type { PriceTier } from './catalog.ts';

/** In the currency's smallest unit, not rounded. */
export const graduated = (tiers: readonly PriceTier[], quantity: bigint): Ratio => {
  let [cost, from] = [ZERO, 0n];
  for (const { upTo, unitAmount } of tiers) {
    const price = parseDecimal(unitAmount);
    if (price === undefined) throw new Error(`${unitAmount} is no price`);
    const to = upTo === undefined || quantity < BigInt(upTo) ? quantity : BigInt(upTo);
    if (to > from) cost = add(cost, multiply(whole(to - from), price));
    from = upTo === undefined ? from : BigInt(upTo);
  }
  return cost;
};
