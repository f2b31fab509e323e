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

export type FeePrice = { readonly amount: bigint; readonly months: number };
export type UsagePrice = {
  readonly meter: string;
  readonly encoding: 'Absolute' | 'Delta';
  /** Ascending; the last has no end. Prices in the currency's smallest unit, decimals of at most 12 digits after the point. */
  readonly steps: readonly { readonly upTo: number | undefined; readonly price: string }[];
};

/** What a tenant's subscription is made of; `key` names exactly this content. */
export type PriceWish = { readonly key: string; readonly product: string; readonly currency: string } & (
  | { readonly fee: FeePrice }
  | { readonly usage: UsagePrice }
);

export type SubscriptionWish = {
  readonly tenant: string;
  readonly customer: string;
  readonly prices: readonly PriceWish[];
  /** On the hour. */
  readonly anchorMs: number;
  readonly trialEndMs?: number;
};

export type StripeEvent =
  | { readonly ok: true; readonly id: string; readonly type: string; readonly isLive: boolean; readonly about: string | undefined }
  | { readonly ok: false; readonly why: string };

export type StripeProvider = UsageProvider &
  InvoiceProvider & {
    /** Finds the meter, or makes it; rejects where there is another one of that name. */
    ensureMeter(meter: string, encoding: 'Absolute' | 'Delta'): Promise<string>;
    /** The id of the tenant's subscription, which then has exactly these prices. */
    ensureSubscription(wish: SubscriptionWish): Promise<string>;
    /** Reads a webhook's delivery; nothing in it is believed before its signature. */
    readEvent(body: string, signature: string, secret: string, nowMs: number): StripeEvent;
    /** Identifiers or request keys that an error report names, with their codes; undefined where it could not be fetched. */
    errorReport(eventId: string): Promise<readonly { readonly name: string; readonly code: string }[] | undefined>;
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

const tagOf = (text: string): string => text.replaceAll(/[^A-Za-z0-9_.-]/g, '_');

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

  const report: UsageProvider['report'] = async ({ meter, encoding, customer, value, hourMs, identifier, requestKey }) => {
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

  const ensurePrice = async (wish: PriceWish): Promise<string> => {
    const [found] = (await client.prices.list({ lookup_keys: [wish.key], active: true, limit: 1 })).data;
    if (found !== undefined) return found.id;
    const common = {
      currency: wish.currency,
      lookup_key: wish.key,
      product_data: { name: wish.product },
      metadata: { writ_key: wish.key },
    };
    const made =
      'fee' in wish
        ? {
            ...common,
            unit_amount_decimal: Stripe.Decimal.from(String(wish.fee.amount)),
            recurring: { interval: 'month' as const, interval_count: wish.fee.months },
          }
        : {
            ...common,
            billing_scheme: 'tiered' as const,
            tiers_mode: 'graduated' as const,
            tiers: wish.usage.steps.map(({ upTo, price }) => ({
              up_to: upTo ?? ('inf' as const),
              unit_amount_decimal: Stripe.Decimal.from(price),
            })),
            recurring: {
              interval: 'month' as const,
              usage_type: 'metered' as const,
              meter: await ensureMeter(wish.usage.meter, wish.usage.encoding),
            },
          };
    return (await client.prices.create(made, { idempotencyKey: `writ.price.${wish.key}` })).id;
  };

  const ensureSubscription: StripeProvider['ensureSubscription'] = async ({ tenant, customer, prices, anchorMs, trialEndMs }) => {
    const wanted: string[] = [];
    for (const price of prices) wanted.push(await ensurePrice(price));
    const all = await client.subscriptions.list({ customer, limit: 100 }).autoPagingToArray({ limit: 1_000 });
    const found = all.find(({ metadata }) => metadata['writ_tenant'] === tenant);
    if (found === undefined) {
      const start = trialEndMs === undefined ? { billing_cycle_anchor: anchorMs / 1000 } : { trial_end: trialEndMs / 1000 };
      const made = await client.subscriptions.create(
        {
          customer,
          ...start,
          proration_behavior: 'none',
          billing_mode: { type: 'flexible' },
          items: wanted.map((price) => ({ price })),
          metadata: { writ_tenant: tenant },
        },
        { idempotencyKey: `writ.subscription.${tagOf(tenant)}.${anchorMs}` },
      );
      return made.id;
    }
    const items = found.items.data;
    const gone = items.filter(({ price }) => !wanted.includes(price.id));
    const missing = wanted.filter((id) => !items.some(({ price }) => price.id === id));
    if (gone.length === 0 && missing.length === 0) return found.id;
    await client.subscriptions.update(found.id, {
      // What a change gives back and charges is on our statement, and comes as lines of its own.
      proration_behavior: 'none',
      items: [...gone.map(({ id }) => ({ id, deleted: true })), ...missing.map((price) => ({ price }))],
    });
    return found.id;
  };

  const drafts: InvoiceProvider['drafts'] = async (customer) => {
    const found = await client.invoices.list({ customer, status: 'draft', limit: 100 }).autoPagingToArray({ limit: 1_000 });
    return Promise.all(
      found.map(async ({ id, currency, total, automatically_finalizes_at: at, period_end }): Promise<Draft> => {
        const lines = await client.invoices.listLineItems(id, { limit: 100 }).autoPagingToArray({ limit: 10_000 });
        const ours = lines.flatMap(({ metadata }) => metadata['writ_key'] ?? []);
        const finalizesAtMs = at === null ? undefined : at * 1000;
        return { id, customer, currency, total: BigInt(total), finalizesAtMs, periodEndMs: period_end * 1000, ours: new Set(ours) };
      }),
    );
  };

  const addLine: InvoiceProvider['addLine'] = async ({ draft, amount, description, key }) => {
    if (draft.ours.has(key)) return;
    const { id: invoice, customer, currency } = draft;
    await client.invoiceItems.create(
      { customer, invoice, currency, amount: Number(amount), description, metadata: { writ_key: key } },
      { idempotencyKey: `writ.line.${invoice}.${key}` },
    );
  };

  const hold: InvoiceProvider['hold'] = async (draft, untilMs) => {
    await client.invoices.update(draft.id, { automatically_finalizes_at: Math.floor(untilMs / 1000) });
  };

  const readEvent: StripeProvider['readEvent'] = (body, signature, secret, nowMs) => {
    try {
      if (body.includes('"v2.core.event"')) {
        const thin = client.parseEventNotification(body, signature, secret, undefined, undefined, nowMs);
        return { ok: true, id: thin.id, type: thin.type, isLive: thin.livemode, about: undefined };
      }
      const event = Stripe.webhooks.constructEvent(body, signature, secret, undefined, undefined, nowMs);
      const { object } = event.data;
      const about = 'customer' in object && typeof object.customer === 'string' ? object.customer : undefined;
      return { ok: true, id: event.id, type: event.type, isLive: event.livemode, about };
    } catch (error) {
      return { ok: false, why: error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'it cannot be read' };
    }
  };

  const errorReport: StripeProvider['errorReport'] = async (eventId) => {
    try {
      const event = await client.v2.core.events.retrieve(eventId);
      if (event.type !== 'v1.billing.meter.error_report_triggered' && event.type !== 'v1.billing.meter.no_meter_found') return [];
      return event.data.reason.error_types.flatMap(({ code, sample_errors }) =>
        sample_errors.map(({ request }) => ({ name: request.identifier, code })),
      );
    } catch (error) {
      if (error instanceof Stripe.errors.StripeError) return undefined;
      throw error;
    }
  };

  return { ensureMeter, ensureSubscription, report, read, drafts, addLine, hold, readEvent, errorReport };
};
