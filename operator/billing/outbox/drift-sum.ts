// SPDX-License-Identifier: Apache-2.0
// How far ledger and provider are apart, meter by meter: numbers to look at, rounded as such. What is done about it goes by the hours.
import type { Drift } from './drift.ts';
import type { HourTotal } from './entry.ts';

export type DriftSum = {
  /** Hours that differ. */
  readonly hours: number;
  /** Hours of which the provider said nothing: nobody knows whether they do. */
  readonly unread: number;
  /** Of each meter that was compared: what the ledger counts, and by how much the hours are off, up or down. */
  readonly meters: ReadonlyMap<string, { readonly ledger: number; readonly off: number }>;
};

export const NO_DRIFT: DriftSum = { hours: 0, unread: 0, meters: new Map() };

/** One invoice's; an hour that could not be read is off by nothing. */
export const driftSum = (totals: readonly Pick<HourTotal, 'meter' | 'total'>[], drift: readonly Drift[]): DriftSum => {
  const meters = new Map<string, { ledger: number; off: number }>();
  const of = (meter: string): { ledger: number; off: number } => {
    const known = meters.get(meter) ?? { ledger: 0, off: 0 };
    meters.set(meter, known);
    return known;
  };
  for (const { meter, total } of totals) of(meter).ledger += Number(total);
  const differing = drift.filter(({ counted }) => counted !== undefined);
  for (const { meter, ledger, counted } of differing) of(meter).off += Math.abs(Number(ledger) - Number(counted));
  return { hours: differing.length, unread: drift.length - differing.length, meters };
};

export const addDrift = (a: DriftSum, b: DriftSum): DriftSum => {
  const meters = new Map(a.meters);
  for (const [meter, { ledger, off }] of b.meters) {
    const known = meters.get(meter) ?? { ledger: 0, off: 0 };
    meters.set(meter, { ledger: known.ledger + ledger, off: known.off + off });
  }
  return { hours: a.hours + b.hours, unread: a.unread + b.unread, meters };
};

/** 0 where both count the same; 1 where the provider counts what the ledger knows nothing of. */
export const driftRatio = ({ ledger, off }: { readonly ledger: number; readonly off: number }): number =>
  off === 0 ? 0 : ledger === 0 ? 1 : off / ledger;
