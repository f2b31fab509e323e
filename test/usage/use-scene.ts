// SPDX-License-Identifier: Apache-2.0
// A namespace with a pod or a claim, a ledger, and a leader that follows them: restarted at will, at times that are set.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { ADOPTED_ANNOTATION, TENANT_LABEL } from '../../crds/kinds.ts';
import type { Change, ChangeHandler } from '../../kube/informer.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { systemClock } from '../../process/clock.ts';
import { createLedger } from '../../operator/usage/ledger.ts';
import { readMeters } from '../../operator/usage/meters.ts';
import { HOUR_MS } from '../../operator/usage/period.ts';
import { openSqliteStore } from '../../operator/usage/sqlite-store.ts';
import { createUseWatch } from '../../operator/usage/use-watch.ts';
import type { WatchedClaim, WatchedPod } from '../../operator/usage/watched-pods.ts';
import { START } from './ledger-scene.ts';

const folder = await mkdtemp(join(tmpdir(), 'writ-use-'));
after(() => rm(folder, { recursive: true }));

/** What an informer is to those that look: what there is, and what changes. */
const cacheOf = <T extends KubeObject>() => {
  const objects = new Map<string, T>();
  const handlers = new Set<ChangeHandler<T>>();
  const tell = (change: Change<T>): void => handlers.forEach((handler) => void handler(change));
  return {
    get: (key: string) => objects.get(key),
    list: () => [...objects.values()],
    onChange: (handler: ChangeHandler<T>) => {
      handlers.add(handler);
      for (const object of objects.values()) void handler({ type: 'added', object });
      return () => void handlers.delete(handler);
    },
    put: (object: T) => {
      const previous = objects.get(object.metadata.name);
      objects.set(object.metadata.name, object);
      tell(previous === undefined ? { type: 'added', object } : { type: 'updated', object, previous });
    },
    remove: (name: string) => {
      const object = objects.get(name);
      objects.delete(name);
      if (object !== undefined) tell({ type: 'deleted', object });
    },
  };
};

export const namespaceOf = (tenant: string, fields: { readonly createdMs?: number; readonly adopted?: boolean } = {}): KubeObject => ({
  metadata: {
    name: 'n',
    uid: 'n-1',
    creationTimestamp: new Date(fields.createdMs ?? START - 100 * HOUR_MS).toISOString(),
    labels: tenant === '' ? {} : { [TENANT_LABEL]: tenant },
    ...(fields.adopted === true ? { annotations: { [ADOPTED_ANNOTATION]: 'true' } } : {}),
  },
});
export const metadata = { name: 'p', namespace: 'n', uid: 'u' };

let made = 0;
export const world = async () => {
  const file = join(folder, `${(made += 1)}.db`);
  let nowMs = START;
  const clock = { ...systemClock, now: () => nowMs };
  const [pods, claims, namespaces] = [cacheOf<WatchedPod>(), cacheOf<WatchedClaim>(), cacheOf<KubeObject>()];
  const lead = async () => {
    const ledger = createLedger({ store: await openSqliteStore({ file, clock, groupMs: 0 }), clock, hasTenant: () => true });
    await ledger.open('test');
    await ledger.declare(readMeters(undefined).meters);
    const tenantOfNamespace = (): string | undefined => namespaces.get('n')?.metadata.labels?.[TENANT_LABEL];
    const watch = await createUseWatch({ ledger, clock, pods, claims, namespaces, tenantOfNamespace });
    const end = async (): Promise<void> => {
      watch.close();
      await ledger.store.close();
    };
    return { ledger, record: () => watch.record(), end };
  };
  return { pods, claims, namespaces, lead, pass: (ms: number) => (nowMs += ms), now: () => nowMs };
};
export type World = Awaited<ReturnType<typeof world>>;
export type Leader = Awaited<ReturnType<World['lead']>>;
