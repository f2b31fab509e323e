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
import { isRecord } from '../../crds/wire.ts';
import { formatDecimal, parseDecimal } from '../../policies/pricing/ratio.ts';
import type { Draft, EventProvider, InvoiceProvider, ProviderEvent, ReadingAsked, ReportAnswer, UsageProvider } from './provider.ts';
import { KeyRefused } from './provider.ts';
import { createStripePrices } from './stripe-prices.ts';
import type { PriceProvider } from './stripe-prices.ts';

export type Mode = 'test' | 'live';

export type StripeOptions = {
  readonly secretKey: string;
  readonly mode: Mode;
  /** For tests: what is sent instead of over the network. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
};

/** What `stripe-prices.ts` borrows, so that the package is imported here alone. */
export type StripeClient = Stripe;

export type StripeProvider = UsageProvider &
  InvoiceProvider &
  EventProvider & {
    /** Finds the meter, or makes it; rejects where there is another one of that name. */
    ensureMeter(meter: string, encoding: 'Absolute' | 'Delta'): Promise<string>;
    readonly prices: PriceProvider;
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

/** Of an invoice that is not a draft any more, or was deleted. */
const TOO_LATE = new Set(['invoice_not_editable', 'resource_missing']);

const METER_ERRORS = 'v1.billing.meter.error_report_triggered';
const NO_METER = 'v1.billing.meter.no_meter_found';

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

/** How far a delivery's own time may lie from ours. */
const TOLERANCE_S = 300;

/** Whether `payload` was signed by one of the secrets, lately; `header` is Stripe-Signature. All of them count, so that one can be changed. */
export const isSigned = (
  payload: string,
  header: string,
  { secrets, nowMs }: { readonly secrets: readonly string[]; readonly nowMs: number },
): boolean =>
  secrets.some((secret) => {
    try {
      return Stripe.webhooks.signature?.verifyHeader(payload, header, secret, TOLERANCE_S, undefined, nowMs) === true;
    } catch (error) {
      if (error instanceof Stripe.errors.StripeSignatureVerificationError) return false;
      throw error;
    }
  });

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' && value.length <= 255 ? value : undefined);

const DRAFTS = new Set(['invoice.created', 'invoice.updated']);

/** What a delivery says, signed or not; undefined where it is no event of this mode. Of thin ones only that they are there. */
export const readEvent = (payload: string, mode: Mode): ProviderEvent | undefined => {
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || value['livemode'] !== (mode === 'live')) return undefined;
  const [id, type] = [text(value['id']), text(value['type'])];
  if (id === undefined || type === undefined) return undefined;
  if (type === METER_ERRORS || type === NO_METER) return { id, type, kind: 'late-errors' };
  const object = isRecord(value['data']) ? value['data']['object'] : undefined;
  if (!isRecord(object)) return { id, type, kind: 'other' };
  const [document, customer, currency] = [text(object['id']), text(object['customer']), text(object['currency'])];
  if (customer === undefined) return { id, type, kind: 'other' };
  if (DRAFTS.has(type) && object['status'] === 'draft') return { id, type, kind: 'draft', customer };
  const amount = type === 'invoice.finalized' ? object['total'] : type === 'credit_note.created' ? object['amount'] : undefined;
  if (document === undefined || currency === undefined || !Number.isSafeInteger(amount)) return { id, type, kind: 'other' };
  const kind = type === 'invoice.finalized' ? 'final' : 'credit';
  return { id, type, kind, document, customer, amount: String(amount), currency };
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
  /** How often the making of a meter failed here: its key would only repeat that. */
  const failures = new Map<string, number>();

  const ensureMeter: StripeProvider['ensureMeter'] = async (meter, encoding) => {
    const name = eventName(meter, encoding);
    const known = meters.get(name);
    if (known !== undefined) return known;
    const named = (await client.billing.meters.list({ limit: 100 }).autoPagingToArray({ limit: 10_000 })).filter(
      ({ event_name }) => event_name === name,
    );
    const found = named.find(({ status }) => status === 'active');
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
        // No two that are active share a name; one that follows on an archived one is not the one before.
        { idempotencyKey: `writ.meter.${name}.${named.length}.${failures.get(name) ?? 0}` },
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
      const name = eventName(meter, encoding);
      if (answer.kind === 'retry' && answer.fresh === true) failures.set(name, (failures.get(name) ?? 0) + 1);
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
      const answer = answerOf(error);
      if (answer.kind === 'unauthorized') throw new KeyRefused(answer.message);
      if (!(error instanceof Stripe.errors.StripeError)) throw error;
      return undefined;
    }
  };

  /** Undefined where another try may have an answer. */
  const asked = async <T>(ask: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await ask();
    } catch (error) {
      const answer = answerOf(error);
      const { kind } = answer;
      if (answer.kind === 'unauthorized') throw new KeyRefused(answer.message);
      if (kind === 'retry' || (kind === 'ambiguous' && error instanceof Stripe.errors.StripeError)) return undefined;
      throw error;
    }
  };

  const drafts: InvoiceProvider['drafts'] = (customer) =>
    asked(async () => {
      const found = await client.invoices.list({ customer, status: 'draft', limit: 100 }).autoPagingToArray({ limit: 1_000 });
      return found.map(({ id, automatically_finalizes_at: at, period_start, period_end }): Draft => {
        const finalizesAtMs = at === null ? undefined : at * 1000;
        return { id, customer, finalizesAtMs, periodStartMs: period_start * 1000, periodEndMs: period_end * 1000 };
      });
    });

  const hold: InvoiceProvider['hold'] = async (draft, { untilMs, requestKey }) => {
    try {
      await client.invoices.update(draft.id, { automatically_finalizes_at: untilMs / 1000 }, { idempotencyKey: requestKey });
      return { kind: 'held' };
    } catch (error) {
      const answer = answerOf(error);
      if (answer.kind === 'retry') return { kind: 'retry', fresh: answer.fresh === true };
      if (answer.kind === 'unauthorized') throw new KeyRefused(answer.message);
      if (answer.kind === 'ambiguous' && error instanceof Stripe.errors.StripeError) return { kind: 'retry' };
      if (answer.kind === 'rejected' && TOO_LATE.has(answer.code)) return { kind: 'late' };
      throw error;
    }
  };

  const lateErrors: EventProvider['lateErrors'] = (eventId) =>
    asked(async () => {
      const event = await client.v2.core.events.retrieve(eventId);
      if (event.type !== METER_ERRORS && event.type !== NO_METER) return [];
      return event.data.reason.error_types.map(({ code, error_count, sample_errors }) => ({
        code,
        count: error_count,
        message: sample_errors[0]?.error_message ?? event.data.developer_message_summary,
        identifiers: sample_errors.map(({ request }) => request.identifier),
      }));
    });

  const prices = createStripePrices(client, ensureMeter);
  return { ensureMeter, prices, report, read, drafts, hold, lateErrors, forgetMeters: () => meters.clear() };
};
