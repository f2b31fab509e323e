// SPDX-License-Identifier: Apache-2.0
// One policy's say about one request, with the rules of ValidatingAdmissionPolicy for errors and budgets.
import type { Bindings } from '../cel/index.ts';
import { matchOutcome } from '../compile/match.ts';
import type { MatchFacts, MatchOutcome } from '../compile/match.ts';
import type { CompiledBinding, CompiledPolicy, CompiledValidation, Reason } from '../compile/policy-set.ts';
import type { Subject } from '../subject/index.ts';
import { withVariables } from './bindings.ts';
import type { Violation } from './index.ts';
import { evaluate, metered } from './limits.ts';
import type { Meter } from './limits.ts';
import { breachMessage } from './message.ts';
import type { AdmissionRequest } from './request.ts';

export type Step =
  | { readonly kind: 'match'; readonly outcome: MatchOutcome }
  | {
      readonly kind: 'binding' | 'matchCondition' | 'validation' | 'schema' | 'auditAnnotation';
      readonly name: string;
      readonly outcome: string;
      readonly message?: string;
      /** What was evaluated, and with which variables, so that its parts can be told too. */
      readonly source?: string;
      readonly bindings?: Bindings;
    };

/** What all policies of one decision share. */
export type Run = {
  readonly subject: Subject;
  readonly match: MatchFacts;
  readonly base: Bindings;
  readonly locale: string;
  /** The object as plain JSON data, made when a schema first asks. */
  readonly json: () => unknown;
  readonly meter: Meter;
  /** Explaining only: told of every step. */
  readonly trace?: (step: Step) => void;
};

export type PolicyOutcome = {
  readonly applied: boolean;
  readonly violations: readonly Violation[];
  readonly auditAnnotations: readonly (readonly [key: string, value: string])[];
};

const CODES: Readonly<Record<Reason, number>> = { Unauthorized: 401, Forbidden: 403, RequestEntityTooLarge: 413, Invalid: 422 };
const AUDIT_MAX = 10 * 1024;
const SPENT = 'validation failed due to running out of cost budget, no further validation rules will be run';

const SKIPPED: PolicyOutcome = { applied: false, violations: [], auditAnnotations: [] };

type Fault = {
  readonly message: string;
  readonly cause: Violation['cause'];
  readonly rule?: number;
  readonly expression?: string;
  readonly reason?: Reason;
};

const violation = (policy: CompiledPolicy, fault: Fault, enforcement = policy.enforcement): Violation => {
  const reason = fault.reason ?? 'Invalid';
  return {
    policy: policy.name,
    digest: policy.digest,
    version: policy.version,
    enforcement,
    message: fault.message,
    reason,
    code: CODES[reason],
    rule: fault.rule ?? -1,
    ...(fault.expression === undefined ? {} : { expression: fault.expression }),
    cause: fault.cause,
  };
};

/** An error counts under failurePolicy Fail and is forgiven under Ignore. */
const onError = (policy: CompiledPolicy, fault: Fault): readonly Violation[] =>
  policy.failurePolicy === 'Fail' ? [violation(policy, fault)] : [];

/** One false skips the policy even if another errs; an error counts only when none is false. */
const matchConditions = (policy: CompiledPolicy, bindings: Bindings, run: Run): 'skip' | 'go on' | Fault => {
  run.meter.phase = run.meter.limits.match;
  let fault: Fault | undefined;
  for (const { name, program } of policy.matchConditions) {
    const result = evaluate(program, { meter: run.meter, bindings });
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
    if (result.kind === 'value' && !isTrue) return 'skip';
    if (message !== undefined)
      fault ??= {
        message: `match condition "${name}": expression '${program.source.trim()}' resulted in error: ${message}`,
        cause: 'error',
        expression: program.source,
      };
    if (result.kind === 'spent') break;
  }
  return fault ?? 'go on';
};

const checkSchema = (policy: CompiledPolicy, run: Run): readonly Violation[] => {
  const { schema } = policy;
  // A deletion has no object to hold against a schema.
  if (schema === undefined || run.subject.object === null) return [];
  const breach = metered(run.meter, (budget) => schema(run.json(), budget));
  run.trace?.({
    kind: 'schema',
    name: 'jsonSchema',
    outcome: breach === undefined ? 'true' : breach.kind === 'breach' ? 'false' : 'error',
    ...(breach?.kind === 'breach' ? { message: breach.message } : {}),
  });
  if (breach === undefined) return [];
  if (breach.kind === 'breach') return [violation(policy, { message: breach.message, cause: 'schema' })];
  return onError(policy, { message: 'the JSON Schema took more steps than one expression may', cause: 'budget' });
};

type Contexts = { readonly validations: Bindings; readonly messages: () => Bindings };
type Judging = { readonly policy: CompiledPolicy; readonly contexts: Contexts; readonly run: Run };

const judge = (rule: number, validation: CompiledValidation, { policy, contexts, run }: Judging): readonly Violation[] | 'spent' => {
  const { program, reason } = validation;
  const result = evaluate(program, { meter: run.meter, bindings: contexts.validations });
  const place = { rule, expression: program.source, reason };
  if (result.kind === 'spent') return 'spent';
  if (result.kind === 'error') {
    const message = `expression '${program.source.trim()}' resulted in error: ${result.message}`;
    run.trace?.({
      kind: 'validation',
      name: program.source,
      source: program.source,
      bindings: contexts.validations,
      outcome: 'error',
      message: result.message,
    });
    // Kubernetes tells errors as Invalid, whatever the reason of the rule.
    return onError(policy, { ...place, message, cause: 'error', reason: 'Invalid' });
  }
  if (result.value === true) {
    run.trace?.({ kind: 'validation', name: program.source, source: program.source, bindings: contexts.validations, outcome: 'true' });
    return [];
  }
  const message = breachMessage(validation, { bindings: contexts.messages(), locale: run.locale, meter: run.meter });
  run.trace?.({
    kind: 'validation',
    name: program.source,
    source: program.source,
    bindings: contexts.validations,
    outcome: 'false',
    message,
  });
  return [violation(policy, { ...place, message, cause: 'false' })];
};

const validate = (policy: CompiledPolicy, bindings: Bindings, run: Run): readonly Violation[] => {
  run.meter.phase = run.meter.limits.policy;
  const found: Violation[] = [...checkSchema(policy, run)];
  let messages: Bindings | undefined;
  const contexts: Contexts = {
    validations: withVariables(policy.variables, { bindings, budget: run.meter.budget }),
    messages: () => (messages ??= withVariables(policy.variables, { bindings, budget: run.meter.budget })),
  };
  for (const [rule, validation] of policy.validations.entries()) {
    const violations = judge(rule, validation, { policy, contexts, run });
    if (violations === 'spent') {
      run.trace?.({ kind: 'validation', name: validation.program.source, outcome: 'error', message: SPENT });
      found.push(...onError(policy, { message: SPENT, cause: 'budget', rule, expression: validation.program.source }));
      break;
    }
    found.push(...violations);
  }
  return found;
};

const annotate = (policy: CompiledPolicy, bindings: Bindings, run: Run): Pick<PolicyOutcome, 'violations' | 'auditAnnotations'> => {
  run.meter.phase = run.meter.limits.audit;
  const context = withVariables(policy.variables, { bindings, budget: run.meter.budget });
  const violations: Violation[] = [];
  const auditAnnotations: (readonly [string, string])[] = [];
  for (const { name, program } of policy.auditAnnotations) {
    const result = evaluate(program, { meter: run.meter, bindings: context });
    if (result.kind === 'value') {
      const value = typeof result.value === 'string' ? result.value.trim() : '';
      run.trace?.({ kind: 'auditAnnotation', name, outcome: value === '' ? 'none' : 'written', message: value });
      // One dot and no slash: the API server puts the webhook's name and a slash before the key.
      if (value !== '') auditAnnotations.push([`${policy.name}.${name}`, value.slice(0, AUDIT_MAX)]);
      continue;
    }
    const message = result.kind === 'error' ? result.message : SPENT;
    run.trace?.({ kind: 'auditAnnotation', name, outcome: 'error', message });
    const fault: Fault = {
      message: `audit annotation "${name}": expression '${program.source.trim()}' resulted in error: ${message}`,
      cause: 'error',
      expression: program.source,
    };
    // Evidence that can not be written denies whatever the enforcement is, unless errors are forgiven.
    if (policy.failurePolicy === 'Fail') violations.push(violation(policy, fault, 'Deny'));
  }
  return { violations, auditAnnotations };
};

const evaluateMatched = (policy: CompiledPolicy, run: Run): PolicyOutcome => {
  const bindings: Bindings = policy.params === undefined ? run.base : { ...run.base, params: policy.params };
  if (policy.matchConditions.length > 0) {
    // Kubernetes gives match conditions no namespace object.
    const outcome = matchConditions(policy, { ...bindings, namespaceObject: null }, run);
    if (outcome === 'skip') return SKIPPED;
    if (outcome !== 'go on') return { applied: true, violations: onError(policy, outcome), auditAnnotations: [] };
  }
  const violations = validate(policy, bindings, run);
  if (policy.auditAnnotations.length === 0) return { applied: true, violations, auditAnnotations: [] };
  const annotated = annotate(policy, bindings, run);
  return { applied: true, violations: [...violations, ...annotated.violations], auditAnnotations: annotated.auditAnnotations };
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
  return { applied: true, violations: onError(policy, { message, cause: 'error' }), auditAnnotations: [] };
};

const evaluateBinding = (policy: CompiledPolicy, binding: CompiledBinding, run: Run): readonly PolicyOutcome[] => {
  const outcome = matchOutcome(binding.match, run.match);
  run.trace?.({ kind: 'binding', name: binding.name, outcome });
  const bound = { ...policy, enforcement: binding.enforcement };
  if (outcome === 'namespace-unknown') return [unknownNamespace(bound, run)];
  if (outcome !== 'matches') return [];
  if (binding.params === undefined) return [evaluateMatched(bound, run)];
  const choice = binding.params(run.subject.request.namespace);
  if (!choice.ok) {
    // Whatever the actions of the binding are: a setting that is not there denies, unless errors are forgiven.
    const fault: Fault = { message: `failed to configure binding: ${choice.message}`, cause: 'error' };
    run.trace?.({ kind: 'binding', name: binding.name, outcome: 'error', message: choice.message });
    return [{ applied: true, violations: onError({ ...bound, enforcement: 'Deny' }, fault), auditAnnotations: [] }];
  }
  return choice.params.map((params) => evaluateMatched(params === undefined ? bound : { ...bound, params }, run));
};

/** Each binding, and each of its params, is judged on its own; all of them count. */
const evaluateBound = (policy: CompiledPolicy, bindings: readonly CompiledBinding[], run: Run): PolicyOutcome => {
  if (isBeyondPolicies(run.subject.request)) return SKIPPED;
  const outcomes = bindings.flatMap((binding) => evaluateBinding(policy, binding, run));
  return {
    applied: outcomes.some(({ applied }) => applied),
    violations: outcomes.flatMap(({ violations }) => violations),
    auditAnnotations: outcomes.flatMap(({ auditAnnotations }) => auditAnnotations),
  };
};

/** Total: what goes wrong inside, down to a stack that overflows on a monstrous object, is an error of this policy. */
export const evaluatePolicy = (policy: CompiledPolicy, run: Run): PolicyOutcome => {
  try {
    const outcome = matchOutcome(policy.match, run.match);
    run.trace?.({ kind: 'match', outcome });
    if (outcome === 'namespace-unknown') return unknownNamespace(policy, run);
    if (outcome !== 'matches') return SKIPPED;
    return policy.bindings === undefined ? evaluateMatched(policy, run) : evaluateBound(policy, policy.bindings, run);
  } catch (error) {
    const message = `the policy could not be evaluated: ${error instanceof Error ? error.message : 'unknown error'}`;
    return { applied: true, violations: onError(policy, { message, cause: 'error' }), auditAnnotations: [] };
  }
};
