// SPDX-License-Identifier: Apache-2.0
// Which sequence numbers of a source were seen: all from 1 to the highest but those in the gaps. Exact, so that a number that is
// used twice is known, and what is missing can be shown.

export type Gap = readonly [first: number, last: number];

export type Cursor = { readonly highest: number; readonly gaps: readonly Gap[] };

export const START: Cursor = { highest: 0, gaps: [] };
/** A source with more holes than this is broken: it must not make the ledger carry an endless list. */
export const MAX_GAPS = 200;
/**
 * No source leaves out more numbers at once, not even one that goes on after a ledger was put back from a backup of hours ago: a number
 * that is far off is a mistake, and taken in it would be missing for ever. With the bound on gaps no source can come near the end of its numbers.
 */
export const MAX_LEAP = 1_000_000_000;

export const hasSeen = ({ highest, gaps }: Cursor, seq: number): boolean =>
  seq <= highest && !gaps.some(([first, last]) => seq >= first && seq <= last);

/** The cursor after `seq`, which it had not seen; undefined where that would be one gap too many, or too wide a one. */
export const see = ({ highest, gaps }: Cursor, seq: number): Cursor | undefined => {
  if (seq > highest) {
    if (seq === highest + 1) return { highest: seq, gaps };
    return gaps.length >= MAX_GAPS || seq - highest > MAX_LEAP ? undefined : { highest: seq, gaps: [...gaps, [highest + 1, seq - 1]] };
  }
  const next = gaps.flatMap(([first, last]): Gap[] => {
    if (seq < first || seq > last) return [[first, last]];
    const left: Gap[] = seq > first ? [[first, seq - 1]] : [];
    return seq < last ? [...left, [seq + 1, last]] : left;
  });
  return next.length > MAX_GAPS ? undefined : { highest, gaps: next };
};

export const missingOf = ({ gaps }: Cursor): number => gaps.reduce((sum, [first, last]) => sum + last - first + 1, 0);

export const gapsText = ({ gaps }: Cursor): string => gaps.map(([first, last]) => `${first}-${last}`).join(',');

/** Undefined where the text is none of ours. */
export const parseGaps = (text: string): readonly Gap[] | undefined => {
  if (text === '') return [];
  const gaps: Gap[] = [];
  for (const part of text.split(',')) {
    const [, first, last] = /^(\d{1,15})-(\d{1,15})$/.exec(part) ?? [];
    if (first === undefined || last === undefined) return undefined;
    gaps.push([Number(first), Number(last)]);
  }
  return gaps;
};
