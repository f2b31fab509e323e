// SPDX-License-Identifier: Apache-2.0
// Usage: a line for each meter and each part of the month in which one tier held; and what was heard of after its period had been
// billed, as the difference that it makes there.
import type { Problem } from '../../../policies/problem.ts';
import type { UsagePeriod } from '../../usage/period.ts';
import { statementText } from '../../usage/statement.ts';
import type { UsageLine as Measured, UsageStatement } from '../../usage/statement.ts';
import type { Due } from './due.ts';
import { textDigest } from './invoice.ts';
import type { BeforeLine, UsageLine } from './invoice.ts';
import { toMinor } from '../../../policies/pricing/money.ts';
import type { Book } from '../../../policies/pricing/index.ts';
import { ZERO, add, formatDecimal, parseDecimal } from '../../../policies/pricing/ratio.ts';
import { parseTime } from '../../../policies/pricing/calendar.ts';
import type { Ratio } from '../../../policies/pricing/ratio.ts';
import type { Subscription } from './subscription.ts';
import {
  newestOf,
  periodText,
  placesOf,
  priceAt,
  pricedQuantity,
  quantityAt,
  samePeriod,
  statementsFor,
  usagePeriod,
  whyFree,
} from './usage-place.ts';
import type { Place } from './usage-place.ts';
import type { Priced } from './usage-price.ts';

export type UsageLines = {
  readonly lines: readonly (UsageLine | BeforeLine)[];
  readonly books: readonly Book[];
  /** The statements that were billed, in the order of time. */
  readonly read: readonly UsageStatement[];
  readonly problems: readonly Problem[];
};

type Input = {
  readonly books: readonly Book[];
  readonly subscription: Subscription;
  readonly due: Due;
  readonly statements: readonly UsageStatement[];
  readonly earlier: readonly UsageStatement[];
};

/** A line of a statement, in one part of the month. */
type At = { readonly input: Input; readonly place: Place; readonly line: Measured };

type Rated = { readonly line: UsageLine; readonly book: Book } | { readonly line: BeforeLine; readonly book?: undefined } | Problem;

const told = ({ place, line }: At, by: { readonly quantity: Ratio; readonly priced: Priced }): Omit<UsageLine, 'kind' | 'amount'> => ({
  tier: place.part.tier,
  meter: line.meter,
  unit: line.unit,
  period: usagePeriod(place.part),
  quantity: line.quantity,
  priced: formatDecimal(by.quantity),
  included: formatDecimal(by.priced.included),
  beyond: formatDecimal(by.priced.beyond),
  steps: by.priced.steps,
  ...whyFree(place, line.meter),
  book: place.book.digest,
});

/** What was billed of that period and meter until now, in the priced unit; undefined where its statement is not here. */
const billedBefore = ({ input: { earlier }, place, line: { meter } }: At, period: UsagePeriod): Ratio | Problem | undefined => {
  if (!earlier.some((statement) => samePeriod(statement.period, period))) return undefined;
  let sum = ZERO;
  for (const statement of earlier) {
    for (const line of statement.lines) {
      if (line.meter !== meter || !samePeriod(line.carriedFrom ?? statement.period, period)) continue;
      const quantity = pricedQuantity(place, line, statement.tenant);
      if ('code' in quantity) return quantity;
      sum = add(sum, quantity);
    }
  }
  return sum;
};

/** `sums`: what came to each period by lines before on this invoice. */
const carriedAt = (at: At, { period, sums }: { readonly period: UsagePeriod; readonly sums: Map<string, Ratio> }): Rated => {
  const { place, line } = at;
  const { meter } = line;
  const { tenant } = at.input.subscription;
  const quantity = pricedQuantity(place, line, tenant);
  if ('code' in quantity) return quantity;
  const key = `${meter} ${periodText(period)} ${place.part.startMs}`;
  const before = sums.get(key) ?? billedBefore(at, period);
  if (before === undefined)
    return { code: 'BILL_STATEMENT_MISSING', message: `${tenant}: the one of ${periodText(period)}, from which ${meter} is carried` };
  if ('code' in before) return before;
  const now = add(before, quantity);
  sums.set(key, now);
  const all = quantityAt(place, meter, now);
  const [old, priced] = [priceAt(place, meter, quantityAt(place, meter, before)), priceAt(place, meter, all)];
  const { currency } = place.book;
  // The difference of two lines, each rounded as it was or would have been.
  const amount = toMinor(priced.cost, currency) - toMinor(old.cost, currency);
  return { book: place.book, line: { kind: 'carried', ...told(at, { quantity: all, priced }), amount } };
};

const usedAt = (at: At): Rated => {
  const { input, place, line } = at;
  const all = pricedQuantity(place, line, input.subscription.tenant);
  if ('code' in all) return all;
  const quantity = quantityAt(place, line.meter, all);
  const priced = priceAt(place, line.meter, quantity);
  return {
    book: place.book,
    line: { kind: 'usage', ...told(at, { quantity, priced }), amount: toMinor(priced.cost, place.book.currency) },
  };
};

type Reading = { readonly input: Input; readonly statement: UsageStatement; readonly sums: Map<string, Ratio> };

/** Of a time that was over when the subscription began; undefined where it is not. */
const usedBefore = ({ subscription }: Input, { meter, unit, quantity, carriedFrom }: Measured): Rated | undefined => {
  const endMs = carriedFrom === undefined ? undefined : parseTime(carriedFrom.end);
  const startMs = carriedFrom === undefined ? undefined : parseTime(carriedFrom.start);
  if (carriedFrom === undefined || startMs === undefined || endMs === undefined) return undefined;
  if (startMs >= endMs || endMs > subscription.changes[0].atMs) return undefined;
  if (parseDecimal(quantity) === undefined)
    return {
      code: 'BILL_STATEMENT_INVALID',
      message: `${subscription.tenant}: ${meter.slice(0, 63)} ${quantity.slice(0, 40)} is no quantity`,
    };
  return { line: { kind: 'before', meter, unit, period: { start: carriedFrom.start, end: carriedFrom.end }, quantity, amount: 0n } };
};

const rateLine = ({ input, statement, sums }: Reading, line: Measured): readonly Rated[] => {
  const { carriedFrom } = line;
  const before = usedBefore(input, line);
  if (before !== undefined) return [before];
  const places = placesOf(input, carriedFrom ?? statement.period);
  if (places === undefined) {
    const period = periodText(carriedFrom ?? statement.period);
    return [
      {
        code: 'BILL_STATEMENT_INVALID',
        message: `${statement.tenant}: ${period} was never billed, and ${line.meter.slice(0, 63)} is of it`,
      },
    ];
  }
  return places.map((place) => {
    if ('code' in place) return place;
    const at = { input, place, line };
    return carriedFrom === undefined ? usedAt(at) : carriedAt(at, { period: carriedFrom, sums });
  });
};

/** Two lines of one meter would each have the allowance. */
const doubledMeter = ({ lines }: UsageStatement): string | undefined => {
  const seen = new Set<string>();
  for (const { meter, carriedFrom } of lines) {
    const key = carriedFrom === undefined ? meter : `${meter} from ${periodText(carriedFrom)}`;
    if (seen.has(key)) return key;
    seen.add(key);
  }
  return undefined;
};

const faultOf = (statement: UsageStatement, tenant: string): string | undefined => {
  if (statement.tenant !== tenant) return `a statement of ${statement.tenant.slice(0, 63)} was given for ${tenant}`;
  const doubled = doubledMeter(statement);
  return doubled === undefined ? undefined : `${tenant}: ${doubled.slice(0, 63)} stands there twice`;
};

const uniqueProblems = (problems: readonly Problem[]): readonly Problem[] => [
  ...new Map(problems.map((problem) => [`${problem.code} ${problem.message}`, problem])).values(),
];

/** Of one period and revision there is one statement; which of two was meant is not for the order of files to say. */
const statementConflict = (statements: readonly UsageStatement[]): Problem | undefined => {
  const seen = new Map<string, string>();
  for (const statement of statements) {
    const { tenant, period, revision } = statement;
    const key = JSON.stringify([tenant, period.start, period.end, revision]);
    const before = seen.get(key);
    const text = statementText(statement);
    if (before !== undefined && before !== text) {
      const [one, other] = [before, text].map(textDigest);
      return { code: 'BILL_STATEMENT_CONFLICT', message: `${tenant}: ${periodText(period)}, revision ${revision}: ${one} and ${other}` };
    }
    seen.set(key, text);
  }
  return undefined;
};

/** Of a month after the end what was ordered is billed alone: use of before that was heard of in it. */
const billedLines = (input: Input, { lines }: UsageStatement): readonly Measured[] =>
  input.due.period !== undefined
    ? lines
    : lines.filter(({ carriedFrom }) => carriedFrom !== undefined && placesOf(input, carriedFrom) !== undefined);

const dueStatements = (input: Input): readonly UsageStatement[] | Problem => {
  const { period, settling } = input.due;
  if (period !== undefined) return statementsFor(input, period, input.statements);
  if (settling === undefined) return [];
  const late = newestOf(input.statements, (one) => samePeriod(one, usagePeriod(settling)));
  return late === undefined || billedLines(input, late).length === 0 ? [] : [late];
};

export const usageLines = (given: Input): UsageLines => {
  // What is there twice was billed once.
  const input = { ...given, earlier: [...new Map(given.earlier.map((one) => [statementText(one), one])).values()] };
  const none = (problems: readonly Problem[]): UsageLines => ({ lines: [], books: [], read: [], problems });
  if (input.due.period === undefined && input.due.settling === undefined) return none([]);
  const conflict = statementConflict([...input.statements, ...input.earlier]);
  if (conflict !== undefined) return none([conflict]);
  const statements = dueStatements(input);
  if ('code' in statements) return none([statements]);
  const rated: Rated[] = [];
  const sums = new Map<string, Ratio>();
  for (const statement of statements) {
    const fault = faultOf(statement, input.subscription.tenant);
    if (fault !== undefined) rated.push({ code: 'BILL_STATEMENT_INVALID', message: fault });
    else for (const line of billedLines(input, statement)) rated.push(...rateLine({ input, statement, sums }, line));
  }
  return {
    lines: rated.flatMap((one) => ('code' in one ? [] : [one.line])),
    books: rated.flatMap((one) => ('code' in one || one.book === undefined ? [] : [one.book])),
    read: statements,
    problems: uniqueProblems(rated.flatMap((one) => ('code' in one ? [one] : []))),
  };
};
