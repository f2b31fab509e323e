// SPDX-License-Identifier: Apache-2.0
// A statement of what was promised and kept, as it is kept and signed: the bytes, and how they are read again.
import { isRecord, isText } from '../../crds/wire.ts';
import { OBJECTIVES, SLA_FORMAT } from '../../policies/service-level/index.ts';
import type { ObjectiveName } from '../../policies/service-level/index.ts';
import type { Currency } from '../../policies/pricing/money.ts';
import type { Adjustment } from '../billing/rating/adjustment.ts';
import type { UsagePeriod } from '../usage/period.ts';
import type { Verdict } from './attainment.ts';

export type SlaObjective = {
  readonly objective: ObjectiveName;
  /** Percent of the minutes, and of the answers in a minute. */
  readonly target: string;
  readonly withinMs?: number;
  readonly minutes: number;
  readonly good: number;
  readonly bad: number;
  readonly missing: number;
  readonly excluded: number;
  readonly answers: { readonly valid: string; readonly good: string };
  /** Percent, cut after six digits. */
  readonly attained: string;
  readonly budgetMinutes: string;
  /** Bad and missing ones. */
  readonly budgetUsedMinutes: number;
  readonly verdict: Verdict;
  /** The mark that was missed, and what follows. */
  readonly credit?: { readonly below: string; readonly basisPoints: number; readonly amount: number };
};

export type SlaSpan = {
  readonly period: UsagePeriod;
  readonly tier: string;
  readonly book: string;
  readonly fee: number;
  readonly objectives: readonly SlaObjective[];
};

export type SlaCredit = { readonly objective: ObjectiveName; readonly amount: number };

export type SlaExclusion = {
  readonly id: string;
  readonly kind: string;
  readonly period: UsagePeriod;
  readonly announced?: string;
  readonly reason: string;
  readonly requester: string;
  readonly approver: string;
};

/** What billing rates of it: money is whole numbers of the currency's smallest unit. */
export type SlaAdjustment = Pick<Adjustment, 'id' | 'reason' | 'requester' | 'approver'> & {
  readonly kind: 'Credit' | 'Charge';
  readonly amount: number;
  readonly at: string;
};

export type SlaStatement = {
  readonly format: typeof SLA_FORMAT;
  /** `acme/2026-10/r1`. */
  readonly id: string;
  readonly tenant: string;
  readonly period: UsagePeriod;
  /** Counts that the ledger stored at or after this moment are not in it. */
  readonly storedBefore: string;
  readonly revision: number;
  /** The one that it corrects. */
  readonly previous?: { readonly revision: number; readonly digest: string };
  readonly currency: Currency;
  readonly books: readonly { readonly name: string; readonly version: number; readonly digest: string }[];
  readonly exclusions: readonly SlaExclusion[];
  readonly spans: readonly SlaSpan[];
  /** Owed for the period in all, of each objective. */
  readonly credits: readonly SlaCredit[];
  /** Their sum. */
  readonly total: number;
  /** By how much that differs from what the revisions before have given: once for each objective and revision. */
  readonly adjustments: readonly SlaAdjustment[];
};

/** The bytes: keys as `index.ts` sets them, no blanks, one line feed at the end. */
export const slaText = (statement: SlaStatement): string => `${JSON.stringify(statement)}\n`;

/** What it found, without when it was made: two that agree here say the same. */
export const findingsText = ({
  books,
  exclusions,
  spans,
  credits,
}: Pick<SlaStatement, 'books' | 'exclusions' | 'spans' | 'credits'>): string => JSON.stringify({ books, exclusions, spans, credits });

/** What is read of a statement that lies in a file. */
export type KeptStatement = Pick<
  SlaStatement,
  'id' | 'tenant' | 'period' | 'storedBefore' | 'revision' | 'previous' | 'currency' | 'credits' | 'adjustments'
> & { readonly findings: string };

const MAX_MINOR = Number.MAX_SAFE_INTEGER;
const isAmount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= MAX_MINOR;
const textOf = (value: unknown, most = 500): value is string => isText(value, most);

const creditOf = (value: unknown): readonly SlaCredit[] => {
  if (!isRecord(value)) return [];
  const objective = OBJECTIVES.find((name) => name === value['objective']);
  const { amount } = value;
  return objective !== undefined && isAmount(amount) ? [{ objective, amount }] : [];
};

const adjustmentOf = (value: unknown): readonly SlaAdjustment[] => {
  if (!isRecord(value)) return [];
  const { id, kind, amount, reason, requester, approver, at } = value;
  if (!textOf(id, 63) || (kind !== 'Credit' && kind !== 'Charge') || !isAmount(amount) || amount === 0) return [];
  if (!textOf(reason) || !textOf(requester) || !textOf(approver) || !textOf(at, 30) || Number.isNaN(Date.parse(at))) return [];
  return [{ id, kind, amount, reason, requester, approver, at }];
};

const listOf = <T>(value: unknown, read: (one: unknown) => readonly T[]): readonly T[] | undefined => {
  if (!Array.isArray(value) || value.length > 100) return undefined;
  const all = value.flatMap(read);
  return all.length === value.length ? all : undefined;
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Undefined where the text is no statement of ours. */
export const readSlaStatement = (text: string): KeptStatement | undefined => {
  const value = parsed(text);
  if (!isRecord(value) || value['format'] !== SLA_FORMAT) return undefined;
  const { id, tenant, period, storedBefore, revision, previous, currency, books, exclusions, spans } = value;
  const credits = listOf(value['credits'], creditOf);
  const adjustments = listOf(value['adjustments'], adjustmentOf);
  if (!textOf(id) || !textOf(tenant, 63) || !isRecord(period) || !textOf(storedBefore, 30) || !isAmount(revision)) return undefined;
  const { start, end } = period;
  if (
    !textOf(start, 30) ||
    !textOf(end, 30) ||
    Number.isNaN(Date.parse(storedBefore)) ||
    credits === undefined ||
    adjustments === undefined
  )
    return undefined;
  if (!isRecord(currency) || !textOf(currency['code'], 8) || !isAmount(currency['minorDigits'])) return undefined;
  const before =
    isRecord(previous) && isAmount(previous['revision']) && textOf(previous['digest'], 80)
      ? { revision: previous['revision'], digest: previous['digest'] }
      : undefined;
  return {
    id,
    tenant,
    period: { start, end },
    storedBefore,
    revision,
    ...(before === undefined ? {} : { previous: before }),
    currency: { code: currency['code'], minorDigits: currency['minorDigits'] },
    credits,
    adjustments,
    findings: JSON.stringify({ books, exclusions, spans, credits: value['credits'] }),
  };
};
