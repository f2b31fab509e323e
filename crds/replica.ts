// SPDX-License-Identifier: Apache-2.0
/**
 * What a webhook replica reports: which policy documents it enforces, and which it refused and why.
 *
 * A ConfigMap `writ-replica-ID` in the system namespace, written by the replica on change only; that the replica lives
 * is said by a Lease of the same name. The operator adds them up into Policy.status.enforcedReplicas. Decoding is total.
 */
import { MANAGED_BY, MANAGED_BY_LABEL, REPLICA_LABEL, SYSTEM_NAMESPACE, isSealedKind } from './kinds.ts';
import { isDigest, isName, isRecord, isText, isTime, parseObject } from './wire.ts';
import type { ConfigMap } from './wire.ts';

export type RefusedPolicy = { readonly code: string; readonly message: string };

export type ReplicaReport = {
  /** The replica's id: its pod's name, or what `--replica-id` says. */
  readonly replica: string;
  /** Digest of the PolicySet in force; empty while there is none. */
  readonly setDigest: string;
  /** Digest of the TrustPolicy in force; empty while there is none. */
  readonly trustDigest: string;
  /** Policy name → digest of the document that is enforced. Look names up as own properties. */
  readonly policies: Readonly<Record<string, string>>;
  /** The same of rulesets. */
  readonly rulesets?: Readonly<Record<string, string>>;
  /** Policy name → why its newest document is not enforced. */
  readonly refused: Readonly<Record<string, RefusedPolicy>>;
  /** The same of rulesets. */
  readonly refusedRulesets?: Readonly<Record<string, RefusedPolicy>>;
  /** `KIND/NAME` of the sealed documents that order no policies → digest of the one that is gone by. */
  readonly entitlements?: Readonly<Record<string, string>>;
  /** `KIND/NAME` → why the newest document is not gone by. */
  readonly refusedEntitlements?: Readonly<Record<string, RefusedPolicy>>;
  /** How many refusals there are beyond those in `refused`, where those are not all. */
  readonly refusedMore?: number;
  /** Public key in PEM that this replica seals its receipts with; absent where it makes none. */
  readonly receiptKey?: string;
  /** RFC 3339: when this set became the one in force. */
  readonly flippedAt: string;
};

const FORMAT = '1';
const KEY = 'report.json';
/** Value of the label `writ.dev/replica`, for list and watch. */
export const WEBHOOK_REPLICA = 'webhook';
const MESSAGE_MAX = 1024;
/** One ConfigMap holds at most 1 MiB, and who may write Policies chooses how many are refused and what is said of them. */
export const REFUSED_MAX = 200;
const REFUSED_MAX_BYTES = 400_000;

export const replicaName = (replica: string): string => `writ-replica-${replica}`;

export const encodeReplica = (report: ReplicaReport, namespace: string = SYSTEM_NAMESPACE): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: replicaName(report.replica),
    namespace,
    labels: { [REPLICA_LABEL]: WEBHOOK_REPLICA, [MANAGED_BY_LABEL]: MANAGED_BY },
  },
  data: { format: FORMAT, [KEY]: `${JSON.stringify({ ...report, ...allRefusals(report) }, undefined, 1)}\n` },
});

type Refusals = Readonly<Record<string, RefusedPolicy>>;
type Budget = { count: number; bytes: number };

/** The first by name, so that all replicas name the same. */
const bounded = (refused: Refusals, left: Budget): Refusals => {
  const shown: [string, RefusedPolicy][] = [];
  for (const [name, { code, message }] of Object.entries(refused).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const entry: [string, RefusedPolicy] = [name, { code, message: message.slice(0, MESSAGE_MAX) }];
    left.count -= 1;
    left.bytes -= Buffer.byteLength(JSON.stringify(entry));
    if (left.count < 0 || left.bytes < 0) break;
    shown.push(entry);
  }
  return Object.fromEntries(shown);
};

const allRefusals = ({
  refused,
  refusedRulesets,
  refusedEntitlements,
  refusedMore = 0,
}: ReplicaReport): Pick<ReplicaReport, 'refused' | 'refusedRulesets' | 'refusedEntitlements' | 'refusedMore'> => {
  const left = { count: REFUSED_MAX, bytes: REFUSED_MAX_BYTES };
  const shown = bounded(refused, left);
  const shownRulesets = refusedRulesets === undefined ? undefined : bounded(refusedRulesets, left);
  const shownEntitlements = refusedEntitlements === undefined ? undefined : bounded(refusedEntitlements, left);
  const count = (refusals: Refusals = {}): number => Object.keys(refusals).length;
  const all = [refused, refusedRulesets, refusedEntitlements];
  const shownAll = [shown, shownRulesets, shownEntitlements];
  const total = (many: readonly (Refusals | undefined)[]): number => many.reduce((sum, one) => sum + count(one), 0);
  const more = refusedMore + total(all) - total(shownAll);
  return {
    refused: shown,
    ...(shownRulesets === undefined ? {} : { refusedRulesets: shownRulesets }),
    ...(shownEntitlements === undefined ? {} : { refusedEntitlements: shownEntitlements }),
    ...(more === 0 ? {} : { refusedMore: more }),
  };
};

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value > 0;

const isRefusal = (value: unknown): value is RefusedPolicy =>
  isRecord(value) && isText(value['code'], 128) && typeof value['message'] === 'string' && value['message'].length <= MESSAGE_MAX;

type Entries<T> = { readonly isKey: (key: string) => boolean; readonly isValue: (entry: unknown) => entry is T };

/** A copy with own keys and values that pass; `undefined` if any entry is something else. */
const decodeBy = <T>(value: unknown, { isKey, isValue }: Entries<T>): Readonly<Record<string, T>> | undefined => {
  if (!isRecord(value)) return undefined;
  const entries: [string, T][] = [];
  for (const [key, entry] of Object.entries(value)) {
    if (!isKey(key) || !isValue(entry)) return undefined;
    entries.push([key, entry]);
  }
  return Object.fromEntries(entries);
};

const decodeByName = <T>(value: unknown, isValue: Entries<T>['isValue']): Readonly<Record<string, T>> | undefined =>
  decodeBy(value, { isKey: isName, isValue });

const isDocumentKey = (key: string): boolean => {
  const at = key.indexOf('/');
  return isSealedKind(key.slice(0, Math.max(0, at))) && isName(key.slice(at + 1));
};

const PEM = /^-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]{1,2000}\n-----END PUBLIC KEY-----\n$/;
const isPublicKey = (value: unknown): value is string => typeof value === 'string' && PEM.test(value);

const isDigestOrNone = (value: unknown): value is string => value === '' || isDigest(value);

/** The report in a ConfigMap, or `undefined` for anything that `encodeReplica` could not have written. */
export const decodeReplica = (configMap: unknown): ReplicaReport | undefined => {
  const held = parseObject(configMap, KEY, FORMAT);
  if (held === undefined) return undefined;
  const { replica, setDigest, trustDigest, flippedAt, refusedMore, receiptKey } = held.value;
  if (!isName(replica) || held.name !== replicaName(replica)) return undefined;
  if (refusedMore !== undefined && !isCount(refusedMore)) return undefined;
  if (receiptKey !== undefined && !isPublicKey(receiptKey)) return undefined;
  if (!isDigestOrNone(setDigest) || !isDigestOrNone(trustDigest) || !isTime(flippedAt)) return undefined;
  const policies = decodeByName(held.value['policies'], isDigest);
  const refused = decodeByName(held.value['refused'], isRefusal);
  const rulesets = decodeByName(held.value['rulesets'] ?? {}, isDigest);
  const refusedRulesets = decodeByName(held.value['refusedRulesets'] ?? {}, isRefusal);
  const entitlements = decodeBy(held.value['entitlements'] ?? {}, { isKey: isDocumentKey, isValue: isDigest });
  const refusedEntitlements = decodeBy(held.value['refusedEntitlements'] ?? {}, { isKey: isDocumentKey, isValue: isRefusal });
  if (policies === undefined || refused === undefined || rulesets === undefined || refusedRulesets === undefined) return undefined;
  if (entitlements === undefined || refusedEntitlements === undefined) return undefined;
  const others = {
    ...(held.value['rulesets'] === undefined ? {} : { rulesets }),
    ...(held.value['refusedRulesets'] === undefined ? {} : { refusedRulesets }),
    ...(held.value['entitlements'] === undefined ? {} : { entitlements }),
    ...(held.value['refusedEntitlements'] === undefined ? {} : { refusedEntitlements }),
  };
  return {
    replica,
    setDigest,
    trustDigest,
    policies,
    refused,
    ...others,
    ...(refusedMore === undefined ? {} : { refusedMore }),
    ...(receiptKey === undefined ? {} : { receiptKey }),
    flippedAt,
  };
};
