// SPDX-License-Identifier: Apache-2.0
/**
 * One decision without a server: review in, verdict out, in this process.
 *
 * In: nothing. Out: rows `decide/…`: a hundred applicable policies that all pass (no early end) on a review of about
 * 9 KB, and what 10,000 loaded policies cost when 30 of them apply.
 */
import { compilePolicies } from '../../policies/compile/index.ts';
import type { PolicySet } from '../../policies/compile/policy-set.ts';
import { decide } from '../../policies/decide/index.ts';
import { parseReview } from '../../policies/decide/request.ts';
import type { AdmissionRequest } from '../../policies/decide/request.ts';
import { subjectOf } from '../../policies/subject/index.ts';
import { agentPod, loadPolicies, writPolicy } from './agent-policies.ts';
import { median, quantile, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';

const NAMESPACE = 'acme-agents';
const NAMESPACE_OBJECT = { metadata: { name: NAMESPACE, labels: { 'writ.dev/tenant': 'acme' } } };
const TENANT = { metadata: { name: 'acme' }, spec: { tier: 'Free' } };

/** As kubectl leaves it: with the annotation that holds the object once more. */
const appliedPod = (): object => {
  const pod = agentPod({ namespace: NAMESPACE, tools: 2 });
  return agentPod({
    namespace: NAMESPACE,
    tools: 2,
    notes: { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(pod) },
  });
};

/** Of a pod that every policy accepts. */
export const reviewText = (): string => {
  const pods = { group: '', version: 'v1', resource: 'pods' };
  const pod = { group: '', version: 'v1', kind: 'Pod' };
  return JSON.stringify({
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0',
      kind: pod,
      resource: pods,
      requestKind: pod,
      requestResource: pods,
      name: 'researcher',
      namespace: NAMESPACE,
      operation: 'CREATE',
      userInfo: { username: 'ann', groups: ['devs', 'system:authenticated'] },
      object: appliedPod(),
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    },
  });
};

const setOf = (count: number, tenantOf: (index: number) => string): PolicySet => {
  const { set, refused } = compilePolicies(
    loadPolicies(count).map((policy) => ({ policy: writPolicy(policy, [tenantOf(policy.index)]), digest: `sha256:${policy.index}` })),
  );
  if (refused[0] !== undefined) throw new Error(JSON.stringify(refused[0]));
  return set;
};

const judge = (set: PolicySet, request: AdmissionRequest): number => {
  const decision = decide(set, subjectOf(request), { request, namespaceObject: NAMESPACE_OBJECT, tenant: TENANT });
  if (decision.verdict !== 'Allow') throw new Error(`the pod should pass: ${JSON.stringify(decision.violations[0])}`);
  return decision.evaluated.length;
};

const parse = (text: string): AdmissionRequest => {
  const parsed = parseReview(text);
  if (!parsed.ok) throw new Error(parsed.problem.message);
  return parsed.request;
};

type Timed = { readonly timesUs: readonly number[] };

const time = (decisions: number, decideOnce: () => void): Timed => {
  const timesUs: number[] = [];
  for (let at = 0; at < decisions; at += 1) {
    const startedMs = performance.now();
    decideOnce();
    timesUs.push((performance.now() - startedMs) * 1000);
  }
  return { timesUs };
};

export const measureDecisions = (options: { readonly rounds: number; readonly decisions: number }): readonly BenchRow[] => {
  const { rounds, decisions } = options;
  const text = reviewText();
  const request = parse(text);
  const everywhere = setOf(100, () => 'acme');
  const few = setOf(30, () => 'acme');
  // The same thirty among those of 333 other tenants.
  const many = setOf(10_000, (index) => (index < 30 ? 'acme' : `tenant-${index % 333}`));
  if (judge(everywhere, request) !== 100 || judge(few, request) !== 30) throw new Error('not every policy was evaluated');
  const applicable = judge(many, request);
  if (applicable !== 30) throw new Error(`${applicable} of 10,000 policies apply instead of 30`);
  const cases = {
    whole: () => judge(everywhere, parse(text)),
    decided: () => judge(everywhere, request),
    few: () => judge(few, request),
    many: () => judge(many, request),
  };
  const results: Record<keyof typeof cases, Timed[]> = { whole: [], decided: [], few: [], many: [] };
  for (const decideOnce of Object.values(cases)) time(decisions, decideOnce);
  for (let turn = 0; turn < rounds; turn += 1) {
    for (const name of ['whole', 'decided', 'few', 'many'] as const) results[name].push(time(decisions, cases[name]));
  }
  const across = (all: readonly Timed[], share: number): number => rounded(median(all.map(({ timesUs }) => quantile(timesUs, share))));
  const each = `median of ${rounds} rounds of ${decisions} decisions, review of ${text.length} bytes`;
  const ratio = median(results.many.map((round, turn) => quantile(round.timesUs, 0.5) / quantile(results.few[turn]?.timesUs ?? [], 0.5)));
  return [
    {
      name: 'decide/100/p50',
      unit: 'µs',
      value: across(results.decided, 0.5),
      how: `100 applicable policies, from request to decision; ${each}`,
    },
    {
      name: 'decide/100/p99',
      unit: 'µs',
      value: across(results.decided, 0.99),
      how: `100 applicable policies, from request to decision; ${each}`,
    },
    {
      name: 'decide/100/with-parse/p50',
      unit: 'µs',
      value: across(results.whole, 0.5),
      how: `the same from the text of the review; ${each}`,
    },
    {
      name: 'decide/100/with-parse/p99',
      unit: 'µs',
      value: across(results.whole, 0.99),
      how: `the same from the text of the review; ${each}`,
    },
    { name: 'decide/30-of-30/p50', unit: 'µs', value: across(results.few, 0.5), how: `30 loaded, all apply; ${each}` },
    {
      name: 'decide/30-of-10000/p50',
      unit: 'µs',
      value: across(results.many, 0.5),
      how: `10,000 loaded for 333 tenants, 30 apply; ${each}`,
    },
    {
      name: 'decide/30-of-10000/over-30-of-30',
      unit: '×',
      value: rounded(ratio),
      how: `median of the ratios of p50 within each round; ${each}`,
    },
  ];
};
