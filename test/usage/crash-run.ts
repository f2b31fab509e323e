// SPDX-License-Identifier: Apache-2.0
/**
 * Sources that keep their events until they are acknowledged, against a ledger that is killed again and again; and the judge of
 * it, as Jepsen does it: what was acknowledged is there, what is there was attempted, and the sums are those of each
 * event once. Used by the test (few kills, named) and by the soak (many, at random).
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { HOUR_MS } from '../../operator/usage/period.ts';

const CHILD = fileURLToPath(new URL('crash-child.ts', import.meta.url));
export const RUN_START = Date.UTC(2026, 9, 31, 12);
/** Two days and a bit into the next month: October is due to be closed. */
export const RUN_CLOSE = Date.UTC(2026, 10, 3, 1);

/** Each place where a process can die that section 3.4 of the ledger's design names, and those between. */
export const KILL_POINTS = [
  'opened',
  'begun',
  'work-done',
  'before-commit',
  'after-commit',
  'before-answer',
  'in-seal',
  'after-seal',
  'in-statements',
  'after-close',
] as const;
export type KillPoint = (typeof KILL_POINTS)[number];

type Child = { readonly process: ChildProcess; readonly events: string; readonly control: string; readonly startedMs: number };

export type CrashRun = {
  /** Starts the process, which dies at the point; undefined: it lives. */
  start(kill?: string): Promise<void>;
  /** Sends a batch of each source until all are acknowledged or the process is dead; says whether it lives. */
  send(): Promise<boolean>;
  settle(nowMs: number): Promise<boolean>;
  /** SIGKILL after so many milliseconds, whatever it is doing. */
  killAfter(ms: number): void;
  stop(): Promise<void>;
  readonly attempted: ReadonlyMap<string, number>;
  readonly acknowledged: ReadonlyMap<string, number>;
  readonly kills: number;
  /** The longest time from opening the ledger until events are taken in again, of starts after a kill. */
  readonly slowestRecoveryMs: number;
  /** The same from the start of the process, which Node and a busy machine add to. */
  readonly slowestStartMs: number;
};

export const createCrashRun = (location: string, options: { readonly sources: number; readonly batch: number }): CrashRun => {
  let child: Child | undefined;
  let kills = 0;
  let slowestStartMs = 0;
  let slowestRecoveryMs = 0;
  /** The highest sequence number of each source: made, and acknowledged. */
  const attempted = new Map<string, number>();
  const acknowledged = new Map<string, number>();
  let nowMs = RUN_START;

  const start = async (kill = ''): Promise<void> => {
    const startedMs = performance.now();
    const made = spawn(process.execPath, [CHILD, location, kill, String(nowMs)], { stdio: ['ignore', 'pipe', 'inherit'] });
    made.once('exit', (_code, signal) => {
      if (signal === 'SIGKILL') kills += 1;
      if (child?.process === made) child = undefined;
    });
    const line = await new Promise<string>((resolve) => {
      createInterface({ input: made.stdout })
        .once('line', resolve)
        .once('close', () => resolve(''));
    });
    if (line === '') return;
    const [events = '', control = '', recoveryMs = ''] = line.split(' ');
    if (kills > 0) {
      slowestStartMs = Math.max(slowestStartMs, performance.now() - startedMs);
      slowestRecoveryMs = Math.max(slowestRecoveryMs, Number(recoveryMs));
    }
    child = { process: made, events, control, startedMs };
  };

  const batchOf = (source: string): string => {
    const done = acknowledged.get(source) ?? 0;
    const last = done + options.batch;
    attempted.set(source, Math.max(last, attempted.get(source) ?? 0));
    return JSON.stringify(
      Array.from({ length: options.batch }, (_, index) => ({
        specversion: '1.0',
        type: 'dev.writ.usage.v1',
        source,
        id: String(done + index + 1),
        subject: `tenant-${source.length % 3}`,
        // Fixed by its number, so that it is the same event when it is sent again.
        time: new Date(RUN_START - ((done + index) % 48) * (HOUR_MS / 4)).toISOString(),
        seq: done + index + 1,
        data: { meter: 'api_calls', value: '1.5' },
      })),
    );
  };
  const post = async (url: string, source: string): Promise<boolean> => {
    const body = batchOf(source);
    try {
      const response = await fetch(`${url}/v1/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/cloudevents-batch+json', authorization: 'Bearer x' },
        body,
      });
      const said: unknown = await response.json();
      if (response.status !== 200) throw new Error(`status ${response.status}: ${JSON.stringify(said)}`);
      acknowledged.set(source, (acknowledged.get(source) ?? 0) + options.batch);
      return true;
    } catch (error) {
      if (child !== undefined && error instanceof Error && error.message.startsWith('status')) throw error;
      return false;
    }
  };
  const dead = async (): Promise<boolean> => {
    // A connection that broke: the process is dead or about to be.
    const { process: dying } = child ?? {};
    if (dying === undefined) return true;
    if (dying.exitCode === null && dying.signalCode === null) await new Promise((resolve) => dying.once('exit', resolve));
    return true;
  };
  return {
    start,
    send: async () => {
      const url = child?.events;
      if (url === undefined) return false;
      const sources = Array.from({ length: options.sources }, (_, index) => `/crash/${'s'.repeat(index + 1)}`);
      const alive = await Promise.all(sources.map((source) => post(url, source)));
      return alive.every(Boolean) || !(await dead());
    },
    settle: async (ms) => {
      nowMs = ms;
      try {
        const response = await fetch(`${child?.control ?? 'http://127.0.0.1:1'}/?now=${ms}`);
        const text = await response.text();
        if (text !== 'settled') throw new Error(`status ${text}`);
        return true;
      } catch (error) {
        if (error instanceof Error && error.message.startsWith('status')) throw error;
        return !(await dead());
      }
    },
    killAfter: (ms) => {
      const { process: mine } = child ?? {};
      setTimeout(() => mine?.kill('SIGKILL'), ms);
    },
    stop: async () => {
      const mine = child?.process;
      if (mine === undefined || mine.exitCode !== null || mine.signalCode !== null) return;
      const ended = new Promise((resolve) => mine.once('exit', resolve));
      mine.kill('SIGTERM');
      await ended;
    },
    attempted,
    acknowledged,
    get kills() {
      return kills;
    },
    get slowestRecoveryMs() {
      return slowestRecoveryMs;
    },
    get slowestStartMs() {
      return slowestStartMs;
    },
  };
};
