// SPDX-License-Identifier: Apache-2.0
/**
 * What a tenant was promised of Writ's own answers, and what it got: SLA statements and how an error budget stands, as views of the
 * ledger.
 *
 * In: price books and a subscription (what was promised, and what is given back), declared exclusions, the ledger's counts of
 * answers by minute within both bounds, the revision before. Out: a statement with its credits as adjustments that billing rates. A
 * pure function without a clock: made again from the same it has the same bytes. `levels.ts` alone reads the ledger. Imported by the
 * command line: the operator makes no statements, it has no part in what it is judged by. What it shows of error budgets is in
 * `budgets.ts`, and nothing that costs money is reckoned by that.
 */
import { formatTime } from '../../policies/pricing/calendar.ts';
import type { OwedObjective } from '../../policies/pricing/index.ts';
import { compare, parseDecimal, ratio, roundHalfEven, whole } from '../../policies/pricing/ratio.ts';
import type { Currency } from '../../policies/pricing/money.ts';
import { SLA_FORMAT, OBJECTIVES } from '../../policies/service-level/index.ts';
import type { ObjectiveName } from '../../policies/service-level/index.ts';
import type { Exclusion } from '../../policies/service-level/exclusion.ts';
import { textDigest } from '../billing/rating/invoice.ts';
import { attainmentOf, percentText } from './attainment.ts';
import type { Attainment, Span } from './attainment.ts';
import type { Levels } from './levels.ts';
import type { PromisedSpan } from './spans.ts';
import type { KeptStatement, SlaAdjustment, SlaCredit, SlaExclusion, SlaObjective, SlaSpan, SlaStatement } from './statement.ts';

export type SlaInput = {
  readonly tenant: string;
  /** A calendar month in UTC. */
  readonly period: Span;
  readonly spans: readonly PromisedSpan[];
  readonly currency: Currency;
  readonly exclusions: readonly Exclusion[];
  /** What is known, of each span in their order. */
  readonly levels: readonly ReadonlyMap<ObjectiveName, Levels>[];
  readonly cutMs: number;
  /** The last revision, and its bytes. */
  readonly previous?: { readonly statement: KeptStatement; readonly text: string };
};

/**
 * A statement leaves out what was stored in the last minute before it is made: the clocks of the command line and of the ledger's
 * writer differ, and what is left out now must be left out whenever it is made again.
 */
export const CUT_MARGIN_MS = 60_000;

const NOTHING_KNOWN: Levels = { minutes: new Map(), told: undefined };
const TEN_THOUSAND = 10_000n;

const periodOf = ({ startMs, endMs }: Span): { readonly start: string; readonly end: string } => ({
  start: formatTime(startMs),
  end: formatTime(endMs),
});

/** The lowest mark that was missed. */
const missedStep = ({ credits }: OwedObjective, { attained }: Attainment) =>
  credits.findLast(({ below }) => compare(attained, parseDecimal(below) ?? whole(0)) < 0);

const spanOf = (span: PromisedSpan, levels: ReadonlyMap<ObjectiveName, Levels>, excluded: readonly Span[]): SlaSpan => {
  let left = span.fee;
  const objectives = span.owed.map((owed): SlaObjective => {
    const { minutes } = levels.get(owed.name) ?? NOTHING_KNOWN;
    const found = attainmentOf({ minutes, span, excluded, target: owed.target });
    const step = missedStep(owed, found);
    const raw = step === undefined ? 0n : roundHalfEven(ratio(span.fee * BigInt(step.basisPoints), TEN_THOUSAND));
    // No more is given back than was paid.
    const amount = raw < left ? raw : left;
    left -= amount;
    return {
      objective: owed.name,
      target: owed.target,
      ...(Number.isFinite(owed.withinMs) ? { withinMs: owed.withinMs } : {}),
      minutes: found.minutes,
      good: found.good,
      bad: found.bad,
      missing: found.missing,
      excluded: found.excluded,
      answers: { valid: String(found.valid), good: String(found.goodAnswers) },
      attained: percentText(found.attained),
      budgetMinutes: percentText(found.budget),
      budgetUsedMinutes: found.bad + found.missing,
      verdict: found.verdict,
      ...(step === undefined ? {} : { credit: { below: step.below, basisPoints: step.basisPoints, amount: Number(amount) } }),
    };
  });
  return { period: periodOf(span), tier: span.tier, book: span.book.digest, fee: Number(span.fee), objectives };
};

const exclusionOf = ({ id, kind, fromMs, toMs, announcedMs, reason, requester, approver }: Exclusion): SlaExclusion => ({
  id,
  kind,
  period: periodOf({ startMs: fromMs, endMs: toMs }),
  ...(announcedMs === undefined ? {} : { announced: formatTime(announcedMs) }),
  reason,
  requester,
  approver,
});

const creditsOf = (spans: readonly SlaSpan[]): readonly SlaCredit[] =>
  OBJECTIVES.flatMap((objective) => {
    const owed = spans.flatMap((span) => span.objectives).filter((one) => one.objective === objective);
    return owed.length === 0 ? [] : [{ objective, amount: owed.reduce((sum, { credit }) => sum + (credit?.amount ?? 0), 0) }];
  });

const reasonOf = (
  objective: ObjectiveName,
  spans: readonly SlaSpan[],
  { month, revision }: { readonly month: string; readonly revision: number },
): string => {
  const found = spans.flatMap((span) => span.objectives.filter((one) => one.objective === objective));
  const told = found.map(
    ({ attained, target, missing }) => `${attained} % of the minutes, ${target} % promised${missing === 0 ? '' : `, ${missing} missing`}`,
  );
  return `${objective} of ${month}: ${told.join('; ')}${revision === 1 ? '' : `; corrects revision ${revision - 1}`}`.slice(0, 500);
};

/** The statement, or its next revision where there is one. */
export const slaStatement = (input: SlaInput): SlaStatement => {
  const { tenant, period, previous } = input;
  const month = formatTime(period.startMs).slice(0, 7);
  const revision = (previous?.statement.revision ?? 0) + 1;
  const relevant = input.exclusions.filter(({ fromMs, toMs }) => fromMs < period.endMs && toMs > period.startMs);
  const excluded = relevant.map(({ fromMs, toMs }) => ({ startMs: fromMs, endMs: toMs }));
  const spans = input.spans.map((span, index) => spanOf(span, input.levels[index] ?? new Map(), excluded));
  const credits = creditsOf(spans);
  const books = [...new Map(input.spans.map(({ book }) => [book.digest, book])).values()].toSorted((a, b) => a.version - b.version);
  const given = new Map(previous?.statement.credits.map(({ objective, amount }) => [objective, amount]));
  const owed = new Map(credits.map(({ objective, amount }) => [objective, amount]));
  const approver = `the schedule of ${books.map(({ name, version }) => `${name} version ${version}`).join(' and ')}`;
  const adjustments = OBJECTIVES.flatMap((objective): readonly SlaAdjustment[] => {
    const difference = (owed.get(objective) ?? 0) - (given.get(objective) ?? 0);
    if (difference === 0) return [];
    return [
      {
        id: `sla-${month}-${objective}-r${revision}`,
        kind: difference > 0 ? 'Credit' : 'Charge',
        amount: Math.abs(difference),
        reason: reasonOf(objective, spans, { month, revision }),
        requester: 'writ slo statement',
        approver,
        at: formatTime(input.cutMs + CUT_MARGIN_MS),
      },
    ];
  });
  return {
    format: SLA_FORMAT,
    id: `${tenant}/${month}/r${revision}`,
    tenant,
    period: periodOf(period),
    storedBefore: new Date(input.cutMs).toISOString(),
    revision,
    ...(previous === undefined ? {} : { previous: { revision: previous.statement.revision, digest: textDigest(previous.text) } }),
    currency: { code: input.currency.code, minorDigits: input.currency.minorDigits },
    books: books.map(({ name, version, digest }) => ({ name, version, digest })),
    exclusions: relevant.map(exclusionOf),
    spans,
    credits,
    total: credits.reduce((sum, { amount }) => sum + amount, 0),
    adjustments,
  };
};
