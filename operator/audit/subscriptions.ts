// SPDX-License-Identifier: Apache-2.0
// Puts on record what Writ goes by as it changes in the cluster, whoever changed it, also while no operator ran.
import { ERASE_AUDIT_ANNOTATION } from '../../crds/kinds.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { Informer } from '../../kube/informer.ts';
import { keyOf } from '../../kube/objects.ts';
import type { SyncEvent } from '../controllers/git-source.ts';
import type { Caches } from '../caches.ts';
import type { Tampering } from '../controllers/tamper.ts';
import type { AuditLog } from './index.ts';
import {
  commitJudged,
  configurationChanged,
  configurationDeleted,
  decisionsSealed,
  objectOfTopic,
  personTold,
  tamperingRepaired,
} from './facts.ts';
import type { ConfigurationObject } from './facts.ts';

type Configuration = Pick<
  Caches,
  'gitSources' | 'policies' | 'rulesets' | 'tierCatalogs' | 'licenses' | 'priceBooks' | 'trustPolicies' | 'tenants'
>;
type Followed = Configuration & Pick<Caches, 'leases'>;

type FollowedCache = Pick<Informer<ConfigurationObject>, 'get' | 'onChange'>;

const kindsOf = (caches: Configuration): ReadonlyMap<string, FollowedCache> =>
  new Map<string, FollowedCache>([
    ['GitSource', caches.gitSources],
    ['Policy', caches.policies],
    ['Ruleset', caches.rulesets],
    ['TierCatalog', caches.tierCatalogs],
    ['License', caches.licenses],
    ['PriceBook', caches.priceBooks],
    ['TrustPolicy', caches.trustPolicies],
    ['Tenant', caches.tenants.live],
  ]);

const MAX_REQUEST = 64;

/** Caches must be synced. Returns the ways to end it. */
export const followConfiguration = (audit: AuditLog | undefined, caches: Followed): readonly (() => void)[] => {
  if (audit === undefined) return [];
  const subscriptions = [...kindsOf(caches)].map(([kind, informer]) =>
    informer.onChange(({ object, type }) =>
      audit.tellOnce(type === 'deleted' ? configurationDeleted(kind, object) : configurationChanged(kind, object)),
    ),
  );
  // After what the entries of the same change say: their keys go too.
  const erasures = caches.tenants.live.onChange(({ object, type }) => {
    const request = type === 'deleted' ? undefined : object.metadata.annotations?.[ERASE_AUDIT_ANNOTATION];
    if (request !== undefined && request !== '') audit.erase(object.metadata.name, request.slice(0, MAX_REQUEST));
  });
  const decisions = caches.leases.onChange(({ object, type }) => {
    const sealed = type === 'deleted' ? undefined : decisionsSealed(object);
    if (sealed !== undefined) audit.tellOnce(sealed);
  });
  return [...subscriptions, erasures, decisions];
};

/** What is on record and no more in the cluster was deleted while nobody looked. False while the ledger is closed. */
export const tellDeleted = async (audit: AuditLog, caches: Configuration): Promise<boolean> => {
  const kinds = kindsOf(caches);
  const topics = await audit.topics('object/');
  for (const topic of topics ?? []) {
    const known = objectOfTopic(topic);
    const informer = known === undefined ? undefined : kinds.get(known.kind);
    if (known !== undefined && informer !== undefined && informer.get(keyOf(known)) === undefined)
      audit.tellOnce(configurationDeleted(known.kind, known));
  }
  return topics !== undefined;
};

/** What people are told goes on record as well, also what the API server does not take. */
export const recordTold = (recorder: EventRecorder, audit: AuditLog | undefined): EventRecorder => ({
  record: (event) => {
    audit?.tellOnce(personTold(event));
    return recorder.record(event);
  },
});

export const recordSync =
  (observe: (event: SyncEvent) => void, audit: AuditLog | undefined) =>
  (event: SyncEvent): void => {
    const judged = commitJudged(event);
    if (judged !== undefined) audit?.tellOnce(judged);
    observe(event);
  };

export const recordTampering =
  (observe: (tampering: Tampering) => void, audit: AuditLog | undefined) =>
  (tampering: Tampering): void => {
    audit?.tell(tamperingRepaired(tampering));
    observe(tampering);
  };
