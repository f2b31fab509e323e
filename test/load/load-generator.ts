// SPDX-License-Identifier: Apache-2.0
/**
 * Load on one server: connections that each ask again as soon as they are answered, for a time. Runs in a process of its
 * own, so that what measures and what is measured do not wait for each other's event loop.
 *
 * In: where, what body, which status is the right answer. Out: how many answers, how long each took. One wrong answer ends
 * the round with its text: a benchmark of refusals measures nothing.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { openConnection, postBytes } from './keep-alive-connection.ts';
import type { Connection, PostTarget } from './keep-alive-connection.ts';

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
        const [reply] = (await once(child, 'message')) as [Reply];
        if (reply.kind === 'error') throw new Error(reply.message);
        if (reply.kind === 'round') return reply.round;
        onCounting?.();
      }
    },
    close: () => child.disconnect(),
  };
};

type Span = { readonly fromMs: number; readonly untilMs: number };

const ask = async (connection: Connection, request: Buffer, { status, span }: { readonly status: number; readonly span: Span }) => {
  const latenciesMs: number[] = [];
  for (let sentMs = performance.now(); sentMs < span.untilMs;) {
    const answer = await connection.exchange(request);
    if (answer.status !== status) throw new Error(`answered ${answer.status} instead of ${status}: ${answer.text().slice(0, 2000)}`);
    const nowMs = performance.now();
    if (nowMs >= span.fromMs && nowMs <= span.untilMs) latenciesMs.push(nowMs - sentMs);
    sentMs = nowMs;
  }
  return latenciesMs;
};

const runHere = async (order: LoadOrder, onCounting: () => void): Promise<LoadRound> => {
  const request = postBytes(order.target, order.body);
  const connections = await Promise.all(Array.from({ length: order.connections }, () => openConnection(order.target)));
  const fromMs = performance.now() + order.warmUpMs;
  const span = { fromMs, untilMs: fromMs + order.durationMs };
  const timer = setTimeout(onCounting, order.warmUpMs);
  try {
    const all = await Promise.all(connections.map((connection) => ask(connection, request, { status: order.status, span })));
    const latenciesMs = all.flat();
    return { perSecond: (latenciesMs.length / order.durationMs) * 1000, latenciesMs };
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
