// SPDX-License-Identifier: Apache-2.0
// The settled side of a quota ledger: what was counted goes in, and with it, in the same write, goes the reservation of everything
// that is counted now. So at no moment something is in neither sum. Pure.
import { RESERVATION_LASTS_MS } from '../../crds/quota-ledger.ts';
import type { Amounts, QuotaLedger, QuotaReservation } from '../../crds/quota-ledger.ts';

/** One live object as far as it is counted. */
export type CountedObject = { readonly uid: string; readonly amounts: Amounts };

export type Count = {
  /** All of the tenant's objects together. */
  readonly sum: Amounts;
  /** An object that is in the sum. */
  readonly objectOf: (uid: string) => CountedObject | undefined;
  /** It was in a sum and is gone. */
  readonly isGone: (uid: string) => boolean;
};

const coversAll = (has: Amounts, wanted: Amounts): boolean => [...wanted].every(([name, nanos]) => (has.get(name) ?? 0n) >= nanos);

const isSettled = ({ uid, raisedTo }: QuotaReservation, count: Count): boolean => {
  const object = count.objectOf(uid);
  if (object === undefined) return count.isGone(uid);
  return raisedTo === undefined || coversAll(object.amounts, raisedTo);
};

export type Settling = {
  readonly ledger: QuotaLedger;
  /** Reservations whose time is over and of which nothing was seen: only the API server can say what became of them. */
  readonly overdue: readonly QuotaReservation[];
  /** When the next one will be overdue; undefined where none will. */
  readonly nextLookMs: number | undefined;
};

export const settle = (input: {
  readonly ledger: QuotaLedger;
  readonly count: Count;
  /** Resources that the tenant's summed quotas bound. */
  readonly resources: ReadonlySet<string>;
  readonly nowMs: number;
}): Settling => {
  const { ledger, count, resources, nowMs } = input;
  // Of all that is bounded, none of it included: what is not named was not counted.
  const settled = new Map([...resources].map((name) => [name, count.sum.get(name) ?? 0n]));
  const reservations = ledger.reservations.filter((reservation) => !isSettled(reservation, count));
  const ages = reservations.map(({ at }) => nowMs - Date.parse(at));
  const waits = ages.flatMap((ageMs) => (ageMs < RESERVATION_LASTS_MS ? [RESERVATION_LASTS_MS - ageMs] : []));
  const isOpen = ledger.opensAt === undefined || Date.parse(ledger.opensAt) <= nowMs;
  const { tenant, opensAt } = ledger;
  return {
    ledger: { tenant, ...(isOpen || opensAt === undefined ? {} : { opensAt }), settled, reservations },
    overdue: reservations.filter((_, index) => (ages[index] ?? 0) >= RESERVATION_LASTS_MS),
    nextLookMs: waits.length === 0 ? undefined : Math.min(...waits),
  };
};

/** What became of an overdue reservation, by the live object; undefined where there is none of that uid. */
export const isKept = ({ raisedTo }: QuotaReservation, live: CountedObject | undefined): boolean =>
  // It is there and will be counted; or it never came to ask for more.
  live !== undefined && (raisedTo === undefined || coversAll(live.amounts, raisedTo));
