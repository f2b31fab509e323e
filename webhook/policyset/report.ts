// SPDX-License-Identifier: Apache-2.0
// Tells the operator what this replica enforces: one ConfigMap, written when it changes and never otherwise, and a Lease
// beside it that says that the replica lives. Law 6: the API server sees summaries, on change.
import { configMaps, leases, REPLICA_LABEL, MANAGED_BY, MANAGED_BY_LABEL } from '../../crds/kinds.ts';
import { WEBHOOK_REPLICA, encodeReplica, replicaName } from '../../crds/replica.ts';
import type { ReplicaReport } from '../../crds/replica.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { documentKey } from '../../policies/currency/index.ts';
import { isEntitlementKind } from '../../policies/entitlement-object.ts';
import type { PolicyDocument } from '../../policies/policy-object.ts';
import { sleep } from '../../process/clock.ts';
import type { Clock } from '../../process/clock.ts';
import type { LoaderState } from './loader.ts';

const FIELD_MANAGER = 'writ-webhook';
const HEARTBEAT_MS = 10_000;
const LEASE_SECONDS = 40;
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 30_000;

type About = { readonly replica: string; /** PEM; absent where no receipts are made. */ readonly receiptKey?: string };

/** By name alone: `documentKey` is `KIND/NAME`. */
const ofKind = <T>(kind: PolicyDocument['kind'], byKey: Iterable<readonly [key: string, value: T]>): Readonly<Record<string, T>> =>
  Object.fromEntries([...byKey].flatMap(([key, value]) => (key.startsWith(`${kind}/`) ? [[key.slice(kind.length + 1), value]] : [])));

const isEntitlement = (key: string): boolean => isEntitlementKind(key.slice(0, key.indexOf('/')));

export const reportOf = ({ enforced, documents, refused }: LoaderState, { replica, receiptKey }: About): ReplicaReport => {
  const held = enforced.closed === undefined ? documents.map((document) => [documentKey(document), document.digest] as const) : [];
  const problems = [...refused].map(([key, { code, message }]) => [key, { code, message }] as const);
  return {
    replica,
    ...(receiptKey === undefined ? {} : { receiptKey }),
    setDigest: enforced.closed === undefined ? enforced.set.digest : '',
    trustDigest: enforced.trustDigest,
    policies: ofKind('Policy', held),
    rulesets: ofKind('Ruleset', held),
    refused: ofKind('Policy', problems),
    refusedRulesets: ofKind('Ruleset', problems),
    entitlements: Object.fromEntries(held.filter(([key]) => isEntitlement(key))),
    refusedEntitlements: Object.fromEntries(problems.filter(([key]) => isEntitlement(key))),
    flippedAt: new Date(enforced.flippedAtMs).toISOString(),
  };
};

export type Reporter = {
  /** The newest state counts; those before that were not written yet are forgotten. */
  tell(state: LoaderState): void;
  /** Reports and renews until the signal aborts, then takes both objects away. */
  run(signal: AbortSignal): Promise<void>;
};

export type ReporterOptions = About & {
  readonly client: Pick<KubeClient, 'apply' | 'delete'>;
  readonly clock: Clock;
  readonly namespace: string;
  readonly onError: (error: unknown) => void;
};

type LeaseObject = KubeObject & {
  readonly spec: { readonly holderIdentity: string; readonly leaseDurationSeconds: number; readonly renewTime: string };
};

export const createReporter = (options: ReporterOptions): Reporter => {
  const { client, clock, namespace, replica, onError } = options;
  const name = replicaName(replica);
  let wanted: ReplicaReport | undefined;
  let written = '';
  let wake: () => void = () => undefined;

  const writeReport = async (signal: AbortSignal): Promise<void> => {
    let delayMs = RETRY_FIRST_MS;
    signal.addEventListener('abort', () => wake(), { once: true });
    while (!signal.aborted) {
      const text = wanted === undefined ? '' : JSON.stringify(wanted);
      if (wanted === undefined || text === written) {
        // One listener for all waits: each would stay until the signal aborts, which is the life of the process.
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (signal.aborted) resolve();
        });
        continue;
      }
      try {
        await client.apply<KubeObject>(configMaps, encodeReplica(wanted, namespace), { fieldManager: FIELD_MANAGER, signal });
        written = text;
        delayMs = RETRY_FIRST_MS;
      } catch (error) {
        if (signal.aborted) return;
        onError(error);
        await sleep(clock, delayMs, signal);
        delayMs = Math.min(delayMs * 2, RETRY_MAX_MS);
      }
    }
  };

  const leaseNow = (): LeaseObject => ({
    metadata: { name, namespace, labels: { [REPLICA_LABEL]: WEBHOOK_REPLICA, [MANAGED_BY_LABEL]: MANAGED_BY } },
    spec: {
      holderIdentity: replica,
      leaseDurationSeconds: LEASE_SECONDS,
      renewTime: new Date(clock.now()).toISOString().replace('Z', '000Z'),
    },
  });

  const renewLease = async (signal: AbortSignal): Promise<void> => {
    let renewedMs = clock.monotonicMs();
    while (!signal.aborted) {
      try {
        await client.apply(leases, leaseNow(), { fieldManager: FIELD_MANAGER, signal });
        // Whoever was taken for dead may have been cleared away.
        if (clock.monotonicMs() - renewedMs > LEASE_SECONDS * 1000) {
          written = '';
          wake();
        }
        renewedMs = clock.monotonicMs();
      } catch (error) {
        if (!signal.aborted) onError(error);
      }
      await sleep(clock, HEARTBEAT_MS, signal);
    }
  };

  const takeAway = async (): Promise<void> => {
    const timeoutMs = 2000;
    await Promise.allSettled([
      client.delete(leases, { name, namespace }, { timeoutMs }),
      client.delete(configMaps, { name, namespace }, { timeoutMs }),
    ]);
  };

  return {
    tell: (state) => {
      wanted = reportOf(state, options);
      wake();
    },
    run: async (signal) => {
      await Promise.all([writeReport(signal), renewLease(signal)]);
      await takeAway();
    },
  };
};
