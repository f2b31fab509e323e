// SPDX-License-Identifier: Apache-2.0
// Who may do what in a tenant's namespaces: one RoleBinding for each cluster role, with all who have it. Owners have `admin` unless
// they say else, and what an owner needs beside it. Outside of the namespaces an owner may read its own Tenant, by name.
import type { TenantOwner, TenantRoleBinding } from '../../crds/generated/objects.ts';
import { GROUP, NAMESPACE_OWNER_ROLE, RBAC_GROUP, roleBindings, tenants } from '../../crds/kinds.ts';
import { shortened } from './child-name.ts';
import { ownedBy } from './child.ts';
import type { ChildObject, Declared, TenantSpec } from './child.ts';

type Subject = { readonly kind: string; readonly name: string; readonly namespace?: string; readonly apiGroup?: string };
type Place = { readonly tenant: string; readonly namespace: string };

const OWNER_ROLES = ['admin'];
const ROLE_NAME_MAX = 253;

/** As the API server stores it: users and groups are of a group, service accounts of none. */
const subjectOf = ({ kind, name, namespace }: TenantOwner | TenantRoleBinding['subjects'][number]): Subject =>
  kind === 'ServiceAccount' ? { kind, name, namespace: namespace ?? '' } : { apiGroup: RBAC_GROUP, kind, name };

/** Named once, however often the Tenant names them. */
const distinct = (subjects: readonly Subject[]): readonly Subject[] => [
  ...new Map(subjects.map((subject) => [JSON.stringify([subject.kind, subject.namespace, subject.name]), subject])).values(),
];

const roleRefOf = (name: string) => ({ apiGroup: RBAC_GROUP, kind: 'ClusterRole', name });

/** An owner without any role is an owner for people only. */
const rolesOf = ({ clusterRoles = OWNER_ROLES }: TenantOwner): readonly string[] =>
  clusterRoles.length === 0 ? [] : [...clusterRoles, NAMESPACE_OWNER_ROLE];

export const bindingsIn = (place: Place, spec: Pick<TenantSpec, 'owners' | 'additionalRoleBindings'>): readonly Declared[] => {
  const having = new Map<string, { readonly path: string; readonly subjects: Subject[] }>();
  const give = (role: string, path: string, subjects: readonly Subject[]): void => {
    const held = having.get(role) ?? { path, subjects: [] };
    held.subjects.push(...subjects);
    having.set(role, held);
  };
  for (const [index, owner] of (spec.owners ?? []).entries()) {
    for (const role of rolesOf(owner)) give(role, `spec.owners[${index}]`, [subjectOf(owner)]);
  }
  for (const [index, { clusterRoleName, subjects }] of (spec.additionalRoleBindings ?? []).entries()) {
    give(clusterRoleName, `spec.additionalRoleBindings[${index}]`, subjects.map(subjectOf));
  }
  return [...having].map(([role, { path, subjects }]) => ({
    resource: roleBindings,
    path,
    object: {
      metadata: ownedBy(place.tenant, { name: shortened(`writ-${role}`, ROLE_NAME_MAX), namespace: place.namespace }),
      roleRef: roleRefOf(role),
      subjects: distinct(subjects),
    },
  }));
};

/** The cluster role by which owners read their own Tenant, and nothing else. */
export const readersOf = (
  tenant: string,
  owners: TenantSpec['owners'] = [],
): { readonly role: ChildObject; readonly binding: ChildObject } | undefined => {
  if (owners.length === 0) return undefined;
  const metadata = ownedBy(tenant, { name: `writ-tenant-${tenant}` });
  return {
    role: { metadata, rules: [{ apiGroups: [GROUP], resources: [tenants.plural], resourceNames: [tenant], verbs: ['get'] }] },
    binding: { metadata, roleRef: roleRefOf(metadata.name), subjects: distinct(owners.map(subjectOf)) },
  };
};
