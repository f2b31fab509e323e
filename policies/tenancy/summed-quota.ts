// SPDX-License-Identifier: Apache-2.0
// A tenant's quotas over all of its namespaces together, and the reservation of what one object asks for. Pure.
import type { TenantSpec } from '../../crds/generated/objects.ts';
import { takenOf } from '../../crds/quota-ledger.ts';
import type { Amounts, QuotaLedger, QuotaReservation } from '../../crds/quota-ledger.ts';
import type { Problem } from '../problem.ts';
import { nanosOfQuantity, quantityText } from '../quota/quantity.ts';

/** The least that any of the quotas allows of each resource; a quota that does not say its scope is summed. */
export const summedHard = (spec: Pick<TenantSpec, 'resourceQuotas'>): Amounts => {
  const hard = new Map<string, bigint>();
  for (const quota of spec.resourceQuotas ?? []) {
    if (quota.scope === 'Namespace') continue;
    for (const [name, quantity] of Object.entries(quota.hard)) {
      // What cannot be read allows nothing.
      const nanos = nanosOfQuantity(quantity) ?? 0n;
      const known = hard.get(name);
      if (known === undefined || nanos < known) hard.set(name, nanos);
    }
  }
  return hard;
};

/** What of `amounts` any quota speaks of, and only where it is something. */
export const bounded = (amounts: Amounts, hard: Amounts): Amounts =>
  new Map([...amounts].filter(([name, nanos]) => nanos > 0n && hard.has(name)));

/** What an object asks for beyond what it has. */
export const raised = (before: Amounts, after: Amounts): Amounts =>
  new Map(
    [...after].flatMap(([name, nanos]): [string, bigint][] =>
      nanos > (before.get(name) ?? 0n) ? [[name, nanos - (before.get(name) ?? 0n)]] : [],
    ),
  );

export type Ask = {
  readonly reservation: QuotaReservation;
  readonly hard: Amounts;
  /** Answered as if it were not; nothing is reserved. */
  readonly dryRun: boolean;
};

export type Granted = { readonly ok: true } | { readonly ok: false; readonly problem: Problem };

const refusal = (message: string): Granted => ({ ok: false, problem: { code: 'TENANT_QUOTA_EXCEEDED', message } });
const unavailable = (message: string): Granted => ({ ok: false, problem: { code: 'TENANT_QUOTA_UNAVAILABLE', message } });

const grant = ({ reservation, hard }: Ask, taken: ReadonlyMap<string, bigint>, settled: Amounts): Granted => {
  for (const [name, asked] of reservation.amounts) {
    // A resource that the operator has not counted yet may be used already.
    if (!settled.has(name)) return unavailable(`${name} has not been counted yet`);
    const most = hard.get(name) ?? 0n;
    const used = taken.get(name) ?? 0n;
    if (used + asked > most) {
      return refusal(`${name}: ${quantityText(used)} of ${quantityText(most)} are taken, ${quantityText(asked)} more are asked for`);
    }
  }
  return { ok: true };
};

export type Reserved = {
  /** In the order of the asks. */
  readonly granted: readonly Granted[];
  /** Undefined where nothing is reserved. */
  readonly ledger: QuotaLedger | undefined;
};

/** One after the other: what an earlier one takes a later one does not get. Linear in asks and reservations. */
export const reserve = (ledger: QuotaLedger, asks: readonly Ask[]): Reserved => {
  // The time alone opens nothing: what came meanwhile has to be counted first.
  if (ledger.opensAt !== undefined) {
    return { granted: asks.map(() => unavailable(`the ledger opens with the first count after ${ledger.opensAt}`)), ledger: undefined };
  }
  const taken = new Map(takenOf(ledger));
  const held = new Map(ledger.reservations.map((reservation) => [keyOf(reservation), reservation]));
  let isChanged = false;
  const add = (amounts: Amounts, sign: 1n | -1n): void => {
    for (const [name, nanos] of amounts) taken.set(name, (taken.get(name) ?? 0n) + sign * nanos);
  };
  const granted = asks.map((ask): Granted => {
    const { reservation } = ask;
    const before = held.get(keyOf(reservation));
    // Asked again for the same object (somebody did not hear the answer) the first reservation is replaced.
    if (before !== undefined) add(before.amounts, -1n);
    const outcome = grant(ask, taken, ledger.settled);
    if (!outcome.ok || ask.dryRun) {
      if (before !== undefined) add(before.amounts, 1n);
      return outcome;
    }
    add(reservation.amounts, 1n);
    held.set(keyOf(reservation), reservation);
    isChanged = true;
    return outcome;
  });
  return { granted, ledger: isChanged ? { ...ledger, reservations: [...held.values()] } : undefined };
};

/** One for the object as it is made, and one for what it is raised by. */
const keyOf = ({ uid, raisedTo }: QuotaReservation): string => `${raisedTo === undefined ? 'new' : 'more'} ${uid}`;
