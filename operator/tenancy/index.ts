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
import { conditionReason } from '../../crds/conditions.ts';
import { KubeApiError, isConflict, isFenced } from '../../kube/errors.ts';
import { after, done, retry } from '../../kube/outcome.ts';
import type { Outcome } from '../../kube/outcome.ts';
import { conditionTurnsMs, entitledCondition } from '../../policies/entitlement/condition.ts';
import type { EffectiveTenant } from '../../policies/entitlement/effective.ts';
import { formatProblem } from '../../policies/problem.ts';
import type { Problem } from '../../policies/problem.ts';
import { unsealedOf } from '../../policies/tenant-standing.ts';
import type { LiveTenant } from '../controllers/live.ts';
import type { StandingRelease } from '../controllers/requirements.ts';
import { subscriptionEntitlements, subscriptionStatus } from '../controllers/subscriptions.ts';
import { isPassing } from './act.ts';
import { tenantProblems } from './check.ts';
import { clearAway, makeHome } from './home.ts';
import type { HomeDeps } from './home.ts';
import { keepFinalizer, reconcileDeletion } from './lifecycle.ts';
import { isolation } from './network.ts';
import type { QuotaFacts } from './quota-book.ts';
import { keptStatus, reportTenant, writeStatus } from './status.ts';
import type { Progress, StatusDeps } from './status.ts';
import type { WorthOf } from './worth.ts';

export type TenancyDeps = StatusDeps &
  HomeDeps & {
    readonly worth: WorthOf;
    /** A Tenant as it counts where its seal is asked for; absent: as it is. */
    readonly counted?: (tenant: LiveTenant) => LiveTenant;
    /** Why nothing may be made or unmade for a Tenant: what counts of it is not known, or it went without a seal. */
    readonly held?: (name: string) => Problem | undefined;
    /** The rulesets of the cluster that verify. */
    readonly releases: () => readonly StandingRelease[];
    /** What is to be told of its summed quotas. */
    readonly quotaFacts: (tenant: LiveTenant) => QuotaFacts;
    /** Directions that the network plugin is said to enforce. */
    readonly networkEnforces: readonly string[];
  };

const REFUSED_LOOK_MS = 10_000;
/** Timers hold no longer than some weeks. */
const LONGEST_WAIT_MS = 24 * 3600_000;
/** Another tenant's namespace is looked at until that tenant has bounded it. */
const HANDOVER_LOOK_MS = 1_000;
/** So many tries in a row have failed when people are told. */
const TOLD_FROM_ATTEMPT = 3;

export const reconcileTenant = async (
  deps: TenancyDeps,
  name: string,
  scope: { readonly signal: AbortSignal; readonly attempt: number },
): Promise<Outcome> => {
  const seen = deps.memory.tenants.seen(name, deps.caches.tenants.get(name));
  const tenant = seen && (deps.counted?.(seen) ?? seen);
  if (tenant === undefined) {
    if (deps.held?.(name) !== undefined) return done;
    const { handedOver } = await clearAway(deps, name, scope.signal);
    return handedOver ? after(HANDOVER_LOOK_MS) : done;
  }
  const worth = deps.worth(tenant);
  if (worth === undefined) return done;
  try {
    const unsealed = unsealedOf(tenant);
    if (unsealed?.isClosed === true) return await hold(deps, tenant, { type: 'Sealed', problem: unsealed.problem });
    if (!worth.ok) return await hold(deps, tenant, { type: 'Entitled', problem: worth.problem });
    if (tenant.metadata.deletionTimestamp !== undefined) return await reconcileDeletion(deps, worth.tenant, scope.signal);
    return await bring(deps, { seen: tenant, counting: worth.tenant, effective: worth.effective, signal: scope.signal });
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

type Held = { readonly type: 'Sealed' | 'Entitled'; readonly problem: Problem };

/** Without knowing what it may have it is left as it is: to go by its own word alone could give it more than before. */
const hold = async (deps: TenancyDeps, tenant: LiveTenant, { type, problem }: Held): Promise<Outcome> => {
  const state = { reason: conditionReason(problem.code), message: formatProblem(problem) };
  await writeStatus(deps, tenant, {
    ...keptStatus(tenant),
    conditions: [
      { type: 'Ready', status: 'False', ...state },
      { type, status: 'False', ...state },
      { type: 'Stalled', status: 'True', ...state },
    ],
  });
  return done;
};

type Look = {
  readonly seen: LiveTenant;
  /** The same with the spec that counts. */
  readonly counting: LiveTenant;
  readonly effective: EffectiveTenant;
  readonly signal: AbortSignal;
};

const bring = async (deps: TenancyDeps, { seen, counting, effective, signal }: Look): Promise<Outcome> => {
  if (seen.spec.suspend === true) {
    const message = 'spec.suspend is true: what was made is neither changed nor corrected';
    await writeStatus(deps, seen, {
      ...keptStatus(seen),
      conditions: [{ type: 'Ready', status: 'Unknown', reason: 'Suspended', message }],
    });
    return done;
  }
  const { spec } = counting;
  const problems = tenantProblems(seen.metadata.name, spec);
  const releases = deps.releases();
  const nowMs = deps.clock.now();
  const beyond = [...effective.problems, ...subscriptionEntitlements(effective, releases)];
  const entitled = { type: 'Entitled', ...entitledCondition(effective, nowMs, beyond) };
  // As late as may be: a ledger that is made meanwhile is there then, and the status is written once.
  const facts = () => {
    const { exceeded, problems: ofQuotas, pending } = deps.quotaFacts(seen);
    return { subscribed: subscriptionStatus(seen, releases), exceeded, entitled, others: [...beyond, ...ofQuotas], counting: pending };
  };
  const network = (complete: boolean) => isolation({ network: spec.network, complete, enforces: deps.networkEnforces });
  if (problems.length > 0) {
    // Nothing is made, so what stands of it stands as it was told.
    await reportTenant(deps, { tenant: seen, ...facts(), ...heldNamespaces(deps, seen), problems, waiting: [], network: network(false) });
    return done;
  }
  const tenant = await keepFinalizer(deps, seen, signal);
  const made = await makeHome(deps, tenant === seen ? counting : { ...tenant, spec }, { create: true, signal });
  const complete = made.problems.length === 0 && made.waiting.length === 0;
  await reportTenant(deps, { tenant, ...facts(), ...made, network: network(complete) });
  // Whoever refused it (another webhook, a quota) tells nobody when it changes its mind.
  if (made.problems.some(({ code }) => code === 'APPLY_REFUSED')) return after(REFUSED_LOOK_MS);
  if (made.handedOver) return after(HANDOVER_LOOK_MS);
  // A license ends by time alone.
  const turnsMs = conditionTurnsMs(effective, nowMs);
  return turnsMs === undefined ? done : after(Math.min(turnsMs - nowMs, LONGEST_WAIT_MS));
};

const heldNamespaces = ({ caches }: TenancyDeps, tenant: LiveTenant): Pick<Progress, 'namespaces' | 'released' | 'handedOver'> => ({
  namespaces: (tenant.status?.namespaces ?? []).flatMap(({ name, ready }) => {
    const object = caches.namespaces.get(name);
    return object === undefined ? [] : [{ object, ready: ready === true }];
  }),
  released: [],
  handedOver: false,
});
