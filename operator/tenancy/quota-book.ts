// SPDX-License-Identifier: Apache-2.0
// The ledger of a tenant whose quotas are summed over its namespaces: made before anything is admitted by it, kept at what is counted of
// live objects, and taken away with the last summed quota. While something cannot be counted there is no ledger, and who admits by
// it admits nothing of that tenant: what is not known is not given away.
import { ADOPTED_ANNOTATION, configMaps } from '../../crds/kinds.ts';
import { RESERVATION_LASTS_MS, decodeQuotaLedger, encodeQuotaLedger, quotaLedgerName } from '../../crds/quota-ledger.ts';
import type { QuotaLedger, QuotaReservation } from '../../crds/quota-ledger.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isAlreadyExists } from '../../kube/errors.ts';
import type { Informer } from '../../kube/informer.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { after, done } from '../../kube/outcome.ts';
import type { Outcome } from '../../kube/outcome.ts';
import type { Problem } from '../../policies/problem.ts';
import { amountsOf, collectionOf } from '../../policies/quota/index.ts';
import type { Collection } from '../../policies/quota/index.ts';
import { nanosOfQuantity, quantityText } from '../../policies/quota/quantity.ts';
import type { Clock } from '../../process/clock.ts';
import type { LiveTenant } from '../controllers/live.ts';
import type { TenancyCaches } from './caches.ts';
import type { Counting } from './counting.ts';
import { quotaProblems, summed } from './quotas.ts';
import { isKept, settle } from './settle.ts';
import { COUNTING } from './status.ts';
import type { WorthOf } from './worth.ts';

export type QuotaDeps = {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'replace' | 'delete'>;
  readonly caches: {
    readonly tenants: Pick<TenancyCaches['tenants'], 'get'>;
    readonly namespaces: Pick<TenancyCaches['namespaces'], 'byIndex'>;
    readonly quotaLedgers: Pick<Informer<KubeObject>, 'get'>;
  };
  readonly counting: Counting;
  readonly clock: Clock;
  readonly systemNamespace: string;
  readonly worth: WorthOf;
  readonly held?: (name: string) => Problem | undefined;
  /** Tenants that had a ledger at any time of this term. */
  readonly everHeld: Set<string>;
  /** The tenant may have something else to say of its quotas. */
  readonly onChange: (tenant: string) => void;
};

/** What is refused may be allowed, what is not served may come. */
const LOOK_MS = 30_000;

const summedResources = ({ spec }: LiveTenant): ReadonlySet<string> =>
  new Set(summed(spec.resourceQuotas).flatMap(({ hard }) => Object.keys(hard)));

const collectionsOf = (resources: ReadonlySet<string>): readonly Collection[] => [
  ...new Map([...resources].map((name) => [JSON.stringify(collectionOf(name)), collectionOf(name)])).values(),
];

const ledgerIn = ({ caches, systemNamespace }: Pick<QuotaDeps, 'caches' | 'systemNamespace'>, tenant: string): KubeObject | undefined =>
  caches.quotaLedgers.get(`${systemNamespace}/${quotaLedgerName(tenant)}`);

export const reconcileQuota = async (deps: QuotaDeps, name: string, signal: AbortSignal): Promise<Outcome> => {
  const live = deps.caches.tenants.get(name);
  // Nor where what counts of it is not known.
  if (deps.held?.(name) !== undefined) return done;
  const worth = live === undefined ? undefined : deps.worth(live);
  // What it may have is not known, so nothing is counted by it: the ledger stands.
  if (live !== undefined && worth?.ok !== true) return done;
  const tenant = worth?.ok === true ? worth.tenant : undefined;
  const resources = tenant === undefined || quotaProblems(tenant.spec.resourceQuotas).length > 0 ? undefined : summedResources(tenant);
  if (tenant === undefined || resources?.size === 0) return endLedger(deps, name, signal);
  // What the Tenant declares wrongly changes nothing: the ledger stands, and nobody settles by what nobody can read.
  if (resources === undefined) return done;
  const collections = collectionsOf(resources);
  const states = collections.map((collection) => deps.counting.watch(collection));
  if (states.some((state) => state === 'waiting' || typeof state === 'object')) {
    deps.onChange(name);
    return states.some((state) => typeof state === 'object') ? after(LOOK_MS) : done;
  }
  const wanted = { tenant, resources, collections };
  const cached = ledgerIn(deps, name);
  let settling: Brought;
  try {
    settling = await bringLedger(deps, { ...wanted, found: cached }, signal);
  } catch (error) {
    if (cached !== undefined || !isAlreadyExists(error)) throw error;
    // Not in the cache yet, or without the label that it is known by.
    const found = await deps.client.get<KubeObject>(configMaps, refOf(deps, name), { signal });
    settling = await bringLedger(deps, { ...wanted, found }, signal);
  }
  const { next, nextLookMs, isOverdue } = settling;
  deps.onChange(name);
  const isAbsent = states.includes('absent');
  const waits = [nextLookMs, isAbsent || isOverdue ? LOOK_MS : undefined, waitOf(next, deps.clock)].filter((wait) => wait !== undefined);
  return waits.length === 0 ? done : after(Math.min(...waits));
};

type Wanted = {
  readonly tenant: LiveTenant;
  readonly resources: ReadonlySet<string>;
  readonly collections: readonly Collection[];
  readonly found: KubeObject | undefined;
};
type Brought = { readonly next: QuotaLedger; readonly nextLookMs: number | undefined; readonly isOverdue: boolean };

const bringLedger = async (deps: QuotaDeps, { tenant, resources, collections, found }: Wanted, signal: AbortSignal): Promise<Brought> => {
  const { name } = tenant.metadata;
  const held = decodeQuotaLedger(found);
  const count = deps.counting.countOf(
    collections,
    deps.caches.namespaces.byIndex('tenant', name).map(({ metadata }) => metadata.name),
  );
  const begun = held ?? beginning(deps, tenant, found !== undefined);
  const { ledger, overdue, nextLookMs } = settle({ ledger: begun, count, resources, nowMs: deps.clock.now() });
  const dropped = new Set<QuotaReservation>();
  for (const reservation of overdue) if (!(await isStillDue(deps, reservation, signal))) dropped.add(reservation);
  const next = { ...ledger, reservations: ledger.reservations.filter((reservation) => !dropped.has(reservation)) };
  await write(deps, { found, held, next }, signal);
  deps.everHeld.add(name);
  return { next, nextLookMs, isOverdue: overdue.length > dropped.size };
};

const refOf = ({ systemNamespace }: QuotaDeps, tenant: string) => ({ namespace: systemNamespace, name: quotaLedgerName(tenant) });

const waitOf = ({ opensAt }: QuotaLedger, clock: Clock): number | undefined =>
  opensAt === undefined ? undefined : Math.max(1, Date.parse(opensAt) - clock.now());

/** Nothing was said of it but that its ledger is still to come. Once more was, this is never said again: `beginning` goes by it. */
const isUntold = ({ status }: LiveTenant): boolean => {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return ready === undefined || status?.observedGeneration === -1 || ready.reason === COUNTING;
};

/**
 * Open at once for a Tenant whose namespaces were all born under it and that never had a ledger: nothing was let in there. Otherwise
 * something may be under way that nobody reserved for, so it opens when that is there or never will be. That it never had one must be certain: what
 * a Tenant says of itself goes by, so nothing may have been said of it but that its ledger is still to come.
 */
const beginning = ({ clock, caches, everHeld }: QuotaDeps, live: LiveTenant, wasThere: boolean): QuotaLedger => {
  const { name: tenant, generation, creationTimestamp: bornAt = '' } = live.metadata;
  const isBornHere = caches.namespaces
    .byIndex('tenant', tenant)
    // One that is older is left of an earlier Tenant of that name.
    .every(
      ({ metadata: { annotations, creationTimestamp = '' } }) =>
        annotations?.[ADOPTED_ANNOTATION] !== 'true' && creationTimestamp >= bornAt,
    );
  const isNew = !wasThere && !everHeld.has(tenant) && isUntold(live) && generation === 1 && isBornHere;
  const opensAt = new Date(clock.now() + RESERVATION_LASTS_MS).toISOString();
  return { tenant, ...(isNew ? {} : { opensAt }), settled: new Map(), reservations: [] };
};

const endLedger = async (deps: QuotaDeps, name: string, signal: AbortSignal): Promise<Outcome> => {
  const found = ledgerIn(deps, name);
  if (found === undefined) return done;
  const { uid } = found.metadata;
  await deps.client.delete(configMaps, refOf(deps, name), { ...(uid === undefined ? {} : { preconditions: { uid } }), signal });
  return done;
};

type Change = { readonly found: KubeObject | undefined; readonly held: QuotaLedger | undefined; readonly next: QuotaLedger };

const write = async ({ client, systemNamespace }: QuotaDeps, { found, held, next }: Change, signal: AbortSignal): Promise<void> => {
  const encoded = encodeQuotaLedger(next, systemNamespace);
  if (found === undefined) {
    await client.create<KubeObject>(configMaps, encoded, { signal });
    return;
  }
  const before = held === undefined ? undefined : encodeQuotaLedger(held, systemNamespace);
  if (JSON.stringify(before?.data) === JSON.stringify(encoded.data)) return;
  // By the version that it was read at: a reservation that was added meanwhile must not be lost.
  const { resourceVersion } = found.metadata;
  const metadata = { ...encoded.metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
  await client.replace<KubeObject>(configMaps, { ...encoded, metadata }, { signal });
};

/** Asked of the API server itself, which knows better than any cache. */
const isStillDue = async ({ client, counting }: QuotaDeps, reservation: QuotaReservation, signal: AbortSignal): Promise<boolean> => {
  const { group, plural, namespace, name } = reservation.ref;
  const resource = counting.resourceOf({ group, plural });
  const object = resource === undefined ? undefined : await client.get<KubeObject>(resource, { namespace, name }, { signal });
  const live =
    object?.metadata.uid === reservation.uid ? { uid: reservation.uid, amounts: amountsOf({ group, plural }, object) } : undefined;
  return isKept(reservation, live);
};

/** What a Tenant is told of its summed quotas. */
export type QuotaFacts = {
  readonly exceeded: readonly string[];
  readonly problems: readonly Problem[];
  /** There is to be a ledger, and never was one. */
  readonly pending: boolean;
};

export const NO_QUOTA_FACTS: QuotaFacts = { exceeded: [], problems: [], pending: false };

export const quotaFacts = (
  deps: Pick<QuotaDeps, 'caches' | 'counting' | 'systemNamespace' | 'everHeld'>,
  tenant: LiveTenant,
): QuotaFacts => {
  const resources = summedResources(tenant);
  if (resources.size === 0 || quotaProblems(tenant.spec.resourceQuotas).length > 0) return NO_QUOTA_FACTS;
  const problems = collectionsOf(resources).flatMap((collection): readonly Problem[] => {
    const state = deps.counting.watch(collection);
    if (typeof state !== 'object') return [];
    const what = `${collection.plural}${collection.group === '' ? '' : `.${collection.group}`}`;
    return [{ code: 'QUOTA_UNCOUNTED', message: `${what} cannot be counted: ${state.refused}`, path: 'spec.resourceQuotas' }];
  });
  const ledger = decodeQuotaLedger(ledgerIn(deps, tenant.metadata.name));
  const exceeded = summed(tenant.spec.resourceQuotas).flatMap(({ hard }) =>
    Object.entries(hard).flatMap(([name, quantity]) => {
      const [has, may] = [ledger?.settled.get(name) ?? 0n, nanosOfQuantity(quantity) ?? 0n];
      return has > may ? [`${name} ${quantityText(has)} of ${quantityText(may)}`] : [];
    }),
  );
  return {
    exceeded: [...new Set(exceeded)].toSorted(),
    problems,
    pending: ledger === undefined && problems.length === 0 && isUntold(tenant) && !deps.everHeld.has(tenant.metadata.name),
  };
};
