// SPDX-License-Identifier: Apache-2.0
/**
 * The ledger of use: what was used, by whom, when, once.
 *
 * In: events, a store that this process has claimed, who the tenants are. Out: outcomes that leave only after the commit, seals,
 * statements, how much of a limit is used. Everything that bills, shows or limits use is a view of it. `index.ts` runs it;
 * billing and audit take part in its transactions by `hooks`.
 */
import type { Clock } from '../../process/clock.ts';
import { makeMarks } from './aside-marks.ts';
import { duePeriod, freezePeriod, makeStatements, statementOf, unfinishedPeriods } from './close.ts';
import type { StatementHook } from './close.ts';
import type { UsageEvent } from './event.ts';
import { ingest } from './ingest.ts';
import { amountOf } from './meters.ts';
import type { Meter, Meters } from './meters.ts';
import { createNewSources } from './new-sources.ts';
import type { EventOutcome, IngestContext } from './outcome.ts';
import { HOUR_MS, monthOf } from './period.ts';
import type { PruneHook } from './pruning.ts';
import { quarantined } from './quarantine.ts';
import { releaseQuarantine } from './release.ts';
import type { Place } from './release.ts';
import { sealHours } from './seals.ts';
import type { Seal, SealHook } from './seals.ts';
import type { UsageStatement } from './statement.ts';
import { storedMeters, undeclared } from './stored-meters.ts';
import type { StoredMeters } from './stored-meters.ts';
import { integerOf } from './store.ts';
import type { Reader, Store, Tx } from './store.ts';
import { USAGE_TABLES } from './tables.ts';
import { ledgerState, tallyOf } from './tallies.ts';
import { LONGEST_WINDOW_MS, createWindows } from './windows.ts';
import type { LimitWindow } from './windows.ts';

/** Each within the transaction that does it. */
export type LedgerHooks = {
  /** First definitions, which hold from then on. */
  readonly onMeters?: (tx: Tx, meters: readonly Meter[]) => Promise<void>;
  /** Each was sent under an identity that holds something else. */
  readonly onConflicts?: (tx: Tx, conflicts: readonly UsageEvent[]) => Promise<void>;
  readonly onStatements?: StatementHook;
  readonly onSeals?: SealHook;
  readonly onPruned?: PruneHook;
};

export type LedgerOptions = {
  readonly store: Store;
  readonly clock: Clock;
  readonly hasTenant: (name: string) => boolean;
  readonly hooks?: LedgerHooks;
  /** After the commit. */
  readonly observe?: {
    readonly events?: (meter: string, outcome: EventOutcome, count: number) => void;
    /** All that are known, at each look. */
    readonly declared?: (meter: string) => void;
    readonly sealed?: (seals: readonly Seal[]) => void;
    readonly closed?: (periodMs: number) => void;
  };
};

export type Series = { readonly tenant: string; readonly meter: string };

export type Ledger = {
  readonly store: Store;
  /** Makes the tables, claims the ledger and reads what is known. Once in a term. */
  open(holder: string): Promise<void>;
  /** Resolves when all of it is on disk. */
  accept(events: readonly UsageEvent[]): Promise<readonly EventOutcome[]>;
  /** A work of another room, in a transaction of the ledger. */
  transact<T>(work: (tx: Tx, context: IngestContext) => Promise<T>): Promise<T>;
  /** Notes what was stored by `transact`. */
  noted(events: readonly UsageEvent[], outcomes: readonly EventOutcome[]): void;
  /** Takes meters in; one that is known keeps its first definition. Names those that would have changed. */
  declare(meters: Meters): Promise<readonly string[]>;
  meter(name: string): Meter;
  /** Lets out of quarantine, seals, freezes and makes statements, as far as each is due. */
  settle(signal: AbortSignal): Promise<void>;
  /** Follows these series in memory, and no others. */
  follow(series: readonly Series[]): Promise<void>;
  /** Millionths of the meter's unit within the window that ends now. */
  used(series: Series, window: LimitWindow): bigint;
  /** A moment: what was stored before it is on disk, and nothing is stored before it any more. */
  storedBefore(): Promise<number>;
  /** The open period so far, or a closed one again. */
  preview(tenant: string, periodMs: number): Promise<UsageStatement>;
};

/** What events of meters that nobody declared are counted under: made-up names would take the room of those that come. No meter is called so. */
const UNKNOWN_METER = '_unknown';

export const createLedger = (options: LedgerOptions): Ledger => {
  const { store, clock, hooks = {}, observe } = options;
  const windows = createWindows();
  let meters: StoredMeters = { names: [], has: () => false, get: undeclared };
  const mayBegin = createNewSources();
  let lastMs = 0;

  const meter = (name: string): Meter => meters.get(name);
  const loadMeters = async (reader: Reader): Promise<void> => {
    meters = await storedMeters(reader);
  };
  const transact = <T>(work: (tx: Tx, context: IngestContext) => Promise<T>): Promise<T> =>
    store.transact(async (tx) => {
      const state = await ledgerState(tx);
      // Never back, whatever the clock does: an event must not slip before a cut that has been billed.
      lastMs = Math.max(clock.now(), state.cutMs, lastMs);
      return await work(tx, { state, storedMs: lastMs, hasTenant: options.hasTenant, hasMeter: (name) => meters.has(name), mayBegin });
    });
  const noted = (events: readonly UsageEvent[], outcomes: readonly EventOutcome[]): void => {
    const counts = new Map<string, Map<EventOutcome, number>>();
    for (const [index, event] of events.entries()) {
      const outcome = outcomes[index] ?? 'duplicate';
      if (outcome === 'stored') windows.add(event);
      const name = meters.has(event.meter) ? event.meter : UNKNOWN_METER;
      const ofMeter = counts.get(name) ?? new Map<EventOutcome, number>();
      counts.set(name, ofMeter.set(outcome, (ofMeter.get(outcome) ?? 0) + 1));
    }
    for (const [name, ofMeter] of counts) for (const [outcome, count] of ofMeter) observe?.events?.(name, outcome, count);
  };

  type Found = { readonly events: readonly UsageEvent[]; readonly outcomes: readonly EventOutcome[] };
  const tellConflicts = async (tx: Tx, { events, outcomes }: Found): Promise<void> => {
    const conflicts = events.filter((_, index) => outcomes[index] === 'conflict');
    if (conflicts.length > 0) await hooks.onConflicts?.(tx, conflicts);
  };

  const release = async (signal: AbortSignal): Promise<void> => {
    for (const { tenant, meter: name } of await store.read(quarantined)) {
      let after: Place | undefined;
      do {
        if (signal.aborted || !options.hasTenant(tenant) || !meters.has(name)) break;
        const series = { tenant, meter: name, after };
        const { events, outcomes, next } = await transact(async (tx, context) => {
          const released = await releaseQuarantine(tx, series, context);
          await tellConflicts(tx, released);
          return released;
        });
        noted(events, outcomes);
        after = next;
      } while (after !== undefined);
    }
  };
  const seal = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      const seals = await transact((tx) => sealHours(tx, { nowMs: clock.now(), onSeals: hooks.onSeals }));
      if (seals.length === 0) return;
      observe?.sealed?.(seals);
    }
  };
  const close = async (signal: AbortSignal): Promise<void> => {
    for (;;) {
      for (const periodMs of await store.read(unfinishedPeriods)) {
        for (let more = true; more && !signal.aborted;) {
          ({ more } = await transact((tx) => makeStatements(tx, periodMs, { meterOf: meter, onStatements: hooks.onStatements })));
        }
        if (!signal.aborted) observe?.closed?.(periodMs);
      }
      const due = signal.aborted ? undefined : await store.read((reader) => duePeriod(reader, clock.now()));
      if (due === undefined) return;
      await transact((tx, { storedMs }) => freezePeriod(tx, due, storedMs));
    }
  };

  return {
    store,
    open: async (holder) => {
      await store.migrate(USAGE_TABLES);
      await store.claim(holder);
      await store.transact(makeMarks);
      await store.read(async (reader) => {
        await loadMeters(reader);
        const [row] = await reader.all('SELECT COALESCE(MAX(last_ms), 0) AS last_ms FROM usage_source');
        lastMs = row === undefined ? 0 : integerOf(row, 'last_ms');
      });
    },
    accept: async (events) => {
      const outcomes = await transact(async (tx, context) => {
        const found = await ingest(tx, events, context);
        await tellConflicts(tx, { events, outcomes: found });
        return found;
      });
      noted(events, outcomes);
      return outcomes;
    },
    transact,
    noted,
    declare: async (declared) => {
      await store.transact(async (tx) => {
        const news: Meter[] = [];
        for (const one of declared.values()) {
          const made = await tx.insert({
            into: 'usage_meter',
            columns: ['name', 'unit', 'aggregation', 'divisor'],
            rows: [[one.name, one.unit, one.aggregation, one.divisor]],
            onConflict: 'ON CONFLICT (name) DO NOTHING',
          });
          if (made > 0) news.push(one);
        }
        if (news.length > 0) await hooks.onMeters?.(tx, news);
      });
      await store.read(loadMeters);
      for (const name of meters.names) observe?.declared?.(name);
      return [...declared.values()].filter((one) => !sameMeter(one, meter(one.name))).map(({ name }) => name);
    },
    meter,
    settle: async (signal) => {
      await release(signal);
      await seal(signal);
      await close(signal);
      windows.prune(clock.now());
    },
    follow: async (series) => {
      const wanted = new Set(series.map(({ tenant, meter: name }) => `${tenant}\n${name}`));
      windows.retain((tenant, name) => wanted.has(`${tenant}\n${name}`));
      for (const one of series) {
        if (windows.has(one.tenant, one.meter)) continue;
        // In a transaction: nothing is stored between this look and the first event that is added in memory.
        const rows = await store.transact((tx) =>
          tx.all('SELECT hour_ms, count, sum, peak FROM usage_bucket WHERE tenant = ? AND meter = ? AND hour_ms > ?', [
            one.tenant,
            one.meter,
            clock.now() - LONGEST_WINDOW_MS - HOUR_MS,
          ]),
        );
        windows.follow(
          one,
          rows.map((row) => ({ hourMs: integerOf(row, 'hour_ms'), tally: tallyOf(row) })),
          clock.now(),
        );
      }
    },
    used: (series, window) => {
      const nowMs = clock.now();
      const lengthMs = window === 'Month' ? Math.max(nowMs - monthOf(nowMs), 1) : window;
      return amountOf(meter(series.meter), windows.used(series, window, nowMs), lengthMs);
    },
    storedBefore: () =>
      transact(async (_tx, { storedMs }) => {
        lastMs = storedMs + 1;
        return lastMs;
      }),
    preview: (tenant, periodMs) =>
      store.read(async (reader) => {
        const [row] = await reader.all('SELECT cut_ms FROM usage_period WHERE period_ms = ?', [periodMs]);
        const cutMs = row === undefined ? clock.now() : integerOf(row, 'cut_ms');
        return await statementOf(reader, tenant, { periodMs, cutMs, meterOf: meter });
      }),
  };
};

const sameMeter = (a: Meter, b: Meter): boolean => a.unit === b.unit && a.aggregation === b.aggregation && a.divisor === b.divisor;
