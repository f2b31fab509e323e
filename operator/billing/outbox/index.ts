// SPDX-License-Identifier: Apache-2.0
/**
 * The outbox: what the ledger counts by the hour → what the payment provider counts, effectively once, over crashes, lost
 * answers and outages.
 *
 * In: the ledger's totals (`offer`), a provider, a clock. Out: rows in the ledger's database, each moved by one transaction; every
 * intent is on disk before it is sent. One request at a time for a tenant's meter. `rules.ts` says what to do and why it
 * holds. Imported by operator/billing.
 */
import type { Clock } from '../../../process/clock.ts';
import type { Store, Tx } from '../../usage/store.ts';
import type { UsageProvider } from '../provider.ts';
import { findDrift } from './drift.ts';
import type { Drift, DriftAsked } from './drift.ts';
import type { RecordFacts } from '../facts.ts';
import { reportMoved } from '../facts.ts';
import { bodyDigestOf, identifierOf, minus, requestKeyOf, sameDecimal } from './entry.ts';
import type { Entry, HourKey, HourTotal } from './entry.ts';
import * as standing from './rules.ts';
import { createReread } from './reread.ts';
import { dueEntries, newestEntry, putEntry, wasTaken } from './tables.ts';

/** What the tests take apart, to see that it is needed. */
export type OutboxRules = Pick<typeof standing, 'isResolved' | 'afterReading' | 'mayHaveArrived'> & {
  readonly identifierOf: typeof identifierOf;
};

export type OutboxDeps = {
  readonly store: Store;
  readonly provider: UsageProvider;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Tells installations apart: the uid of kube-system. */
  readonly installation: string;
  readonly observe?: (event: {
    readonly kind: 'sent' | 'read' | 'missed' | 'rejected' | 'quarantined' | 'unauthorized';
    readonly entry: Entry;
  }) => void;
  readonly rules?: OutboxRules;
  /** What becomes of a report goes on record in the transaction that says so; nothing does where no audit log is kept. */
  readonly record?: RecordFacts | undefined;
};

export type Outbox = {
  /** Takes in what the ledger counts now; returns those to offer again, whose newest report is still open or was set aside. */
  offer(totals: readonly HourTotal[]): Promise<readonly HourTotal[]>;
  /** Does what is due; `refused` where the provider refuses the key, and then nothing more was tried. */
  pass(signal?: AbortSignal): Promise<{ readonly done: number; readonly refused: boolean }>;
  /** Holds what the provider counts now against the ledger. Empty where they agree on every hour. */
  drift(asked: DriftAsked, signal?: AbortSignal): Promise<readonly Drift[]>;
  /** Asks again what was verified before, some at a time; what is not counted any more is read as if it had just been accepted. */
  reread(signal?: AbortSignal): Promise<void>;
};

const HOUR_MS = 3_600_000;
const AT_ONCE = 16;
/** Each batch looks through all that is due. */
const BATCH = 4000;
/** Batches of one pass: invoices are to be looked at, too. */
const MOST_TURNS = 5;

type Renewal = Pick<HourTotal, 'total' | 'customer' | 'encoding'> &
  HourKey & { readonly revision: number; readonly counted: string; readonly repairs: number };

export const createOutbox = (deps: OutboxDeps): Outbox => {
  const { store, provider, clock, installation } = deps;
  const rules: OutboxRules = deps.rules ?? { ...standing, identifierOf };
  const observe = deps.observe ?? (() => undefined);

  /** `counted`: what earlier revisions came to. */
  const intent = ({ tenant, meter, hourMs, revision, total, customer, encoding, counted, repairs }: Renewal): Entry => {
    const identifier = rules.identifierOf(installation, { tenant, meter, hourMs, revision });
    const value = encoding === 'Absolute' ? total : minus(total, counted);
    const key = { tenant, meter, hourMs, customer, value, identifier };
    return {
      ...key,
      revision,
      encoding,
      total,
      requestKey: requestKeyOf(identifier, 0),
      bodyDigest: bodyDigestOf(key),
      state: 'intent',
      attempts: 0,
      firstSentMs: 0,
      acceptedMs: 0,
      nextMs: 0,
      repairs,
      note: '',
    };
  };

  /** A new revision after one that is known to have arrived, or not to. */
  const follow = (before: Entry, to: Pick<HourTotal, 'total' | 'customer' | 'encoding'>, missing: boolean): Entry =>
    intent({
      ...before,
      ...to,
      revision: before.revision + 1,
      counted: missing ? minus(before.total, before.value) : before.total,
      repairs: missing ? before.repairs + 1 : 0,
    });

  /** left: the newest report of the hour is still open, or was set aside. moved: that was done for another customer, which may count it yet. */
  const offerOne = async (tx: Tx, offered: HourTotal): Promise<'taken' | 'left' | { readonly moved: Entry }> => {
    const newest = await newestEntry(tx, offered);
    if (newest === undefined) {
      if (!sameDecimal(offered.total, '0')) await putEntry(tx, intent({ ...offered, revision: 1, counted: '0', repairs: 0 }));
      return 'taken';
    }
    if (newest.state === 'rejected' && newest.customer !== offered.customer && !(await wasTaken(tx, offered))) {
      // Refused for its customer, and the customer is another one now. What an earlier revision brought to the first one would be billed twice.
      if (rules.mayHaveArrived(newest)) return { moved: newest };
      await putEntry(tx, intent({ ...offered, revision: newest.revision + 1, counted: '0', repairs: 0 }));
      return 'taken';
    }
    if (sameDecimal(newest.total, offered.total)) return 'taken';
    // Under the encoding that the hour began with: two of them cannot be added up.
    const { encoding } = newest;
    if (newest.state === 'intent' && newest.attempts === 0) {
      const counted = minus(newest.total, encoding === 'Absolute' ? '0' : newest.value);
      await putEntry(tx, intent({ ...offered, encoding, revision: newest.revision, counted, repairs: newest.repairs }));
      return 'taken';
    }
    if (!rules.isResolved(newest)) return 'left';
    // An hour stays with the customer that it was reported for.
    await putEntry(tx, follow(newest, { ...offered, encoding, customer: newest.customer }, false));
    return 'taken';
  };

  /** Only if nobody else moved it meanwhile. */
  const move = (entry: Entry, change: Partial<Entry>): Promise<Entry | undefined> =>
    store.transact(async (tx) => {
      const newest = await newestEntry(tx, entry);
      if (newest?.revision !== entry.revision || newest.state !== entry.state || newest.attempts !== entry.attempts) return undefined;
      const moved = { ...newest, ...change };
      await putEntry(tx, moved);
      const fact = reportMoved(newest, moved);
      if (fact !== undefined) await deps.record?.(tx, [fact]);
      return moved;
    });

  const setAside = async (entry: Entry, state: 'rejected' | 'quarantined', note: string): Promise<void> => {
    const moved = await move(entry, { state, note, nextMs: 0 });
    if (moved !== undefined) observe({ kind: state, entry: moved });
  };

  const send = async (entry: Entry, signal: AbortSignal | undefined): Promise<'refused' | undefined> => {
    const nowMs = clock.now();
    const why = standing.unsendable(entry, nowMs);
    if (why !== undefined) {
      await setAside(entry, 'quarantined', why);
      return;
    }
    const wasOpen = entry.state !== 'intent';
    const sending = await move(entry, {
      state: 'sending',
      attempts: entry.attempts + 1,
      // Of an intent nothing is on its way, even if it was sent and throttled before.
      firstSentMs: wasOpen ? entry.firstSentMs : nowMs,
    });
    if (sending === undefined) return;
    observe({ kind: 'sent', entry: sending });
    const { meter, encoding, customer, value, hourMs, identifier, requestKey } = sending;
    const answer = await provider.report({ meter, encoding, customer, value, hourMs, identifier, requestKey }, signal);
    if (answer.kind === 'unauthorized') {
      await move(sending, { state: wasOpen ? 'ambiguous' : 'intent', note: answer.message.slice(0, 500) });
      observe({ kind: 'unauthorized', entry: sending });
      return 'refused';
    }
    const asked: Entry = wasOpen ? { ...sending, state: 'ambiguous' } : sending;
    const after = standing.afterAnswer(asked, answer, { nowMs: clock.now(), random: deps.random() });
    if (after === undefined) return;
    const { fresh, ...change } = after;
    const renewed = fresh === true ? { requestKey: requestKeyOf(identifier, sending.attempts) } : {};
    const moved = await move(sending, { ...change, ...renewed });
    if (moved?.state === 'rejected') observe({ kind: 'rejected', entry: moved });
  };

  const readHour = async ({ meter, encoding, customer, hourMs }: Entry, signal: AbortSignal | undefined): Promise<string | undefined> => {
    const hours = await provider.read({ meter, encoding, customer, startMs: hourMs, endMs: hourMs + HOUR_MS }, signal);
    return hours === undefined ? undefined : (hours.get(hourMs) ?? '0');
  };

  /** Tells the other customer only once it is known that the former one does not count it; readings lag. False where that is not known yet. */
  const moveOver = async (entry: Entry, offered: HourTotal): Promise<boolean> => {
    if (clock.now() - Math.max(entry.firstSentMs, entry.acceptedMs) < standing.SETTLE_MS) return false;
    const counted = await readHour(entry, undefined);
    if (counted === undefined) return false;
    // It arrived after all, and the hour stays with whom it was reported for; a total that has grown since is offered again.
    if (sameDecimal(counted, entry.total)) return (await move(entry, { state: 'verified', note: '' }))?.total === offered.total;
    if (!sameDecimal(counted, '0')) return false;
    return store.transact(async (tx) => {
      const newest = await newestEntry(tx, entry);
      if (newest?.revision !== entry.revision || newest.state !== 'rejected') return false;
      await putEntry(tx, intent({ ...offered, revision: newest.revision + 1, counted: '0', repairs: 0 }));
      return true;
    });
  };

  const read = async (entry: Entry, signal: AbortSignal | undefined): Promise<void> => {
    const reading = await readHour(entry, signal);
    observe({ kind: 'read', entry });
    if (reading === undefined) {
      await move(entry, { nextMs: clock.now() + standing.retryDelayMs(10, deps.random()) });
      return;
    }
    const verdict = rules.afterReading(entry, reading, clock.now());
    if (verdict.kind === 'repair') {
      await store.transact(async (tx) => {
        const newest = await newestEntry(tx, entry);
        if (newest?.revision === entry.revision && newest.state === entry.state) await putEntry(tx, follow(newest, newest, true));
      });
    } else if (verdict.state === 'quarantined') await setAside(entry, 'quarantined', verdict.note ?? '');
    else await move(entry, { state: verdict.state, nextMs: verdict.nextMs });
  };

  const step = async (entry: Entry, signal: AbortSignal | undefined): Promise<'refused' | undefined> => {
    const next = standing.nextStep(entry, clock.now());
    if (next.kind === 'send') return send(entry, signal);
    if (next.kind === 'read') await read(entry, signal);
  };

  const passOnce = async (due: readonly Entry[], signal: AbortSignal | undefined) => {
    const lanes = Map.groupBy(due, ({ tenant, meter }) => `${tenant} ${meter}`);
    const waiting = [...lanes.values()];
    let [count, refused] = [0, false];
    const work = async (): Promise<void> => {
      for (let lane = waiting.shift(); lane !== undefined; lane = waiting.shift()) {
        for (const entry of lane) {
          if (refused || signal?.aborted === true) return;
          if ((await step(entry, signal)) === 'refused') refused = true;
          count += 1;
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, waiting.length) }, work));
    return { count, refused };
  };

  const pass: Outbox['pass'] = async (signal) => {
    let done = 0;
    for (let turn = 0; turn < MOST_TURNS; turn += 1) {
      const due = await store.read((reader) => dueEntries(reader, clock.now(), BATCH));
      const { refused, count } = await passOnce(due, signal);
      done += count;
      if (refused || signal?.aborted === true || due.length < BATCH) return { done, refused };
    }
    return { done, refused: false };
  };

  const drift: Outbox['drift'] = async (asked, signal) => {
    const found = await findDrift({ store, provider }, asked, signal);
    for (const { state, counted, ...key } of found) {
      if (state !== 'verified' || counted === undefined) continue;
      // What was verified once and is not there now is looked at again like any other.
      const entry = await store.read((reader) => newestEntry(reader, key));
      if (entry?.state === 'verified') await move(entry, { state: 'accepted', nextMs: clock.now() });
    }
    return found;
  };

  const reread = createReread({
    store,
    provider,
    clock,
    random: deps.random,
    // As long as readings may lag: of a delta that is only out of sight for a while another one would be counted twice.
    reopen: async (entry) => {
      const nowMs = clock.now();
      const moved = await move(entry, { state: 'accepted', acceptedMs: nowMs, nextMs: nowMs + standing.READ_EVERY_MS });
      if (moved !== undefined) observe({ kind: 'missed', entry: moved });
    },
  });

  return {
    reread,
    offer: async (totals) => {
      const left: HourTotal[] = [];
      const moved: (readonly [Entry, HourTotal])[] = [];
      await store.transact(async (tx) => {
        [left.length, moved.length] = [0, 0];
        for (const one of totals) {
          const outcome = await offerOne(tx, one);
          if (outcome === 'left') left.push(one);
          else if (outcome !== 'taken') moved.push([outcome.moved, one]);
        }
      });
      for (const [entry, one] of moved) if (!(await moveOver(entry, one))) left.push(one);
      return left;
    },
    pass,
    drift,
  };
};
