// SPDX-License-Identifier: Apache-2.0
// Agents as a resource that quotas bound: a pod of one counts, as policies tell agents (policies/subject), by the proof that the pod
// itself carries: who owns it, and the labels of platforms. No server has a collection of this name, so a ResourceQuota that
// holds it bounds nothing by it; the ledger of the tenant does.
import { isRecord } from '../../crds/wire.ts';
import { fromJson } from '../cel/index.ts';
import { evidenceOf, isProof } from '../subject/evidence.ts';
import { workloadOf } from '../subject/workload.ts';

export const AGENTS = 'count/agents.writ.dev';

export const isAgentPod = (pod: Readonly<Record<string, unknown>>): boolean => {
  const metadata = isRecord(pod['metadata']) ? pod['metadata'] : {};
  const { labels = {}, annotations = {}, ownerReferences = [] } = metadata;
  const object = fromJson({ metadata: { labels, annotations, ownerReferences } });
  const workload = workloadOf(object, { gvk: { group: '', kind: 'Pod' }, paths: undefined });
  const traces = { labels: workload.labels(), annotations: workload.annotations(), containers: [], images: [], env: [] };
  return isProof(evidenceOf({ object, kindInfo: undefined, ...traces }));
};
