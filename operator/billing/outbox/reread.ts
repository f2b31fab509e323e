// SPDX-License-Identifier: Apache-2.0
// What was verified once may be counted no more: somebody cancels an event, a meter is archived, an error is found late. So each hour the
// provider is asked again, for every tenant's meter: the last three days whole, of what lies before a stretch by chance. It is a
// look ahead of the one that no invoice becomes final without (drafts.ts), while there is time to send what is missing.
import type { Clock } from '../../../process/clock.ts';
import { HOUR_MS, monthOf } from '../../usage/period.ts';
import type { Store } from '../../usage/store.ts';
import type { UsageProvider } from '../provider.ts';
import { sameDecimal } from './entry.ts';
import type { Entry } from './entry.ts';
import { lanesAfter, verifiedWithin } from './tables.ts';
import type { Lane } from './tables.ts';

type Deps = {
  readonly store: Store;
  readonly provider: Pick<UsageProvider, 'read'>;
  readonly clock: Clock;
  readonly random: () => number;
  /** The hour is to be read again, and sent again where it stays away. */
  readonly reopen: (entry: Entry) => Promise<void>;
};

const ROUND_MS = HOUR_MS;
/** Of one look: with two readings each it is 80 requests a minute, well below what a provider takes. */
const MOST_LANES = 40;
const AT_ONCE = 8;
/** Fewer hours than a page of an answer holds. */
const STRETCH_MS = 72 * HOUR_MS;
/** Of a month that is over for longer the invoice is final, and nothing would be mended. */
const FINAL_AFTER_MS = 72 * HOUR_MS;
const FROM_THE_FIRST: Lane = { tenant: '', meter: '' };

type Span = { readonly fromMs: number; readonly toMs: number };

/** The newest three days, and one stretch of those before them; `random` in [0, 1). */
export const stretchesToRead = ({ fromMs, toMs }: Span, random: number): readonly Span[] => {
  const newestMs = Math.max(fromMs, toMs - STRETCH_MS);
  const older = Math.ceil((newestMs - fromMs) / STRETCH_MS);
  if (older === 0) return [{ fromMs: newestMs, toMs }];
  const startMs = fromMs + Math.min(older - 1, Math.floor(random * older)) * STRETCH_MS;
  return [
    { fromMs: newestMs, toMs },
    { fromMs: startMs, toMs: Math.min(startMs + STRETCH_MS, newestMs) },
  ];
};

export const createReread = ({ store, provider, clock, random, reopen }: Deps) => {
  /** Where the round is; undefined between two of them. */
  let at: Lane | undefined;
  let begunMs = Number.NEGATIVE_INFINITY;

  const readAgain = async (lane: Lane, span: Span, signal: AbortSignal | undefined): Promise<void> => {
    for (const { fromMs, toMs } of stretchesToRead(span, random())) {
      const entries = await store.read((reader) => verifiedWithin(reader, { ...lane, fromMs, toMs }));
      for (const some of Map.groupBy(entries, ({ encoding, customer }) => `${encoding} ${customer}`).values()) {
        const [first] = some;
        if (first === undefined || signal?.aborted === true) continue;
        const { meter, encoding, customer } = first;
        const counted = await provider.read({ meter, encoding, customer, startMs: fromMs, endMs: toMs }, signal);
        if (counted === undefined) continue;
        for (const entry of some) if (!sameDecimal(counted.get(entry.hourMs) ?? '0', entry.total)) await reopen(entry);
      }
    }
  };

  return async (signal?: AbortSignal): Promise<void> => {
    const nowMs = clock.now();
    if (at === undefined) {
      if (clock.monotonicMs() - begunMs < ROUND_MS) return;
      begunMs = clock.monotonicMs();
    }
    const from = at ?? FROM_THE_FIRST;
    const lanes = await store.read((reader) => lanesAfter(reader, from, MOST_LANES));
    const span = { fromMs: monthOf(nowMs - FINAL_AFTER_MS), toMs: Math.floor(nowMs / HOUR_MS) * HOUR_MS };
    const waiting = lanes.toReversed();
    const work = async (): Promise<void> => {
      for (let lane = waiting.pop(); lane !== undefined; lane = waiting.pop()) await readAgain(lane, span, signal);
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, lanes.length) }, work));
    at = lanes.length < MOST_LANES ? undefined : lanes.at(-1);
  };
};
