// SPDX-License-Identifier: Apache-2.0
// A bounded wait for what this replica has not heard of yet: the operator writes an inventory milliseconds after the
// documents that it names, and the trust policy just before the documents that it judges.
import type { Clock } from '../../process/clock.ts';
import { createPlaces } from './places.ts';
import type { Asker } from './places.ts';
import type { Awaited, Ruling } from './ruling.ts';

export type WaitOptions = {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** What is in force for `trust`: another value is worth another look. */
  readonly stateOf: (awaited: Awaited) => unknown;
};

export type Waiting = {
  /**
   * Judges now and, where only time is lacking, again when something arrived; the last word after the timeout. Whoever has no place
   * left to wait in has it at once.
   */
  settle(judge: () => Ruling | Promise<Ruling>, asker: Asker): Ruling | Promise<Ruling>;
  /** Something arrived. */
  wake(): void;
};

type Refused = Extract<Ruling, { readonly kind: 'refuse' }>;
const mayChange = (ruling: Ruling): ruling is Refused & { readonly awaits: Awaited } =>
  ruling.kind === 'refuse' && ruling.awaits !== undefined;

export const createWaiting = ({ clock, timeoutMs, stateOf }: WaitOptions): Waiting => {
  const waiting = new Set<() => void>();
  const places = createPlaces();
  const wait = (first: Ruling, judge: () => Ruling | Promise<Ruling>, asker: Asker): Ruling | Promise<Ruling> => {
    const giveBack = mayChange(first) ? places.enter(asker) : undefined;
    if (!mayChange(first) || giveBack === undefined) return first;
    return new Promise((resolve, reject) => {
      let ruling: Ruling = first;
      let seen = stateOf(first.awaits);
      let isJudging = false;
      let isOver = false;
      const leave = (): void => {
        isOver = true;
        cancel();
        waiting.delete(look);
        giveBack();
      };
      const finish = (): void => {
        leave();
        resolve(ruling);
      };
      const take = (next: Ruling): void => {
        isJudging = false;
        ruling = next;
        look();
      };
      const look = (): void => {
        if (isOver) return;
        if (!mayChange(ruling)) return finish();
        const state = stateOf(ruling.awaits);
        if (isJudging || state === seen) return;
        seen = state;
        const next = judge();
        if (!(next instanceof Promise)) return take(next);
        isJudging = true;
        next.then(take, (error: unknown) => {
          leave();
          reject(error);
        });
      };
      const cancel = clock.schedule(timeoutMs, finish);
      waiting.add(look);
    });
  };
  return {
    wake: () => {
      for (const look of waiting) look();
    },
    settle: (judge, asker) => {
      const first = judge();
      return first instanceof Promise ? first.then((late) => wait(late, judge, asker)) : wait(first, judge, asker);
    },
  };
};
