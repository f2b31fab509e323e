// SPDX-License-Identifier: Apache-2.0
/**
 * Why a decision came out as it did: for every policy of a set whether it applied and what stopped it, and each
 * expression's outcome. The same evaluation as `decide`, told step by step; for people, so it may take its time.
 */
import { Fields, isCelError } from '../cel/index.ts';
import type { Bindings } from '../cel/index.ts';
import type { MatchOutcome } from '../compile/match.ts';
import type { CompiledPolicy, Enforcement, PolicySet } from '../compile/policy-set.ts';
import type { Subject } from '../subject/index.ts';
import { withVariables } from './bindings.ts';
import { explainExpression } from './explain-parts.ts';
import type { ExplainedPart } from './explain-parts.ts';
import { decide, startRun, strongest } from './index.ts';
import type { Decision, Verdict, Violation } from './decision.ts';
import type { AdmissionFacts } from './facts.ts';
import { evaluatePolicy } from './policy.ts';
import type { Step } from './run.ts';
import { celText } from './value-text.ts';

type SpokenStep = Exclude<Step, { readonly kind: 'match' }>;

export type ExplainedStep = Omit<SpokenStep, 'bindings'> & {
  /** What stands inside, each with its value. */
  readonly parts?: readonly ExplainedPart[];
  /** Where in the source the part begins to which a false or an error goes back. */
  readonly failedAt?: number;
};

export type ExplainedVariable = { readonly name: string; readonly source: string; readonly value?: string; readonly error?: string };

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
  /** As they are under the first binding and param that the policy was judged with. */
  readonly variables: readonly ExplainedVariable[];
  readonly violations: readonly Violation[];
};

export type Explanation = { readonly decision: Decision; readonly policies: readonly PolicyExplanation[] };

type Outcome = MatchOutcome | 'tenant';

const BECAUSE: Readonly<Record<Outcome, string>> = {
  matches: 'its rules and selectors match the request',
  namespace: 'its namespaceSelector does not select the namespace',
  object: 'its objectSelector selects neither the new nor the old object',
  excluded: 'one of its excludeResourceRules matches the request',
  rules: 'none of its rules names this group, version, resource, operation, scope and name together',
  'not-an-agent': 'it is about agents, and nothing proves that the workload is one',
  tenant: 'it is a member of a ruleset that the tenant of the namespace does not name',
  'namespace-unknown': 'it chooses by labels of the namespace, which is not known',
};

const becauseOf = (outcome: Outcome, applied: boolean, steps: readonly ExplainedStep[]): string => {
  if (outcome !== 'matches' || applied) return BECAUSE[outcome];
  const bound = steps.filter((step) => step.kind === 'binding');
  if (bound.length > 0 && bound.every((step) => step.outcome !== 'matches')) return 'none of its bindings matches the request';
  const stopped = steps.find((step) => step.kind === 'matchCondition' && step.outcome === 'false');
  return stopped === undefined ? BECAUSE[outcome] : `its match condition ${stopped.name} is false`;
};

const explainStep = ({ bindings, ...step }: SpokenStep): ExplainedStep => {
  if (bindings === undefined || step.source === undefined) return step;
  const { parts, failedAt } = explainExpression(step.source, bindings);
  return { ...step, parts, ...(failedAt === undefined ? {} : { failedAt }) };
};

const STEPS = 1_000_000;
const MAX_TEXT = 500;

const explainVariables = (policy: CompiledPolicy, bindings: Bindings): readonly ExplainedVariable[] => {
  const { variables } = withVariables(policy.variables, { bindings, steps: { limit: STEPS, used: 0, effort: 20 * STEPS } });
  return policy.variables.map(({ name, program }) => {
    const value = variables instanceof Fields ? variables.field(name) : undefined;
    const told = { name, source: program.source };
    if (value === undefined) return told;
    return isCelError(value) ? { ...told, error: value.message } : { ...told, value: celText(value).slice(0, MAX_TEXT) };
  });
};

const explainPolicy = (policy: CompiledPolicy, subject: Subject, facts: AdmissionFacts): PolicyExplanation => {
  const steps: ExplainedStep[] = [];
  let match: Outcome = 'rules';
  let first: Bindings | undefined;
  const trace = (step: Step): void => {
    if (step.kind === 'match') match = step.outcome;
    else {
      steps.push(explainStep(step));
      if (step.kind === 'validation') first ??= step.bindings;
    }
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
    variables: first === undefined ? [] : explainVariables(policy, first),
    violations: outcome.violations,
  };
};

export const explain = (set: PolicySet, subject: Subject, facts: AdmissionFacts): Explanation => ({
  decision: decide(set, subject, facts),
  policies: set.policies.map((policy) => explainPolicy(policy, subject, facts)),
});
