// SPDX-License-Identifier: Apache-2.0
// Who may not own a pod. Of everything else in a tenant's namespace the API server says the same by itself, by the
// ValidatingAdmissionPolicy writ-owner-references: the two let the same accounts through.
import { GROUP, OPERATOR_SERVICE_ACCOUNT } from '../../crds/kinds.ts';
import type { AdmissionRequest } from '../decide/request.ts';
import type { Problem } from '../problem.ts';
import { ownList, ownMap, ownText } from '../subject/paths.ts';

type Owners = { readonly users: readonly string[]; readonly groups: readonly string[] };

/** Who may name a kind of Writ as an owner; deploy/foundation/owned-objects.yaml names the same. */
export const ownersIn = (systemNamespace: string): Owners => ({
  users: [`system:serviceaccount:${systemNamespace}:${OPERATOR_SERVICE_ACCOUNT}`, 'system:kube-controller-manager'],
  groups: ['system:masters', 'system:serviceaccounts:kube-system'],
});

const mayOwn = ({ userInfo: { username, groups } }: AdmissionRequest, systemNamespace: string): boolean => {
  const owners = ownersIn(systemNamespace);
  return owners.users.includes(username) || groups.some((group) => owners.groups.includes(group));
};

/** Of a pod that is made or changed in a namespace of whatever tenant; its subresources leave the owners as they are. */
export const ownershipProblem = (request: AdmissionRequest, systemNamespace: string): Problem | undefined => {
  const { resource, subResource, operation, object } = request;
  if (resource.group !== '' || resource.resource !== 'pods' || subResource !== '') return undefined;
  if (operation !== 'CREATE' && operation !== 'UPDATE') return undefined;
  const owners = ownList(ownMap(object, 'metadata'), 'ownerReferences');
  const at = owners.findIndex((owner) => ownText(owner, 'apiVersion')?.startsWith(`${GROUP}/`) === true);
  if (at < 0 || mayOwn(request, systemNamespace)) return undefined;
  return { code: 'OWNER_FORBIDDEN', message: 'no pod of a tenant is owned by a kind of Writ', path: `metadata.ownerReferences[${at}]` };
};
