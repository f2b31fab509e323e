// SPDX-License-Identifier: Apache-2.0
// Keeps a sink equal to the server's collection: list, then watch from there, and again from the last version seen after
// EVERY end of the watch, for as long as the signal allows. No error ends it. A 410 (the version was compacted away), an
// answer that makes no sense and any refusal of the watch itself lead back to the list, which finds what was missed.
import type { Resource } from '../crds/kinds.ts';
import { sleep } from '../process/clock.ts';
import type { Clock } from '../process/clock.ts';
import { backoffMs } from './backoff.ts';
import type { BackoffOptions } from './backoff.ts';
import type { KubeClient } from './client.ts';
import { isGone, isTransient, KubeApiError, KubeTransportError, retryAfterMsOf } from './errors.ts';
import { keyOf } from './objects.ts';
import type { KubeObject } from './objects.ts';

export type ReflectorObserver = {
  /** A change or a bookmark came in. */
  readonly event?: (type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK') => void;
  /** The collection is read whole: at the start, or because the watch could not go on. */
  readonly relist?: (reason: 'start' | 'gone' | 'refused' | 'unreadable') => void;
  /** A watch ended; without an error the server ended it in order. */
  readonly restart?: (reason: 'ended' | 'idle' | 'error', error?: unknown) => void;
};

export type Sink<T> = {
  replace(objects: readonly T[], resourceVersion: string): void;
  upsert(object: T): void;
  remove(key: string, last: T): void;
  /** Any sign of life; with the version up to which the sink is now current. */
  alive(resourceVersion: string | undefined): void;
};

export type ReflectorOptions = {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly clock: Clock;
  readonly observe?: ReflectorObserver;
  readonly random?: () => number;
  /** Between restarts; 0.8 s doubling to 30 s, as client-go does. */
  readonly backoff?: BackoffOptions;
  readonly idleTimeoutMs?: number;
  readonly timeoutMs?: number;
  readonly pageSize?: number;
};

const RESTART_BACKOFF: BackoffOptions = { firstMs: 800, maxMs: 30_000 };
// A watch that lived this long was a good one: its end does not count against the next.
const HEALTHY_WATCH_MS = 10_000;
// Shorter than any timeoutSeconds we ask for: an orderly end after it is just that, and is followed at once.
const FULL_WATCH_MS = 240_000;

export const runReflector = async <T extends KubeObject>(input: {
  readonly client: KubeClient;
  readonly resource: Resource;
  readonly options: ReflectorOptions;
  readonly sink: Sink<T>;
  readonly signal: AbortSignal;
}): Promise<void> => {
  const { client, resource, options, sink, signal } = input;
  const { clock, observe, random = Math.random, backoff = RESTART_BACKOFF } = options;
  const selection = definedOf({ namespace: options.namespace, labelSelector: options.labelSelector, fieldSelector: options.fieldSelector });
  const limits = definedOf({ timeoutMs: options.timeoutMs });
  let version: string | undefined;
  let reason: Parameters<NonNullable<ReflectorObserver['relist']>>[0] = 'start';
  let failures = 0;

  const list = async (): Promise<string> => {
    observe?.relist?.(reason);
    const paging = definedOf({ pageSize: options.pageSize });
    const result = await client.list<T>(resource, { ...selection, ...limits, ...paging, signal });
    sink.replace(result.items, result.resourceVersion);
    sink.alive(result.resourceVersion);
    return result.resourceVersion;
  };

  const follow = async (from: string): Promise<void> => {
    const idle = definedOf({ idleTimeoutMs: options.idleTimeoutMs });
    for await (const { type, object } of client.watch<T>(resource, { ...selection, ...limits, ...idle, resourceVersion: from, signal })) {
      if (type === 'DELETED') sink.remove(keyOf(object), object);
      else if (type !== 'BOOKMARK') sink.upsert(object);
      version = object.metadata.resourceVersion ?? version;
      sink.alive(version);
      observe?.event?.(type);
      failures = 0;
    }
  };

  while (!signal.aborted) {
    const startedMs = clock.monotonicMs();
    let waitMs: number;
    try {
      version ??= await list();
      await follow(version);
      const livedMs = clock.monotonicMs() - startedMs;
      observe?.restart?.('ended');
      failures = livedMs >= HEALTHY_WATCH_MS ? 1 : failures + 1;
      waitMs = livedMs >= FULL_WATCH_MS ? 0 : backoffMs(backoff, failures, random);
    } catch (error) {
      if (signal.aborted) return;
      const idle = error instanceof KubeTransportError && error.code === 'IDLE';
      observe?.restart?.(idle ? 'idle' : 'error', error);
      const back = relistReason(error);
      if (back !== undefined) {
        version = undefined;
        reason = back;
      }
      failures = clock.monotonicMs() - startedMs >= HEALTHY_WATCH_MS ? 1 : failures + 1;
      waitMs = Math.max(backoffMs(backoff, failures, random), retryAfterMsOf(error) ?? 0);
    }
    await sleep(clock, waitMs, signal);
  }
};

const relistReason = (error: unknown): 'gone' | 'refused' | 'unreadable' | undefined => {
  if (isGone(error)) return 'gone';
  // "Too large resource version" (504) too: after a restore from backup our version may lie in the server's future.
  if (error instanceof KubeApiError && (!isTransient(error) || error.status === 504 || error.status === 500)) return 'refused';
  if (error instanceof KubeTransportError) return error.code === 'BODY' ? 'unreadable' : undefined;
  return error instanceof KubeApiError ? undefined : 'unreadable';
};

/** Without the undefined ones, as exactOptionalPropertyTypes wants it. */
const definedOf = <T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };
