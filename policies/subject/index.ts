// SPDX-License-Identifier: Apache-2.0
/**
 * Any workload as one view.
 *
 * In: an admission request (a Pod, a Deployment, a Sandbox, a kagent Agent…). Out: a `Subject` with the CEL structs
 * `workload` (pod specs, containers of every sort, images, environment, labels) and `agent` (is it one, how do we know, what
 * may it use, who answers for it), both worked out only as far as an expression reads them. Total: objects come from
 * strangers, and what has the wrong type is left out. Which kinds there are is data, in `workload-kinds.ts`.
 * Imported by `policies/compile`, `policies/decide` and whoever calls `decide`.
 */
import type { Fields, Value } from '../cel/index.ts';
import type { AdmissionRequest } from '../decide/request.ts';
import { agentEvidence, agentFields } from './agent.ts';
import { isProof } from './evidence.ts';
import { podPaths, workloadKind } from './kind-index.ts';
import type { WorkloadKind } from './workload-kinds.ts';
import { workloadFields, workloadOf } from './workload.ts';

export type Subject = {
  readonly request: AdmissionRequest;
  readonly object: Value;
  readonly oldObject: Value;
  /** Of the object, or of the old one when the object is being deleted. */
  readonly workload: Fields;
  readonly agent: Fields;
  /** The row of the table, absent for kinds that run nothing. */
  readonly kindInfo: WorkloadKind | undefined;
  /** Whether there is proof (not just suspicion) that it is an agent. */
  readonly isAgent: () => boolean;
};

export const subjectOf = (request: AdmissionRequest): Subject => {
  const { kind, object, oldObject } = request;
  const kindInfo = workloadKind(kind.group, kind.kind);
  const place = { gvk: kind, paths: podPaths(kind) };
  const workload = workloadOf(object ?? oldObject, place);
  const previous = object !== null && oldObject !== null ? workloadOf(oldObject, place) : undefined;
  const source = { workload, previous, kindInfo };
  let isAgent: boolean | undefined;
  return {
    request,
    object,
    oldObject,
    workload: workloadFields(workload),
    agent: agentFields(source),
    kindInfo,
    isAgent: () => (isAgent ??= isProof(agentEvidence(source))),
  };
};
