// SPDX-License-Identifier: Apache-2.0
// The way to the fake Stripe in simulated time: it resets before and after a request was applied, lets some arrive hours later, fails with 500,
// throttles, and is gone for two days. One seed, one history.
import { toResponse } from './fake-stripe.ts';
import type { FakeRequest, FakeStripe } from './fake-stripe.ts';

const HOUR_MS = 3_600_000;

/** Mulberry32: small, and the same everywhere. */
export const randomFrom = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

export class Killed extends Error {}

type Deps = { readonly fake: FakeStripe; readonly nowMs: () => number; readonly random: () => number; readonly outageMs: number };

export const createFaultyNetwork = ({ fake, nowMs, random, outageMs }: Deps) => {
  const travelling: { readonly atMs: number; readonly request: FakeRequest }[] = [];
  let [calm, killing] = [true, false];
  const within = (least: number, most: number): number => least + random() * (most - least);
  const reset = (): never => {
    throw new TypeError('fetch failed');
  };

  return {
    set: (next: { readonly calm?: boolean; readonly killing?: boolean }): void => {
      calm = next.calm ?? calm;
      killing = next.killing ?? killing;
    },
    /** Lets arrive what was under way for long enough. */
    arrive: (): void => {
      for (const late of travelling.splice(0).toSorted((a, b) => a.atMs - b.atMs)) {
        if (late.atMs <= nowMs()) fake.handle(late.request);
        else travelling.push(late);
      }
    },
    /** For what surrounds a request: the library takes whatever a transport throws for a lost connection. */
    maybeKill: (share: number): void => {
      if (killing && !calm && random() < share) throw new Killed();
    },
    fetch: async (url: string, init: RequestInit): Promise<Response> => {
      const asked = fake.read(url, init);
      if ('status' in asked) return toResponse(asked);
      if (calm) return toResponse(fake.handle(asked));
      if (killing && random() < 0.5) throw new Killed();
      if (nowMs() >= outageMs && nowMs() < outageMs + 48 * HOUR_MS) return reset();
      const fate = random();
      if (fate < 0.05) return reset();
      if (fate < 0.1) {
        fake.handle(asked);
        return killing ? Promise.reject(new Killed()) : reset();
      }
      if (fate < 0.16) {
        // On its way for up to four hours, between the last repetition and the moment at which a key may be forgotten.
        if (asked.method === 'POST') travelling.push({ atMs: nowMs() + within(0, 4) * HOUR_MS, request: asked });
        return reset();
      }
      if (fate < 0.18) return toResponse(fake.handle(asked, random() < 0.5 ? 'before' : 'after'));
      if (fate < 0.2)
        return toResponse({
          status: 429,
          body: { error: { type: 'invalid_request_error', message: 'slow down' } },
          headers: { 'retry-after': '30' },
        });
      if (fate < 0.21) return toResponse({ status: 409, body: { error: { type: 'idempotency_error', message: 'in progress' } } });
      return toResponse(fake.handle(asked));
    },
  };
};
