// SPDX-License-Identifier: Apache-2.0
/**
 * Stripe: the one file that imports its package. In: a secret key, the mode that the installation says it is in. Out: answers in
 * the words of `provider.ts`.
 *
 * The library's own retries are off: its keys die with the process, and `outbox/` keeps ours on disk. Facts that are relied on:
 * a duplicate identifier is answered with 400; a key repeats its first answer, a failure too, for a day; a meter with a time
 * window keeps the event received last (docs.stripe.com/api/billing/meter-event, /api/idempotent_requests). Meters are
 * ours by name: `writ_METER_absolute` or `_delta`.
 */
import Stripe from 'stripe';
import type { Draft, InvoiceProvider, ReadingAsked, ReportAnswer, UsageProvider } from './provider.ts';
import { formatDecimal, parseDecimal } from '../../policies/pricing/ratio.ts';

export type Mode = 'test' | 'live';

export type StripeOptions = {
  readonly secretKey: string;
  readonly mode: Mode;
  /** For tests: what is sent instead of over the network. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
};

export type StripeProvider = UsageProvider &
  InvoiceProvider & {
    /** Finds the meter, or makes it; rejects where there is another one of that name. */
    ensureMeter(meter: string, encoding: 'Absolute' | 'Delta'): Promise<string>;
  };

const TIMEOUT_MS = 20_000;
const HOUR_S = 3600;

const KEY = /^(?:sk|rk)_(test|live)_[A-Za-z0-9_]{8,250}$/;

/** Why a key cannot be used in this mode, without telling any of it; undefined where it can. */
export const keyFault = (secretKey: string, mode: Mode): string | undefined => {
  const [, found] = KEY.exec(secretKey) ?? [];
  if (found === undefined) return 'it is no secret or restricted key of Stripe';
  return found === mode ? undefined : `it is a key for ${found} mode, and this installation is in ${mode} mode`;
};

const eventName = (meter: string, encoding: 'Absolute' | 'Delta'): string => `writ_${meter}_${encoding.toLowerCase()}`;

const SOON_RIGHT = new Set(['timestamp_in_future', 'lock_timeout']);

const retryAfterMs = (headers: Readonly<Record<string, string>> | undefined): { readonly afterMs?: number } => {
  const seconds = Number(headers?.['retry-after'] ?? Number.NaN);
  return Number.isFinite(seconds) && seconds > 0 ? { afterMs: Math.min(seconds, HOUR_S) * 1000 } : {};
};

/** What went wrong with a request → what is known about it. */
const answerOf = (error: unknown): ReportAnswer => {
  if (!(error instanceof Stripe.errors.StripeError) || error instanceof Stripe.errors.StripeConnectionError) return { kind: 'ambiguous' };
  const { statusCode = 0, message } = error;
  const code = error.code ?? error.type;
  if (statusCode === 401 || statusCode === 403) return { kind: 'unauthorized', code, message };
  if (statusCode === 429 || statusCode === 409) return { kind: 'retry', ...retryAfterMs(error.headers) };
  if (statusCode >= 500) return { kind: 'retry', fresh: true };
  if (statusCode === 400 && /already exists with identifier/i.test(message)) return { kind: 'duplicate' };
  if (SOON_RIGHT.has(code)) return { kind: 'retry', fresh: true };
  if (statusCode >= 400) return { kind: 'rejected', code, message };
  return { kind: 'ambiguous' };
};

/** JSON has no decimals: 15 digits are what it carries, and as many as Stripe takes. */
const decimalOf = (value: number): string => {
  const text = value.toFixed(12);
  const parsed = Number.isFinite(value) ? parseDecimal(value.toPrecision(15).includes('e') ? text : value.toPrecision(15)) : undefined;
  return parsed === undefined ? '0' : formatDecimal(parsed);
};

export const createStripe = ({ secretKey, mode, fetch }: StripeOptions): StripeProvider => {
  const fault = keyFault(secretKey, mode);
  if (fault !== undefined) throw new Error(`the key for Stripe cannot be used: ${fault}`);
  const client = new Stripe(secretKey, {
    maxNetworkRetries: 0,
    timeout: TIMEOUT_MS,
    telemetry: false,
    ...(fetch === undefined
      ? {}
      : {
          httpClient: Stripe.createFetchHttpClient((url: string | URL | Request, init?: RequestInit) =>
            fetch(url instanceof Request ? url.url : url.toString(), init ?? {}),
          ),
        }),
  });
  const meters = new Map<string, string>();

  const ensureMeter: StripeProvider['ensureMeter'] = async (meter, encoding) => {
    const name = eventName(meter, encoding);
    const known = meters.get(name);
    if (known !== undefined) return known;
    const found = (await client.billing.meters.list({ status: 'active', limit: 100 }).autoPagingToArray({ limit: 10_000 })).find(
      ({ event_name }) => event_name === name,
    );
    const window = encoding === 'Absolute' ? 'hour' : null;
    if (found !== undefined && (found.default_aggregation.formula !== 'sum' || (found.event_time_window ?? null) !== window))
      throw new Error(`Stripe has a meter ${name} that counts otherwise: deactivate it`);
    const { id } =
      found ??
      (await client.billing.meters.create(
        {
          display_name: `writ ${meter}`,
          event_name: name,
          default_aggregation: { formula: 'sum' },
          ...(window === null ? {} : { event_time_window: window }),
        },
        { idempotencyKey: `writ.meter.${name}` },
      ));
    meters.set(name, id);
    return id;
  };

  /** Undefined once it is there: an event of a meter that there is not is refused for good. */
  const missingMeter = async (meter: string, encoding: 'Absolute' | 'Delta'): Promise<ReportAnswer | undefined> => {
    try {
      await ensureMeter(meter, encoding);
      return undefined;
    } catch (error) {
      if (!(error instanceof Stripe.errors.StripeError)) throw error;
      const answer = answerOf(error);
      return answer.kind === 'unauthorized' ? answer : { kind: 'retry' };
    }
  };

  const report: UsageProvider['report'] = async ({ meter, encoding, customer, value, hourMs, identifier, requestKey }) => {
    const missing = await missingMeter(meter, encoding);
    if (missing !== undefined) return missing;
    try {
      await client.billing.meterEvents.create(
        {
          event_name: eventName(meter, encoding),
          payload: { stripe_customer_id: customer, value },
          identifier,
          timestamp: hourMs / 1000,
        },
        { idempotencyKey: requestKey },
      );
      return { kind: 'accepted' };
    } catch (error) {
      return answerOf(error);
    }
  };

  const read: UsageProvider['read'] = async ({ meter, encoding, customer, startMs, endMs }: ReadingAsked) => {
    try {
      const id = await ensureMeter(meter, encoding);
      const hours = new Map<number, string>();
      const asked = { customer, start_time: startMs / 1000, end_time: endMs / 1000, value_grouping_window: 'hour' as const, limit: 100 };
      for await (const { start_time, aggregated_value } of client.billing.meters.listEventSummaries(id, asked))
        hours.set(start_time * 1000, decimalOf(aggregated_value));
      return hours;
    } catch (error) {
      if (answerOf(error).kind === 'unauthorized' || !(error instanceof Stripe.errors.StripeError)) throw error;
      return undefined;
    }
  };

  const drafts: InvoiceProvider['drafts'] = async (customer) => {
    const found = await client.invoices.list({ customer, status: 'draft', limit: 100 }).autoPagingToArray({ limit: 1_000 });
    return found.map(({ id, automatically_finalizes_at: at, period_start, period_end }): Draft => {
      const finalizesAtMs = at === null ? undefined : at * 1000;
      return { id, customer, finalizesAtMs, periodStartMs: period_start * 1000, periodEndMs: period_end * 1000 };
    });
  };

  const hold: InvoiceProvider['hold'] = async (draft, untilMs) => {
    await client.invoices.update(draft.id, { automatically_finalizes_at: Math.floor(untilMs / 1000) });
  };

  return { ensureMeter, report, read, drafts, hold };
};
