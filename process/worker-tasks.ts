// SPDX-License-Identifier: Apache-2.0
// What runs in a thread of a `WorkerPool`: one function, asked by messages.
import { constants, platform, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';

export type Order<I> = { readonly id: number; readonly task: I };
export type Answer<O> = { readonly id: number } & ({ readonly outcome: O } | { readonly error: string });

/** The thread that answers requests goes first. On Linux each thread has a priority of its own (setpriority(2)), elsewhere the process has. */
const stepBack = (): void => {
  if (platform() !== 'linux') return;
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Where it may not be set, all threads take turns alike.
  }
};

/** Answers until the thread is ended. */
export const serveTasks = (handle: (task: never) => unknown): void => {
  const port = parentPort;
  if (port === null) throw new Error('this is no worker thread');
  const answerTo = ({ id, task }: Order<never>): Answer<unknown> => {
    try {
      return { id, outcome: handle(task) };
    } catch (error) {
      return { id, error: error instanceof Error ? error.message : String(error) };
    }
  };
  stepBack();
  port.on('message', (order: Order<never>) => port.postMessage(answerTo(order), []));
};
