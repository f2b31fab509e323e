// SPDX-License-Identifier: Apache-2.0
/**
 * What a tenant's bounds say about one request: the violations, or none.
 *
 * In: the bounds of an effective Tenant (`boundsOf`), the subject of a request in one of its namespaces. Out: problems with
 * code, path and fix. Pure, total and linear in the object: objects come from strangers. Beside it `completion.ts` says what
 * a pod is given before it is judged, and `usage.ts` what an object uses of a quota. `webhook/tenancy` calls it, and the
 * command line may.
 *
 * An update is judged by what it adds: a breach that the object before it had already (the bounds came later, or changed)
 * neither stops its labels from being written nor its finalizers from being taken off.
 */
import type { Value } from '../cel/index.ts';
import type { AdmissionRequest } from '../decide/request.ts';
import type { Problem } from '../problem.ts';
import { subjectOf } from '../subject/index.ts';
import type { Subject } from '../subject/index.ts';
import { isWorkloadWrite } from '../subject/kind-index.ts';
import { own, ownList, ownMap, ownText } from '../subject/paths.ts';
import { isJsonMap } from '../cel/values/value.ts';
import { modelProblem, toolProblems } from './agents.ts';
import type { TenantBounds } from './bounds.ts';
import { listAt, textsAt } from './facts.ts';
import { imageProblem, placedContainers, placedImages } from './images.ts';
import { isPluginPolicy, networkPolicyProblems } from './network-policy.ts';
import { placementProblems } from './placement.ts';
import { sameJson } from './same-json.ts';
import { stateProblem } from './state.ts';

export type TenancyFacts = {
  readonly request: AdmissionRequest;
  readonly bounds: TenantBounds;
  readonly isTenantNamespace: (name: string) => boolean;
  /** What the operator itself writes is what the bounds are made of. */
  readonly isOperator: boolean;
};

/** As many as a person reads; the rest is counted by nobody. */
const MAX_PROBLEMS = 16;

const isPod = ({ request: { kind } }: Subject): boolean => kind.group === '' && kind.kind === 'Pod';

const imagesOf = (subject: Subject): readonly { readonly image: string; readonly path: string }[] => {
  if (isPod(subject)) return placedImages(own(subject.object, 'spec') ?? null, 'spec');
  const stated = listAt(subject.workload, 'containers').flatMap((container, index) => {
    const image = ownText(container, 'image');
    return image === undefined || image === '' ? [] : [{ image, path: `containers[${index}].image` }];
  });
  const mounted = listAt(subject.workload, 'podSpecs').flatMap((spec) => placedImages({ volumes: ownList(spec, 'volumes') }, 'podSpec'));
  return [...stated, ...mounted];
};

const pullPolicyProblems = (subject: Subject, { pullPolicies }: TenantBounds): readonly Problem[] => {
  // Pods of a template get one that is allowed when they are made.
  if (pullPolicies === undefined || !isPod(subject)) return [];
  return placedContainers(own(subject.object, 'spec') ?? null, 'spec').flatMap(({ container, path }): readonly Problem[] => {
    const policy = ownText(container, 'imagePullPolicy') ?? '';
    return pullPolicies.includes(policy)
      ? []
      : [
          {
            code: 'PULL_POLICY_FORBIDDEN',
            message: policy === '' ? 'none is named' : policy.slice(0, 32),
            path: `${path}.imagePullPolicy`,
          },
        ];
  });
};

const regionProblem = (subject: Subject, { regions }: TenantBounds): Problem | undefined => {
  if (regions === undefined) return undefined;
  const elsewhere = textsAt(subject.agent, 'regions').find((region) => !regions.has(region));
  if (elsewhere === undefined) return undefined;
  return { code: 'RESIDENCY_FORBIDDEN', message: `region ${elsewhere.slice(0, 63)}`, path: 'metadata.annotations[writ.dev/regions]' };
};

const workloadProblems = (subject: Subject, bounds: TenantBounds): readonly Problem[] => {
  if (subject.kindInfo === undefined) return [];
  const isFinal = isPod(subject);
  return [
    ...imagesOf(subject).flatMap((one) => imageProblem(one, bounds) ?? []),
    ...pullPolicyProblems(subject, bounds),
    ...listAt(subject.workload, 'podSpecs').flatMap((podSpec) =>
      placementProblems({ podSpec, path: isFinal ? 'spec' : 'podSpec', isFinal }, bounds),
    ),
    ...[modelProblem(bounds.models, subject) ?? [], regionProblem(subject, bounds) ?? []].flat(),
    ...toolProblems(bounds.tools, subject),
  ];
};

const serviceProblems = (object: Value): readonly Problem[] =>
  ownList(ownMap(object, 'spec'), 'externalIPs').length === 0
    ? []
    : [{ code: 'SERVICE_ADDRESS_FORBIDDEN', message: 'it names addresses that are not its own', path: 'spec.externalIPs' }];

/** Who writes the name of the volume that was found; the second where all controllers share one account. */
const VOLUME_BINDERS = ['system:serviceaccount:kube-system:persistent-volume-binder', 'system:kube-controller-manager'];

/** Nobody but the binder, and it only later: Kubernetes' controllers make claims as a tenant's templates have them. */
const mayBind = ({ operation, userInfo }: AdmissionRequest): boolean =>
  userInfo.groups.includes('system:masters') || (operation === 'UPDATE' && VOLUME_BINDERS.includes(userInfo.username));

const claimProblems = ({ object, request }: Subject): readonly Problem[] => {
  if (mayBind(request)) return [];
  const spec = ownMap(object, 'spec');
  const volume = ownText(spec, 'volumeName') ?? '';
  if (volume !== '') return [{ code: 'VOLUME_FORBIDDEN', message: `volume ${volume.slice(0, 253)}`, path: 'spec.volumeName' }];
  // A selector finds a volume that is there already, as a name does.
  return ownMap(spec, 'selector') === undefined ? [] : [{ code: 'VOLUME_FORBIDDEN', message: 'it selects volumes', path: 'spec.selector' }];
};

const networkProblems = ({ object, request }: Subject, { bounds, isOperator }: TenancyFacts): readonly Problem[] => {
  if (isOperator || request.userInfo.groups.includes('system:masters')) return [];
  if (!isPluginPolicy(request.resource)) return networkPolicyProblems(object, bounds.network);
  if (bounds.network.policies === 'Allowed') return [];
  return [{ code: 'NETWORK_POLICY_FORBIDDEN', message: `${request.resource.resource}.${request.resource.group} cannot be bounded` }];
};

/** Of kinds that run nothing; undefined for all others. */
const plainProblems = (subject: Subject, facts: TenancyFacts): readonly Problem[] | undefined => {
  const { group, resource } = subject.request.resource;
  if (group === '' && resource === 'services') return serviceProblems(subject.object);
  if (group === '' && resource === 'persistentvolumeclaims') return claimProblems(subject);
  const isNetwork = (group === 'networking.k8s.io' && resource === 'networkpolicies') || isPluginPolicy({ group, resource });
  return isNetwork ? networkProblems(subject, facts) : undefined;
};

const keyOf = ({ code, path = '', message }: Problem): string => `${code} ${path} ${message}`;

/** The same object as it was, as if it were written now. */
const before = (request: AdmissionRequest): Subject =>
  subjectOf({ ...request, operation: 'CREATE', object: request.oldObject, oldObject: null });

const isLeaving = (object: Value): boolean => own(ownMap(object, 'metadata'), 'deletionTimestamp') !== undefined;

/** Total: whatever the object holds, the answer is a list. */
export const tenancyProblems = (facts: TenancyFacts): readonly Problem[] => {
  const { request, bounds, isTenantNamespace, isOperator } = facts;
  if (!bounds.boundsWorkloads && bounds.admission === 'Open' && isWorkloadWrite(request)) return [];
  const subject = subjectOf(request);
  const state = isOperator ? undefined : stateProblem({ subject, bounds, isTenantNamespace });
  if (state !== undefined) return [state];
  if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return [];
  if (request.object === null || isLeaving(request.oldObject)) return [];
  const plain = plainProblems(subject, facts);
  if (plain !== undefined) {
    const isSame = request.operation === 'UPDATE' && sameJson(own(request.object, 'spec'), own(request.oldObject, 'spec'));
    return isSame ? [] : plain.slice(0, MAX_PROBLEMS);
  }
  const found = workloadProblems(subject, bounds);
  if (found.length === 0) return found;
  const known = new Set(isJsonMap(request.oldObject) ? workloadProblems(before(request), bounds).map(keyOf) : []);
  return found.filter((problem) => !known.has(keyOf(problem))).slice(0, MAX_PROBLEMS);
};
