// SPDX-License-Identifier: Apache-2.0
/**
 * The verdict. `(PolicySet, Subject, facts) → Decision`, synchronous and total: no I/O, no clock, nothing thrown on data.
 *
 * In: a compiled set, the subject of a request that is in Writ's scope (a governed namespace, a Namespace, or one of its own
 * kinds), the namespace's and the tenant's objects. Out: the verdict with every violation. Deny wins, then Warn, then Audit,
 * and the order of policies never matters. With an empty set governed workloads are refused. Webhook, background scan,
 * command line and tests all call this one function.
 */
import { TENANT_LABEL } from '../../crds/kinds.ts';
import { fromJson, toJson } from '../cel/index.ts';
import type { Bindings } from '../cel/index.ts';
import { isClusterScoped, isNamespaceResource } from '../compile/match.ts';
import type { CompiledPolicy, PolicySet } from '../compile/policy-set.ts';
import { labelsOf } from '../compile/selector.ts';
import type { Labels } from '../compile/selector.ts';
import type { Subject } from '../subject/index.ts';
import { CONTAINER_SUBRESOURCES } from '../subject/kind-index.ts';
import { own, ownMap } from '../subject/paths.ts';
import { authorizerBindings, baseBindings } from './bindings.ts';
import { createMeter, DEFAULT_LIMITS, isSpent } from './limits.ts';
import { localeOf, violationLine } from './message.ts';
import { passes, plainPolicies } from './plain.ts';
import { evaluatePolicy } from './policy.ts';
import type { PolicyOutcome, Run } from './run.ts';
import type { JsonObject } from './request.ts';
import { refusal, strongest } from './decision.ts';
import type { Decision, Evaluation, Violation } from './decision.ts';
import type { AdmissionFacts } from './facts.ts';

export { strongest } from './decision.ts';
export type { Decision, Evaluation, Verdict, Violation } from './decision.ts';
export type { AdmissionFacts } from './facts.ts';

// The same object between changes of the namespace, so its labels are read once.
const namespaceLabels = new WeakMap<JsonObject, Labels>();

const cachedLabels = (namespace: JsonObject): Labels => {
  const known = namespaceLabels.get(namespace);
  if (known !== undefined) return known;
  const labels = labelsOf(fromJson(namespace));
  namespaceLabels.set(namespace, labels);
  return labels;
};

/** A Namespace is matched by its own labels, in the state it is to have; everything else by those of its namespace. */
const namespaceLabelsOf = (subject: Subject, facts: AdmissionFacts): Labels | undefined => {
  const { request, object, oldObject } = subject;
  if (isNamespaceResource(request.resource) && request.subResource === '') return labelsOf(object ?? oldObject);
  return facts.namespaceObject === null ? undefined : cachedLabels(facts.namespaceObject);
};

const isBeingDeleted = (subject: Subject): boolean => own(ownMap(subject.oldObject, 'metadata'), 'deletionTimestamp') !== undefined;

/** What lies in a namespace is Writ's to decide when that carries the tenant label, or is not known to carry none. */
const isGoverned = (subject: Subject, facts: AdmissionFacts): boolean => {
  if (facts.governed !== undefined) return facts.governed;
  const labels = isClusterScoped(subject.request) ? undefined : namespaceLabelsOf(subject, facts);
  return labels === undefined || labels.has(TENANT_LABEL);
};

/**
 * Whether the default of deny holds this request: a new or changed workload in a governed namespace. What is on its way out
 * may finish, since finalizers are taken off by updates.
 */
const isClosed = (subject: Subject): boolean => {
  const { request, kindInfo } = subject;
  if (kindInfo === undefined || isClusterScoped(request)) return false;
  if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return false;
  if (request.subResource !== '' && !CONTAINER_SUBRESOURCES.includes(request.subResource)) return false;
  return !isBeingDeleted(subject);
};

const answer = (setDigest: string, violations: readonly Violation[]): Decision => ({
  verdict: strongest(violations.map((violation) => violation.enforcement)),
  setDigest,
  violations,
  warnings: violations.filter((violation) => violation.enforcement === 'Warn').map(violationLine),
  auditAnnotations: {},
  evaluated: [],
});

/** Candidates are the same list for every request alike, and most of them pass: what that comes to is written once. */
const passedOf = new WeakMap<readonly CompiledPolicy[], readonly Evaluation[]>();

const whenPassed = ({ name, digest }: CompiledPolicy): Evaluation => ({ policy: name, digest, verdict: 'Allow' });

const allPassed = (candidates: readonly CompiledPolicy[]): readonly Evaluation[] => {
  const known = passedOf.get(candidates);
  if (known !== undefined) return known;
  const passed = candidates.map(whenPassed);
  passedOf.set(candidates, passed);
  return passed;
};

type Tally = {
  readonly violations: Violation[];
  readonly annotations: (readonly [string, string])[];
  readonly passed: readonly Evaluation[];
  /** Undefined for as long as every candidate has passed. */
  evaluated: Evaluation[] | undefined;
};

const countPassed = ({ evaluated, passed }: Tally, at: number): void => {
  const told = passed[at];
  if (evaluated !== undefined && told !== undefined) evaluated.push(told);
};

/** `at`: its place among the candidates. */
const count = (tally: Tally, policy: CompiledPolicy, outcome: PolicyOutcome, at: number): void => {
  const { applied, violations, auditAnnotations } = outcome;
  if (!applied) {
    tally.evaluated ??= tally.passed.slice(0, at);
    return;
  }
  for (const annotation of auditAnnotations) tally.annotations.push(annotation);
  if (violations.length === 0) {
    countPassed(tally, at);
    return;
  }
  for (const violation of violations) tally.violations.push(violation);
  tally.evaluated ??= tally.passed.slice(0, at);
  tally.evaluated.push({
    policy: policy.name,
    digest: policy.digest,
    verdict: strongest(violations.map(({ enforcement }) => enforcement)),
  });
};

const plainOf = (subject: Subject): (() => unknown) => {
  let known: { readonly data: unknown } | undefined;
  return () => (known ??= { data: toJson(subject.object) }).data;
};

const askingBindings = ({ request, access }: AdmissionFacts): (() => Bindings) => {
  let known: Bindings | undefined;
  return () => (known ??= authorizerBindings(request, access));
};

export const startRun = (subject: Subject, facts: AdmissionFacts): Run => {
  const base = baseBindings(subject, facts);
  return {
    subject,
    match: { request: subject.request, namespaceLabels: namespaceLabelsOf(subject, facts), isAgent: subject.isAgent, known: new Map() },
    tenant: facts.tenant,
    base,
    contexts: { full: base, plain: base },
    locale: localeOf(subject, facts),
    json: plainOf(subject),
    authorizer: askingBindings(facts),
    meter: createMeter(facts.limits ?? DEFAULT_LIMITS),
  };
};

export const decide = (set: PolicySet, subject: Subject, facts: AdmissionFacts): Decision => {
  if (!isGoverned(subject, facts)) return answer(set.digest, []);
  if (set.isUnsigned) return answer(set.digest, isClosed(subject) ? [refusal(set.digest, 'NO_VERIFIED_POLICY', 'unverified')] : []);
  const run = startRun(subject, facts);
  const candidates = set.candidates(subject.request, run.match.namespaceLabels);
  const tally: Tally = { violations: [], annotations: [], passed: allPassed(candidates), evaluated: undefined };
  let unsigned: [CompiledPolicy, number][] | undefined;
  let at = 0;
  // Of a policy that is plain and passes, which most do, nothing else is read.
  for (const plain of plainPolicies(candidates)) {
    const policy = plain !== undefined && passes(plain, run) ? undefined : candidates[at];
    if (policy === undefined) countPassed(tally, at);
    else if (policy.unsigned === true) {
      (unsigned ??= []).push([policy, at]);
      tally.evaluated ??= tally.passed.slice(0, at);
    } else count(tally, policy, evaluatePolicy(policy, run), at);
    // Which policies came too late depends on their names, so none of them may decide: all of it is refused.
    if (isSpent(run.meter)) return { ...answer(set.digest, [refusal(set.digest, 'DECISION_BUDGET', 'budget')]), unevaluated: true };
    at += 1;
  }
  // What nobody sealed gets what the others left, and its end ends nothing but itself.
  for (const [policy, place] of unsigned ?? []) if (!isSpent(run.meter)) count(tally, policy, evaluatePolicy(policy, run), place);
  const decided = answer(set.digest, tally.violations);
  const told = { ...decided, auditAnnotations: Object.fromEntries(tally.annotations), evaluated: tally.evaluated ?? tally.passed };
  return run.meter.failed ? { ...told, unevaluated: true } : told;
};
