// SPDX-License-Identifier: Apache-2.0
// What was just written, until the cache hears of it: else a reconcile that a first event wakes would write again what the cache
// does not show yet. Any event of the object ends it, and so does time, since an event can be lost where a watch was cut.
import type { KubeObject } from '../../kube/objects.ts';
import type { Clock } from '../../process/clock.ts';
import type { LiveTenant } from '../controllers/live.ts';
import type { ChildObject } from './child.ts';

export type Recent<T> = {
  written(key: string, object: T): void;
  deleted(key: string, object: T): void;
  /** The object as it was written, or as the cache has it where that is newer. */
  seen(key: string, cached: T | undefined): T | undefined;
  forget(key: string): void;
};

/** A watch that lags further behind is cut or as good as dead. */
const RECENT_LASTS_MS = 10_000;

/** Versions of one API server are numbers that rise (KEP-5504); where they are none, nothing is known to be newer. */
const isAtLeast = (one: string | undefined, other: string | undefined): boolean =>
  one !== undefined && other !== undefined && /^\d{1,20}$/.test(one) && /^\d{1,20}$/.test(other) && BigInt(one) >= BigInt(other);

export const createRecent = <T extends KubeObject>(clock: Pick<Clock, 'monotonicMs'>): Recent<T> => {
  const known = new Map<string, { readonly object: T; readonly gone: boolean; readonly untilMs: number }>();
  const note = (key: string, object: T, gone: boolean): void =>
    void known.set(key, { object, gone, untilMs: clock.monotonicMs() + RECENT_LASTS_MS });
  return {
    written: (key, object) => note(key, object, false),
    deleted: (key, object) => note(key, object, true),
    seen: (key, cached) => {
      const own = known.get(key);
      if (own === undefined) return cached;
      // The answer to a write may come after the events of it, and of what somebody did then.
      const overtaken = own.gone
        ? cached?.metadata.uid !== own.object.metadata.uid
        : isAtLeast(cached?.metadata.resourceVersion, own.object.metadata.resourceVersion);
      if (!overtaken && own.untilMs > clock.monotonicMs()) return own.gone ? undefined : own.object;
      known.delete(key);
      return cached;
    },
    forget: (key) => void known.delete(key),
  };
};

/** What one term remembers of its own writes. */
export type TenancyMemory = {
  readonly tenants: Recent<LiveTenant>;
  readonly namespaces: Recent<KubeObject>;
  readonly children: Recent<ChildObject>;
  /** Namespaces that are being made, by the tenant that they are made for. */
  readonly making: Map<string, string>;
};

export const createTenancyMemory = (clock: Pick<Clock, 'monotonicMs'>): TenancyMemory => ({
  tenants: createRecent(clock),
  namespaces: createRecent(clock),
  children: createRecent(clock),
  making: new Map(),
});
