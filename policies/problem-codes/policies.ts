// SPDX-License-Identifier: Apache-2.0
// What is wrong with a policy.
import type { ProblemCodes } from './entry.ts';

export const policiesCodes = {
  POLICY_EXPRESSION: { summary: 'A CEL expression of the policy does not compile.', fix: 'correct the expression at the place named' },
  POLICY_PARAM_KIND: {
    summary: 'The policy takes its parameters from objects of the cluster, which needs a binding.',
    fix: 'put the values into spec.params.defaults',
  },
  POLICY_PARAMS: { summary: 'The parameters do not fit their schema.', fix: 'correct spec.params.defaults or spec.params.schema' },
  POLICY_SCHEMA: { summary: 'The JSON Schema is not one that can be enforced.', fix: 'correct the schema at the path named' },
  POLICY_MATCH: {
    summary: 'The policy does not say clearly to which requests it applies.',
    fix: 'give matchConstraints.resourceRules or workloads, as for a ValidatingAdmissionPolicy',
  },
  RULE_NOT_GOVERNED: {
    summary: "A rule names what Writ never decides about: it governs what lies in tenants' namespaces, and those namespaces.",
    fix: 'take it out of resourceRules; hold cluster-scoped kinds by a ValidatingAdmissionPolicy, and name the apiGroup where `*` stands',
  },
  POLICY_FIELD: { summary: 'A field of the policy has a value that means nothing.', fix: 'correct the field named' },
  POLICY_EMPTY: { summary: 'The policy demands nothing.', fix: 'give validations, jsonSchema or auditAnnotations' },
  POLICY_NAME_TAKEN: { summary: 'Two policies have one name.', fix: 'rename one of the two' },
  BINDING_INVALID: { summary: 'A binding is not one that the API server would take.', fix: 'correct the field named' },
  POLICY_UNBOUND: { summary: 'A ValidatingAdmissionPolicy has no binding, so it says nothing.', fix: 'give its binding too' },
  BINDING_ORPHAN: { summary: 'A binding names a policy that is not there.', fix: 'correct spec.policyName, or give the policy too' },
  EXPRESSION_TYPES: {
    summary: 'An expression does not fit the types of the objects that the policy is about.',
    fix: 'correct the field or its use, or narrow the rules to the kinds that have it; dyn(…) tells the checker not to look',
  },
  EXPRESSION_COST: {
    summary: 'An expression costs more than Kubernetes grants one, whatever the object.',
    fix: 'split it over several validations or variables, or ask less: an authorizer check costs 350,000 of the 1,000,000',
  },
  MATCH_UNREACHABLE: { summary: 'A part of the policy can never match a request.', fix: 'correct what is named, or remove it' },
  REVIEW_NOT_JSON: { summary: 'The review is not JSON.', fix: 'send an AdmissionReview of admission.k8s.io/v1 as JSON' },
  REVIEW_NOT_REVIEW: {
    summary: 'The object is not an AdmissionReview.',
    fix: 'send kind: AdmissionReview, apiVersion: admission.k8s.io/v1',
  },
  REVIEW_VERSION: { summary: 'The AdmissionReview is of a version that is not served.', fix: 'send apiVersion: admission.k8s.io/v1' },
  REVIEW_INVALID: { summary: 'The AdmissionReview lacks something that every review has.', fix: 'give the field named' },
  REVIEW_WITHOUT_OBJECT: {
    summary: 'The AdmissionReview lacks the object that its operation is about.',
    fix: 'give request.object, or request.oldObject for a DELETE',
  },
  NO_VERIFIED_POLICY: {
    summary: 'No policy has been verified, so workloads of governed namespaces are refused.',
    fix: 'look at the conditions of the GitSources and Policies: `kubectl get writ -A`',
  },
  DECISION_BUDGET: {
    summary: 'The policies took more work for this request than one decision may.',
    fix: 'make the object smaller, or simplify the expressions that walk over lists within lists',
  },
} as const satisfies ProblemCodes;
