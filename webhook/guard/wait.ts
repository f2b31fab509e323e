// SPDX-License-Identifier: Apache-2.0
// A bounded wait for what this replica has not heard of yet: the operator writes an inventory milliseconds after the
// documents that it names, and the trust policy just before the documents that it judges.
import type { Clock } from '../../process/clock.ts';
import type { Awaited, Ruling } from './ruling.ts';

export type WaitOptions = {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** What is in force for `trust`: another value is worth another look. */
  readonly stateOf: (awaited: Awaited) => unknown;
};

export type Waiting = {
  /** Judges now and, where only time is lacking, again when something arrived; the last word after the timeout. */
  settle(judge: () => Ruling): Ruling | Promise<Ruling>;
  /** Something arrived. */
  wake(): void;
};

// A storm of refusals must not hold memory; beyond this nobody waits.
const MAX_WAITING = 200;

export const createWaiting = ({ clock, timeoutMs, stateOf }: WaitOptions): Waiting => {
  const waiting = new Set<() => void>();
  return {
    wake: () => {
      for (const look of waiting) look();
    },
    settle: (judge) => {
      const first = judge();
      if (first.kind === 'pass' || first.awaits === undefined || waiting.size >= MAX_WAITING) return first;
      return new Promise((resolve) => {
        let ruling: Ruling = first;
        let seen = stateOf(first.awaits ?? 'anything');
        const finish = (): void => {
          cancel();
          waiting.delete(look);
          resolve(ruling);
        };
        const look = (): void => {
          if (ruling.kind === 'pass' || ruling.awaits === undefined) return finish();
          const state = stateOf(ruling.awaits);
          if (state === seen) return;
          ruling = judge();
          if (ruling.kind === 'pass' || ruling.awaits === undefined) return finish();
          seen = stateOf(ruling.awaits);
        };
        const cancel = clock.schedule(timeoutMs, finish);
        waiting.add(look);
      });
    },
  };
};
