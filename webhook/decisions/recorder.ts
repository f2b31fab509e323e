// SPDX-License-Identifier: Apache-2.0
// Takes records where decisions are made, and hands them on behind, many at once. By the time of the next request the API server has
// pushed all that this process knows out of the processor's caches, so whatever is done for one request alone takes several times
// as long as done for many in a row; and of many lines one write is made.
import type { Clock } from '../../process/clock.ts';
import type { DecisionRecord, SetRecord } from './record.ts';

export type Recorder = {
  /** Never waits, never throws. */
  record(record: DecisionRecord | SetRecord): void;
  /** Hands on all that is held, now. */
  flush(): void;
};

export type RecorderOptions = {
  readonly clock: Pick<Clock, 'schedule'>;
  readonly handOn: (record: DecisionRecord | SetRecord) => void;
  /** A bug: what `handOn` threw. The record is lost, the others are not. */
  readonly onBug: (error: unknown) => void;
  /** The longest that a record is held. */
  readonly holdMs?: number;
  /** So many are handed on as soon as the request that made the last of them has its answer; four times as many are held at most. */
  readonly most?: number;
};

const HOLD_MS = 100;
// Handing on so many takes the event loop some 2 ms.
const MOST = 128;
// Reached only where the event loop takes so many requests in one turn: then memory comes before the one answer that waits.
const LIMIT = 4;

export const createRecorder = ({ clock, handOn, onBug, holdMs = HOLD_MS, most = MOST }: RecorderOptions): Recorder => {
  let held: (DecisionRecord | SetRecord)[] = [];
  let cancel: (() => void) | undefined;
  const flush = (): void => {
    cancel?.();
    cancel = undefined;
    const records = held;
    held = [];
    for (const record of records) {
      try {
        handOn(record);
      } catch (error) {
        onBug(error);
      }
    }
  };
  return {
    record: (record) => {
      held.push(record);
      if (held.length >= LIMIT * most) flush();
      else if (held.length === most) {
        cancel?.();
        cancel = clock.schedule(0, flush);
      } else cancel ??= clock.schedule(holdMs, flush);
    },
    flush,
  };
};
