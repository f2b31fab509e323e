// SPDX-License-Identifier: Apache-2.0
// matchConstraints and the shorthand `workloads` of a policy, as `match.ts` wants them.
import type { PolicySpec, ResourceRule } from '../../crds/generated/objects.ts';
import type { Problem } from '../problem.ts';
import { workloadRules } from '../subject/kind-index.ts';
import type { Rule, WorkloadScope } from '../subject/workload-kinds.ts';
import { problemAt } from './expression.ts';
import type { FieldPath, PositionOf } from './expression.ts';
import { ungovernedPart } from './governed-kinds.ts';
import { splitResource } from './match.ts';
import type { Match, MatchRule } from './match.ts';
import { compileSelector } from './selector.ts';
import type { LabelSelector, Selector } from './selector.ts';

type Context = { readonly positionOf: PositionOf | undefined; readonly problems: Problem[] };
type PolicyContext = Context & {
  /** The webhook is to decide by it. A ValidatingAdmissionPolicy is the API server's own to enforce, cluster-scoped kinds included. */
  readonly isOurs: boolean;
};

const FIELDS = ['apiGroups', 'apiVersions', 'operations', 'resources'] as const;

/** The checks of admissionregistration's validation: a rule that can never match is a mistake. */
const compileRule = (rule: ResourceRule, path: FieldPath, context: Context): MatchRule | undefined => {
  const refuse = (field: string, message: string): undefined => {
    context.problems.push(problemAt('POLICY_MATCH', message, { path: [...path, field], positionOf: context.positionOf }));
    return undefined;
  };
  for (const field of FIELDS) {
    const values: readonly string[] = rule[field] ?? [];
    if (values.length === 0) return refuse(field, 'must name at least one, or *');
    if (values.length > 1 && values.includes('*') && field !== 'resources') return refuse(field, 'if * is there, nothing else may be');
  }
  return {
    groups: new Set(rule.apiGroups),
    versions: new Set(rule.apiVersions),
    resources: (rule.resources ?? []).map(splitResource),
    operations: new Set(rule.operations),
    scope: rule.scope ?? '*',
    names: new Set(rule.resourceNames),
    agentsOnly: false,
  };
};

const ofWorkload = (rule: Rule, agentsOnly: boolean): MatchRule => ({
  groups: new Set(rule.apiGroups),
  versions: new Set(rule.apiVersions),
  resources: rule.resources.map(splitResource),
  operations: new Set(rule.operations),
  scope: rule.scope ?? '*',
  names: new Set(),
  agentsOnly,
});

const workloadMatch = new Map<WorkloadScope, readonly MatchRule[]>();

/** Made once: the table of kinds never changes, and thousands of policies use it. */
const ofScope = (scope: WorkloadScope): readonly MatchRule[] => {
  const known = workloadMatch.get(scope) ?? workloadRules(scope).map((rule) => ofWorkload(rule, scope === 'Agent'));
  workloadMatch.set(scope, known);
  return known;
};

const selector = (value: LabelSelector | undefined, path: FieldPath, context: Context): Selector | undefined => {
  const made = compileSelector(value);
  if (typeof made !== 'string') return made;
  context.problems.push(problemAt('POLICY_MATCH', made, { path: [...path, 'matchExpressions'], positionOf: context.positionOf }));
  return undefined;
};

const EVERYTHING: MatchRule = {
  groups: new Set('*'),
  versions: new Set('*'),
  resources: [splitResource('*/*')],
  operations: new Set('*'),
  scope: '*',
  names: new Set(),
  agentsOnly: false,
};

/** The matchResources of a binding narrow what its policy matches; without rules they leave it as it is. */
export const compileMatchResources = (resources: PolicySpec['matchConstraints'], base: FieldPath, context: Context): Match => {
  const { resourceRules, excludeResourceRules, namespaceSelector, objectSelector, matchPolicy } = resources ?? {};
  const compileRules = (rules: readonly ResourceRule[] | undefined, field: string): readonly MatchRule[] =>
    (rules ?? []).flatMap((rule, index) => compileRule(rule, [...base, field, index], context) ?? []);
  return {
    rules: (resourceRules ?? []).length === 0 ? [EVERYTHING] : compileRules(resourceRules, 'resourceRules'),
    excluded: compileRules(excludeResourceRules, 'excludeResourceRules'),
    namespaceSelector: selector(namespaceSelector, [...base, 'namespaceSelector'], context),
    objectSelector: selector(objectSelector, [...base, 'objectSelector'], context),
    matchPolicy: matchPolicy ?? 'Equivalent',
  };
};

/** A policy with such a rule would read as enforced and never run. */
const refuseUngoverned = (rules: readonly ResourceRule[], base: FieldPath, context: Context): void => {
  for (const [index, rule] of rules.entries()) {
    const part = ungovernedPart(rule);
    if (part === undefined) continue;
    const path = [...base, 'resourceRules', index, part.field];
    context.problems.push(problemAt('RULE_NOT_GOVERNED', part.message, { path, positionOf: context.positionOf }));
  }
};

const MAX_KEPT = 4_096;
const kept = new Map<string, Match>();

/** Many policies are about the same things: of one `Match` for all of them a decision asks once. */
const sharedMatch = (spec: PolicySpec, match: Match): Match => {
  const key = JSON.stringify([spec.matchConstraints, spec.workloads]);
  const known = kept.get(key);
  if (known !== undefined) return known;
  const oldest = kept.size >= MAX_KEPT ? kept.keys().next().value : undefined;
  if (oldest !== undefined) kept.delete(oldest);
  kept.set(key, match);
  return match;
};

export const compileConstraints = (spec: PolicySpec, context: PolicyContext): Match => {
  const before = context.problems.length;
  const constraints = spec.matchConstraints ?? {};
  const base: FieldPath = ['spec', 'matchConstraints'];
  const compileRules = (rules: readonly ResourceRule[] | undefined, field: string): readonly MatchRule[] =>
    (rules ?? []).flatMap((rule, index) => compileRule(rule, [...base, field, index], context) ?? []);
  if (context.isOurs) refuseUngoverned(constraints.resourceRules ?? [], base, context);
  const workloads = spec.workloads ?? [];
  const rules = [...compileRules(constraints.resourceRules, 'resourceRules'), ...workloads.flatMap(ofScope)];
  if ((constraints.resourceRules ?? []).length === 0 && workloads.length === 0) {
    context.problems.push(
      problemAt('POLICY_MATCH', 'neither resourceRules nor workloads say what the policy is about', {
        path: base,
        positionOf: context.positionOf,
      }),
    );
  }
  const match: Match = {
    rules,
    excluded: compileRules(constraints.excludeResourceRules, 'excludeResourceRules'),
    namespaceSelector: selector(constraints.namespaceSelector, [...base, 'namespaceSelector'], context),
    objectSelector: selector(constraints.objectSelector, [...base, 'objectSelector'], context),
    matchPolicy: constraints.matchPolicy ?? 'Equivalent',
  };
  return context.problems.length === before ? sharedMatch(spec, match) : match;
};
