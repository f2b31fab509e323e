// SPDX-License-Identifier: Apache-2.0
// What is metered: the shipped meters and those that a ConfigMap declares. A meter says how events add up and in which unit a
// statement shows it; events of a meter that nobody declared are put aside and shown, never dropped.
import { isRecord, isText } from '../../crds/wire.ts';
import { LEVEL_METERS } from '../../policies/service-level/counts.ts';
import { divideHalfEven } from './quantity.ts';

/**
 * sum: values add up. peak: the highest value of the period. average: values are amount times seconds, and the statement shows
 * their sum over the length of the period. level: Writ's own counts of answers, which `operator/slo` reads by the minute; no
 * statement has a line of them, so nothing bills them.
 */
export type Aggregation = 'sum' | 'peak' | 'average' | 'level';

export type Meter = {
  readonly name: string;
  /** As UCUM has it: `1` for a count, `By` for bytes, `h` for hours. */
  readonly unit: string;
  readonly aggregation: Aggregation;
  /** A statement's unit in units of events; 3600 where events carry seconds and the statement hours. 1 by default. */
  readonly divisor: bigint;
};

const meter = (name: string, unit: string, aggregation: Aggregation, divisor = 1n): Meter => ({ name, unit, aggregation, divisor });

export const SHIPPED_METERS: readonly Meter[] = [
  meter('agent_hours', 'h', 'sum', 3600n),
  meter('api_calls', '1', 'sum'),
  meter('policy_executions', '1', 'sum'),
  meter('reasoning_units', '1', 'sum'),
  meter('storage_bytes', 'By', 'average'),
  meter('transfer_bytes', 'By', 'sum'),
  meter('users', '1', 'peak'),
  ...LEVEL_METERS.map((name) => meter(name, '1', 'level')),
];

export type Meters = ReadonlyMap<string, Meter>;

const NAME = /^[a-z][a-z0-9_.]{0,62}$/;
const UNIT = /^[!-~]{1,32}$/;
const MAX_METERS = 200;

export type MetersRead = { readonly meters: Meters; readonly problems: readonly string[] };

/**
 * The shipped meters and those of a declaration, JSON `[{"name", "unit", "aggregation": "sum"|"peak"}]`. One that is wrong or has
 * the name of a shipped one is left out and told; the others count.
 */
export const readMeters = (text: string | undefined): MetersRead => {
  const meters = new Map(SHIPPED_METERS.map((one) => [one.name, one]));
  if (text === undefined) return { meters, problems: [] };
  const declared = parsed(text);
  if (!Array.isArray(declared)) return { meters, problems: ['meters is not a JSON list'] };
  const problems: string[] = [];
  for (const [index, one] of declared.slice(0, MAX_METERS).entries()) {
    const made = meterOf(one);
    if (made === undefined) problems.push(`meters[${index}] needs name, unit and aggregation (sum or peak)`);
    else if (meters.has(made.name)) problems.push(`meters[${index}]: there is a meter ${made.name} already`);
    else meters.set(made.name, made);
  }
  if (declared.length > MAX_METERS) problems.push(`meters: more than ${MAX_METERS}; the others are left out`);
  return { meters, problems };
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const meterOf = (value: unknown): Meter | undefined => {
  if (!isRecord(value)) return undefined;
  const { name, unit, aggregation } = value;
  if (!isText(name, 63) || !NAME.test(name) || !isText(unit, 32) || !UNIT.test(unit)) return undefined;
  return aggregation === 'sum' || aggregation === 'peak' ? meter(name, unit, aggregation) : undefined;
};

export type Tally = { readonly count: number; readonly sum: bigint; readonly peak: bigint };

export const NOTHING: Tally = { count: 0, sum: 0n, peak: 0n };

export const addTally = (a: Tally, b: Tally): Tally => ({
  count: a.count + b.count,
  sum: a.sum + b.sum,
  peak: a.peak > b.peak ? a.peak : b.peak,
});

/** Millionths of the meter's unit that a tally stands for over `lengthMs`. */
export const amountOf = ({ aggregation, divisor }: Pick<Meter, 'aggregation' | 'divisor'>, tally: Tally, lengthMs: number): bigint => {
  switch (aggregation) {
    case 'peak':
      return tally.peak;
    case 'average':
      return divideHalfEven(tally.sum * 1000n, BigInt(lengthMs) * divisor);
    case 'sum':
    case 'level':
    default:
      return divideHalfEven(tally.sum, divisor);
  }
};
