// SPDX-License-Identifier: Apache-2.0
// A local copy of a collection that follows the server, with indexes and change handlers. Objects are shared and raw: nobody
// may change them. What a handler throws is counted in one place and stops neither the informer nor the other handlers.
import type { Resource } from '../crds/kinds.ts';
import type { KubeClient } from './client.ts';
import type { KubeObject } from './objects.ts';
import { runReflector } from './reflector.ts';
import type { ReflectorObserver, ReflectorOptions } from './reflector.ts';
import { createStore } from './store.ts';
import type { Change, IndexFunctions } from './store.ts';

export type { Change } from './store.ts';

export type InformerObserver = ReflectorObserver & {
  /** A handler, an index function or the transform threw. */
  readonly handlerError?: (error: unknown) => void;
};

export type InformerOptions<T> = Omit<ReflectorOptions, 'observe'> & {
  readonly indexes?: IndexFunctions<T>;
  /** Makes each object smaller before it is kept; must leave metadata's names and version alone. */
  readonly transform?: (object: T) => T;
  readonly observe?: InformerObserver;
};

/** May return a promise; nobody waits for it, but its rejection is counted too. */
export type ChangeHandler<T> = (change: Change<T>) => unknown;

export type Informer<T> = {
  /** Runs until the signal aborts. Once only. */
  start(signal: AbortSignal): void;
  /** Resolves when the first list is in the cache and its handlers have run; rejects when stopped before. */
  readonly synced: Promise<void>;
  hasSynced(): boolean;
  /** By `namespace/name`, or `name` of a cluster-scoped object. */
  get(key: string): T | undefined;
  list(): readonly T[];
  byIndex(index: string, value: string): readonly T[];
  /** First `added` for everything that is cached, then every change. Returns the way to end it. */
  onChange(handler: ChangeHandler<T>): () => void;
  /** Milliseconds since the server last gave a sign of life; Infinity before the first. */
  lastEventAgeMs(): number;
  readonly resourceVersion: string | undefined;
};

export const createInformer = <T extends KubeObject>(client: KubeClient, resource: Resource, options: InformerOptions<T>): Informer<T> => {
  const { clock, observe, transform } = options;
  const handlers = new Set<ChangeHandler<T>>();
  const synced = Promise.withResolvers<void>();
  // Whoever does not wait for it must not be struck by its rejection.
  synced.promise.catch(() => undefined);
  let hasSynced = false;
  let started = false;
  let resourceVersion: string | undefined;
  let aliveAtMs: number | undefined;

  const failed = (error: unknown): void => {
    try {
      observe?.handlerError?.(error);
    } catch {
      // The place where errors are counted has one itself: there is nobody left to tell, and watching goes on.
    }
  };
  const store = createStore<T>(options.indexes ?? {}, failed);

  const tell = (handler: ChangeHandler<T>, change: Change<T>): void => {
    try {
      const result = handler(change);
      if (result instanceof Promise) result.catch(failed);
    } catch (error) {
      failed(error);
    }
  };
  const publish = (changes: readonly Change<T>[]): void => {
    for (const change of changes) for (const handler of handlers) tell(handler, change);
  };
  const kept = (object: T): T => {
    if (transform === undefined) return object;
    try {
      return transform(object);
    } catch (error) {
      failed(error);
      return object;
    }
  };

  return {
    start: (signal) => {
      if (started) throw new TypeError(`the informer of ${resource.plural} runs already`);
      started = true;
      const stop = (): void => synced.reject(signal.reason);
      if (signal.aborted) return stop();
      signal.addEventListener('abort', stop, { once: true });
      const sink = {
        replace: (objects: readonly T[], version: string) => {
          resourceVersion = version;
          publish(store.replace(objects.map((object) => kept(object))));
          hasSynced = true;
          synced.resolve();
        },
        upsert: (object: T) => publish(store.upsert(kept(object))),
        remove: (key: string, last: T) => publish(store.remove(key, kept(last))),
        alive: (version: string | undefined) => {
          resourceVersion = version ?? resourceVersion;
          aliveAtMs = clock.monotonicMs();
        },
      };
      const observed = {
        event: guarded(observe?.event, failed),
        relist: guarded(observe?.relist, failed),
        restart: guarded(observe?.restart, failed),
      };
      void runReflector<T>({ client, resource, options: { ...options, observe: observed }, sink, signal }).catch(failed);
    },
    synced: synced.promise,
    hasSynced: () => hasSynced,
    get: (key) => store.get(key),
    list: () => store.list(),
    byIndex: (index, value) => store.byIndex(index, value),
    onChange: (handler) => {
      for (const object of store.list()) tell(handler, { type: 'added', object });
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    lastEventAgeMs: () => (aliveAtMs === undefined ? Number.POSITIVE_INFINITY : clock.monotonicMs() - aliveAtMs),
    get resourceVersion() {
      return resourceVersion;
    },
  };
};

/** An observer that throws is one more handler that threw. */
const guarded =
  <A extends readonly unknown[]>(observer: ((...values: A) => void) | undefined, failed: (error: unknown) => void) =>
  (...values: A): void => {
    try {
      observer?.(...values);
    } catch (error) {
      failed(error);
    }
  };
