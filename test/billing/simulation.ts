// SPDX-License-Identifier: Apache-2.0
/**
 * A billing period in simulated time: a ledger that grows, also late; an outbox whose process is killed at any await; a Stripe that
 * resets before and after it applied, applies hours later, fails with 500 and repeats it, throttles, drops what it accepted,
 * and tells the truth late. One seed, one history.
 */
import type { Clock } from '../../process/clock.ts';
import { createStripe } from '../../operator/billing/stripe.ts';
import { createOutbox } from '../../operator/billing/outbox/index.ts';
import type { Outbox, OutboxRules } from '../../operator/billing/outbox/index.ts';
import type { HourTotal } from '../../operator/billing/outbox/entry.ts';
import { billingMigrations, countStates } from '../../operator/billing/outbox/tables.ts';
import type { UsageProvider } from '../../operator/billing/provider.ts';
import type { Store } from '../../operator/usage/store.ts';
import { GRACE_MS, createFakeStripe } from './fake-stripe.ts';
import { Killed, createFaultyNetwork, randomFrom } from './faulty-network.ts';
import { microsText } from './fake-meters.ts';
import { openMemoryStore } from './memory-store.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const START = Date.UTC(2026, 10, 1);
const PERIOD_MS = 24 * HOUR_MS;
const FREEZE_MS = 48 * HOUR_MS;
const SECRET = 'sk_test_simulated0';

// Most of the time would go into traces of errors that are made on purpose.
Error.stackTraceLimit = 0;

/** What a test takes out, to see that the suite notices. */
export type Mutation = {
  readonly rules?: OutboxRules;
  readonly provider?: (
    real: UsageProvider,
    ledger: (asked: { readonly customer: string; readonly meter: string; readonly hourMs: number }) => string,
  ) => UsageProvider;
};

export type Outcome = {
  /** `tenant meter: ledger ≠ invoice`. */
  readonly wrong: readonly string[];
  /** Values of an hour that were applied twice, or after a newer one. */
  readonly regressions: readonly string[];
  /** Hours that were left to a person. */
  readonly aside: number;
  readonly requests: number;
  readonly kills: number;
};

const METERS = [
  { meter: 'api_calls', encoding: 'Absolute' },
  { meter: 'reasoning_units', encoding: 'Delta' },
] as const;
const TENANTS = ['acme'];

/** `given`: a store that was never used; in memory unless given. */
export const simulate = async (seed: number, mutation: Mutation = {}, given?: Store): Promise<Outcome> => {
  const random = randomFrom(seed);
  const chance = (share: number): boolean => random() < share;
  const within = (least: number, most: number): number => least + random() * (most - least);
  let now = START;
  const clock: Clock = { now: () => now, monotonicMs: () => now, schedule: () => () => undefined };
  const fake = createFakeStripe({
    nowMs: () => now,
    secretKey: SECRET,
    faults: {
      identifierMs: () => within(24, 36) * HOUR_MS,
      summaryLagMs: () => within(0, 60) * MINUTE_MS,
      isDropped: () => chance(0.01),
    },
  });
  const outageAt = chance(0.15) ? START + within(0, 60) * HOUR_MS : Number.POSITIVE_INFINITY;
  const network = createFaultyNetwork({ fake, nowMs: () => now, random, outageMs: outageAt });
  let kills = 0;

  /** Hours that the outbox has not taken in yet. */
  const offered = new Set<string>();
  const ledger = new Map<string, HourTotal & { micros: bigint }>();
  const stripe = createStripe({ secretKey: SECRET, mode: 'test', nowMs: () => now, fetch: network.fetch });
  const provider: UsageProvider = {
    ...stripe,
    report: async (report) => {
      const answer = await stripe.report(report);
      network.maybeKill(0.3);
      return answer;
    },
  };
  for (const { meter, encoding } of METERS) await stripe.ensureMeter(meter, encoding);
  const ledgerOf = (asked: { readonly customer: string; readonly meter: string; readonly hourMs: number }): string =>
    ledger.get(`${asked.customer} ${asked.meter} ${asked.hourMs}`)?.total ?? '0';
  const store = given ?? openMemoryStore();
  await store.migrate(billingMigrations);
  await store.claim('simulation');
  const start = (): Outbox =>
    createOutbox({
      store,
      provider: mutation.provider?.(provider, ledgerOf) ?? provider,
      clock,
      random,
      installation: 'sim',
      ...(mutation.rules === undefined ? {} : { rules: mutation.rules }),
    });

  const grow = (): void => {
    for (const tenant of TENANTS) {
      for (const { meter, encoding } of METERS) {
        if (!chance(0.4)) continue;
        const newest = Math.min(now - 1, START + PERIOD_MS - 1);
        const hourMs = Math.floor(within(Math.max(START, newest - 8 * HOUR_MS), newest) / HOUR_MS) * HOUR_MS;
        const key = `cus_${tenant} ${meter} ${hourMs}`;
        const micros = (ledger.get(key)?.micros ?? 0n) + BigInt(Math.floor(within(1, 5e8)));
        offered.add(key);
        ledger.set(key, { tenant, meter, encoding, hourMs, customer: `cus_${tenant}`, micros, total: microsText(micros) });
      }
    }
  };

  network.set({ calm: false });
  let outbox = start();
  const tick = async (): Promise<void> => {
    network.arrive();
    network.set({ killing: chance(0.15) });
    try {
      const left = await outbox.offer([...offered].flatMap((key) => ledger.get(key) ?? []));
      offered.clear();
      for (const { customer, meter, hourMs } of left) offered.add(`${customer} ${meter} ${hourMs}`);
      await outbox.pass();
      // In a quarter of the histories: it is as long again.
      if (seed % 4 === 0) await outbox.reread();
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      kills += 1;
      outbox = start();
    }
  };
  const endMs = START + PERIOD_MS;
  while (now < endMs + FREEZE_MS) {
    now += Math.floor(within(10, 240)) * MINUTE_MS;
    if (now < endMs + FREEZE_MS) grow();
    await tick();
  }
  const invoices = TENANTS.map((tenant) => fake.openInvoice(`cus_${tenant}`, START, endMs));
  // Held as long as ledger and provider differ, as the operator does; a week at most.
  for (const invoice of invoices) invoice.finalizesMs = endMs + GRACE_MS;
  const isSettled = async (): Promise<boolean> => {
    for (const tenant of TENANTS) {
      const totals = [...ledger.values()].filter((one) => one.tenant === tenant);
      try {
        if ((await outbox.drift({ tenant, fromMs: START, toMs: endMs, totals })).length > 0) return false;
      } catch (error) {
        if (!(error instanceof Killed)) throw error;
        return false;
      }
    }
    return true;
  };
  while (now < endMs + 10 * 24 * HOUR_MS) {
    now += Math.floor(within(30, 240)) * MINUTE_MS;
    await tick();
    network.set({ killing: false });
    if (now >= endMs + GRACE_MS - 4 * HOUR_MS && (await isSettled())) break;
    for (const invoice of invoices) invoice.finalizesMs = Math.max(invoice.finalizesMs, now + 5 * HOUR_MS);
  }
  now = Math.max(...invoices.map(({ finalizesMs }) => finalizesMs), now);
  network.arrive();
  fake.finalizeDue();

  const wrong: string[] = [];
  for (const [index, tenant] of TENANTS.entries()) {
    for (const { meter, encoding } of METERS) {
      const total = [...ledger.values()]
        .filter((one) => one.tenant === tenant && one.meter === meter)
        .reduce((sum, one) => sum + one.micros, 0n);
      const billed = invoices[index]?.quantities.get(`writ_${meter}_${encoding.toLowerCase()}`);
      if (billed !== microsText(total)) wrong.push(`${tenant} ${meter}: ledger ${microsText(total)}, invoice ${billed}`);
    }
  }
  const regressions: string[] = [];
  const newest = new Map<string, bigint>();
  for (const { customer, atMs, micros } of fake.meters.received.get('writ_api_calls_absolute') ?? []) {
    const key = `${customer} ${atMs}`;
    const before = newest.get(key);
    if (before !== undefined && micros < before) regressions.push(`${key}: ${before} then ${micros}`);
    newest.set(key, micros);
  }
  const states = await store.read(countStates);
  const aside = (states.get('quarantined') ?? 0) + (states.get('rejected') ?? 0);
  await store.close();
  return { wrong, regressions, aside, requests: fake.requests.length, kills };
};
