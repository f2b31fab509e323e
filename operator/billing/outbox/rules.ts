// SPDX-License-Identifier: Apache-2.0
// The rules by which usage is reported effectively once. Pure: states and times in, what to do next out.
//
// Why it holds: while it is not known whether a revision arrived it is repeated under its own identifier, and nothing newer is
// sent; so whatever still travels is known to the provider as a duplicate by the time that a newer revision is on its way.
// After 20 hours an identifier protects no more (the provider forgets after 24), and what arrived is read back instead; so
// a request may travel for four hours and still be known for what it is.
import { MAX_REPORT_AGE_MS, RESEND_WITHIN_MS } from '../provider.ts';
import type { ReportAnswer } from '../provider.ts';
import { MAX_DIGITS, bodyDigestOf, minus, sameDecimal, significantDigits } from './entry.ts';
import type { Entry, State } from './entry.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** Readings lag; what is not counted so long after it was accepted will not be. */
export const SETTLE_MS = 6 * HOUR_MS;
export const READ_EVERY_MS = 20 * MINUTE_MS;
const FIRST_RETRY_MS = 2_000;
const LAST_RETRY_MS = 30 * MINUTE_MS;
export const MOST_REPAIRS = 3;

export type Step = { readonly kind: 'send' } | { readonly kind: 'read' } | { readonly kind: 'wait' };

export const isOpen = (state: State): boolean => state === 'intent' || state === 'sending' || state === 'ambiguous' || state === 'accepted';

/**
 * Whether it is known what became of it, so that a newer revision may follow. A delta must be counted, too: of two that are not,
 * nobody could tell which one is missing.
 */
export const isResolved = ({ state, encoding }: Pick<Entry, 'state' | 'encoding'>): boolean =>
  state === 'verified' || (state === 'accepted' && encoding === 'Absolute');

/** Whether one that was refused may have arrived all the same: it was accepted before, or was sent more often than once. */
export const mayHaveArrived = ({ acceptedMs, attempts }: Pick<Entry, 'acceptedMs' | 'attempts'>): boolean => acceptedMs > 0 || attempts > 1;

/** What to do with the newest revision of an hour. */
export const nextStep = (entry: Entry, nowMs: number): Step => {
  if (!isOpen(entry.state) || nowMs < entry.nextMs) return { kind: 'wait' };
  if (entry.state === 'intent') return { kind: 'send' };
  if (entry.state === 'accepted') return { kind: 'read' };
  return nowMs - entry.firstSentMs < RESEND_WITHIN_MS ? { kind: 'send' } : { kind: 'read' };
};

/** Why a report cannot be made at all, or undefined. */
export const unsendable = (entry: Entry, nowMs: number): string | undefined => {
  // Under a key that was used the provider repeats an answer, or counts twice what the key was to keep apart.
  if (bodyDigestOf(entry) !== entry.bodyDigest) return 'BILL_REPORT_CHANGED: it is not what was written when its identifier was made';
  if (significantDigits(entry.value) > MAX_DIGITS) return `${entry.value} has more than ${MAX_DIGITS} digits`;
  // An hour in reserve, for clocks that differ and requests that wait.
  if (nowMs - entry.hourMs > MAX_REPORT_AGE_MS - HOUR_MS) return 'it is older than the provider takes';
  return undefined;
};

/** Full jitter: a provider that comes back is not met by everybody at once. `random` in [0, 1). */
export const retryDelayMs = (attempts: number, random: number): number =>
  Math.round(FIRST_RETRY_MS / 2 + random * Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts, 20)));

export type Moved = Pick<Entry, 'state' | 'nextMs'> & { readonly acceptedMs?: number; readonly note?: string; readonly fresh?: boolean };

/** What an answer makes of an entry; undefined where the key is refused, which is nothing that an entry could help. */
export const afterAnswer = (
  entry: Entry,
  answer: ReportAnswer,
  now: { readonly nowMs: number; readonly random: number },
): Moved | undefined => {
  const { nowMs, random } = now;
  const laterMs = nowMs + retryDelayMs(entry.attempts, random);
  switch (answer.kind) {
    case 'accepted':
    case 'duplicate':
      return { state: 'accepted', acceptedMs: nowMs, nextMs: nowMs + READ_EVERY_MS };
    case 'retry':
      // The first answer may have been lost and this one be about the second: what was ambiguous stays so.
      return {
        state: entry.state === 'ambiguous' || answer.fresh === true ? 'ambiguous' : 'intent',
        nextMs: answer.afterMs === undefined ? laterMs : nowMs + answer.afterMs,
        fresh: answer.fresh === true,
      };
    case 'ambiguous':
      return { state: 'ambiguous', nextMs: laterMs };
    case 'rejected':
      return { state: 'rejected', nextMs: 0, note: `${answer.code}: ${answer.message}`.slice(0, 500) };
    case 'unauthorized':
    default:
      return undefined;
  }
};

/** `repair`: the same total is sent again as a new revision. */
export type Verdict = (Moved & { readonly kind: 'moved' }) | { readonly kind: 'repair' };

/** What a reading of the hour says of its newest revision. */
export const afterReading = (entry: Entry, counted: string, nowMs: number): Verdict => {
  if (sameDecimal(counted, entry.total)) return { kind: 'moved', state: 'verified', nextMs: 0 };
  // What was sent last of an ambiguous one may still be on its way.
  const sinceMs = entry.state === 'accepted' ? entry.acceptedMs : entry.firstSentMs + RESEND_WITHIN_MS;
  if (nowMs - sinceMs < SETTLE_MS) return { kind: 'moved', state: entry.state, nextMs: nowMs + READ_EVERY_MS };
  const isMissing = entry.encoding === 'Absolute' || sameDecimal(counted, minus(entry.total, entry.value));
  if (isMissing && entry.repairs < MOST_REPAIRS) return { kind: 'repair' };
  const note = `the provider counts ${counted}, the ledger ${entry.total}`;
  return { kind: 'moved', state: 'quarantined', nextMs: 0, note };
};
