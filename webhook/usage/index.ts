// SPDX-License-Identifier: Apache-2.0
/**
 * What this replica counts, told to the ledger: policies that ran (`executions.ts`), and answers that kept or broke what tenants
 * were promised (`levels.ts`).
 *
 * In: those who count. Out: CloudEvents, spooled on disk and sent until the ledger says that it has them; each who counts has a
 * source of its own, whose events of a tenant are numbered without gaps. No verdict waits for any of it. What a process that is
 * killed has counted and not yet spooled is lost: an interval's executions, the running minute of answers, which the next process of
 * this replica says to be missing. `wiring.ts` and
 * `reviews.ts` of the webhook import it.
 */
import { sleep } from '../../process/clock.ts';
import type { Clock } from '../../process/clock.ts';
import { openSpool } from './spool.ts';

export type Fact = {
  /** The tenant. */
  readonly subject: string;
  readonly meter: string;
  /** A decimal text. */
  readonly value: string;
  readonly time: string;
  readonly dims?: Readonly<Record<string, string>>;
};

/** There was something to tell of the tenant and it is gone: its number is left out, so that the ledger sees a hole. */
export type Lost = { readonly subject: string; readonly lost: true };

export type Asked = {
  readonly max: number;
  /** Nothing will be asked again. */
  readonly isLast: boolean;
  /** Only what it would say: nothing is told, and nothing changes. */
  readonly isDry?: boolean;
};

export type Teller = {
  /** Ends the name of its source. */
  readonly suffix: string;
  /** Of each tenant of whom something is being counted that can't be told yet: what says, a number left out before it, that it is gone. */
  running?(): readonly Fact[];
  /** At most `max` of what is to be told now; `told` is called once they are on disk. */
  take(asked: Asked): { readonly facts: readonly (Fact | Lost)[]; readonly told: () => void };
};

export type UsageReports = {
  add(teller: Teller): void;
  /** Spools and sends until the signal aborts, then once more. */
  run(signal: AbortSignal): Promise<void>;
  /** Batches that the ledger has not acknowledged and that are not set aside. */
  readonly waiting: number;
  /** Batches that it refused; they are tried again each hour and by the next process. */
  readonly aside: number;
};

/** The HTTP status; throws where there is no answer. */
export type SendBatch = (batch: string, signal: AbortSignal) => Promise<number>;

/** Minutes of answers are told soon after their end, however seldom executions are. */
const LONGEST_LOOK_MS = 10_000;
/** The ledger takes as many at once. */
const MAX_EVENTS = 1000;
/** On disk at most; beyond that counts gather in memory. */
const MAX_WAITING = 5000;
/** Of each who counts, at a time. */
const MAX_BATCHES = 20;
const LAST_SEND_MS = 2_000;
/** In the ledger (200), kept aside there (202), or there already under another content, which no repetition will change (409). */
const SETTLED: ReadonlySet<number> = new Set([200, 202, 409]);
/** Something of it is what the ledger does not take. It may later: clocks are set, accounts are named. Those after it need not wait. */
const REFUSED: ReadonlySet<number> = new Set([400, 403, 413, 422]);
/** On disk at most; what is refused beyond that stays where it is, and those after it wait. */
const MAX_ASIDE = 500;
const ASIDE_AGAIN_MS = 60 * 60_000;

export const createUsageReports = async (options: {
  readonly folder: string;
  readonly replica: string;
  /** How often those who count are asked; at least every ten seconds. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly send: SendBatch;
  /** `isAside`: it was set aside, and those after it are sent; told once for each batch. */
  readonly onRefused: (status: number, isAside: boolean) => void;
  readonly onError: (error: unknown) => void;
}): Promise<UsageReports> => {
  const { clock, send, onError } = options;
  const bootMs = clock.now();
  const spool = await openSpool(options.folder, bootMs);
  const tellers: Teller[] = [];
  const seqs = new Map<string, number>();

  const sourceOf = ({ suffix }: Teller): string => `/writ/webhook/${options.replica}/boots/${bootMs}${suffix}`;
  /** As events, and the last number of each tenant by then. */
  const numbered = (facts: readonly (Fact | Lost)[], source: string) => {
    const next = new Map<string, number>();
    const events = facts.flatMap((fact) => {
      const key = `${fact.subject}\n${source}`;
      const seq = (next.get(key) ?? seqs.get(key) ?? 0) + 1;
      next.set(key, seq);
      if ('lost' in fact) return [];
      const { subject, time, meter, value, dims } = fact;
      const data = { meter, value, ...(dims === undefined ? {} : { dims }) };
      return [{ specversion: '1.0', type: 'dev.writ.usage.v1', source, id: String(seq), subject, time, seq: String(seq), data }];
    });
    return { events, next };
  };
  /** A process that is killed can't say what it lost: what it leaves on the disk says so for it, and the next one sends that. */
  const leave = async (teller: Teller, isLast: boolean): Promise<void> => {
    if (teller.running === undefined) return;
    const marks = isLast ? [] : teller.running();
    const subjects = new Set(marks.map(({ subject }) => subject));
    // What it could tell were it stopped now, so that no more is missing than has to be.
    const { facts } = marks.length === 0 ? { facts: [] } : teller.take({ max: MAX_EVENTS, isLast: true, isDry: true });
    const all = [
      ...facts.filter(({ subject }) => subjects.has(subject)),
      ...marks.flatMap((mark) => [{ subject: mark.subject, lost: true } as const, mark]),
    ];
    const { events } = numbered(all, sourceOf(teller));
    const batches: string[] = [];
    for (let from = 0; from < events.length; from += MAX_EVENTS) batches.push(JSON.stringify(events.slice(from, from + MAX_EVENTS)));
    await spool.leave(batches);
  };

  /** False where there is more to tell than may be spooled now. */
  const flush = async (teller: Teller, isLast: boolean): Promise<boolean> => {
    const source = sourceOf(teller);
    for (let batch = 0; batch < MAX_BATCHES && spool.waiting < MAX_WAITING; batch += 1) {
      const { facts, told } = teller.take({ max: MAX_EVENTS, isLast });
      if (facts.length === 0) return true;
      const { events, next } = numbered(facts, source);
      // Its numbers are taken by others from now on.
      if (teller.running !== undefined) await spool.leave([]);
      if (events.length > 0) await spool.put(JSON.stringify(events));
      for (const [key, seq] of next) seqs.set(key, seq);
      told();
      // What came in meanwhile waits, so that few events carry much.
      if (facts.length < MAX_EVENTS - 1) return true;
    }
    return false;
  };
  const lookMs = Math.min(options.intervalMs, LONGEST_LOOK_MS);
  let nextLookMs = 0;
  const look = async (isLast: boolean): Promise<void> => {
    // After the last one nothing is counted that it could tell.
    nextLookMs = isLast ? Number.POSITIVE_INFINITY : clock.monotonicMs() + lookMs;
    for (const teller of tellers) {
      const isAllTold = await flush(teller, isLast);
      // What an orderly end could not tell any more is missing as well.
      await leave(teller, isLast && isAllTold);
    }
  };
  const attempt = async (work: () => Promise<void>, signal: AbortSignal): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
  };
  const restMs = (): number => Math.max(0, nextLookMs - clock.monotonicMs());
  /** However much waits to be sent, and however long an answer takes: what is counted meanwhile is spooled as often as ever. */
  const sendNow = async (batch: string, signal: AbortSignal): Promise<number> => {
    if (restMs() === 0) await attempt(() => look(false), signal);
    const sending = send(batch, signal);
    if (nextLookMs === Number.POSITIVE_INFINITY) return await sending;
    const answered = new AbortController();
    const end = (): void => answered.abort();
    sending.then(end, end);
    while (!answered.signal.aborted) {
      await sleep(clock, restMs(), answered.signal);
      if (!answered.signal.aborted) await attempt(() => look(false), signal);
    }
    return await sending;
  };
  let asideMs = Number.NEGATIVE_INFINITY;
  /** False where the ledger takes nothing now. */
  const sendAside = async (signal: AbortSignal): Promise<boolean> => {
    if (clock.monotonicMs() - asideMs < ASIDE_AGAIN_MS) return true;
    for (const name of spool.aside()) {
      if (signal.aborted) return false;
      const batch = await spool.readAside(name);
      const status = batch === undefined ? undefined : await sendNow(batch, signal);
      if (status === undefined || SETTLED.has(status)) await spool.remove(name);
      else if (!REFUSED.has(status)) {
        options.onRefused(status, false);
        return false;
      }
    }
    asideMs = clock.monotonicMs();
    return true;
  };
  const sendAll = async (signal: AbortSignal): Promise<void> => {
    if (!(await sendAside(signal))) return;
    for (let batch = await spool.first(); batch !== undefined && !signal.aborted; batch = await spool.first()) {
      const status = await sendNow(batch.batch, signal);
      const isAside = REFUSED.has(status) && spool.aside().length < MAX_ASIDE;
      if (!isAside && !SETTLED.has(status)) return options.onRefused(status, false);
      if (isAside) await spool.setAside(batch.name);
      else await spool.remove(batch.name);
      if (isAside || status === 409) options.onRefused(status, isAside);
    }
  };
  const step = async (signal: AbortSignal, isLast: boolean): Promise<void> => {
    // A disk that is full has room again when something of it was sent.
    await attempt(() => look(isLast), signal);
    await attempt(() => sendAll(signal), signal);
  };
  return {
    add: (teller) => void tellers.push(teller),
    run: async (signal) => {
      while (!signal.aborted) {
        await step(signal, false);
        await sleep(clock, restMs(), signal);
      }
      const last = new AbortController();
      const cancel = clock.schedule(LAST_SEND_MS, () => last.abort());
      await step(last.signal, true);
      cancel();
    },
    get waiting() {
      return spool.waiting;
    },
    get aside() {
      return spool.aside().length;
    },
  };
};
