// SPDX-License-Identifier: Apache-2.0
// A tenant that is cordoned takes no new workloads, one that is quarantined no agents either, and keeps its data. What runs
// already goes on: pods of existing workloads are made by controllers, who stand outside of the tenant.
import type { AdmissionRequest } from '../decide/request.ts';
import type { Problem } from '../problem.ts';
import type { Subject } from '../subject/index.ts';
import { CONTAINER_SUBRESOURCES } from '../subject/kind-index.ts';
import { own, ownList, ownMap } from '../subject/paths.ts';
import type { TenantBounds } from './bounds.ts';

const ACCOUNT = /^system:serviceaccount:([^:]+):/;

/** Kubernetes' own processes. */
export const isSystem = ({ username, groups }: AdmissionRequest['userInfo']): boolean =>
  groups.includes('system:masters') ||
  groups.includes('system:serviceaccounts:kube-system') ||
  groups.includes('system:nodes') ||
  username === 'system:kube-controller-manager' ||
  username === 'system:kube-scheduler' ||
  username === 'system:apiserver';

/** A controller that does not run in a tenant's namespace makes a part of something that is there. */
const isPartOfExisting = (subject: Subject, isTenantNamespace: (name: string) => boolean): boolean => {
  const { userInfo } = subject.request;
  const isControlled = ownList(ownMap(subject.object, 'metadata'), 'ownerReferences').some((one) => own(one, 'controller') === true);
  if (!isControlled) return false;
  if (isSystem(userInfo)) return true;
  const namespace = ACCOUNT.exec(userInfo.username)?.[1];
  return namespace !== undefined && !isTenantNamespace(namespace);
};

const DATA: ReadonlySet<string> = new Set(['persistentvolumeclaims']);

export type StateFacts = {
  readonly subject: Subject;
  readonly bounds: TenantBounds;
  readonly isTenantNamespace: (name: string) => boolean;
};

const isNewWorkload = ({ subject, isTenantNamespace }: StateFacts): boolean => {
  const { request, kindInfo } = subject;
  if (kindInfo === undefined) return false;
  if (request.operation === 'CREATE') return request.subResource === '' && !isPartOfExisting(subject, isTenantNamespace);
  // What is added to a pod runs as surely as a pod of its own.
  return request.operation === 'UPDATE' && request.subResource === CONTAINER_SUBRESOURCES[0];
};

const isLeaving = ({ oldObject }: Subject): boolean => own(ownMap(oldObject, 'metadata'), 'deletionTimestamp') !== undefined;

export const stateProblem = (facts: StateFacts): Problem | undefined => {
  const { bounds, subject } = facts;
  const { request } = subject;
  if (bounds.admission === 'Open') return undefined;
  const isQuarantined = bounds.admission === 'Quarantined';
  if (request.operation === 'DELETE') {
    const isData = request.resource.group === '' && (DATA.has(request.resource.resource) || request.resource.resource === 'namespaces');
    const isKept = isQuarantined && isData && request.subResource === '' && !isSystem(request.userInfo);
    return isKept ? { code: 'TENANT_QUARANTINED', message: `${request.resource.resource} of tenant ${bounds.tenant} are kept` } : undefined;
  }
  if (isLeaving(subject)) return undefined;
  const isWrite = request.operation === 'CREATE' || request.operation === 'UPDATE';
  if (isQuarantined && isWrite && subject.kindInfo !== undefined && request.subResource === '' && subject.isAgent()) {
    return { code: 'TENANT_QUARANTINED', message: `tenant ${bounds.tenant} may run no agents` };
  }
  if (!isNewWorkload(facts)) return undefined;
  return isQuarantined
    ? { code: 'TENANT_QUARANTINED', message: `tenant ${bounds.tenant} takes no new workloads` }
    : { code: 'TENANT_CORDONED', message: `tenant ${bounds.tenant} takes no new workloads` };
};
