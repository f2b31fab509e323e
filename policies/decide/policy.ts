// SPDX-License-Identifier: Apache-2.0
// One policy's say about one request, with the rules of ValidatingAdmissionPolicy for errors and budgets.
import type { Bindings } from '../cel/index.ts';
import { matchOutcome } from '../compile/match.ts';
import type { CompiledBinding, CompiledPolicy } from '../compile/policy-set.ts';
import { annotate } from './annotate.ts';
import { bindsConfined } from './confined.ts';
import { bindMember } from './member.ts';
import { evaluate } from './limits.ts';
import type { Violation } from './decision.ts';
import type { AdmissionRequest } from './request.ts';
import { onError, SPENT } from './run.ts';
import type { Contexts, Fault, PolicyOutcome, Run } from './run.ts';
import { FAILURE_KEY, validationFailure } from './validation-failure.ts';
import { validate } from './validate.ts';

const SKIPPED: PolicyOutcome = { applied: false, violations: [], auditAnnotations: [] };

const overspent: Fault = { message: SPENT, cause: 'budget' };

/** Several errors as Go joins them: each once, in brackets. */
const joined = (faults: readonly Fault[]): Fault | undefined => {
  const [first] = faults;
  const messages = [...new Set(faults.map(({ message }) => message))];
  return first === undefined || messages.length === 1 ? first : { ...first, message: `[${messages.join(', ')}]` };
};

/**
 * One false skips the policy even if another errs; an error counts only when none is false. All of them are evaluated before any
 * counts, so running out of steps is an error even after a false; where that can not happen the first false ends it.
 */
const matchConditions = (policy: CompiledPolicy, bindings: Bindings, run: Run): 'skip' | 'go on' | Fault => {
  const { meter } = run;
  meter.phase = meter.limits.match;
  let faults: Fault[] | undefined;
  let left = policy.matchConditions.length;
  let isFalse = false;
  for (const { name, program } of policy.matchConditions) {
    const result = evaluate(program, { meter, bindings });
    left -= 1;
    const isTrue = result.kind === 'value' && result.value === true;
    const message = result.kind === 'error' ? result.message : result.kind === 'spent' ? SPENT : undefined;
    run.trace?.({
      kind: 'matchCondition',
      name,
      outcome: message === undefined ? String(isTrue) : 'error',
      ...(message === undefined ? {} : { message }),
      source: program.source,
      bindings,
    });
    if (result.kind === 'spent') return overspent;
    if (result.kind === 'value' && !isTrue) {
      isFalse = true;
      if (meter.phase >= left * meter.limits.expression) return 'skip';
    }
    if (message !== undefined)
      (faults ??= []).push({
        message: `expression '${program.source}' resulted in error: ${message}`,
        cause: 'error',
        expression: program.source,
      });
  }
  if (isFalse) return 'skip';
  return faults === undefined ? 'go on' : (joined(faults) ?? 'go on');
};

/** What most policies come to. */
const PASSED = { applied: true, violations: [], auditAnnotations: [], failures: [] } as const satisfies Matched;

/** `failures`: the violations that validations, or what stands before them, came to; without those of audit annotations. */
type Matched = PolicyOutcome & { readonly failures: readonly Violation[] };

const contextsOf = ({ params, asksAuthorizer }: CompiledPolicy, run: Run): Contexts => {
  if (params === undefined && !asksAuthorizer) return run.contexts;
  const plain: Bindings = params === undefined ? run.base : { ...run.base, params };
  return { plain, full: asksAuthorizer ? { ...plain, ...run.authorizer() } : plain };
};

const evaluateMatched = (policy: CompiledPolicy, run: Run): Matched => {
  const contexts = contextsOf(policy, run);
  const { full, plain } = contexts;
  if (policy.matchConditions.length > 0) {
    // Kubernetes gives match conditions no namespace object.
    const outcome = matchConditions(policy, { ...full, namespaceObject: null }, run);
    if (outcome === 'skip') return { ...SKIPPED, failures: [] };
    if (outcome !== 'go on') {
      const violations = onError(policy, outcome, run);
      return { applied: true, violations, auditAnnotations: [], failures: violations };
    }
  }
  const { violations, spent } = validate(policy, contexts, run);
  if (violations.length === 0 && !spent && policy.auditAnnotations.length === 0) return PASSED;
  if (spent || policy.auditAnnotations.length === 0) return { applied: true, violations, auditAnnotations: [], failures: violations };
  const annotated = annotate(policy, plain, run);
  const kept = annotated.spent ? annotated.violations : [...violations, ...annotated.violations];
  return {
    applied: true,
    violations: kept,
    auditAnnotations: annotated.auditAnnotations,
    failures: annotated.spent ? annotated.violations : violations,
  };
};

const evaluateForBinding = (policy: CompiledPolicy, binding: CompiledBinding, run: Run): PolicyOutcome => {
  const { failures, ...outcome } = evaluateMatched(policy, run);
  const told = validationFailure(policy, binding, failures);
  return told.length === 0 ? outcome : { ...outcome, auditAnnotations: [...outcome.auditAnnotations, ...told] };
};

const ADMISSION_RESOURCES = new Set([
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
]);
const REVIEW_GROUPS = new Set(['authentication.k8s.io', 'authorization.k8s.io']);

/** Questions to the API server and the policies themselves are never subject to a ValidatingAdmissionPolicy. */
const isBeyondPolicies = ({ resource: { group, resource } }: AdmissionRequest): boolean =>
  (group === 'admissionregistration.k8s.io' && ADMISSION_RESOURCES.has(resource)) ||
  (REVIEW_GROUPS.has(group) && resource.endsWith('reviews'));

const unknownNamespace = (policy: CompiledPolicy, run: Run): PolicyOutcome => {
  const message = `the namespace ${run.subject.request.namespace} is not known, and the policy chooses by its labels`;
  return { applied: true, violations: onError(policy, { message, cause: 'error' }, run), auditAnnotations: [] };
};

const evaluateBinding = (policy: CompiledPolicy, binding: CompiledBinding, run: Run): readonly PolicyOutcome[] => {
  const outcome = matchOutcome(binding.match, run.match);
  run.trace?.({ kind: 'binding', name: binding.name, outcome });
  const bound = { ...policy, enforcement: binding.enforcement };
  if (outcome === 'namespace-unknown') return [unknownNamespace(bound, run)];
  if (outcome !== 'matches') return [];
  if (binding.params === undefined) return [evaluateForBinding(bound, binding, run)];
  const choice = binding.params(run.subject.request.namespace);
  if (!choice.ok) {
    // Whatever the actions of the binding are: a setting that is not there denies, unless errors are forgiven.
    const fault: Fault = { message: `failed to configure binding: ${choice.message}`, cause: 'error' };
    run.trace?.({ kind: 'binding', name: binding.name, outcome: 'error', message: choice.message });
    return [{ applied: true, violations: onError({ ...bound, enforcement: 'Deny' }, fault, run), auditAnnotations: [] }];
  }
  return choice.params.map((params) => evaluateForBinding(params === undefined ? bound : { ...bound, params }, binding, run));
};

/** Bindings and params may give one key several values: each once, in one text. */
const collected = (outcomes: readonly PolicyOutcome[]): PolicyOutcome['auditAnnotations'] => {
  const values = new Map<string, Set<string>>();
  for (const { auditAnnotations } of outcomes)
    for (const [key, value] of auditAnnotations) values.set(key, (values.get(key) ?? new Set()).add(value));
  return [...values].map(([key, texts]) => [key, [...texts].slice(0, key === FAILURE_KEY ? 1 : undefined).join(', ')]);
};

/** Each binding, and each of its params, is judged on its own; all of them count. */
const evaluateBound = (policy: CompiledPolicy, bindings: readonly CompiledBinding[], run: Run): PolicyOutcome => {
  if (isBeyondPolicies(run.subject.request)) return SKIPPED;
  const outcomes = bindings.flatMap((binding) => evaluateBinding(policy, binding, run));
  return {
    applied: outcomes.some(({ applied }) => applied),
    violations: outcomes.flatMap(({ violations }) => violations),
    auditAnnotations: collected(outcomes),
  };
};

/** Total: what goes wrong inside, down to a stack that overflows on a monstrous object, is an error of this policy. */
export const evaluatePolicy = (policy: CompiledPolicy, run: Run): PolicyOutcome => {
  try {
    const isElsewhere = policy.confinedTo !== undefined && !bindsConfined(policy.confinedTo, run);
    const bound = isElsewhere ? undefined : policy.ruleset === undefined ? policy : bindMember(policy, policy.ruleset, run);
    if (bound === undefined) {
      run.trace?.({ kind: 'match', outcome: 'tenant' });
      return SKIPPED;
    }
    const outcome = matchOutcome(bound.match, run.match);
    run.trace?.({ kind: 'match', outcome });
    if (outcome === 'namespace-unknown') return unknownNamespace(bound, run);
    if (outcome !== 'matches') return SKIPPED;
    return bound.bindings === undefined ? evaluateMatched(bound, run) : evaluateBound(bound, bound.bindings, run);
  } catch (error) {
    const message = `the policy could not be evaluated: ${error instanceof Error ? error.message : 'unknown error'}`;
    return { applied: true, violations: onError(policy, { message, cause: 'error' }, run), auditAnnotations: [] };
  }
};
