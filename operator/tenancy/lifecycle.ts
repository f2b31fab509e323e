// SPDX-License-Identifier: Apache-2.0
// How a Tenant begins and ends. A finalizer keeps it until its deletionPolicy is done or says what blocks it: Protect waits until there
// is no namespace any more, Delete deletes those that Writ made and waits for them, Orphan leaves all as it is. What a Tenant let go or
// took over is never deleted. Whatever blocks can be lifted by the spec, which may be changed while the Tenant is going.
import { ADOPTED_ANNOTATION, TENANT_FINALIZER, namespaces, tenants } from '../../crds/kinds.ts';
import { conditionReason } from '../../crds/conditions.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { after, done } from '../../kube/outcome.ts';
import type { Outcome } from '../../kube/outcome.ts';
import { formatProblem } from '../../policies/problem.ts';
import type { Problem } from '../../policies/problem.ts';
import type { LiveTenant } from '../controllers/live.ts';
import { allSettled } from './act.ts';
import { tenantOf } from './caches.ts';
import { clearAway, makeHome } from './home.ts';
import type { HomeDeps } from './home.ts';
import { wasOf } from './namespaces.ts';
import { keptStatus, writeStatus } from './status.ts';
import type { StatusDeps } from './status.ts';

/** Of a manager of its own: the Tenant itself may be applied by another name of ours, which states no finalizer. */
const FINALIZER_MANAGER = 'writ-tenancy';
/** A namespace that is not gone by then waits for something that a person must see to. */
const PATIENCE_MS = 5 * 60_000;
const LOOK_MS = 10_000;
const NAMED_MAX = 5;

type LifeDeps = StatusDeps & HomeDeps;

/** Before anything is made: else what is made could be left behind by a Tenant that goes meanwhile. */
export const keepFinalizer = async ({ client, memory }: LifeDeps, tenant: LiveTenant, signal: AbortSignal): Promise<LiveTenant> => {
  const { name, uid, finalizers = [] } = tenant.metadata;
  if (finalizers.includes(TENANT_FINALIZER)) return tenant;
  // By uid: an apply would make anew a Tenant that is gone.
  const metadata = { name, ...(uid === undefined ? {} : { uid }), finalizers: [TENANT_FINALIZER] };
  const kept = await client.apply<KubeObject>(tenants, { metadata }, { fieldManager: FINALIZER_MANAGER, signal });
  const current = { ...tenant, metadata: kept.metadata };
  memory.tenants.written(name, current);
  return current;
};

const releaseFinalizer = async ({ client }: LifeDeps, { metadata }: LiveTenant, signal: AbortSignal): Promise<void> => {
  const { name, resourceVersion, finalizers = [] } = metadata;
  const rest = finalizers.filter((finalizer) => finalizer !== TENANT_FINALIZER);
  // A list is replaced whole, so it must be the list that was read.
  const body = { metadata: { finalizers: rest, ...(resourceVersion === undefined ? {} : { resourceVersion }) } };
  await client.patch(tenants, { name }, { type: 'merge', body, signal });
};

type Namespace = { readonly object: KubeObject; /** Whether it goes with the Tenant. */ readonly goes: boolean };

/** Those that are the Tenant's, by the API server's own word for what the spec names: nothing else may be believed here. */
const namespacesOf = async (deps: HomeDeps, tenant: LiveTenant, signal: AbortSignal): Promise<readonly Namespace[]> => {
  const { name } = tenant.metadata;
  const asked = new Set((tenant.spec.namespaces?.items ?? []).map((item) => item.name));
  const found = await allSettled([...asked].map((namespace) => deps.client.get<KubeObject>(namespaces, { name: namespace }, { signal })));
  const named = found.flatMap((object) => (object !== undefined && (tenantOf(object) === name || wasOf(tenant, object)) ? [object] : []));
  const released = deps.caches.namespaces.byIndex('tenant', name).filter(({ metadata }) => !asked.has(metadata.name));
  return [
    ...named.map((object) => ({ object, goes: tenantOf(object) === name && object.metadata.annotations?.[ADOPTED_ANNOTATION] !== 'true' })),
    ...released.map((object) => ({ object, goes: false })),
  ];
};

const listed = (found: readonly Namespace[]): string => {
  const names = found.map(({ object }) => object.metadata.name).toSorted();
  return names.length <= NAMED_MAX ? names.join(', ') : `${names.slice(0, NAMED_MAX).join(', ')} and ${names.length - NAMED_MAX} more`;
};

const blocked = async (deps: LifeDeps, tenant: LiveTenant, problem: Problem): Promise<void> => {
  const state = { reason: conditionReason(problem.code), message: formatProblem(problem) };
  await writeStatus(deps, tenant, {
    ...keptStatus(tenant),
    conditions: [
      { type: 'Ready', status: 'False', ...state },
      { type: 'Stalled', status: 'True', ...state },
    ],
  });
};

/** What the namespace controller says of a namespace that does not go, such as `some resources are remaining: pods. has 3 resource instances`. */
const remainsOf = (
  object: KubeObject & { readonly status?: { readonly conditions?: readonly { type: string; status: string; message: string }[] } },
) => (object.status?.conditions ?? []).flatMap(({ status, message }) => (status === 'True' && message !== '' ? [message] : []));

export const reconcileDeletion = async (deps: LifeDeps, tenant: LiveTenant, signal: AbortSignal): Promise<Outcome> => {
  const { spec } = tenant;
  if (tenant.metadata.finalizers?.includes(TENANT_FINALIZER) !== true) return done;
  if (spec.suspend === true) {
    const message = 'spec.suspend is true, so nothing is done for the tenant, its end included';
    await blocked(deps, tenant, { code: 'TENANT_SUSPENDED', message, path: 'spec.suspend' });
    return done;
  }
  if (spec.admission === 'Quarantined') {
    const message = 'the tenant is quarantined: its data is kept as it is';
    await blocked(deps, tenant, { code: 'TENANT_QUARANTINED', message, path: 'spec.admission' });
    return done;
  }
  if (spec.deletionPolicy !== 'Orphan') {
    const there = await namespacesOf(deps, tenant, signal);
    const outcome =
      spec.deletionPolicy === 'Delete'
        ? await deleteNamespaces(deps, tenant, { there, signal })
        : await protect(deps, tenant, { there, signal });
    if (outcome !== undefined) return outcome;
  }
  const { problems } = await clearAway(deps, tenant.metadata.name, signal);
  const [problem] = problems;
  if (problem !== undefined) {
    await blocked(deps, tenant, problem);
    return after(LOOK_MS);
  }
  await releaseFinalizer(deps, tenant, signal);
  return done;
};

type There = { readonly there: readonly Namespace[]; readonly signal: AbortSignal };

const protect = async (deps: LifeDeps, tenant: LiveTenant, { there, signal }: There): Promise<Outcome | undefined> => {
  if (there.length === 0) return undefined;
  // As long as it is kept it is kept as it should be.
  await makeHome(deps, tenant, { create: false, signal });
  const message = `the tenant is protected and has namespaces: ${listed(there)}`;
  await blocked(deps, tenant, { code: 'TENANT_PROTECTED', message, path: 'spec.deletionPolicy' });
  return done;
};

const deleteNamespaces = async (deps: LifeDeps, tenant: LiveTenant, { there, signal }: There): Promise<Outcome | undefined> => {
  const going = there.filter(({ goes }) => goes);
  if (going.length === 0) return undefined;
  await allSettled(
    going.map(async ({ object: { metadata } }) => {
      if (metadata.deletionTimestamp !== undefined) return;
      const preconditions = metadata.uid === undefined ? {} : { uid: metadata.uid };
      await deps.client.delete(namespaces, { name: metadata.name }, { preconditions, signal });
    }),
  );
  const remains = going.flatMap(({ object }) => remainsOf(object).map((text) => `${object.metadata.name}: ${text}`)).toSorted();
  const message = [`namespaces are being deleted: ${listed(going)}`, ...remains].join('; ');
  const isLate = deps.clock.now() - Date.parse(tenant.metadata.deletionTimestamp ?? '') > PATIENCE_MS;
  if (isLate) await blocked(deps, tenant, { code: 'TENANT_DELETION_BLOCKED', message, path: 'spec.deletionPolicy' });
  else {
    const state = { reason: 'Deleting', message } as const;
    const conditions = [{ type: 'Ready', status: 'False', ...state } as const, { type: 'Reconciling', status: 'True', ...state } as const];
    await writeStatus(deps, tenant, { ...keptStatus(tenant), conditions });
  }
  return after(LOOK_MS);
};
