// SPDX-License-Identifier: Apache-2.0
// A worker thread for tests: answers, throws or dies as the task says.
import { getPriority } from 'node:os';
import { threadId } from 'node:worker_threads';
import { serveTasks } from './worker-tasks.ts';

serveTasks((task: { readonly do: 'answer' | 'throw' | 'die' | 'fill' | 'priority'; readonly once?: SharedArrayBuffer }) => {
  if (task.do === 'throw') throw new Error('no');
  if (task.do === 'priority') return getPriority();
  if (task.do === 'fill') {
    const all: number[][] = [];
    for (;;) all.push(Array.from({ length: 100_000 }, (_, index) => index));
  }
  // `once`: it kills only the first thread that meets it.
  if (task.do === 'die' && (task.once === undefined || Atomics.add(new Int32Array(task.once), 0, 1) === 0)) process.exit(3);
  return threadId;
});
