// SPDX-License-Identifier: Apache-2.0
// How an objective stands in the running month: what was kept so far, what is left of the month's error budget, and how fast it is spent.
// What was kept goes by minutes, as statements do; how fast it is spent goes by answers, as the alerts do. Pure.
import { compare, multiply, parseDecimal, ratio, subtract, whole } from '../../policies/pricing/ratio.ts';
import type { Ratio } from '../../policies/pricing/ratio.ts';
import { LEAST_BAD_EVENTS, allWindows, burnTenths, burnWindows } from '../../policies/service-level/burn.ts';
import { MINUTE_MS } from '../../policies/service-level/counts.ts';
import type { ObjectiveName } from '../../policies/service-level/index.ts';
import { SILENT_MS } from '../usage/sources.ts';
import { attainmentOf } from './attainment.ts';
import type { Attainment, Span } from './attainment.ts';
import type { Levels, MinuteCount } from './levels.ts';

/**
 * Unknown: nothing was heard for longer than a quiet tenant goes untold of. Spent: nothing is left of the budget. Page, Ticket: the
 * alert of that severity burns. Good: none of these.
 */
export type State = 'Good' | 'Ticket' | 'Page' | 'Spent' | 'Unknown';

export type Standing = {
  readonly tenant: string;
  readonly objective: ObjectiveName;
  /** Percent. */
  readonly target: string;
  readonly withinMs: number;
  /** From the first minute of the month of which something is known to the last one that counts. */
  readonly span: Span;
  readonly attainment: Attainment;
  /** Minutes that may be bad from the begin of the span to the end of the month. */
  readonly budget: Ratio;
  /** Below 0 where more were. */
  readonly left: Ratio;
  /** How many times faster than allowed; undefined where no answer is known, or nothing may be bad. */
  readonly burn: ReadonlyMap<string, Ratio | undefined>;
  readonly state: State;
};

const HUNDRED = whole(100);

type Answers = { readonly valid: bigint; readonly bad: bigint };

const answersSince = (minutes: ReadonlyMap<number, MinuteCount>, fromMs: number, endMs: number): Answers => {
  let [valid, bad] = [0n, 0n];
  for (let atMs = fromMs; atMs < endMs; atMs += MINUTE_MS) {
    const minute = minutes.get(atMs);
    if (minute === undefined) continue;
    valid += minute.valid;
    bad += minute.valid - minute.good;
  }
  return { valid, bad };
};

/** Bad share of the answers over the share that may be bad. */
const burnOf = ({ valid, bad }: Answers, allowed: Ratio): Ratio | undefined =>
  valid === 0n || allowed.count === 0n ? undefined : { count: bad * 100n * allowed.of, of: valid * allowed.count };

const burning = (severity: 'page' | 'ticket', burn: Standing['burn'], answersIn: (minutes: number) => Answers): boolean =>
  burnWindows.some((window) => {
    if (window.severity !== severity) return false;
    const isFast = (name: string): boolean => {
      const rate = burn.get(name);
      return rate !== undefined && compare(rate, ratio(burnTenths(window), 10)) > 0;
    };
    const isEnough = severity === 'ticket' || answersIn(window.longMinutes).bad >= BigInt(LEAST_BAD_EVENTS);
    return isFast(window.long) && isFast(window.short) && isEnough;
  });

/** Known before the month by so much, an objective holds from the month's begin. Burn windows need as much. */
export const BACK_MS = Math.max(...allWindows.map(({ minutes }) => minutes)) * MINUTE_MS;

/** From the first minute of the month of which something is known to the last one that counts: silence does, once it is one. */
export const monthSpan = (at: {
  readonly month: Span;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly nowMs: number;
}): Span => {
  const { month, firstMs, lastMs, nowMs } = at;
  return { startMs: Math.max(month.startMs, firstMs), endMs: Math.min(month.endMs, Math.max(lastMs + MINUTE_MS, silentSince(nowMs))) };
};

const silentSince = (nowMs: number): number => Math.floor((nowMs - SILENT_MS) / MINUTE_MS) * MINUTE_MS;

/** Minutes that may be bad from the begin of the span to the end of the month, and what is left of them. */
export const budgetOf = (asked: {
  readonly month: Span;
  readonly span: Span;
  readonly target: string;
  /** Bad and missing ones. */
  readonly used: number;
}): { readonly budget: Ratio; readonly left: Ratio; readonly allowed: Ratio } => {
  const { month, span, target, used } = asked;
  const allowed = subtract(HUNDRED, parseDecimal(target) ?? HUNDRED);
  const budget = multiply(ratio(Math.max(0, month.endMs - span.startMs) / MINUTE_MS, 100), allowed);
  return { budget, left: subtract(budget, whole(used)), allowed };
};

export const standingOf = (input: {
  readonly tenant: string;
  readonly objective: ObjectiveName;
  readonly levels: Levels;
  readonly month: Span;
  readonly nowMs: number;
}): Standing | undefined => {
  const { tenant, objective, levels, month, nowMs } = input;
  const { minutes, told } = levels;
  if (told === undefined || minutes.size === 0) return undefined;
  const known = [...minutes.keys()];
  const firstMs = known.reduce((least, atMs) => (atMs < least ? atMs : least), Number.POSITIVE_INFINITY);
  const lastMs = known.reduce((most, atMs) => (atMs > most ? atMs : most), 0);
  const span = monthSpan({ month, firstMs, lastMs, nowMs });
  const { endMs } = span;
  const attainment = attainmentOf({ minutes, span, excluded: [], target: told.target });
  const { budget, left, allowed } = budgetOf({ month, span, target: told.target, used: attainment.bad + attainment.missing });
  const answersIn = (length: number): Answers => answersSince(minutes, endMs - length * MINUTE_MS, endMs);
  const burn = new Map(allWindows.map((window) => [window.name, burnOf(answersIn(window.minutes), allowed)]));
  const isSpent = compare(left, whole(0)) < 0 || (left.count === 0n && attainment.bad + attainment.missing > 0);
  const state: State =
    lastMs < silentSince(nowMs)
      ? 'Unknown'
      : isSpent
        ? 'Spent'
        : burning('page', burn, answersIn)
          ? 'Page'
          : burning('ticket', burn, answersIn)
            ? 'Ticket'
            : 'Good';
  return { tenant, objective, target: told.target, withinMs: told.withinMs, span, attainment, budget, left, burn, state };
};
