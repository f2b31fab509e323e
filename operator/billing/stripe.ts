// SPDX-License-Identifier: Apache-2.0
/**
 * Stripe in the words of `provider.ts`: meters and their events, drafts of invoices, events. In: a secret key, the mode that the installation
 * says it is in. The client is made in `stripe-client.ts`.
 *
 * Facts that are relied on: a duplicate identifier is answered with 400; a meter with a time window keeps the event received
 * last (docs.stripe.com/api/billing/meter-event). Meters are ours by name: `writ_METER_absolute` or `_delta`.
 */
import { isRecord } from '../../crds/wire.ts';
import { formatDecimal, parseDecimal } from '../../policies/pricing/ratio.ts';
import type { Draft, EventProvider, InvoiceProvider, ProviderEvent, ReadingAsked, ReportAnswer, UsageProvider } from './provider.ts';
import { KeyRefused } from './provider.ts';
import type { AccountProvider } from './accounts/provider.ts';
import { createStripeAccounts } from './stripe-accounts.ts';
import { answerOf, asked, createStripeClient, isMissing, isStripeError } from './stripe-client.ts';
import type { Mode, StripeOptions } from './stripe-client.ts';
import { createStripePrices } from './stripe-prices.ts';
import type { EnsureMeter, PriceProvider } from './stripe-prices.ts';

export type StripeProvider = UsageProvider &
  InvoiceProvider &
  EventProvider & {
    readonly ensureMeter: EnsureMeter;
    readonly prices: PriceProvider;
    readonly accounts: AccountProvider;
  };

const eventName = (meter: string, encoding: 'Absolute' | 'Delta'): string => `writ_${meter}_${encoding.toLowerCase()}`;

/** Of an invoice that is not a draft any more, or was deleted. */
const TOO_LATE = new Set(['invoice_not_editable', 'resource_missing']);

const METER_ERRORS = 'v1.billing.meter.error_report_triggered';
const NO_METER = 'v1.billing.meter.no_meter_found';

/** JSON has no decimals: 15 digits are what it carries, and as many as Stripe takes. */
const decimalOf = (value: number): string => {
  const text = value.toFixed(12);
  const parsed = Number.isFinite(value) ? parseDecimal(value.toPrecision(15).includes('e') ? text : value.toPrecision(15)) : undefined;
  return parsed === undefined ? '0' : formatDecimal(parsed);
};

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

export const createStripe = (options: StripeOptions): StripeProvider => {
  const client = createStripeClient(options);
  const meters = new Map<string, string>();
  /** How often the making of a meter failed here: its key would only repeat that. */
  const failures = new Map<string, number>();

  const ensureMeter: EnsureMeter = async (meter, encoding) => {
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
      if (!isStripeError(error)) throw error;
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
      if (!isStripeError(error)) throw error;
      // Of a customer that there is not nothing is counted.
      return isMissing(error, 'customer') ? new Map() : undefined;
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
      if (answer.kind === 'ambiguous' && isStripeError(error)) return { kind: 'retry' };
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
  const accounts = createStripeAccounts(client, options.nowMs);
  return { ensureMeter, prices, accounts, report, read, drafts, hold, lateErrors, forgetMeters: () => meters.clear() };
};
