// SPDX-License-Identifier: Apache-2.0
// Live objects as far as quotas count them: one watch for each collection that some tenant's summed quota bounds, begun when the first
// asks for it, over all namespaces, of each object only what it takes. Where no tenant sums anything nothing is watched.
import type { Amounts } from '../../crds/quota-ledger.ts';
import type { Resource } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import { KubeApiError, isNotFound } from '../../kube/errors.ts';
import { createInformer } from '../../kube/informer.ts';
import type { Informer } from '../../kube/informer.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { amountsOf } from '../../policies/quota/index.ts';
import type { Collection } from '../../policies/quota/index.ts';
import type { Clock } from '../../process/clock.ts';
import type { Count, CountedObject } from './settle.ts';

type Slim = KubeObject & { readonly amounts: Amounts };

/** `absent`: no such kind is served, so there is nothing to count. */
export type Watching = 'counted' | 'absent' | 'waiting' | { readonly refused: string };

export type Counting = {
  /** Begins to count; says how far it is. */
  watch(collection: Collection): Watching;
  countOf(collections: readonly Collection[], namespaces: readonly string[]): Count;
  resourceOf(collection: Collection): Resource | undefined;
};

type Served = { readonly resources?: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[] };
type Group = { readonly preferredVersion?: { readonly version: string } };

const keyOfCollection = ({ group, plural }: Collection): string => `${plural}.${group}`;

/** Undefined where the API server serves no such namespaced kind. */
const discover = async (client: KubeClient, { group, plural }: Collection, signal: AbortSignal): Promise<Resource | undefined> => {
  const get = <T>(path: string): Promise<T | undefined> =>
    client.request<T>({ method: 'GET', path, signal }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
  const root = group === '' ? '/api' : `/apis/${encodeURIComponent(group)}`;
  const version = group === '' ? 'v1' : (await get<Group>(root))?.preferredVersion?.version;
  if (version === undefined) return undefined;
  const served = await get<Served>(`${root}/${version}`);
  const found = served?.resources?.find(({ name, namespaced }) => name === plural && namespaced);
  return found === undefined ? undefined : { group, version, plural, kind: found.kind, namespaced: true };
};

/** A kind that was not there may come. */
const LOOK_AGAIN_MS = 30_000;
/** More than objects come and go while a ledger is behind. */
const REMEMBERED_GONE = 16_384;

type Watched = {
  state: Watching;
  resource?: Resource;
  informer?: Informer<Slim>;
  lookedAtMs: number;
};

export const createCounting = (options: {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Something changed in the namespace, or there is more to count now (undefined). */
  readonly onChange: (namespace: string | undefined) => void;
}): Counting => {
  const { client, clock, signal, onChange } = options;
  const watched = new Map<string, Watched>();
  const gone = new Set<string>();

  const remember = (uid: string): void => {
    gone.add(uid);
    const [oldest] = gone;
    if (gone.size > REMEMBERED_GONE && oldest !== undefined) gone.delete(oldest);
  };

  const follow = (collection: Collection, resource: Resource, entry: Watched): void => {
    const informer = createInformer<Slim>(client, resource, {
      clock,
      indexes: { namespace: ({ metadata }) => [metadata.namespace ?? ''], uid: ({ metadata }) => [metadata.uid ?? ''] },
      transform: (object) => {
        const { name, namespace, uid, resourceVersion } = object.metadata;
        const metadata = { name, ...(namespace === undefined ? {} : { namespace }), ...(uid === undefined ? {} : { uid }) };
        const version = resourceVersion === undefined ? {} : { resourceVersion };
        return { metadata: { ...metadata, ...version }, amounts: amountsOf(collection, object) };
      },
      observe: {
        restart: (_reason, error) => {
          if (entry.state === 'waiting' && error instanceof KubeApiError) entry.state = { refused: error.message };
          onChange(undefined);
        },
      },
    });
    informer.onChange(({ type, object }) => {
      if (type === 'deleted') remember(object.metadata.uid ?? '');
      if (entry.state === 'counted') onChange(object.metadata.namespace);
    });
    entry.resource = resource;
    entry.informer = informer;
    informer.start(signal);
    informer.synced.then(
      () => {
        entry.state = 'counted';
        onChange(undefined);
      },
      // Only the end of the term does that.
      () => undefined,
    );
  };

  const begin = (collection: Collection, entry: Watched): void => {
    entry.lookedAtMs = clock.monotonicMs();
    discover(client, collection, signal).then(
      (resource) => {
        if (resource === undefined) entry.state = 'absent';
        else follow(collection, resource, entry);
        onChange(undefined);
      },
      (error: unknown) => {
        entry.state = { refused: error instanceof Error ? error.message : String(error) };
        onChange(undefined);
      },
    );
  };

  return {
    watch: (collection) => {
      const key = keyOfCollection(collection);
      const known = watched.get(key);
      const isDue = known?.informer === undefined && clock.monotonicMs() - (known?.lookedAtMs ?? 0) >= LOOK_AGAIN_MS;
      if (known !== undefined && !(isDue && known.state !== 'waiting')) return known.state;
      const entry: Watched = known ?? { state: 'waiting', lookedAtMs: 0 };
      watched.set(key, entry);
      begin(collection, entry);
      return entry.state;
    },
    countOf: (collections, namespaces) => {
      const informers = collections.flatMap((collection) => watched.get(keyOfCollection(collection))?.informer ?? []);
      const among = new Set(namespaces);
      const sum = new Map<string, bigint>();
      for (const informer of informers) {
        for (const namespace of among) {
          for (const { amounts } of informer.byIndex('namespace', namespace)) {
            for (const [name, nanos] of amounts) sum.set(name, (sum.get(name) ?? 0n) + nanos);
          }
        }
      }
      const objectOf = (uid: string): CountedObject | undefined => {
        for (const informer of informers) {
          const found = informer.byIndex('uid', uid).find(({ metadata }) => among.has(metadata.namespace ?? ''));
          if (found !== undefined) return { uid, amounts: found.amounts };
        }
        return undefined;
      };
      return { sum, objectOf, isGone: (uid) => gone.has(uid) };
    },
    resourceOf: (collection) => watched.get(keyOfCollection(collection))?.resource,
  };
};
