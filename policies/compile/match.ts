// SPDX-License-Identifier: Apache-2.0
/**
 * Does a policy apply to a request? The matching of ValidatingAdmissionPolicy (k8s.io/apiserver, admission/plugin/policy/
 * matching and webhook/predicates/rules), and the shorthand `workloads` beside it.
 *
 * Under matchPolicy Equivalent the API server converts the object to the version that a rule names. We are told about an
 * object in one version only, so a rule then applies whatever the version: a request can not slip by in another version, and
 * the expression sees the version that the API server sent.
 */
import { labelsOf, selects } from './selector.ts';
import type { Labels, Selector } from './selector.ts';
import type { AdmissionRequest, GroupVersionResource } from '../decide/request.ts';

/** Sets hold `*` where everything matches. */
export type MatchRule = {
  readonly groups: ReadonlySet<string>;
  readonly versions: ReadonlySet<string>;
  readonly resources: readonly { readonly resource: string; readonly subResource: string }[];
  readonly operations: ReadonlySet<string>;
  readonly scope: 'Cluster' | 'Namespaced' | '*';
  /** Empty: any name. */
  readonly names: ReadonlySet<string>;
  /** The rule stands for `workloads: [Agent]`: only what is proven to be an agent. */
  readonly agentsOnly: boolean;
};

export type Match = {
  readonly rules: readonly MatchRule[];
  readonly excluded: readonly MatchRule[];
  readonly namespaceSelector: Selector | undefined;
  readonly objectSelector: Selector | undefined;
  readonly matchPolicy: 'Exact' | 'Equivalent';
};

/** What matching needs to know. */
export type MatchFacts = {
  readonly request: AdmissionRequest;
  /** undefined: the namespace is not known (yet). */
  readonly namespaceLabels: Labels | undefined;
  readonly isAgent: () => boolean;
  /** What was found of this request before. */
  readonly known: Map<Match, MatchOutcome>;
};

export type MatchOutcome = 'matches' | 'namespace' | 'object' | 'excluded' | 'rules' | 'not-an-agent' | 'namespace-unknown';

/** `pods/*` matches pods themselves too, since an empty subresource matches `*`. */
export const splitResource = (pattern: string): { readonly resource: string; readonly subResource: string } => {
  const slash = pattern.indexOf('/');
  return slash < 0 ? { resource: pattern, subResource: '' } : { resource: pattern.slice(0, slash), subResource: pattern.slice(slash + 1) };
};

const has = (set: ReadonlySet<string>, value: string): boolean => set.has('*') || set.has(value);

/** Namespaces are cluster-scoped, though a request about one carries its name as namespace. */
export const isNamespaceResource = (resource: GroupVersionResource): boolean => resource.group === '' && resource.resource === 'namespaces';
export const isClusterScoped = (request: AdmissionRequest): boolean => request.namespace === '' || isNamespaceResource(request.resource);

type Place = { readonly resource: GroupVersionResource; readonly subResource: string };

const fitsPlace = (rule: MatchRule, place: Place, exact: boolean): boolean =>
  has(rule.groups, place.resource.group) &&
  (!exact || has(rule.versions, place.resource.version)) &&
  rule.resources.some(
    (one) =>
      (one.resource === '*' || one.resource === place.resource.resource) &&
      (one.subResource === '*' || one.subResource === place.subResource),
  );

const fits = (rule: MatchRule, request: AdmissionRequest, matchPolicy: Match['matchPolicy']): boolean => {
  if (!has(rule.operations, request.operation)) return false;
  if (rule.scope !== '*' && (rule.scope === 'Cluster') !== isClusterScoped(request)) return false;
  // A name that the server is still to generate is not known here, so it never matches a list of names.
  if (rule.names.size > 0 && !rule.names.has(request.name)) return false;
  const asSent: Place = {
    resource: request.requestResource ?? request.resource,
    subResource: request.requestResource === undefined ? request.subResource : request.requestSubResource,
  };
  if (matchPolicy === 'Exact') return fitsPlace(rule, asSent, true);
  return fitsPlace(rule, asSent, false) || fitsPlace(rule, { resource: request.resource, subResource: request.subResource }, false);
};

const matchRules = (match: Match, facts: MatchFacts): 'rules' | 'not-an-agent' | 'matches' => {
  let outcome: 'rules' | 'not-an-agent' = 'rules';
  for (const rule of match.rules) {
    if (!fits(rule, facts.request, match.matchPolicy)) continue;
    if (!rule.agentsOnly || facts.isAgent()) return 'matches';
    outcome = 'not-an-agent';
  }
  return outcome;
};

/** The new object or the old one: a label taken off by an update still counts for that update. */
const matchesObject = (selector: Selector, { request }: MatchFacts): boolean =>
  (request.object !== null && selects(selector, labelsOf(request.object))) ||
  (request.oldObject !== null && selects(selector, labelsOf(request.oldObject)));

const judge = (match: Match, facts: MatchFacts): MatchOutcome => {
  const { request, namespaceLabels } = facts;
  // Cluster-scoped objects always match a namespaceSelector; a Namespace is matched by its own labels.
  const selector = isClusterScoped(request) && !isNamespaceResource(request.resource) ? undefined : match.namespaceSelector;
  if (selector !== undefined && namespaceLabels !== undefined && !selects(selector, namespaceLabels)) return 'namespace';
  if (match.objectSelector !== undefined && !matchesObject(match.objectSelector, facts)) return 'object';
  if (match.excluded.some((rule) => fits(rule, request, match.matchPolicy))) return 'excluded';
  const outcome = matchRules(match, facts);
  if (outcome !== 'matches') return outcome;
  // Only now, so that a namespace that is not known harms no policy that would not have applied.
  return selector !== undefined && namespaceLabels === undefined ? 'namespace-unknown' : 'matches';
};

/** Policies that share their constraints are asked about once. */
export const matchOutcome = (match: Match, facts: MatchFacts): MatchOutcome => {
  const known = facts.known.get(match);
  if (known !== undefined) return known;
  const outcome = judge(match, facts);
  facts.known.set(match, outcome);
  return outcome;
};
