// SPDX-License-Identifier: Apache-2.0
// What a quantity of one meter costs in a part of a month: included quantity, then list price, volume discount on what lies
// above its marks, annual discount, minimum; exact until the line is rounded.
import type { Book, TierUsage, VolumeStep } from '../../../policies/pricing/index.ts';
import type { PriceStep } from './invoice.ts';
import {
  ZERO,
  add,
  ceilingQuantity,
  compare,
  formatDecimal,
  larger,
  multiply,
  ratio,
  smaller,
  subtract,
  whole,
} from '../../../policies/pricing/ratio.ts';
import type { Ratio } from '../../../policies/pricing/ratio.ts';

const WHOLE = 10_000;

export type Priced = {
  readonly included: Ratio;
  readonly beyond: Ratio;
  readonly steps: readonly PriceStep[];
  /** In units of the currency. */
  readonly cost: Ratio;
};

/** Discounts multiply: 30 % and then 20 % are 44 %. */
const shareOfList = (volume: number, annual: number, minimum: number): Ratio =>
  larger(ratio((WHOLE - volume) * (WHOLE - annual), WHOLE * WHOLE), ratio(minimum, WHOLE));

/** `part`: of the month, at most 1. Allowance and marks are cut to it and rounded up, so that no part loses a fraction. */
export const priceUsage = (input: {
  readonly book: Book;
  readonly usage: TierUsage;
  readonly meter: string;
  readonly annual: boolean;
  /** In the priced unit. */
  readonly quantity: Ratio;
  readonly part: Ratio;
  /** Of something that holds at every moment, such as users: nothing is cut, and what goes beyond is charged for the part. */
  readonly isLevel: boolean;
}): Priced => {
  const { book, usage } = input;
  const part = input.isLevel ? whole(1) : input.part;
  const included = ceilingQuantity(multiply(usage.included, part));
  const beyond = larger(ZERO, subtract(input.quantity, included));
  if (usage.overage === undefined || beyond.count === 0n) return { included, beyond, steps: [], cost: ZERO };
  const list = usage.overage;
  const annual = input.annual ? book.annualBasisPoints : 0;
  const marks: readonly VolumeStep[] = [{ above: ZERO, basisPoints: 0 }, ...(book.volume.get(input.meter) ?? [])];
  const steps: PriceStep[] = [];
  let cost = ZERO;
  for (const [index, { above, basisPoints }] of marks.entries()) {
    const from = ceilingQuantity(multiply(above, part));
    const next = marks[index + 1];
    const to = next === undefined ? beyond : smaller(beyond, ceilingQuantity(multiply(next.above, part)));
    if (compare(to, from) <= 0) continue;
    const quantity = subtract(to, from);
    const full = multiply(list, shareOfList(basisPoints, annual, book.minimumBasisPoints));
    const price = input.isLevel ? multiply(full, input.part) : full;
    cost = add(cost, multiply(quantity, price));
    steps.push({
      quantity: formatDecimal(quantity),
      list: formatDecimal(list),
      volumeBasisPoints: basisPoints,
      annualBasisPoints: annual,
      price: formatDecimal(price),
    });
  }
  return { included, beyond, steps, cost };
};
