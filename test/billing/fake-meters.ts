// SPDX-License-Identifier: Apache-2.0
// Meters as Stripe keeps them: identifiers known for a day and a bit, a window that keeps what was received last, summaries that
// lag, validation that may come too late.

export type FakeMeter = {
  readonly id: string;
  readonly event_name: string;
  readonly display_name: string;
  readonly window: 'hour' | undefined;
  readonly status: 'active' | 'inactive';
};

type Received = {
  readonly customer: string;
  /** Millionths. */
  readonly micros: bigint;
  readonly atMs: number;
  readonly order: number;
  readonly visibleMs: number;
  readonly identifier: string;
};

export type Refusal = { readonly status: number; readonly code?: string; readonly message: string };

export type MeterFaults = {
  /** How long an identifier is known; at least 24 hours. */
  readonly identifierMs: () => number;
  readonly summaryLagMs: () => number;
  /** Accepted, and later found wrong. */
  readonly isDropped: () => boolean;
};

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const microsOf = (text: string): bigint | undefined => {
  const [, sign, digits, fraction = ''] = /^(-?)(\d{1,15})(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  return digits === undefined ? undefined : BigInt(`${sign}${digits}${fraction.padEnd(6, '0')}`);
};

export const microsText = (micros: bigint): string => {
  const size = micros < 0n ? -micros : micros;
  const fraction = String(size % 1_000_000n)
    .padStart(6, '0')
    .replace(/0+$/, '');
  return `${micros < 0n ? '-' : ''}${size / 1_000_000n}${fraction === '' ? '' : `.${fraction}`}`;
};

export const createFakeMeters = (nowMs: () => number, faults: MeterFaults) => {
  const meters = new Map<string, FakeMeter>();
  const archived: FakeMeter[] = [];
  const events = new Map<string, Received[]>();
  const identifiers = new Map<string, number>();
  const dropped: string[] = [];
  let order = 0;

  const add = (eventName: string, displayName: string, window: 'hour' | undefined): FakeMeter => {
    const id = `mtr_${meters.size + archived.length + 1}`;
    const meter = { id, event_name: eventName, display_name: displayName, window, status: 'active' as const };
    meters.set(eventName, meter);
    events.set(eventName, []);
    return meter;
  };

  /** Its name is free again; what it counted is lost to whoever asks for the next. */
  const archive = (eventName: string): void => {
    const meter = meters.get(eventName);
    if (meter === undefined) return;
    meters.delete(eventName);
    events.delete(eventName);
    archived.push({ ...meter, status: 'inactive' });
  };

  const receive = (event: {
    readonly name: string;
    readonly customer: string | undefined;
    readonly value: string | undefined;
    readonly identifier: string;
    readonly atMs: number;
  }): Refusal | undefined => {
    const now = nowMs();
    const list = events.get(event.name);
    if (list === undefined) return { status: 400, code: 'no_meter', message: `No active meter has the event name ${event.name}` };
    if (event.customer === undefined) return { status: 400, code: 'meter_event_no_customer_defined', message: 'no customer' };
    const micros = microsOf(event.value ?? '');
    if (micros === undefined) return { status: 400, code: 'meter_event_invalid_value', message: 'not a number' };
    if ((event.value ?? '').replaceAll(/[-.]/g, '').replace(/^0+/, '').length > 15)
      return { status: 400, code: 'meter_event_value_too_many_digits', message: 'more than 15 digits' };
    if (event.atMs > now + 5 * 60_000) return { status: 400, code: 'timestamp_in_future', message: 'too far in the future' };
    if (event.atMs < now - 35 * DAY_MS) return { status: 400, code: 'timestamp_too_far_in_past', message: 'too far in the past' };
    if (event.identifier.length > 100) return { status: 400, message: 'identifier too long' };
    if ((identifiers.get(event.identifier) ?? 0) > now)
      return { status: 400, message: `An event already exists with identifier ${event.identifier}.` };
    identifiers.set(event.identifier, now + faults.identifierMs());
    if (faults.isDropped()) {
      dropped.push(event.identifier);
      return undefined;
    }
    order += 1;
    const { customer, identifier, atMs } = event;
    list.push({ customer, identifier, micros, atMs, order, visibleMs: now + faults.summaryLagMs() });
    return undefined;
  };

  /** Hour → what counts of it. */
  const hours = (asked: {
    readonly eventName: string;
    readonly customer: string;
    readonly fromMs: number;
    readonly toMs: number;
    readonly lagging: boolean;
  }) => {
    const window = meters.get(asked.eventName)?.window;
    const now = nowMs();
    const counted = new Map<number, bigint>();
    for (const one of events.get(asked.eventName) ?? []) {
      if (one.customer !== asked.customer || one.atMs < asked.fromMs || one.atMs >= asked.toMs) continue;
      if (asked.lagging && one.visibleMs > now) continue;
      const hour = Math.floor(one.atMs / HOUR_MS) * HOUR_MS;
      counted.set(hour, window === 'hour' ? one.micros : (counted.get(hour) ?? 0n) + one.micros);
    }
    return counted;
  };

  return { add, archive, archived, receive, hours, meters, dropped, received: events };
};
