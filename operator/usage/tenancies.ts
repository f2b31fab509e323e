// SPDX-License-Identifier: Apache-2.0
// Since when a namespace is its tenant's: what ran there before is another one's use, or nobody's. Kept in the ledger, so that a new
// process knows it too; what changed while nobody looked changed when it was seen first.
import { ADOPTED_ANNOTATION, TENANT_LABEL } from '../../crds/kinds.ts';
import type { Informer } from '../../kube/informer.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { Clock } from '../../process/clock.ts';
import { integerOf, textOf } from './store.ts';
import type { Store } from './store.ts';

export type Tenancy = {
  /** By the label; empty for none. */
  readonly tenant: string;
  readonly sinceMs: number;
  /** It was seen to change, so that until then it was the one's before. */
  readonly isWatched: boolean;
};

export type Tenancies = {
  of(namespace: string | undefined): Tenancy | undefined;
  /** Writes what changed since the last time. */
  save(): Promise<void>;
  close(): void;
};

const createdMs = ({ metadata }: KubeObject): number => Date.parse(metadata.creationTimestamp ?? '');

export const createTenancies = async (options: {
  readonly store: Pick<Store, 'read' | 'transact'>;
  readonly clock: Clock;
  readonly namespaces: Pick<Informer<KubeObject>, 'get' | 'onChange'>;
}): Promise<Tenancies> => {
  const { store, clock, namespaces } = options;
  const rows = await store.read((reader) => reader.all('SELECT uid, tenant, since_ms FROM usage_namespace'));
  const known = new Map<string, Tenancy>(
    rows.map((row) => [textOf(row, 'uid'), { tenant: textOf(row, 'tenant'), sinceMs: integerOf(row, 'since_ms'), isWatched: false }]),
  );
  const changed = new Set<string>();
  const there = new Set<string>();
  let isWatched = false;

  const see = (namespace: KubeObject, uid: string): void => {
    there.add(uid);
    const tenant = namespace.metadata.labels?.[TENANT_LABEL] ?? '';
    const before = known.get(uid);
    if (before?.tenant === tenant) return;
    const nowMs = clock.now();
    // One that was adopted was there before it was the tenant's; any other that is met for the first time was made for it.
    const isOwn = before === undefined && namespace.metadata.annotations?.[ADOPTED_ANNOTATION] === undefined;
    const madeMs = isOwn ? createdMs(namespace) : Number.NaN;
    known.set(uid, { tenant, sinceMs: Number.isNaN(madeMs) ? nowMs : Math.min(madeMs, nowMs), isWatched });
    changed.add(uid);
  };
  const unsubscribe = namespaces.onChange(({ type, object }) => {
    const { uid } = object.metadata;
    if (uid === undefined) return;
    if (type !== 'deleted') return see(object, uid);
    known.delete(uid);
    changed.add(uid);
  });
  for (const uid of known.keys()) {
    if (there.has(uid)) continue;
    known.delete(uid);
    changed.add(uid);
  }
  there.clear();
  isWatched = true;

  return {
    of: (namespace) => {
      const uid = namespace === undefined ? undefined : namespaces.get(namespace)?.metadata.uid;
      return uid === undefined ? undefined : known.get(uid);
    },
    save: async () => {
      if (changed.size === 0) return;
      const uids = [...changed];
      changed.clear();
      await store.transact(async (tx) => {
        for (const uid of uids) {
          const now = known.get(uid);
          if (now === undefined) await tx.run('DELETE FROM usage_namespace WHERE uid = ?', [uid]);
          else
            await tx.insert({
              into: 'usage_namespace',
              columns: ['uid', 'tenant', 'since_ms'],
              rows: [[uid, now.tenant, now.sinceMs]],
              onConflict: 'ON CONFLICT (uid) DO UPDATE SET tenant = excluded.tenant, since_ms = excluded.since_ms',
            });
        }
      });
    },
    close: unsubscribe,
  };
};
