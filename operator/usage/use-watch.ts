// SPDX-License-Identifier: Apache-2.0
// Follows agent pods and bound claims, and records what they use: agent seconds and byte seconds.
import type { Informer } from '../../kube/informer.ts';
import type { Clock } from '../../process/clock.ts';
import { followedSources, recordRunning, vanished } from './intervals.ts';
import type { Followed, Running } from './intervals.ts';
import type { Ledger } from './ledger.ts';
import { SCALE } from './quantity.ts';
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
  readonly pods: Informer<WatchedPod>;
  readonly claims: Informer<WatchedClaim>;
  readonly tenantOfNamespace: (namespace: string | undefined) => string | undefined;
}): Promise<UseWatch> => {
  const { ledger, clock, pods, claims, tenantOfNamespace } = options;
  /** When what was deleted was seen to go. */
  const ended = new Map<string, number>();
  const seen =
    (prefix: string) =>
    (change: { readonly type: string; readonly object: WatchedPod | WatchedClaim }): void => {
      const { uid } = change.object.metadata;
      if (change.type === 'deleted' && uid !== undefined) ended.set(`${prefix}${uid}`, clock.now());
    };
  const subscriptions = [pods.onChange(seen(AGENTS)), claims.onChange(seen(CLAIMS))];

  const runningAgents = (): readonly Running[] =>
    pods.list().flatMap(({ metadata, agent }): readonly Running[] => {
      const tenant = agent === undefined ? undefined : tenantOfNamespace(metadata.namespace);
      if (agent === undefined || tenant === undefined || metadata.uid === undefined) return [];
      const life = { sinceMs: agent.runningSinceMs, ...(agent.endedMs === undefined ? {} : { endMs: agent.endedMs }) };
      return [{ tenant, source: `${AGENTS}${metadata.uid}`, meter: 'agent_hours', perSecond: SCALE, ...life }];
    });
  const boundClaims = (): readonly Running[] =>
    claims.list().flatMap(({ metadata, bound }): readonly Running[] => {
      const tenant = bound === undefined ? undefined : tenantOfNamespace(metadata.namespace);
      if (bound === undefined || tenant === undefined || metadata.uid === undefined) return [];
      const source = `${CLAIMS}${metadata.uid}`;
      return [{ tenant, source, meter: 'storage_bytes', perSecond: bound.bytes * SCALE, sinceMs: bound.sinceMs }];
    });
  const record = async (running: readonly Running[]): Promise<void> => {
    for (let start = 0; start < running.length; start += AT_ONCE) {
      const slice = running.slice(start, start + AT_ONCE);
      const { events, outcomes } = await ledger.transact((tx, context) => recordRunning(tx, slice, context));
      ledger.noted(events, outcomes);
    }
  };
  const recordKind = async (prefix: string, running: readonly Running[]): Promise<void> => {
    const followed = await ledger.store.read((reader) => followedSources(reader, prefix));
    const sources = new Set(running.map(({ tenant, source }) => `${tenant}\n${source}`));
    await record(running);
    const gone = vanished(followed, { sources, endOf: (source) => ended.get(source) });
    await record(await Promise.all(gone.map((one) => asEnded(prefix, one))));
    for (const { source } of gone) ended.delete(source);
  };
  const asEnded = async (prefix: string, { tenant, source, untilMs, endMs }: Followed & { readonly endMs: number }): Promise<Running> => {
    const common = { tenant, source, sinceMs: untilMs, endMs };
    return prefix === AGENTS
      ? { ...common, meter: 'agent_hours', perSecond: SCALE }
      : { ...common, meter: 'storage_bytes', perSecond: await lastRate(ledger, { tenant, source }) };
  };
  return {
    record: async () => {
      await recordKind(AGENTS, runningAgents());
      await recordKind(CLAIMS, boundClaims());
    },
    close: () => subscriptions.forEach((unsubscribe) => unsubscribe()),
  };
};

/** How large a claim was when it was last recorded, as millionths in a second; nothing where that is not known. */
const lastRate = async (ledger: Ledger, name: { readonly tenant: string; readonly source: string }): Promise<bigint> => {
  const rows = await ledger.store.read((reader) =>
    reader.all(
      `SELECT e.value, e.at_ms, s.until_ms FROM usage_event e JOIN usage_source s ON s.number = e.source
        WHERE s.tenant = ? AND s.source = ? ORDER BY e.seq DESC LIMIT 1`,
      [name.tenant, name.source],
    ),
  );
  const [row] = rows;
  if (row === undefined || typeof row['value'] !== 'string') return 0n;
  const lengthMs = BigInt(String(row['until_ms'])) - BigInt(String(row['at_ms']));
  return lengthMs > 0n ? (BigInt(row['value']) * 1000n) / lengthMs : 0n;
};
