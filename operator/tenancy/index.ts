// SPDX-License-Identifier: Apache-2.0
/**
 * What a Tenant makes: its namespaces, what bounds them, who may do what in them, and what it says of itself.
 *
 * In: the live Tenant, its namespaces and the objects that were made for it, all from caches. Out: those objects as the Tenant
 * declares them, and its status. Observe, plan (pure), act, report: what is as declared is not written, what a Tenant
 * declares wrongly makes nothing at all, and in a namespace what bounds comes before what grants. `lifecycle.ts` is what happens
 * when the Tenant goes, `quota-book.ts` counts what its objects take together. Only `operator/term.ts` and tests import this folder
 * from outside.
 */
import { KubeApiError, isConflict, isFenced } from '../../kube/errors.ts';
import { after, done, retry } from '../../kube/outcome.ts';
import type { Outcome } from '../../kube/outcome.ts';
import type { LiveTenant } from '../controllers/live.ts';
import type { StandingRelease } from '../controllers/requirements.ts';
import { subscriptionStatus } from '../controllers/subscriptions.ts';
import { isPassing } from './act.ts';
import { tenantProblems } from './check.ts';
import { clearAway, makeHome } from './home.ts';
import type { HomeDeps } from './home.ts';
import { keepFinalizer, reconcileDeletion } from './lifecycle.ts';
import { isolation } from './network.ts';
import type { QuotaFacts } from './quota-book.ts';
import { keptStatus, reportTenant, writeStatus } from './status.ts';
import type { Progress, StatusDeps } from './status.ts';

export type TenancyDeps = StatusDeps &
  HomeDeps & {
    /** The rulesets of the cluster that verify. */
    readonly releases: () => readonly StandingRelease[];
    /** What is to be told of its summed quotas. */
    readonly quotaFacts: (tenant: LiveTenant) => QuotaFacts;
    /** Directions that the network plugin is said to enforce. */
    readonly networkEnforces: readonly string[];
  };

const REFUSED_LOOK_MS = 10_000;
/** Another tenant's namespace is looked at until that tenant has bounded it. */
const HANDOVER_LOOK_MS = 1_000;
/** So many tries in a row have failed when people are told. */
const TOLD_FROM_ATTEMPT = 3;

export const reconcileTenant = async (
  deps: TenancyDeps,
  name: string,
  scope: { readonly signal: AbortSignal; readonly attempt: number },
): Promise<Outcome> => {
  const tenant = deps.memory.tenants.seen(name, deps.caches.tenants.get(name));
  if (tenant === undefined) {
    const { handedOver } = await clearAway(deps, name, scope.signal);
    return handedOver ? after(HANDOVER_LOOK_MS) : done;
  }
  try {
    if (tenant.metadata.deletionTimestamp !== undefined) return await reconcileDeletion(deps, tenant, scope.signal);
    return await bring(deps, tenant, scope.signal);
  } catch (error) {
    if (isFenced(error) || scope.signal.aborted) throw error;
    if (error instanceof KubeApiError && !isPassing(error)) return await tellRefusal(deps, tenant, error);
    if (!isPassing(error)) throw error;
    if (scope.attempt >= TOLD_FROM_ATTEMPT && !isConflict(error)) await tellTrouble(deps, tenant);
    return retry(error);
  }
};

/** Of the Tenant itself, or of a namespace's end: nothing else can go on then. */
const tellRefusal = async (deps: TenancyDeps, tenant: LiveTenant, error: KubeApiError): Promise<Outcome> => {
  const state = { reason: 'ApplyRefused', message: `APPLY_REFUSED: ${error.message}` } as const;
  await writeStatus(deps, tenant, {
    ...keptStatus(tenant),
    conditions: [
      { type: 'Ready', status: 'False', ...state },
      { type: 'Stalled', status: 'True', ...state },
    ],
  });
  return after(REFUSED_LOOK_MS);
};

/** What the API server says changes from try to try, so it is in the log; here is that it goes on. */
const tellTrouble = (deps: TenancyDeps, tenant: LiveTenant): Promise<void> => {
  const state = { reason: 'Retrying', message: 'the API server does not take what is to be written; it is tried again' } as const;
  return writeStatus(deps, tenant, {
    ...keptStatus(tenant),
    conditions: [
      { type: 'Ready', status: 'False', ...state },
      { type: 'Reconciling', status: 'True', ...state },
    ],
  });
};

const bring = async (deps: TenancyDeps, seen: LiveTenant, signal: AbortSignal): Promise<Outcome> => {
  if (seen.spec.suspend === true) {
    const message = 'spec.suspend is true: what was made is neither changed nor corrected';
    await writeStatus(deps, seen, {
      ...keptStatus(seen),
      conditions: [{ type: 'Ready', status: 'Unknown', reason: 'Suspended', message }],
    });
    return done;
  }
  const problems = tenantProblems(seen.metadata.name, seen.spec);
  // As late as may be: a ledger that is made meanwhile is there then, and the status is written once.
  const facts = () => {
    const { exceeded, problems: others, pending } = deps.quotaFacts(seen);
    return { subscribed: subscriptionStatus(seen, deps.releases()), exceeded, others, pending };
  };
  const network = (complete: boolean) => isolation({ network: seen.spec.network, complete, enforces: deps.networkEnforces });
  if (problems.length > 0) {
    // Nothing is made, so what stands of it stands as it was told.
    await reportTenant(deps, { tenant: seen, ...facts(), ...heldNamespaces(deps, seen), problems, waiting: [], network: network(false) });
    return done;
  }
  const tenant = await keepFinalizer(deps, seen, signal);
  const made = await makeHome(deps, tenant, { create: true, signal });
  const complete = made.problems.length === 0 && made.waiting.length === 0;
  const { pending, ...known } = facts();
  const progress = pending ? { ...made, waiting: [...made.waiting, 'what its objects take together is being counted'] } : made;
  await reportTenant(deps, { tenant, ...known, ...progress, network: network(complete) });
  // Whoever refused it (another webhook, a quota) tells nobody when it changes its mind.
  if (made.problems.some(({ code }) => code === 'APPLY_REFUSED')) return after(REFUSED_LOOK_MS);
  return made.handedOver ? after(HANDOVER_LOOK_MS) : done;
};

const heldNamespaces = ({ caches }: TenancyDeps, tenant: LiveTenant): Pick<Progress, 'namespaces' | 'released' | 'handedOver'> => ({
  namespaces: (tenant.status?.namespaces ?? []).flatMap(({ name, ready }) => {
    const object = caches.namespaces.get(name);
    return object === undefined ? [] : [{ object, ready: ready === true }];
  }),
  released: [],
  handedOver: false,
});
