// SPDX-License-Identifier: Apache-2.0
/**
 * Load on one server: connections that each ask again as soon as they are answered, for a time. Runs in a process of its
 * own, so that what measures and what is measured do not wait for each other's event loop.
 *
 * In: where, what body, which status is the right answer. Out: how many answers, how long each took. One wrong answer ends
 * the round with its text: a benchmark of refusals measures nothing.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { openConnection, postBytes } from './keep-alive-connection.ts';
import type { Connection, PostTarget } from './keep-alive-connection.ts';
import { nextMessage } from './next-message.ts';

export type LoadOrder = {
  readonly target: PostTarget;
  readonly body: string;
  readonly status: number;
  readonly connections: number;
  /** Counted only after this. */
  readonly warmUpMs: number;
  readonly durationMs: number;
};

export type LoadRound = { readonly perSecond: number; readonly latenciesMs: readonly number[] };

export type LoadGenerator = {
  /** `onCounting` is called when the warm-up is over. */
  run(order: LoadOrder, onCounting?: () => void): Promise<LoadRound>;
  close(): void;
};

type Reply =
  | { readonly kind: 'counting' }
  | { readonly kind: 'round'; readonly round: LoadRound }
  | { readonly kind: 'error'; readonly message: string };

export const startLoadGenerator = (): LoadGenerator => {
  const child = fork(fileURLToPath(import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  return {
    run: async (order, onCounting) => {
      child.send(order);
      for (;;) {
        const reply = await nextMessage<Reply>(child);
        if (reply.kind === 'error') throw new Error(reply.message);
        if (reply.kind === 'round') return reply.round;
        onCounting?.();
      }
    },
    close: () => child.disconnect(),
  };
};

/** A slow server gets more time than was ordered, until as many answers as these are counted for each connection. */
const ANSWERS_EACH = 2;
const LONGEST_EXTENSION_MS = 20_000;

type Count = { readonly fromMs: number; readonly untilMs: number; readonly enough: number; readonly latenciesMs: number[]; lastMs: number };

const isOver = ({ untilMs, enough, latenciesMs }: Count, nowMs: number): boolean =>
  nowMs >= untilMs && (latenciesMs.length >= enough || nowMs >= untilMs + LONGEST_EXTENSION_MS);

type Asking = { readonly request: Buffer; readonly status: number; readonly count: Count };

const ask = async (connection: Connection, { request, status, count }: Asking): Promise<void> => {
  for (let sentMs = performance.now(); !isOver(count, sentMs);) {
    const answer = await connection.exchange(request);
    if (answer.status !== status) throw new Error(`answered ${answer.status} instead of ${status}: ${answer.text().slice(0, 2000)}`);
    const nowMs = performance.now();
    // What others finish after the end is not counted: it was not under the full load any more.
    if (nowMs >= count.fromMs && !isOver(count, nowMs)) {
      count.latenciesMs.push(nowMs - sentMs);
      count.lastMs = nowMs;
    }
    sentMs = nowMs;
  }
};

const runHere = async (order: LoadOrder, onCounting: () => void): Promise<LoadRound> => {
  const request = postBytes(order.target, order.body);
  const connections = await Promise.all(Array.from({ length: order.connections }, () => openConnection(order.target)));
  const fromMs = performance.now() + order.warmUpMs;
  const untilMs = fromMs + order.durationMs;
  const count: Count = { fromMs, untilMs, enough: ANSWERS_EACH * order.connections, latenciesMs: [], lastMs: fromMs };
  const timer = setTimeout(onCounting, order.warmUpMs);
  try {
    await Promise.all(connections.map((connection) => ask(connection, { request, status: order.status, count })));
    const tookMs = Math.max(untilMs, count.lastMs) - fromMs;
    return { perSecond: (count.latenciesMs.length / tookMs) * 1000, latenciesMs: count.latenciesMs };
  } finally {
    clearTimeout(timer);
    for (const connection of connections) connection.close();
  }
};

if (import.meta.main) {
  const tell = (reply: Reply): void => void process.send?.(reply);
  process.on('message', (order: LoadOrder) => {
    runHere(order, () => tell({ kind: 'counting' })).then(
      (round) => tell({ kind: 'round', round }),
      (error: unknown) => tell({ kind: 'error', message: String(error) }),
    );
  });
  process.once('disconnect', () => process.exit(0));
}
