// SPDX-License-Identifier: Apache-2.0
/**
 * Why a decision came out as it did: for every policy of a set whether it applied and what stopped it, and each
 * expression's outcome. The same evaluation as `decide`, told step by step; for people, so it may take its time.
 */
import type { MatchOutcome } from '../compile/match.ts';
import type { CompiledPolicy, Enforcement, PolicySet } from '../compile/policy-set.ts';
import type { Subject } from '../subject/index.ts';
import { decide, startRun, strongest } from './index.ts';
import type { AdmissionFacts, Decision, Verdict, Violation } from './index.ts';
import { evaluatePolicy } from './policy.ts';
import type { Step } from './policy.ts';

export type ExplainedStep = Exclude<Step, { readonly kind: 'match' }>;

export type PolicyExplanation = {
  readonly policy: string;
  readonly digest: string;
  readonly title: string;
  readonly enforcement: Enforcement;
  readonly applied: boolean;
  /** One sentence. */
  readonly because: string;
  readonly verdict: Verdict;
  readonly steps: readonly ExplainedStep[];
  readonly violations: readonly Violation[];
};

export type Explanation = { readonly decision: Decision; readonly policies: readonly PolicyExplanation[] };

const BECAUSE: Readonly<Record<MatchOutcome, string>> = {
  matches: 'its rules and selectors match the request',
  namespace: 'its namespaceSelector does not select the namespace',
  object: 'its objectSelector selects neither the new nor the old object',
  excluded: 'one of its excludeResourceRules matches the request',
  rules: 'none of its rules names this group, version, resource, operation, scope and name together',
  'not-an-agent': 'it is about agents, and nothing proves that the workload is one',
  'namespace-unknown': 'it chooses by labels of the namespace, which is not known',
};

const becauseOf = (outcome: MatchOutcome, applied: boolean, steps: readonly ExplainedStep[]): string => {
  if (outcome !== 'matches' || applied) return BECAUSE[outcome];
  const stopped = steps.find((step) => step.kind === 'matchCondition' && step.outcome === 'false');
  return stopped === undefined ? BECAUSE[outcome] : `its match condition ${stopped.name} is false`;
};

const explainPolicy = (policy: CompiledPolicy, subject: Subject, facts: AdmissionFacts): PolicyExplanation => {
  const steps: ExplainedStep[] = [];
  let match: MatchOutcome = 'rules';
  const trace = (step: Step): void => {
    if (step.kind === 'match') match = step.outcome;
    else steps.push(step);
  };
  const outcome = evaluatePolicy(policy, { ...startRun(subject, facts), trace });
  return {
    policy: policy.name,
    digest: policy.digest,
    title: policy.title,
    enforcement: policy.enforcement,
    applied: outcome.applied,
    because: becauseOf(match, outcome.applied, steps),
    verdict: strongest(outcome.violations.map((violation) => violation.enforcement)),
    steps,
    violations: outcome.violations,
  };
};

export const explain = (set: PolicySet, subject: Subject, facts: AdmissionFacts): Explanation => ({
  decision: decide(set, subject, facts),
  policies: set.policies.map((policy) => explainPolicy(policy, subject, facts)),
});
