// SPDX-License-Identifier: Apache-2.0
// Between which moments a seal counts, and what time alone will change: whoever remembers an outcome must know until when
// it is the outcome, or a process that runs and one that starts would obey different orders.
import type { Principal } from './trust.ts';

/** Epoch milliseconds, both inclusive. A seal whose making is proven by a trusted time has no end but that of its statement. */
export type Term = { readonly principal: Principal; readonly fromMs: number; readonly untilMs: number };

/** Of one outcome, epoch milliseconds. */
export type Turn = {
  /** The first moment at which time alone may change anything of it, its signers too; undefined = never. */
  readonly untilMs: number | undefined;
  /** The last moment before it at which something that has ended since still counted; undefined = nothing has ended. */
  readonly lapsedMs: number | undefined;
};

/** A refusal may depend on more than is known here (a trusted root, a clock that is put right), so it is looked at again. */
export const REFUSAL_LASTS_MS = 60_000;

/** What came of a look at something, when, and until when time alone changes nothing of it. */
export type Outcome = { readonly isGood: boolean; readonly atMs: number; readonly untilMs: number | undefined };

/** Whether another look would find the same. A clock that was put back makes no outcome of the future current. */
export const isCurrent = ({ isGood, atMs, untilMs = Number.POSITIVE_INFINITY }: Outcome, nowMs: number): boolean =>
  atMs <= nowMs && nowMs < untilMs && (isGood || nowMs - atMs < REFUSAL_LASTS_MS);

export const NO_TURN: Turn = { untilMs: undefined, lapsedMs: undefined };

const inOrder = (times: readonly number[]): readonly number[] => times.filter(Number.isFinite).toSorted((a, b) => a - b);

/** `lastMoments`: ends that are nobody's seal, such as that of the document. */
export const turnAt = (at: number, terms: readonly Term[], lastMoments: readonly number[] = []): Turn => {
  const ends = [...terms.map(({ untilMs }) => untilMs), ...lastMoments];
  const changes = inOrder([...terms.map(({ fromMs }) => fromMs), ...ends.map((end) => end + 1)]);
  return { untilMs: changes.find((change) => change > at), lapsedMs: inOrder(ends).findLast((end) => end < at) };
};

/** The first moment after `at` at which those whose seals still count are too few, if nothing but time passes. */
export const endOfTerms = (at: number, terms: readonly Term[], isEnough: (names: ReadonlySet<string>) => boolean): number | undefined => {
  const namesAt = (time: number): ReadonlySet<string> =>
    new Set(terms.flatMap(({ principal, fromMs, untilMs }) => (fromMs <= time && time <= untilMs ? [principal.name] : [])));
  return inOrder(terms.map(({ untilMs }) => untilMs + 1)).find((time) => time > at && !isEnough(namesAt(time)));
};
