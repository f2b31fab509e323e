// SPDX-License-Identifier: Apache-2.0
/**
 * What billing asks of a payment provider, in words of our own: the files `stripe*.ts` are the one implementation that talks to a provider. An
 * expected answer is a value; only what no later try could mend throws.
 */

/** The provider refuses the key, whatever it is asked. */
export class KeyRefused extends Error {}

export type UsageReport = {
  /** Name of the meter, as the price book spells it. */
  readonly meter: string;
  readonly encoding: 'Absolute' | 'Delta';
  readonly customer: string;
  /** Decimal of at most 15 significant digits. */
  readonly value: string;
  /** Start of the hour that the value is for. */
  readonly hourMs: number;
  /** By which the provider knows the same report again, for at least 24 hours. */
  readonly identifier: string;
  /** By which it knows the same request again, and then repeats its answer. */
  readonly requestKey: string;
};

/**
 * accepted, duplicate: it is there. retry: it may be sent again after `afterMs`; with `fresh`, under another request key, since
 * this one would repeat a failure, and it may be there. ambiguous: nobody knows. rejected: a person must act on this one.
 * unauthorized: a person must act on the key, and nothing more is sent until then.
 */
export type ReportAnswer =
  | { readonly kind: 'accepted' | 'duplicate' }
  | { readonly kind: 'retry'; readonly afterMs?: number; readonly fresh?: boolean }
  | { readonly kind: 'ambiguous' }
  | { readonly kind: 'rejected' | 'unauthorized'; readonly code: string; readonly message: string };

export type ReadingAsked = {
  readonly meter: string;
  readonly encoding: 'Absolute' | 'Delta';
  readonly customer: string;
  /** On the hour. */
  readonly startMs: number;
  readonly endMs: number;
};

export type UsageProvider = {
  report(report: UsageReport, signal?: AbortSignal): Promise<ReportAnswer>;
  /** What it counts by hours, some time after it was told; hours without usage are left out. Undefined: no answer this time. */
  read(asked: ReadingAsked, signal?: AbortSignal): Promise<ReadonlyMap<number, string> | undefined>;
};

/** An invoice of the provider that is not final yet. */
export type Draft = {
  readonly id: string;
  readonly customer: string;
  /** When the provider makes it final by itself; undefined where it waits for us. */
  readonly finalizesAtMs: number | undefined;
  /** The use that it bills. */
  readonly periodStartMs: number;
  readonly periodEndMs: number;
};

/** held: it is put off. late: it is final, or there is no such invoice. retry: nobody knows; `fresh` as above. */
export type HoldAnswer = { readonly kind: 'held' | 'late' } | { readonly kind: 'retry'; readonly fresh?: boolean };

export type InvoiceProvider = {
  /** Undefined: no answer this time. */
  drafts(customer: string): Promise<readonly Draft[] | undefined>;
  /** Puts off the moment at which it becomes final; `untilMs` in whole seconds. */
  hold(draft: Draft, by: { readonly untilMs: number; readonly requestKey: string }): Promise<HoldAnswer>;
};

/** What the provider found wrong with reports after it had accepted them: counts, and some of them by identifier or request key. */
export type LateErrors = readonly {
  readonly code: string;
  readonly message: string;
  readonly count: number;
  readonly identifiers: readonly string[];
}[];

/** What a provider tells without being asked. Nothing is relied on that is not read back. */
export type ProviderEvent = { readonly id: string; readonly type: string } & (
  | { readonly kind: 'late-errors' }
  | { readonly kind: 'draft'; readonly customer: string }
  /** `amount` in the currency's smallest unit. */
  | {
      readonly kind: 'final' | 'credit';
      readonly document: string;
      readonly customer: string;
      readonly amount: string;
      readonly currency: string;
    }
  | { readonly kind: 'other' }
);

export type EventProvider = {
  /** Undefined: no answer this time. */
  lateErrors(eventId: string): Promise<LateErrors | undefined>;
  /** Meters may be gone: they are looked for again. */
  forgetMeters(): void;
};

/** Hours that are older are refused by the provider. */
export const MAX_REPORT_AGE_MS = 35 * 24 * 3_600_000;
/** How long a report may be repeated under its identifier: well below the 24 hours for which the provider promises to know it. */
export const RESEND_WITHIN_MS = 20 * 3_600_000;
