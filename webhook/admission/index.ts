// SPDX-License-Identifier: Apache-2.0
/**
 * One AdmissionReview in, one answer out. Knows no server and no Kubernetes client.
 *
 * In: the review's text; the set in force, the namespaces and tenants that the caches hold, a clock. Out: HTTP status,
 * body and the record of the decision. Order: parse → whom does it concern → the namespace's facts → decide → where no policy
 * denies a workload, the bounds of its tenant → encode.
 * Nothing is called on the way (law 3), save what a policy itself asks the authorizer; the one other wait is for a namespace
 * that was made or labelled a moment ago and has not reached the cache so. Total: whatever the text is, the answer is a verdict or a coded refusal, never an exception. `webhook/server`
 * calls it; the command line uses `answer.ts`.
 */
import { decideAsking } from '../../policies/decide/access.ts';
import type { AskAccess } from '../../policies/decide/access.ts';
import { boundsViolation } from '../../policies/decide/decision.ts';
import type { Decision } from '../../policies/decide/index.ts';
import { parseReview } from '../../policies/decide/request.ts';
import type { AdmissionRequest, JsonObject } from '../../policies/decide/request.ts';
import type { Problem } from '../../policies/problem.ts';
import { subjectOf } from '../../policies/subject/index.ts';
import { isWorkloadWrite } from '../../policies/subject/kind-index.ts';
import { ownershipProblem } from '../../policies/tenancy/ownership.ts';
import { objectDigest } from '../decisions/object-digest.ts';
import { decisionId, recordOf } from '../decisions/record.ts';
import type { DecisionRecord } from '../decisions/record.ts';
import { guardedElsewhere } from '../guard/change.ts';
import type { EnforcedSet } from '../policyset/enforced.ts';
import type { BoundsVerdict } from '../tenancy/index.ts';
import { encodeAnswer, encodeBeyondBounds, encodeClosed, encodeProblem, encodeUngoverned } from './answer.ts';
import { isObject, scopeOf, tenantNameOf } from './governed.ts';
import type { NamespaceCache } from './namespaces.ts';

export type ReviewDeps = {
  /** Read at the moment of the decision, after any wait. */
  readonly enforced: () => EnforcedSet;
  readonly namespaces: NamespaceCache;
  readonly tenantOf: (name: string) => JsonObject | undefined;
  /** Why nothing is known of what counts of a Tenant; absent: it always is. */
  readonly unknownTenant?: (name: string) => Problem | undefined;
  readonly systemNamespace: string;
  readonly namespaceWaitMs: number;
  /** Makes what answers the authorizer's questions about one request, where a policy has any; absent: nobody answers. */
  readonly askAccess?: () => AskAccess;
  /**
   * What the tenant's bounds say of a write of a workload, which POST /tenancy is not asked about; absent: policies and the
   * owners of pods alone, as by the command line.
   */
  readonly bounds?: (asked: { readonly request: AdmissionRequest; readonly tenant: string }) => BoundsVerdict | Promise<BoundsVerdict>;
  readonly clock: { now(): number; monotonicMs(): number };
};

export type Reviewed = {
  readonly status: number;
  readonly body: string;
  readonly outcome: 'decided' | 'closed' | 'ungoverned' | 'malformed';
  readonly record: DecisionRecord | undefined;
};

type Concern = {
  readonly namespaceObject: JsonObject | null;
  readonly tenant: string;
  /** Our own kinds pass a replica that has no set yet: they are what it waits for. */
  readonly closable: boolean;
};
type Concerned =
  | { readonly kind: 'governed'; readonly concern: Concern }
  | { readonly kind: 'ungoverned' }
  | { readonly kind: 'unknown'; readonly namespace: string };

const ungoverned: Concerned = { kind: 'ungoverned' };

/** A Namespace is governed by its own label, before or after the change: taking the label off is decided too. */
const governingNamespace = (request: AdmissionRequest): JsonObject | undefined => {
  for (const object of [request.oldObject, request.object]) if (isObject(object) && tenantNameOf(object) !== undefined) return object;
  return undefined;
};

/** As far as the cache knows now. */
const concernNow = (request: AdmissionRequest, deps: Pick<ReviewDeps, 'namespaces' | 'systemNamespace'>): Concerned => {
  const scope = scopeOf(request, deps.systemNamespace);
  if (scope.kind === 'exempt') return ungoverned;
  if (scope.kind === 'own') return { kind: 'governed', concern: { namespaceObject: null, tenant: '', closable: false } };
  if (scope.kind === 'namespace') {
    const namespace = governingNamespace(request);
    const tenant = tenantNameOf(namespace);
    if (namespace === undefined || tenant === undefined) return ungoverned;
    return { kind: 'governed', concern: { namespaceObject: namespace, tenant, closable: true } };
  }
  // The API server asks only about namespaces that carry the label: a copy without it is older than what it saw.
  return concernIn(scope.namespace, deps.namespaces.get(scope.namespace));
};

const concernIn = (namespace: string, namespaceObject: JsonObject | undefined): Concerned => {
  const tenant = tenantNameOf(namespaceObject);
  return namespaceObject === undefined || tenant === undefined
    ? { kind: 'unknown', namespace }
    : { kind: 'governed', concern: { namespaceObject, tenant, closable: true } };
};

const concernOf = (request: AdmissionRequest, deps: ReviewDeps): Concerned | Promise<Concerned> => {
  const now = concernNow(request, deps);
  if (now.kind !== 'unknown') return now;
  const { namespace } = now;
  const accept = (object: JsonObject): boolean => tenantNameOf(object) !== undefined;
  return deps.namespaces.arrival(namespace, { timeoutMs: deps.namespaceWaitMs, accept }).then((object) => concernIn(namespace, object));
};

/** Whose a review is that got no answer of `handleReview`: a tenant's, nobody's, or it cannot be told. */
export type Asker = { readonly kind: 'tenant'; readonly tenant: string } | { readonly kind: 'nobody' | 'unknown' };

/** `text` is absent where it was not read. Asks nobody and waits for nothing. */
export const askerOf = (text: string | undefined, deps: Pick<ReviewDeps, 'namespaces' | 'systemNamespace'>): Asker => {
  if (text === undefined) return { kind: 'unknown' };
  const parsed = parseReview(text);
  if (!parsed.ok) return { kind: 'nobody' };
  const concerned = concernNow(parsed.request, deps);
  if (concerned.kind === 'unknown') return { kind: 'unknown' };
  if (concerned.kind === 'ungoverned' || concerned.concern.tenant === '') return { kind: 'nobody' };
  return { kind: 'tenant', tenant: concerned.concern.tenant };
};

type Context = { readonly text: string; readonly request: AdmissionRequest; readonly deps: ReviewDeps; readonly startedMs: number };

const closedAnswer = ({ text, request, deps, startedMs }: Context, problem: Problem, tenant: string): Reviewed => {
  const enforced = deps.enforced();
  const digest = objectDigest(text);
  const id = decisionId(request.uid, problem.code, digest);
  const body = encodeClosed(request.uid, id, problem);
  const timing = { timeMs: deps.clock.now(), durationMs: deps.clock.monotonicMs() - startedMs };
  const record = recordOf({ id, request, tenant, objectDigest: digest, enforced, decision: undefined, closed: problem.code, ...timing });
  return { status: 200, body, outcome: 'closed', record };
};

const decidedAnswer = (context: Context, { namespaceObject, tenant, closable }: Concern): Reviewed | Promise<Reviewed> => {
  const { request, deps } = context;
  const enforced = deps.enforced();
  if (enforced.closed !== undefined) {
    return closable ? closedAnswer(context, enforced.closed, tenant) : ungovernedAnswer(request);
  }
  const unknown = tenant === '' ? undefined : deps.unknownTenant?.(tenant);
  if (unknown !== undefined) return closedAnswer(context, unknown, tenant);
  const facts = { request, namespaceObject, tenant: tenant === '' ? null : (deps.tenantOf(tenant) ?? null) };
  const asking = { set: enforced.set, subject: subjectOf(request), facts };
  const decision = decideAsking(asking, enforced.set.asksAuthorizer ? deps.askAccess?.() : undefined);
  const settled = { enforced, tenant };
  return decision instanceof Promise
    ? decision.then((late) => boundedAnswer(context, late, settled))
    : boundedAnswer(context, decision, settled);
};

/** What a policy denies needs no second reason, and takes nothing of a quota. */
const boundedAnswer = (context: Context, decision: Decision, settled: Settled): Reviewed | Promise<Reviewed> => {
  const { request, deps } = context;
  const { tenant } = settled;
  if (decision.verdict === 'Deny' || !isWorkloadWrite(request)) return settledAnswer(context, { decision }, settled);
  const owned = ownershipProblem(request, deps.systemNamespace);
  if (owned !== undefined) return settledAnswer(context, { decision, bounds: { kind: 'refused', problems: [owned] } }, settled);
  if (deps.bounds === undefined || tenant === '') return settledAnswer(context, { decision }, settled);
  const bounds = deps.bounds({ request, tenant });
  return bounds instanceof Promise
    ? bounds.then((late) => settledAnswer(context, { decision, bounds: late }, settled))
    : settledAnswer(context, { decision, bounds }, settled);
};

type Settled = { readonly enforced: EnforcedSet; readonly tenant: string };

type Said = { readonly decision: Decision; readonly bounds?: BoundsVerdict };

/** The verdict with what the bounds add to it. */
const withBounds = ({ decision, bounds }: Said): Decision => {
  if (bounds === undefined) return decision;
  if (bounds.kind === 'refused') {
    const violations = bounds.problems.map((problem) => boundsViolation(decision.setDigest, problem));
    return { ...decision, verdict: 'Deny', violations: [...violations, ...decision.violations] };
  }
  if (bounds.warnings.length === 0 && bounds.audit === undefined) return decision;
  const auditAnnotations = bounds.audit === undefined ? {} : { 'usage-limits': bounds.audit };
  return {
    ...decision,
    warnings: [...decision.warnings, ...bounds.warnings],
    auditAnnotations: { ...decision.auditAnnotations, ...auditAnnotations },
  };
};

const settledAnswer = ({ text, request, deps, startedMs }: Context, said: Said, { enforced, tenant }: Settled): Reviewed => {
  const { bounds } = said;
  const decision = withBounds(said);
  const digest = objectDigest(text);
  const id = decisionId(request.uid, decision.setDigest, digest);
  const answer = { uid: request.uid, id, decision };
  const body = bounds?.kind === 'refused' ? encodeBeyondBounds(answer, bounds.problems) : encodeAnswer(answer);
  const timing = { timeMs: deps.clock.now(), durationMs: deps.clock.monotonicMs() - startedMs };
  const record = recordOf({ id, request, tenant, objectDigest: digest, enforced, decision, closed: undefined, ...timing });
  return { status: 200, body, outcome: 'decided', record };
};

const ungovernedAnswer = (request: AdmissionRequest): Reviewed => ({
  status: 200,
  body: encodeUngoverned(request.uid),
  outcome: 'ungoverned',
  record: undefined,
});

const answerFor = (context: Context, concerned: Concerned): Reviewed | Promise<Reviewed> => {
  if (concerned.kind === 'ungoverned') return ungovernedAnswer(context.request);
  if (concerned.kind === 'governed') return decidedAnswer(context, concerned.concern);
  const message = `namespace ${concerned.namespace} did not reach this replica with its tenant label within ${context.deps.namespaceWaitMs} ms`;
  return closedAnswer(context, { code: 'NAMESPACE_UNKNOWN', message }, '');
};

const malformed = (problem: Problem): Reviewed => ({ status: 400, body: encodeProblem(problem), outcome: 'malformed', record: undefined });

/** Synchronous but for a namespace that the cache does not hold yet with its label, and for what policies ask the authorizer. */
export const handleReview = (text: string, deps: ReviewDeps): Reviewed | Promise<Reviewed> => {
  const startedMs = deps.clock.monotonicMs();
  const parsed = parseReview(text);
  if (!parsed.ok) return malformed(parsed.problem);
  const strange = guardedElsewhere(parsed.request, deps.systemNamespace);
  if (strange !== undefined) return malformed(strange);
  const context: Context = { text, request: parsed.request, deps, startedMs };
  const concerned = concernOf(parsed.request, deps);
  return concerned instanceof Promise ? concerned.then((settled) => answerFor(context, settled)) : answerFor(context, concerned);
};
