// SPDX-License-Identifier: Apache-2.0
// Follows agent pods and bound claims, and records what they use: agent seconds and byte seconds.
import type { Informer } from '../../kube/informer.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { Clock } from '../../process/clock.ts';
import { watchClaimSizes } from './claim-sizes.ts';
import { followedSources, recordRunning, vanished } from './intervals.ts';
import type { Followed, Running } from './intervals.ts';
import type { Ledger } from './ledger.ts';
import { SCALE } from './quantity.ts';
import { integerOf } from './store.ts';
import { createTenancies } from './tenancies.ts';
import type { WatchedClaim, WatchedPod } from './watched-pods.ts';

const AGENTS = '/writ/agents/';
const CLAIMS = '/writ/claims/';
/** In one transaction: others wait for it. */
const AT_ONCE = 200;

export type UseWatch = {
  /** Records what was used since the last time, and the end of what is gone. */
  record(): Promise<void>;
  close(): void;
};

export const createUseWatch = async (options: {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly pods: Pick<Informer<WatchedPod>, 'list' | 'onChange'>;
  readonly claims: Pick<Informer<WatchedClaim>, 'list' | 'onChange'>;
  readonly namespaces: Pick<Informer<KubeObject>, 'get' | 'onChange'>;
  readonly tenantOfNamespace: (namespace: string | undefined) => string | undefined;
}): Promise<UseWatch> => {
  const { ledger, clock, pods, claims, namespaces, tenantOfNamespace } = options;
  const tenancies = await createTenancies({ store: ledger.store, clock, namespaces });
  /** When what was deleted was seen to go. */
  const ended = new Map<string, number>();
  const seen =
    (prefix: string) =>
    (change: { readonly type: string; readonly object: WatchedPod | WatchedClaim }): void => {
      const { uid } = change.object.metadata;
      if (change.type === 'deleted' && uid !== undefined) ended.set(`${prefix}${uid}`, clock.now());
    };
  const sizes = watchClaimSizes({ clock, claims });
  const subscriptions = [pods.onChange(seen(AGENTS)), claims.onChange(seen(CLAIMS)), () => sizes.close()];
  /** What is bound and not recorded yet was not bound at the look before. */
  let lookedMs = await heardMs(ledger);

  const tenantSince = (namespace: string | undefined): Pick<Running, 'tenantSinceMs'> => {
    const tenancy = tenancies.of(namespace);
    return tenancy === undefined ? {} : { tenantSinceMs: tenancy.sinceMs };
  };
  /** When those that live on were seen to go to another tenant, or to none. */
  const movedOf = (prefix: string, objects: readonly KubeObject[]): ReadonlyMap<string, number> =>
    new Map(
      objects.flatMap(({ metadata: { uid, namespace } }) => {
        const tenancy = uid === undefined ? undefined : tenancies.of(namespace);
        return tenancy?.isWatched === true ? [[`${prefix}${uid}`, tenancy.sinceMs] as const] : [];
      }),
    );
  const runningAgents = (): readonly Running[] =>
    pods.list().flatMap(({ metadata, agent }): readonly Running[] => {
      const tenant = agent === undefined ? undefined : tenantOfNamespace(metadata.namespace);
      if (agent === undefined || tenant === undefined || metadata.uid === undefined) return [];
      const life = { sinceMs: agent.runningSinceMs, ...(agent.endedMs === undefined ? {} : { endMs: agent.endedMs }) };
      return [
        { ...tenantSince(metadata.namespace), tenant, source: `${AGENTS}${metadata.uid}`, meter: 'agent_hours', perSecond: SCALE, ...life },
      ];
    });
  const boundClaims = (): readonly Running[] =>
    claims.list().flatMap(({ metadata, bound }): readonly Running[] => {
      const tenant = bound === undefined ? undefined : tenantOfNamespace(metadata.namespace);
      if (bound === undefined || tenant === undefined || metadata.uid === undefined) return [];
      const source = `${CLAIMS}${metadata.uid}`;
      return [
        {
          ...tenantSince(metadata.namespace),
          tenant,
          source,
          meter: 'storage_bytes',
          perSecond: bound.bytes * SCALE,
          sinceMs: Math.max(bound.sinceMs, sizes.boundMs(metadata.uid) ?? lookedMs),
        },
      ];
    });
  const record = async (running: readonly Running[]): Promise<void> => {
    for (let start = 0; start < running.length; start += AT_ONCE) {
      const slice = running.slice(start, start + AT_ONCE);
      const { events, outcomes } = await ledger.transact((tx, context) => recordRunning(tx, slice, context));
      ledger.noted(events, outcomes);
    }
  };
  type Kind = { readonly prefix: string; readonly running: readonly Running[]; readonly live: readonly (WatchedPod | WatchedClaim)[] };
  const recordKind = async ({ prefix, running, live }: Kind): Promise<void> => {
    const moved = movedOf(prefix, live);
    const stoppedMs = new Map(
      live.flatMap((one) =>
        'agent' in one && one.agent?.endedMs !== undefined ? [[`${prefix}${one.metadata.uid}`, one.agent.endedMs]] : [],
      ),
    );
    const followed = await ledger.store.read((reader) => followedSources(reader, prefix));
    const sources = new Set(running.map(({ tenant, source }) => `${tenant}\n${source}`));
    const gone = vanished(followed, { sources, endOf: (source) => ended.get(source) ?? moved.get(source) }).map((one) => ({
      ...one,
      endMs: Math.min(one.endMs, stoppedMs.get(one.source) ?? Infinity),
    }));
    // First: what the tenant before used up to the end is not the next one's.
    await record(await Promise.all(gone.map((one) => asEnded(prefix, one))));
    await record(prefix === CLAIMS ? await withSizeBefore(running, followed) : running);
    for (const { source } of gone) ended.delete(source);
  };
  /** What was recorded before they were seen as large as they are goes on as large as they were. */
  const withSizeBefore = async (running: readonly Running[], followed: readonly Followed[]): Promise<readonly Running[]> => {
    const recorded = new Map(followed.map(({ tenant, source, untilMs }) => [`${tenant}\n${source}`, untilMs]));
    const known: Running[] = [];
    for (const one of running) {
      const sizeMs = sizes.sizeMs(one.source.slice(CLAIMS.length));
      const recordedMs = recorded.get(`${one.tenant}\n${one.source}`);
      const last = sizeMs === undefined || recordedMs === undefined || recordedMs >= sizeMs ? undefined : await lastPiece(ledger, one);
      const isOther = last !== undefined && last.value !== (one.perSecond * last.lengthMs) / 1000n;
      known.push(sizeMs === undefined || !isOther ? one : { ...one, before: { perSecond: rateOf(last), untilMs: sizeMs } });
    }
    return known;
  };
  const asEnded = async (prefix: string, { tenant, source, untilMs, endMs }: Followed & { readonly endMs: number }): Promise<Running> => {
    const common = { tenant, source, sinceMs: untilMs, endMs };
    return prefix === AGENTS
      ? { ...common, meter: 'agent_hours', perSecond: SCALE }
      : { ...common, meter: 'storage_bytes', perSecond: rateOf(await lastPiece(ledger, { tenant, source })) };
  };
  return {
    record: async () => {
      await tenancies.save();
      await recordKind({ prefix: AGENTS, running: runningAgents(), live: pods.list() });
      const nowMs = clock.now();
      await recordKind({ prefix: CLAIMS, running: boundClaims(), live: claims.list() });
      lookedMs = Math.max(lookedMs, nowMs);
    },
    close: () => {
      tenancies.close();
      for (const unsubscribe of subscriptions) unsubscribe();
    },
  };
};

/** When the ledger was told of anything last; 0 for a new one. */
const heardMs = async ({ store }: Ledger): Promise<number> => {
  const [row] = await store.read((reader) => reader.all('SELECT COALESCE(MAX(last_ms), 0) AS last_ms FROM usage_source'));
  return row === undefined ? 0 : integerOf(row, 'last_ms');
};

type LastPiece = { readonly value: bigint; readonly lengthMs: bigint };

/** What was recorded of a claim last; undefined where nothing was. */
const lastPiece = async (ledger: Ledger, name: Pick<Running, 'tenant' | 'source'>): Promise<LastPiece | undefined> => {
  const rows = await ledger.store.read((reader) =>
    reader.all(
      `SELECT e.value, e.at_ms, s.until_ms FROM usage_event e JOIN usage_source s ON s.number = e.source
        WHERE s.tenant = ? AND s.source = ? ORDER BY e.seq DESC LIMIT 1`,
      [name.tenant, name.source],
    ),
  );
  const [row] = rows;
  if (row === undefined || typeof row['value'] !== 'string') return undefined;
  const lengthMs = BigInt(String(row['until_ms'])) - BigInt(String(row['at_ms']));
  return lengthMs > 0n ? { value: BigInt(row['value']), lengthMs } : undefined;
};

/** How large a claim was, as millionths in a second; nothing where that is not known. */
const rateOf = (last: LastPiece | undefined): bigint => (last === undefined ? 0n : (last.value * 1000n) / last.lengthMs);
