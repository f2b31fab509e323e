// SPDX-License-Identifier: Apache-2.0
// A clock that moves only when a test says so. Tasks run in the order of their due time, ties in the order of scheduling.
import type { Clock } from '../process/clock.ts';

export type FakeClock = Clock & {
  /** Moves time on, runs what is due, and lets promises settle between tasks. */
  advance(byMs: number): Promise<void>;
  /** How many tasks wait. */
  readonly pending: number;
};

type Task = { readonly dueMs: number; readonly order: number; readonly run: () => void };

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const fakeClock = (startMs = Date.UTC(2026, 0, 1)): FakeClock => {
  let nowMs = startMs;
  let order = 0;
  const tasks = new Set<Task>();
  const nextDue = (limitMs: number): Task | undefined =>
    [...tasks].filter((task) => task.dueMs <= limitMs).toSorted((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0];
  return {
    now: () => nowMs,
    monotonicMs: () => nowMs - startMs,
    schedule: (delayMs, run) => {
      const task: Task = { dueMs: nowMs + Math.max(delayMs, 0), order: (order += 1), run };
      tasks.add(task);
      return () => tasks.delete(task);
    },
    advance: async (byMs) => {
      const limitMs = nowMs + byMs;
      await settle();
      for (let task = nextDue(limitMs); task !== undefined; task = nextDue(limitMs)) {
        tasks.delete(task);
        nowMs = Math.max(nowMs, task.dueMs);
        task.run();
        await settle();
      }
      nowMs = limitMs;
    },
    get pending() {
      return tasks.size;
    },
  };
};
