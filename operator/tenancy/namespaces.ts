// SPDX-License-Identifier: Apache-2.0
// A Tenant's namespaces: made, labelled, kept labelled. One that exists is taken only where it is nobody's and the Tenant says
// IfUnowned; one that another Tenant has or asks for first, or a system namespace, never. So a namespace moves by two
// deeds: one Tenant lets it go, the other names it and may adopt. A label that was taken or changed is put back.
import { ADOPTED_ANNOTATION, MANAGED_BY, MANAGED_BY_LABEL, NEVER_GOVERNED, SYNC_FIELD_MANAGER, TENANT_LABEL } from '../../crds/kinds.ts';
import { isRecord } from '../../crds/wire.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { firstDifference } from '../../policies/document/difference.ts';
import type { Problem } from '../../policies/problem.ts';
import type { LiveTenant } from '../controllers/live.ts';
import type { TenantSpec } from './child.ts';

/** What happens to one namespace that a Tenant names. */
export type NamespaceStep =
  | { readonly kind: 'apply'; readonly object: KubeObject }
  | { readonly kind: 'keep'; readonly object: KubeObject }
  /** It is being deleted: it is made anew when it is gone. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'refuse'; readonly problem: Problem };

const labelOf = ({ metadata }: KubeObject): string | undefined => metadata.labels?.[TENANT_LABEL];

/** Whether it was the Tenant's when it was last looked at; a later namespace of the same name has another uid. */
export const wasOf = (tenant: LiveTenant, { metadata }: KubeObject): boolean =>
  metadata.uid !== undefined && tenant.status?.namespaces?.some(({ name, uid }) => name === metadata.name && uid === metadata.uid) === true;

const byAge = (a: LiveTenant, b: LiveTenant): number => {
  const [left, right] = [a, b].map(({ metadata }) => `${metadata.creationTimestamp ?? ''} ${metadata.name}`);
  return (left ?? '') < (right ?? '') ? -1 : 1;
};

/**
 * The other Tenant whose namespace this is. What one holds (its status says so and its spec still asks for it) neither a
 * label nor its lack takes from it; what nobody holds is whose label it carries, if that Tenant asks for it.
 */
const isAnothers = (tenant: LiveTenant, live: KubeObject, others: readonly LiveTenant[]): boolean => {
  const label = labelOf(live);
  const held = wasOf(tenant, live);
  if (label === tenant.metadata.name && held) return false;
  const labelled = others.find((other) => other.metadata.name === label);
  // Where two hold it the label decides, so that they don't take it from each other for ever.
  if (held) return labelled !== undefined && wasOf(labelled, live);
  return labelled !== undefined || others.some((other) => wasOf(other, live));
};

const MODES = ['enforce', 'audit', 'warn'] as const;

const podSecurityLabels = (podSecurity: TenantSpec['podSecurity']): Readonly<Record<string, string>> =>
  Object.fromEntries(
    MODES.flatMap((mode): readonly (readonly [string, string])[] => {
      const level = podSecurity?.[mode];
      if (level === undefined) return [];
      const key = `pod-security.kubernetes.io/${mode}`;
      const version = podSecurity?.version;
      return version === undefined
        ? [[key, level]]
        : [
            [key, level],
            [`${key}-version`, version],
          ];
    }),
  );

const declaredNamespace = (tenant: string, spec: TenantSpec, name: string, adopted: boolean): KubeObject => {
  const { labels, annotations } = spec.namespaces?.metadata ?? {};
  const own = { ...podSecurityLabels(spec.podSecurity), [TENANT_LABEL]: tenant, [MANAGED_BY_LABEL]: MANAGED_BY };
  const notes = { ...annotations, ...(adopted ? { [ADOPTED_ANNOTATION]: 'true' } : {}) };
  return { metadata: { name, labels: { ...labels, ...own }, ...(Object.keys(notes).length === 0 ? {} : { annotations: notes }) } };
};

/** Labels or annotations that were applied by us and are not declared any more. */
const isLeftOver = (declared: KubeObject, live: KubeObject): boolean =>
  (live.metadata.managedFields ?? []).some(({ manager, operation, fieldsV1 }) => {
    const fields = fieldsV1?.['f:metadata'];
    if (manager !== SYNC_FIELD_MANAGER || operation !== 'Apply' || !isRecord(fields)) return false;
    return (['labels', 'annotations'] as const).some((part) => {
      const owned = fields[`f:${part}`];
      const wanted = declared.metadata[part] ?? {};
      return Object.keys(isRecord(owned) ? owned : {}).some((key) => key.startsWith('f:') && !Object.hasOwn(wanted, key.slice(2)));
    });
  });

export const planNamespace = (input: {
  readonly tenant: LiveTenant;
  readonly spec: TenantSpec;
  readonly name: string;
  readonly index: number;
  readonly live: KubeObject | undefined;
  readonly systemNamespace: string;
  /** Every Tenant that asks for the namespace, this one included. */
  readonly asking: readonly LiveTenant[];
}): NamespaceStep => {
  const { tenant, name, live } = input;
  const path = `spec.namespaces.items[${input.index}].name`;
  const refuse = (code: Problem['code'], message: string): NamespaceStep => ({ kind: 'refuse', problem: { code, message, path } });
  // Kubernetes keeps the whole prefix for itself.
  if (name === input.systemNamespace || NEVER_GOVERNED.includes(name) || name === 'default' || name.startsWith('kube-')) {
    return refuse('NAMESPACE_FORBIDDEN', `${name} is a system namespace`);
  }
  const others = input.asking.filter(({ metadata }) => metadata.name !== tenant.metadata.name);
  if (live === undefined) {
    // Nobody has it: who asked first. Else two would make it at once, and each believe that it did.
    const first = [tenant, ...others.filter(({ metadata }) => metadata.deletionTimestamp === undefined)].toSorted(byAge)[0];
    if (first !== undefined && first !== tenant) {
      return refuse('NAMESPACE_OWNED_BY_ANOTHER', `${name} is asked for by an older tenant`);
    }
    return { kind: 'apply', object: declaredNamespace(tenant.metadata.name, input.spec, name, false) };
  }
  // Not whose: a tenant reads this, in its Tenant and in its audit log.
  if (isAnothers(tenant, live, others)) return refuse('NAMESPACE_OWNED_BY_ANOTHER', `${name} belongs to another tenant`);
  // What was the tenant's stays so: whoever takes the label away opens the namespace to everything, until it is put back.
  const label = labelOf(live);
  const isTaken = label !== tenant.metadata.name && !wasOf(tenant, live);
  if (isTaken && input.spec.namespaces?.adoptionPolicy !== 'IfUnowned') {
    const whose = label === undefined || label === '' ? "is no tenant's" : 'was let go by another tenant';
    return refuse('NAMESPACE_NOT_ADOPTED', `${name} exists and ${whose}`);
  }
  if (live.metadata.deletionTimestamp !== undefined) return { kind: 'wait' };
  const adopted = isTaken || live.metadata.annotations?.[ADOPTED_ANNOTATION] === 'true';
  const object = declaredNamespace(tenant.metadata.name, input.spec, name, adopted);
  return firstDifference(object.metadata, live.metadata) === undefined && !isLeftOver(object, live)
    ? { kind: 'keep', object: live }
    : { kind: 'apply', object };
};

/** Which of the namespaces that it names and does not have the tenant may have: the first of them, as many as the quota leaves. */
export const roomFor = (namespaces: TenantSpec['namespaces'], has: ReadonlySet<string>): ReadonlySet<string> => {
  const wanted = (namespaces?.items ?? []).flatMap(({ name }) => (has.has(name) ? [] : [name]));
  const { quota } = namespaces ?? {};
  return new Set(quota === undefined ? wanted : wanted.slice(0, Math.max(0, quota - has.size)));
};
