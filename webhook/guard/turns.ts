// SPDX-License-Identifier: Apache-2.0
// Who is next where one thing is done after the other: nobody twice in a row while another user waits, then the operator's account
// and the trust policy before others. There are as many turns as places. Nothing is begun that nobody waits for any more; what was
// begun is done to its end, so that whoever asks again finds it remembered.
import { createPlaces } from './places.ts';
import type { Asker } from './places.ts';

export type TurnWork<T> = {
  /** What may go on beside the work of others, before the turn. */
  readonly prepare: (() => Promise<unknown>) | undefined;
  readonly work: () => Promise<T>;
};

export type Turns = {
  /** Undefined: there is no place left. It comes to nothing where nobody waited for it any more. */
  take<T>(asker: Asker, work: TurnWork<T>): Promise<T | undefined> | undefined;
};

type Waiting = { readonly asker: Asker; readonly begin: () => void };

export const createTurns = (): Turns => {
  const places = createPlaces();
  const queue = new Set<Waiting>();
  let isBusy = false;
  let last: string | undefined;
  const next = (): void => {
    const all = [...queue];
    const others = all.filter(({ asker }) => asker.user !== last);
    const candidates = others.length === 0 ? all : others;
    const chosen = candidates.find(({ asker }) => asker.lane !== 'others') ?? candidates[0];
    isBusy = chosen !== undefined;
    if (chosen === undefined) return;
    queue.delete(chosen);
    last = chosen.asker.user;
    chosen.begin();
  };
  const turnOf = (asker: Asker): Promise<void> =>
    new Promise((begin) => {
      queue.add({ asker, begin });
      if (!isBusy) next();
    });
  const run = async <T>(asker: Asker, { prepare, work }: TurnWork<T>): Promise<T | undefined> => {
    await prepare?.();
    await turnOf(asker);
    try {
      return asker.isThere() ? await work() : undefined;
    } finally {
      next();
    }
  };
  return {
    take: (asker, work) => {
      const giveBack = places.enter(asker);
      return giveBack === undefined ? undefined : run(asker, work).finally(giveBack);
    },
  };
};
