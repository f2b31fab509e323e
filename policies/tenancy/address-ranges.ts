// SPDX-License-Identifier: Apache-2.0
// Sets of addresses as sorted ranges that do not touch: what a CIDR list covers, and whether one set lies within another.
// IPv4 and IPv6 are two number lines on one: an IPv4 address stands above all of IPv6.
import { AddressFault, parseCidr } from '../cel/values/ip-text.ts';

export type AddressRange = { readonly from: bigint; readonly to: bigint };
/** Sorted, none overlaps or adjoins another. */
export type AddressSet = readonly AddressRange[];

const V4 = 1n << 128n;
export const EVERY_ADDRESS: AddressSet = [{ from: 0n, to: V4 + (1n << 32n) - 1n }];

/** `undefined`: no address block. Host bits are ignored, as network plugins do. */
export const rangeOf = (cidr: string): AddressRange | undefined => {
  const parsed = parseCidr(cidr);
  if (parsed instanceof AddressFault) return undefined;
  const { address, length } = parsed;
  const [base, width] = address.family === 4 ? [V4, 32] : [0n, 128];
  const host = BigInt(width - length);
  const from = base + ((address.bits >> host) << host);
  return { from, to: from + (1n << host) - 1n };
};

const byStart = (a: AddressRange, b: AddressRange): number => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0);

export const union = (ranges: readonly AddressRange[]): AddressSet => {
  const merged: { from: bigint; to: bigint }[] = [];
  for (const { from, to } of ranges.toSorted(byStart)) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last.to + 1n) {
      if (to > last.to) last.to = to;
    } else merged.push({ from, to });
  }
  return merged;
};

/** What is left of a range without others. */
export const without = (range: AddressRange, removed: readonly AddressRange[]): AddressSet => {
  const left: AddressRange[] = [];
  let { from } = range;
  for (const hole of union(removed)) {
    if (hole.to < from) continue;
    if (hole.from > range.to) break;
    if (hole.from > from) left.push({ from, to: hole.from - 1n });
    from = hole.to + 1n;
  }
  if (from <= range.to) left.push({ from, to: range.to });
  return left;
};

/** The first range of `inner` that is not wholly within `outer`; both are sorted, so one pass is enough. */
export const outside = (inner: AddressSet, outer: AddressSet): AddressRange | undefined => {
  let at = 0;
  for (const range of inner) {
    while (at < outer.length && (outer[at]?.to ?? 0n) < range.from) at += 1;
    const around = outer[at];
    if (around === undefined || around.from > range.from || around.to < range.to) return range;
  }
  return undefined;
};
