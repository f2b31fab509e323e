// SPDX-License-Identifier: Apache-2.0
// How good and valid answers are told to the ledger: two meters for each objective, an event for each minute, and beside the count
// what it proves. `since` is the first minute of which the event speaks: between it and the event's own minute nothing was asked. So
// a minute without answers can be told from one of which nobody knows anything. The webhook writes it, `operator/slo` reads it.
import { isRecord } from '../../crds/wire.ts';
import { OBJECTIVES, hasThreshold, shareOf } from './index.ts';
import type { Objective, ObjectiveName } from './index.ts';

export const MINUTE_MS = 60_000;
export const minuteOf = (atMs: number): number => Math.floor(atMs / MINUTE_MS) * MINUTE_MS;

const COUNTS = ['valid', 'good'] as const;
export type Count = (typeof COUNTS)[number];

/** `slo.admission_latency.good`. */
export const levelMeter = (name: ObjectiveName, count: Count): string => `slo.${name.replace('-', '_')}.${count}`;

const meters = new Map(OBJECTIVES.flatMap((name) => COUNTS.map((count) => [levelMeter(name, count), { name, count }] as const)));

/** Never billed and on no statement of use: they count answers, not what was used. */
export const LEVEL_METERS: readonly string[] = [...meters.keys()].toSorted();

/** What a meter counts; undefined for every other meter. */
export const levelOf = (meter: string): { readonly name: ObjectiveName; readonly count: Count } | undefined => meters.get(meter);

/** Only these are believed: nobody but Writ's own webhook counts Writ's own answers. */
export const LEVEL_SOURCES = '/writ/webhook/';

/** A stretch that one event speaks of is no longer than this. */
export const MAX_STRETCH_MS = 24 * 60 * MINUTE_MS;

export type CountDims = {
  /** The first minute that it speaks of. */
  readonly sinceMs: number;
  /** What was promised then, in percent. */
  readonly target: string;
  /** The longest time that was good; infinite where any was. */
  readonly withinMs: number;
};

export const dimsOf = ({ name, percent, withinMs }: Objective, sinceMs: number): Readonly<Record<string, string>> => ({
  since: new Date(sinceMs).toISOString(),
  target: percent,
  ...(hasThreshold(name) ? { within_ms: String(withinMs) } : {}),
});

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/;

/** What an event of minute `atMs` proves, of its dims. Where they cannot be read it proves nothing: undefined. */
export const readDims = (dims: unknown, atMs: number): CountDims | undefined => {
  if (!isRecord(dims)) return undefined;
  const { since, target, within_ms: within } = dims;
  if (typeof since !== 'string' || !TIME.test(since) || typeof target !== 'string' || shareOf(target) === undefined) return undefined;
  const withinMs = within === undefined ? Number.POSITIVE_INFINITY : Number(typeof within === 'string' ? within : Number.NaN);
  const sinceMs = minuteOf(Date.parse(since));
  if (Number.isNaN(sinceMs) || !(withinMs > 0)) return undefined;
  // Answers that a clock which was set back puts before the stretch are of their own minute.
  return { sinceMs: sinceMs > atMs || sinceMs < atMs - MAX_STRETCH_MS ? atMs : sinceMs, target, withinMs };
};
