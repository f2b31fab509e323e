// SPDX-License-Identifier: Apache-2.0
/**
 * The Tenants of a process as they count, over the cache of them as they are: whoever goes by Tenants goes by these.
 *
 * In: a cache that follows the cluster, the marks, and the trust policy each time that somebody looked at it (`look`). Out: a cache of
 * the same shape. Where no rule of the trust policy names the kind Tenant it is that cache itself. Else each Tenant is verified in
 * steps before it is shown, shown as `countTenant` has it, and judged anew when the trust policy changes; what was shown before
 * stands until then. Nothing is shown, and `hasSynced` is false, until the first look is done. webhook/ and operator/ wire it.
 */
import type { Mark } from '../crds/marks.ts';
import { documentKey, marksOf } from './currency/index.ts';
import { REFUSAL_LASTS_MS } from './trust/term.ts';
import type { Problem } from './problem.ts';
import type { TenantMemory } from './tenant-memory.ts';
import { TENANT_KIND, sealsTenants, tenantArtifact } from './tenant-object.ts';
import type { JudgedTenant, TenantObject } from './tenant-object.ts';
import { countTenant, goneProblem, unsealedOf } from './tenant-standing.ts';
import type { Counted, CountedObject, Standing } from './tenant-standing.ts';
import type { Artifact } from './trust/check-bundles.ts';
import type { Trust } from './trust/index.ts';

type Change<T> =
  | { readonly type: 'added'; readonly object: T; readonly previous?: undefined }
  | { readonly type: 'updated'; readonly object: T; readonly previous: T }
  | { readonly type: 'deleted'; readonly object: T; readonly previous?: undefined };
type Handler<T> = (change: Change<T>) => unknown;

/** An informer, as far as it is one for those who only read it. */
export type TenantSource<T> = {
  start(signal: AbortSignal): void;
  readonly synced: Promise<void>;
  hasSynced(): boolean;
  get(name: string): T | undefined;
  list(): readonly T[];
  byIndex(index: string, value: string): readonly T[];
  onChange(handler: Handler<T>): () => void;
  lastEventAgeMs(): number;
  readonly resourceVersion: string | undefined;
};

export type TenantCache<T> = TenantSource<T> & {
  /** As they are in the cluster: for those who bring them there. */
  readonly live: TenantSource<T>;
  /** To be told of the trust policy in force, once marks and trust policy are read; undefined: there is none. */
  look(trust: Trust | undefined): void;
  /** A Tenant that was read past the cache, as it counts. */
  counted<L extends CountedObject>(live: L): L;
  /** As it counts, also where it was deleted and no seal let it go. */
  bound(name: string): T | undefined;
  /** Why nothing is known of what counts of it: who is asked has to refuse. */
  unknown(name: string): Problem | undefined;
  /** The same, or it is gone and no seal let it go: who makes things for it leaves them as they are. */
  held(name: string): Problem | undefined;
  /** Whether any is. */
  holdsAny(): boolean;
  /** Resolves when there is nothing left to do. */
  settled(): Promise<void>;
  close(): void;
};

export type TenantCacheOptions<T> = {
  readonly live: TenantSource<T>;
  readonly indexes?: Readonly<Record<string, (object: T) => readonly string[]>>;
  readonly marks: () => readonly Mark[];
  /** Of the objects of that cache. */
  readonly memory: TenantMemory;
  /** Proves what verifying will ask for, on other threads. */
  readonly ahead: (artifacts: readonly Artifact[], trust: Trust) => Promise<void>;
  /** Asked after each Tenant, and between the steps in which one is verified: lets other work go first. */
  readonly rest: () => unknown;
  readonly clock: { now(): number; schedule(delayMs: number, task: () => void): () => void };
  readonly onError: (error: unknown) => void;
};

type Shown<T> = Counted<T> & { readonly live: T };
type Mode = 'unknown' | 'open' | 'sealed';

export const createTenantCache = <T extends CountedObject & { readonly metadata: { readonly uid?: string; readonly generation?: number } }>(
  options: TenantCacheOptions<T>,
): TenantCache<T> => {
  const { live: source, indexes = {}, memory, clock, onError } = options;
  const handlers = new Set<Handler<T>>();
  const shown = new Map<string, Shown<T>>();
  /** Deleted, and no seal let them go. */
  const departed = new Map<string, Shown<T>>();
  const ended = new Set<string>();
  const queue = new Map<string, /** As it was when it went. */ T | undefined>();
  const synced = Promise.withResolvers<void>();
  synced.promise.catch(() => undefined);
  source.synced.catch((error: unknown) => synced.reject(error));
  let mode: Mode = 'unknown';
  let isSynced = false;
  let trust: Trust | undefined;
  let under: string | undefined;
  const run: { closed: boolean; running: Promise<void> | undefined } = { closed: false, running: undefined };
  let cancelAgain: (() => void) | undefined;
  let readMarks: readonly Mark[] | undefined;
  let marks = marksOf([]);

  const tenantMarks = (): ReadonlyMap<string, Mark> => {
    const now = options.marks();
    if (now !== readMarks) [readMarks, marks] = [now, marksOf(now.filter(({ kind }) => kind === TENANT_KIND))];
    return marks;
  };
  const markOf = (name: string): Mark | undefined => tenantMarks().get(documentKey({ kind: TENANT_KIND, name }));
  const tell = (change: Change<T>): void => {
    for (const handler of handlers) {
      try {
        const result = handler(change);
        if (result instanceof Promise) result.catch(onError);
      } catch (error) {
        onError(error);
      }
    }
  };
  const tellTurn = (object: T, previous: T): void => {
    const isOther = object.spec !== previous.spec && object.metadata.generation === previous.metadata.generation;
    // Whoever asks whether only the status changed goes by the generation, and that is of the object as it is.
    const before = isOther ? { ...previous, metadata: { ...previous.metadata, generation: -1 } } : previous;
    tell({ type: 'updated', object, previous: before });
  };

  const judge = (live: TenantObject): JudgedTenant => {
    if (trust !== undefined) return memory.judge(live, trust, clock.now());
    return { ok: false, problem: { code: 'TRUST_MISSING', message: 'no trust policy is in force' } };
  };
  const count = <L extends CountedObject>(live: L, standing: Standing | undefined): Counted<L> => {
    const mark = markOf(live.metadata.name);
    // Without a trust policy a mark alone tells that a seal was asked for.
    if (trust === undefined && mark === undefined) return { object: live, standing: undefined, isRefused: false };
    return countTenant(live, { judged: judge(live), mark, standing });
  };
  const standingOf = (name: string): Standing | undefined => (shown.get(name) ?? departed.get(name))?.standing;

  /** It is not there, and no seal let it go. */
  const isLost = (name: string): boolean => {
    if (source.get(name) !== undefined) return false;
    if (departed.has(name)) return true;
    const mark = markOf(name);
    return mark !== undefined && mark.gone !== true && mark.mayEnd !== true && !ended.has(name);
  };
  const heldBack = (name: string): Problem | undefined => {
    if (mode !== 'sealed') return undefined;
    const known = shown.get(name);
    if (known === undefined) return isLost(name) ? goneProblem(name) : undefined;
    const unsealed = unsealedOf(known.object);
    return unsealed?.isClosed === true ? unsealed.problem : undefined;
  };

  const drop = (name: string, before: Shown<T>, last: T): void => {
    const { standing } = count(last, before.standing);
    shown.delete(name);
    // Its mark may not say so yet.
    if (standing?.document?.mayEnd === true) ended.add(name);
    else if (standing?.document !== undefined) departed.set(name, { ...before, standing });
    tell({ type: 'deleted', object: before.object });
  };
  const bring = (name: string, last: T | undefined): void => {
    const live = source.get(name);
    const before = shown.get(name);
    if (last !== undefined && before !== undefined && (live === undefined || last.metadata.uid !== live.metadata.uid))
      drop(name, before, last);
    if (live === undefined) {
      const gone = shown.get(name);
      if (gone !== undefined) drop(name, gone, gone.live);
      return;
    }
    const previous = shown.get(name);
    const counted = count(live, standingOf(name));
    shown.set(name, { ...counted, live });
    departed.delete(name);
    ended.delete(name);
    if (previous === undefined) tell({ type: 'added', object: counted.object });
    else if (previous.live !== live || previous.object.spec !== counted.object.spec) tellTurn(counted.object, previous.object);
  };

  /** Twice where another comes meanwhile; one that is replaced ever again is not waited for. */
  const verify = async (name: string): Promise<void> => {
    for (let looks = 0; looks < 2; looks += 1) {
      const live = source.get(name);
      if (live === undefined || trust === undefined) return;
      for (const _ of memory.judgeInSteps(live, trust, clock.now())) await options.rest();
    }
  };
  const work = async (): Promise<void> => {
    await Promise.resolve();
    while (queue.size > 0 && !run.closed) {
      const by = trust;
      if (by !== undefined) {
        const wanted = [...queue.keys()].flatMap((name) => {
          const live = source.get(name);
          return live === undefined || memory.knows(live, by, clock.now()) ? [] : (tenantArtifact(live) ?? []);
        });
        await options.ahead(wanted, by);
      }
      for (const [name, last] of queue) {
        if (mode !== 'sealed' || run.closed) break;
        await verify(name);
        if (mode !== 'sealed' || run.closed) break;
        // As it was when it went: it may have gone meanwhile.
        const gone = queue.get(name) ?? last;
        queue.delete(name);
        bring(name, gone);
        await options.rest();
      }
    }
  };
  const finish = (): void => {
    if (run.closed) return;
    isSynced = true;
    synced.resolve();
    if (cancelAgain !== undefined || ![...shown.values()].some(({ isRefused }) => isRefused)) return;
    cancelAgain = clock.schedule(REFUSAL_LASTS_MS, () => {
      cancelAgain = undefined;
      for (const [name, { isRefused }] of shown) if (isRefused) enqueue(name);
      begin();
    });
  };
  const begin = (): void => {
    run.running ??= work()
      .catch(onError)
      .then(() => {
        run.running = undefined;
        if (queue.size > 0 && !run.closed) begin();
        else finish();
      });
  };
  const enqueue = (name: string, last?: T): void => void queue.set(name, last ?? queue.get(name));

  const open = (): void => {
    queue.clear();
    const before = new Map(shown);
    shown.clear();
    departed.clear();
    for (const object of source.list()) {
      const was = before.get(object.metadata.name);
      if (was === undefined) tell({ type: 'added', object });
      else if (was.object !== object) tellTurn(object, was.object);
      before.delete(object.metadata.name);
    }
    for (const { object } of before.values()) tell({ type: 'deleted', object });
    finish();
  };
  const close = (wasOpen: boolean): void => {
    if (wasOpen && under !== undefined)
      for (const live of source.list())
        shown.set(live.metadata.name, { live, object: live, standing: { spec: live.spec }, isRefused: false });
    for (const { metadata } of source.list()) enqueue(metadata.name);
    begin();
  };

  source.onChange((change) => {
    if (mode === 'open') return tell(change);
    if (mode === 'unknown') return;
    enqueue(change.object.metadata.name, change.type === 'deleted' ? change.object : undefined);
    begin();
  });

  return {
    live: source,
    start: (signal) => source.start(signal),
    synced: synced.promise,
    hasSynced: () => isSynced,
    get: (name) => (mode === 'open' ? source.get(name) : shown.get(name)?.object),
    list: () => (mode === 'open' ? source.list() : [...shown.values()].map(({ object }) => object)),
    byIndex: (index, value) => {
      if (mode === 'open') return source.byIndex(index, value);
      const same = source.byIndex(index, value).flatMap(({ metadata }) => {
        const object = shown.get(metadata.name)?.object;
        return object === undefined || unsealedOf(object) !== undefined ? [] : [object];
      });
      const others = [...shown.values()].filter(({ object }) => unsealedOf(object) !== undefined);
      return [...same, ...others.flatMap(({ object }) => (indexes[index]?.(object).includes(value) === true ? [object] : []))];
    },
    onChange: (handler) => {
      const list = mode === 'open' ? source.list() : [...shown.values()].map(({ object }) => object);
      handlers.add(handler);
      for (const object of list) {
        try {
          handler({ type: 'added', object });
        } catch (error) {
          onError(error);
        }
      }
      return () => handlers.delete(handler);
    },
    lastEventAgeMs: () => source.lastEventAgeMs(),
    get resourceVersion() {
      return source.resourceVersion;
    },
    look: (next) => {
      const now = next === undefined ? undefined : `${next.digest} ${next.root.ok}`;
      const wanted =
        next === undefined ? options.marks().some(({ kind, gone }) => kind === TENANT_KIND && gone !== true) : sealsTenants(next);
      const modeNow: Mode = wanted ? 'sealed' : 'open';
      if (modeNow === mode && now === under) return;
      const wasOpen = mode === 'open';
      [mode, trust] = [modeNow, next];
      if (modeNow === 'sealed') close(wasOpen);
      else open();
      under = now;
    },
    counted: (live) => (mode === 'open' || unsealedOf(live) !== undefined ? live : count(live, standingOf(live.metadata.name)).object),
    bound: (name) => (mode === 'open' ? source.get(name) : (shown.get(name) ?? departed.get(name))?.object),
    unknown: (name) => (departed.has(name) ? undefined : heldBack(name)),
    held: heldBack,
    holdsAny: () =>
      mode === 'sealed' &&
      ([...shown.keys()].some((name) => heldBack(name) !== undefined) || [...tenantMarks().values()].some(({ name }) => isLost(name))),
    settled: async () => {
      while (run.running !== undefined) await run.running;
    },
    close: () => {
      run.closed = true;
      cancelAgain?.();
    },
  };
};
