// SPDX-License-Identifier: Apache-2.0
/**
 * A Tenant's namespaces: made, labelled, kept labelled.
 *
 * In: the live Tenant and the namespaces that it names. Out: those namespaces with the tenant label, which is what puts
 * them under Writ, and the Tenant's status. A namespace that exists without the label is taken only where the Tenant says
 * IfUnowned; one that another Tenant lists, a system namespace, never. A label that was taken or changed, which anyone who
 * may edit namespaces can do, is put back. Deleting a Tenant leaves its namespaces as they are, with
 * their label: what was governed does not open by a deletion.
 */
import { conditionReason } from '../../crds/conditions.ts';
import { MANAGED_BY, MANAGED_BY_LABEL, NEVER_GOVERNED, SYNC_FIELD_MANAGER, TENANT_LABEL, namespaces, tenants } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import { KubeApiError, isConflict, isTransient } from '../../kube/errors.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { regardingOf } from '../../kube/events.ts';
import type { Informer } from '../../kube/informer.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { after, done } from '../../kube/outcome.ts';
import type { Outcome } from '../../kube/outcome.ts';
import { applyStatus } from '../../kube/status.ts';
import type { ConditionInput } from '../../kube/status.ts';
import type { Problem } from '../../policies/problem.ts';
import type { Clock } from '../../process/clock.ts';
import { firstDifference } from '../../policies/document/difference.ts';
import type { LiveTenant } from './live.ts';
import type { StandingRelease } from './requirements.ts';
import { subscriptionStatus } from './subscriptions.ts';

export type TenantDeps = {
  readonly client: KubeClient;
  readonly tenants: Informer<LiveTenant>;
  readonly namespaces: Informer<KubeObject>;
  /** The rulesets of the cluster that verify. */
  readonly releases: () => readonly StandingRelease[];
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly systemNamespace: string;
};

/** What happens to one namespace that a Tenant names. Pure. */
export type NamespaceStep =
  | { readonly kind: 'apply'; readonly object: KubeObject }
  | { readonly kind: 'keep'; readonly object: KubeObject }
  | { readonly kind: 'refuse'; readonly problem: Problem };

/** As many as a Tenant can list: whatever was ours is known again by its uid. */
const STATUS_NAMESPACES_MAX = 256;

const REFUSED_LOOK_MS = 10_000;

/** Whether the Tenant's spec asks for the namespace. */
const asksFor = (tenant: LiveTenant, { metadata }: KubeObject): boolean =>
  tenant.spec.namespaces?.items?.some(({ name }) => name === metadata.name) === true;

/** Whether it was the Tenant's when it was last looked at; a later namespace of the same name has another uid. */
const wasOf = (tenant: LiveTenant, { metadata }: KubeObject): boolean =>
  metadata.uid !== undefined && tenant.status?.namespaces?.some(({ name, uid }) => name === metadata.name && uid === metadata.uid) === true;

/**
 * The other Tenant whose namespace this is. What one holds (its status says so and its spec still asks for it) neither a
 * label nor its lack takes from it; what nobody holds is whose label it carries, if that Tenant asks for it.
 */
const otherOwner = (tenant: LiveTenant, live: KubeObject, tenants: () => readonly LiveTenant[]): string | undefined => {
  const label = live.metadata.labels?.[TENANT_LABEL];
  const held = wasOf(tenant, live);
  if (label === tenant.metadata.name && held) return undefined;
  const asking = tenants().filter((other) => other.metadata.name !== tenant.metadata.name && asksFor(other, live));
  const labelled = asking.find((other) => other.metadata.name === label);
  // Where two hold it the label decides, so that they don't take it from each other for ever.
  if (held) return labelled !== undefined && wasOf(labelled, live) ? label : undefined;
  return (asking.find((other) => wasOf(other, live)) ?? labelled)?.metadata.name;
};

export const planNamespace = (input: {
  readonly tenant: LiveTenant;
  readonly name: string;
  readonly index: number;
  readonly live: KubeObject | undefined;
  readonly systemNamespace: string;
  /** All there are. */
  readonly tenants: () => readonly LiveTenant[];
}): NamespaceStep => {
  const { tenant, name, live } = input;
  const path = `spec.namespaces.items[${input.index}].name`;
  // Kubernetes keeps the whole prefix for itself.
  if (name === input.systemNamespace || NEVER_GOVERNED.includes(name) || name === 'default' || name.startsWith('kube-')) {
    return { kind: 'refuse', problem: { code: 'NAMESPACE_FORBIDDEN', message: `${name} is a system namespace`, path } };
  }
  const owner = live === undefined ? undefined : otherOwner(tenant, live, input.tenants);
  if (owner !== undefined) {
    return { kind: 'refuse', problem: { code: 'NAMESPACE_OWNED_BY_ANOTHER', message: `${name} belongs to tenant ${owner}`, path } };
  }
  // What was the tenant's stays so: whoever takes the label away opens the namespace to everything, until it is put back.
  const isUnlabelled = live !== undefined && live.metadata.labels?.[TENANT_LABEL] === undefined;
  if (isUnlabelled && !wasOf(tenant, live) && tenant.spec.namespaces?.adoptionPolicy !== 'IfUnowned') {
    return { kind: 'refuse', problem: { code: 'NAMESPACE_NOT_ADOPTED', message: `${name} exists and is no tenant's`, path } };
  }
  const { labels, annotations } = tenant.spec.namespaces?.metadata ?? {};
  const object: KubeObject = {
    metadata: {
      name,
      labels: { ...labels, [TENANT_LABEL]: tenant.metadata.name, [MANAGED_BY_LABEL]: MANAGED_BY },
      ...(annotations === undefined ? {} : { annotations }),
    },
  };
  return live !== undefined && firstDifference(object.metadata, live.metadata) === undefined
    ? { kind: 'keep', object: live }
    : { kind: 'apply', object };
};

export const reconcileTenant = async (deps: TenantDeps, name: string, signal: AbortSignal): Promise<Outcome> => {
  const tenant = deps.tenants.get(name);
  if (tenant === undefined || tenant.metadata.deletionTimestamp !== undefined || tenant.spec.suspend === true) return done;
  const problems: Problem[] = [];
  const made: KubeObject[] = [];
  for (const [index, item] of (tenant.spec.namespaces?.items ?? []).entries()) {
    // The cache may lag behind a namespace that was just made by somebody else: what is absent is asked for.
    const live = deps.namespaces.get(item.name) ?? (await deps.client.get<KubeObject>(namespaces, { name: item.name }, { signal }));
    const step = planNamespace({
      tenant,
      name: item.name,
      index,
      live,
      systemNamespace: deps.systemNamespace,
      tenants: () => deps.tenants.list(),
    });
    if (step.kind === 'refuse') problems.push(step.problem);
    else if (step.kind === 'keep') made.push(step.object);
    else {
      const applied = await applyNamespace(deps.client, { object: step.object, path: `spec.namespaces.items[${index}].name` }, signal);
      if ('problem' in applied) problems.push(applied.problem);
      else made.push(applied.object);
    }
  }
  await report(deps, { tenant, made, problems });
  // Whoever refused it (another webhook, a quota) tells nobody when it changes its mind.
  return problems.some(({ code }) => code === 'APPLY_REFUSED') ? after(REFUSED_LOOK_MS) : done;
};

type Wanted = { readonly object: KubeObject; readonly path: string };

/** What a person must see to is told and keeps no other namespace waiting; what may pass by itself is thrown. */
const applyNamespace = async (
  client: KubeClient,
  { object, path }: Wanted,
  signal: AbortSignal,
): Promise<{ readonly object: KubeObject } | { readonly problem: Problem }> => {
  try {
    return { object: await client.apply(namespaces, object, { fieldManager: SYNC_FIELD_MANAGER, signal }) };
  } catch (error) {
    const said = error instanceof KubeApiError ? error.message : undefined;
    if (said === undefined || isTransient(error) || isConflict(error)) throw error;
    return { problem: { code: 'APPLY_REFUSED', message: `namespace ${object.metadata.name}: ${said}`, path } };
  }
};

/** What the status says of the namespaces. */
export const namespacesStatus = (made: readonly KubeObject[]): NonNullable<LiveTenant['status']> => ({
  namespaceCount: made.length,
  namespaces: made
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .slice(0, STATUS_NAMESPACES_MAX)
    .map(({ metadata: { name, uid } }) => ({ name, ...(uid === undefined ? {} : { uid }), ready: true })),
});

const stateOf = (problems: readonly Problem[], good: string) => {
  const [first] = problems;
  return first === undefined
    ? ({ status: 'True', reason: 'Succeeded', message: good } as const)
    : ({
        status: 'False',
        reason: conditionReason(first.code),
        message: problems.map((problem) => `${problem.code}: ${problem.path ?? ''}: ${problem.message}`).join('; '),
      } as const);
};

const report = async (
  deps: TenantDeps,
  facts: { readonly tenant: LiveTenant; readonly made: readonly KubeObject[]; readonly problems: readonly Problem[] },
): Promise<void> => {
  const { tenant, made, problems } = facts;
  const subscribed = subscriptionStatus(tenant, deps.releases());
  const all = [...problems, ...subscribed.problems];
  const first = all[0];
  const state = stateOf(all, `${made.length} namespaces`);
  const conditions: ConditionInput[] = [
    { type: 'Ready', ...state },
    { type: 'NamespacesReady', ...stateOf(problems, `${made.length} namespaces`) },
  ];
  if (subscribed.asked > 0)
    conditions.push({ type: 'RulesetsReady', ...stateOf(subscribed.problems, `${subscribed.rulesets.length} rulesets`) });
  if (first !== undefined) conditions.push({ type: 'Stalled', ...state, status: 'True' });
  const { written } = await applyStatus(deps.client, {
    resource: tenants,
    object: tenant,
    clock: deps.clock,
    status: {
      observedGeneration: tenant.metadata.generation,
      ...namespacesStatus(made),
      ...(subscribed.asked > 0 ? { rulesets: subscribed.rulesets } : {}),
      conditions,
    },
  });
  if (!written) return;
  await deps.recorder.record({
    regarding: regardingOf(tenants, tenant),
    type: first === undefined ? 'Normal' : 'Warning',
    reason: state.reason,
    note: state.message,
    action: 'MakeNamespaces',
  });
};
