// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import { Boxed, CelType } from './boxed.ts';
import { addDecimals, compareDecimals, decimalDigits, effortOfDigits, timesTenTo } from './exact-decimal.ts';
import type { ExactDecimal } from './exact-decimal.ts';
import { INT_MAX, INT_MIN, intOf } from './integer.ts';
import type { CelInt } from './value.ts';

export const QUANTITY = new CelType('kubernetes.Quantity');

const fitsInt64 = (value: bigint): boolean => value >= INT_MIN && value <= INT_MAX;

/**
 * An amount of a resource. `small` says that Kubernetes holds it as a 64-bit integer and a power of ten; only those can be asked as
 * integers. `derived`: the result of an addition, which Kubernetes refuses on the right side of `==`.
 */
export class Quantity extends Boxed {
  readonly #amount: ExactDecimal;
  readonly #small: boolean;
  readonly #derived: boolean;

  constructor(amount: ExactDecimal, small: boolean, derived: boolean) {
    super();
    this.#amount = amount;
    this.#small = small;
    this.#derived = derived;
  }

  get amount(): ExactDecimal {
    return this.#amount;
  }

  get small(): boolean {
    return this.#small;
  }

  override get type(): CelType {
    return QUANTITY;
  }

  override get pointed(): boolean {
    return this.#derived;
  }

  override sameAs(other: unknown): boolean | undefined {
    return other instanceof Quantity && !other.#derived ? compareDecimals(this.#amount, other.#amount) === 0 : undefined;
  }
}

/** Announces the work that the digits of two quantities may take. */
export const strainFor = (evaluation: Evaluation, left: Quantity, right: Quantity): boolean =>
  (left.small && right.small) || evaluation.strain(effortOfDigits(decimalDigits(left.amount) + decimalDigits(right.amount)));

/** As an int, when Kubernetes holds it as one: `1` and `1k` are, `1000m` is not. */
export const integerOf = ({ small, amount: { mantissa, exponent } }: Quantity): CelInt | undefined => {
  if (!small || exponent < 0) return undefined;
  if (mantissa === 0n) return 0;
  const value = exponent > 18 ? undefined : timesTenTo(mantissa, exponent);
  return value !== undefined && fitsInt64(value) ? intOf(value) : undefined;
};

/** Go's math.Pow10, which multiplies two roundings. */
const powerOfTen = (exponent: number): number => {
  if (exponent > 308) return Number.POSITIVE_INFINITY;
  if (exponent < -323) return 0;
  const size = Math.abs(exponent);
  const [high, low] = [size - (size % 32), size % 32];
  return exponent < 0 ? Number(`1e-${high}`) / Number(`1e${low}`) : Number(`1e${high}`) * Number(`1e${low}`);
};

export const approximateFloat = ({ amount: { mantissa, exponent } }: Quantity): number =>
  exponent === 0 ? Number(mantissa) : Number(mantissa) * powerOfTen(exponent);

const negated = ({ mantissa, exponent }: ExactDecimal): ExactDecimal => ({ mantissa: -mantissa, exponent });

/** Sums stay small where 64 bits hold the result at the finer of the two scales. */
const sumOfSmall = (left: ExactDecimal, right: ExactDecimal): ExactDecimal | undefined => {
  if (right.mantissa === 0n) return left;
  if (left.mantissa === 0n) return fitsInt64(right.mantissa) ? right : undefined;
  if (Math.abs(left.exponent - right.exponent) > 19) return undefined;
  const [coarse, fine] = left.exponent > right.exponent ? [left, right] : [right, left];
  const aligned = timesTenTo(coarse.mantissa, coarse.exponent - fine.exponent);
  const sum = aligned + fine.mantissa;
  return fitsInt64(aligned) && fitsInt64(sum) ? { mantissa: sum, exponent: fine.exponent } : undefined;
};

/** left + right, exactly; undefined = it would take too much work. */
const sum = (evaluation: Evaluation, left: Quantity, right: Quantity): Quantity | undefined => {
  const small = left.small && right.small ? sumOfSmall(left.amount, right.amount) : undefined;
  if (small !== undefined) return new Quantity(small, true, true);
  const digits = decimalDigits(left.amount) + decimalDigits(right.amount) + Math.abs(left.amount.exponent - right.amount.exponent);
  return evaluation.strain(effortOfDigits(digits)) ? new Quantity(addDecimals(left.amount, right.amount), false, true) : undefined;
};

export const addQuantities = (evaluation: Evaluation, left: Quantity, right: Quantity): Quantity | undefined =>
  sum(evaluation, left, right);

export const subtractQuantities = (evaluation: Evaluation, left: Quantity, right: Quantity): Quantity | undefined =>
  sum(evaluation, left, isLeast(left, right) ? right : new Quantity(negated(right.amount), right.small, true));

/** Go negates the least int to itself, unless the numbers are too large for its fast path. */
const isLeast = (left: Quantity, right: Quantity): boolean =>
  left.small &&
  right.small &&
  left.amount.mantissa >= 0n &&
  left.amount.exponent >= 0 &&
  right.amount.mantissa === -(2n ** 63n) &&
  right.amount.exponent === 0;

export const quantityOfInt = (value: CelInt): Quantity => new Quantity({ mantissa: BigInt(value), exponent: 0 }, true, true);
