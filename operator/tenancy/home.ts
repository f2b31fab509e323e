// SPDX-License-Identifier: Apache-2.0
// A Tenant's home in the cluster brought to what the Tenant declares: namespaces side by side, in each of them first what bounds and
// then what grants, and away with what nothing declares any more. What is as declared costs nothing but the comparison.
import { clusterRoles, namespaces } from '../../crds/kinds.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { Problem } from '../../policies/problem.ts';
import type { LiveTenant } from '../controllers/live.ts';
import { allSettled, makeNamespace, perform } from './act.ts';
import type { ActDeps } from './act.ts';
import { liveChild, liveChildren, tenantOf } from './caches.ts';
import type { TenancyCaches } from './caches.ts';
import { declaredForCluster, declaredIn } from './declared.ts';
import { childKey } from './child.ts';
import type { Declared } from './child.ts';
import { planNamespace, roomFor, wasOf } from './namespaces.ts';
import type { NamespaceStep } from './namespaces.ts';
import { leftovers, stepFor } from './plan.ts';
import type { Hold, Step } from './plan.ts';
import type { Progress } from './status.ts';

export type HomeDeps = ActDeps & { readonly caches: TenancyCaches; readonly systemNamespace: string };

type Options = { /** Whether namespaces that are not there are made. */ readonly create: boolean; readonly signal: AbortSignal };
type Asked = { readonly name: string; readonly index: number };

/** Absent from the cache may mean that the cache lags behind: then the API server is asked. */
const readNamespace = async ({ client, caches, memory }: HomeDeps, name: string, signal: AbortSignal): Promise<KubeObject | undefined> =>
  memory.namespaces.seen(name, caches.namespaces.get(name)) ?? client.get<KubeObject>(namespaces, { name }, { signal });

const isMine = (tenant: LiveTenant, live: KubeObject): boolean => tenantOf(live) === tenant.metadata.name || wasOf(tenant, live);

const namespacePath = ({ index }: Asked): string => `spec.namespaces.items[${index}].name`;

type Planning = Options & { /** Namespaces that it does not have and may have. */ readonly room: ReadonlySet<string> };

const planAsked = async (deps: HomeDeps, tenant: LiveTenant, asked: Asked, options: Planning): Promise<NamespaceStep | undefined> => {
  const live = await readNamespace(deps, asked.name, options.signal);
  if (live === undefined && !options.create) return undefined;
  const asking = deps.caches.tenants.byIndex('asked', asked.name);
  const step = planNamespace({ tenant, spec: tenant.spec, ...asked, live, systemNamespace: deps.systemNamespace, asking });
  if (step.kind === 'apply' && !options.room.has(asked.name) && (live === undefined || !isMine(tenant, live))) {
    const message = `${asked.name} would be one namespace more than the tenant may have, which is ${tenant.spec.namespaces?.quota}`;
    return { kind: 'refuse', problem: { code: 'ENTITLEMENT_EXCEEDED', message, path: namespacePath(asked) } };
  }
  // Two that find a namespace absent at the same moment: the one that began makes it.
  const maker = deps.memory.making.get(asked.name);
  if (step.kind !== 'apply' || maker === undefined || maker === tenant.metadata.name) return step;
  const message = `${asked.name} is being made for tenant ${maker}`;
  return { kind: 'refuse', problem: { code: 'NAMESPACE_OWNED_BY_ANOTHER', message, path: namespacePath(asked) } };
};

/** Whose a namespace is that the tenant does not have. What bounds it may go when another tenant has bounded it, and not before. */
const holdOutside = ({ caches, memory }: Pick<HomeDeps, 'caches' | 'memory'>, tenant: string, namespace: string): Hold => {
  const live = memory.namespaces.seen(namespace, caches.namespaces.get(namespace));
  if (live === undefined || live.metadata.deletionTimestamp !== undefined) return 'gone';
  const owner = tenantOf(live) ?? '';
  const other = owner === tenant ? undefined : caches.tenants.get(owner);
  if (other === undefined) return 'released';
  const isFurnished = other.status?.namespaces?.some(({ name, ready }) => name === namespace && ready === true) === true;
  return isFurnished ? 'foreign' : 'handed over';
};

/** What a Tenant that is gone has left that is nobody's use: outside of namespaces, and in those that another tenant has now. */
export const clearAway = async (
  deps: HomeDeps,
  name: string,
  signal: AbortSignal,
): Promise<{ readonly problems: readonly Problem[]; readonly handedOver: boolean }> => {
  const live = liveChildren(deps.caches, deps.memory, name);
  const holds = live.map(({ object: { metadata } }) =>
    metadata.namespace === undefined ? 'held' : holdOutside(deps, name, metadata.namespace),
  );
  const steps = live.flatMap((child, index): readonly Step[] =>
    holds[index] === 'held' || holds[index] === 'foreign' ? [{ kind: 'delete', live: child }] : [],
  );
  return { problems: steps.length === 0 ? [] : await perform(deps, steps, signal), handedOver: holds.includes('handed over') };
};

export const makeHome = async (deps: HomeDeps, tenant: LiveTenant, options: Options): Promise<Progress> => {
  const { caches, memory } = deps;
  const { spec } = tenant;
  const { name } = tenant.metadata;
  const items = spec.namespaces?.items ?? [];
  const room = roomFor(spec.namespaces, new Set(caches.namespaces.byIndex('tenant', name).map(({ metadata }) => metadata.name)));
  const problems: Problem[] = [];
  const waiting: string[] = [];
  const declared = new Set<string>();
  const held = new Set<string>();
  const claim = (wanted: readonly Declared[]): void => {
    for (const { resource, object } of wanted) declared.add(childKey(resource, object));
  };
  /** True where all of it stands. */
  const bringAll = async (wanted: readonly Declared[]): Promise<boolean> => {
    const steps = wanted.flatMap((one) => stepFor(one, liveChild(caches, memory, one)) ?? []);
    const refused = steps.length === 0 ? [] : await perform(deps, steps, options.signal);
    problems.push(...refused);
    return refused.length === 0;
  };

  const madeNamespace = async (asked: Asked): Promise<KubeObject | undefined> => {
    const step = await planAsked(deps, tenant, asked, { ...options, room });
    if (step === undefined) return undefined;
    if (step.kind === 'keep') return step.object;
    if (step.kind === 'refuse') problems.push(step.problem);
    if (step.kind === 'wait') waiting.push(`namespace ${asked.name} is being deleted and is made anew when it is gone`);
    if (step.kind !== 'apply') return undefined;
    memory.making.set(asked.name, name);
    try {
      const made = await makeNamespace(deps, { object: step.object, path: namespacePath(asked) }, options.signal);
      if ('object' in made) return made.object;
      problems.push(made.problem);
      return undefined;
    } finally {
      memory.making.delete(asked.name);
    }
  };

  const furnish = async (asked: Asked): Promise<Progress['namespaces']> => {
    const object = await madeNamespace(asked);
    if (object === undefined) return [];
    held.add(asked.name);
    const { bounds, grants } = declaredIn(name, spec, asked.name);
    claim(bounds);
    claim(grants);
    // Nobody is let into a namespace that could not be bounded.
    return [{ object, ready: (await bringAll(bounds)) && (await bringAll(grants)) }];
  };

  const forCluster = declaredForCluster(name, spec);
  claim(forCluster);
  const [homes] = await allSettled<Progress['namespaces'] | boolean>([
    allSettled(items.map((item, index) => furnish({ name: item.name, index }))).then((found) => found.flat()),
    // A role that is not there cannot be bound.
    bringAll(forCluster.filter(({ resource }) => resource.plural === clusterRoles.plural)).then(
      async (bindable) => bindable && (await bringAll(forCluster.filter(({ resource }) => resource.plural !== clusterRoles.plural))),
    ),
  ]);

  const asks = new Set(items.map((item) => item.name));
  const holdOf = (namespace: string): Hold => {
    if (held.has(namespace)) return 'held';
    const hold = holdOutside(deps, name, namespace);
    // Asked for and not to be had just now is not let go.
    return hold === 'released' && asks.has(namespace) ? 'gone' : hold;
  };
  const live = liveChildren(caches, memory, name);
  const goes = leftovers({ live, declared, holdOf });
  if (goes.length > 0) problems.push(...(await perform(deps, goes, options.signal)));
  const released = caches.namespaces.byIndex('tenant', name).flatMap(({ metadata }) => (asks.has(metadata.name) ? [] : [metadata.name]));
  const handedOver = live.some(({ object }) => holdOf(object.metadata.namespace ?? '') === 'handed over');
  return { namespaces: Array.isArray(homes) ? homes : [], problems, waiting, released: released.toSorted(), handedOver };
};
