// SPDX-License-Identifier: Apache-2.0
/**
 * ValidatingAdmissionPolicies, their bindings and the objects that they take as params → what `compilePolicies` takes.
 *
 * In: documents of a cluster's manifests, as JSON with their places. Out: one input for each policy, bound by its bindings,
 * and what is wrong with each. A policy is checked by the schema of Writ's Policy, whose spec is a superset; what only ours
 * has is refused by name. For the command line: enforced in a cluster they are by the API server itself.
 */
import { API_VERSION } from '../../crds/kinds.ts';
import type { Policy } from '../../crds/generated/types.ts';
import type { ParsedDocument } from '../document/index.ts';
import { isJsonObject, own, valueAt } from '../document/json.ts';
import type { JsonObject } from '../document/json.ts';
import { validateDocument } from '../document/validate.ts';
import type { Problem } from '../problem.ts';
import { compileBindings } from './binding.ts';
import type { CompileInput } from './index.ts';
import type { DescribedKind } from './params.ts';

export type ClusterDocuments = {
  readonly policies: readonly ParsedDocument[];
  readonly bindings: readonly ParsedDocument[];
  /** Everything else; only the objects of a paramKind are looked at. */
  readonly objects: readonly JsonObject[];
  readonly kinds: readonly DescribedKind[];
};

export type AdmissionPolicies = {
  readonly inputs: readonly CompileInput[];
  readonly problems: readonly Problem[];
  /** What is allowed, though hardly meant. */
  readonly warnings: readonly Problem[];
};

const SPEC_FIELDS = new Set([
  'failurePolicy',
  'paramKind',
  'matchConstraints',
  'matchConditions',
  'variables',
  'validations',
  'auditAnnotations',
]);
const VALIDATION_FIELDS = new Set(['expression', 'message', 'messageExpression', 'reason']);

const isAdmission = (document: ParsedDocument, kind: string): boolean => {
  const apiVersion = own(document.value, 'apiVersion');
  return (
    typeof apiVersion === 'string' &&
    /^admissionregistration\.k8s\.io\/v1(?:alpha1|beta1)?$/.test(apiVersion) &&
    own(document.value, 'kind') === kind
  );
};

export const isAdmissionPolicy = (document: ParsedDocument): boolean => isAdmission(document, 'ValidatingAdmissionPolicy');
export const isAdmissionBinding = (document: ParsedDocument): boolean => isAdmission(document, 'ValidatingAdmissionPolicyBinding');

const strangeFields = (document: ParsedDocument): readonly Problem[] => {
  const refuse = (path: readonly (string | number)[], text: string): Problem => ({
    code: 'DOCUMENT_UNKNOWN_FIELD',
    message: `${String(path.at(-1))} is no field of a ValidatingAdmissionPolicy`,
    at: document.positionOf(path),
    path: text,
  });
  const spec = own(document.value, 'spec');
  if (!isJsonObject(spec)) return [];
  const validations = own(spec, 'validations');
  return [
    ...Object.keys(spec).flatMap((key) => (SPEC_FIELDS.has(key) ? [] : [refuse(['spec', key], `spec.${key}`)])),
    ...(Array.isArray(validations) ? validations : []).flatMap((validation: unknown, index) =>
      isJsonObject(validation)
        ? Object.keys(validation).flatMap((key) =>
            VALIDATION_FIELDS.has(key) ? [] : [refuse(['spec', 'validations', index, key], `spec.validations[${index}].${key}`)],
          )
        : [],
    ),
  ];
};

type Read = { readonly policy: Policy; readonly document: ParsedDocument };

/** The defaults of the API server, written out; the spec alone is ours to check. */
const readPolicy = (document: ParsedDocument): Read | readonly Problem[] => {
  const strange = strangeFields(document);
  if (strange.length > 0) return strange;
  const value: JsonObject = {
    apiVersion: API_VERSION,
    kind: 'Policy',
    metadata: { name: valueAt(document.value, ['metadata', 'name']) ?? '' },
    spec: own(document.value, 'spec') ?? {},
  };
  const outcome = validateDocument({ ...document, value });
  if (!outcome.ok) return outcome.problems;
  return outcome.kind === 'Policy' ? { policy: outcome.object, document } : [];
};

const isRead = (value: Read | readonly Problem[]): value is Read => 'policy' in value;

export const admissionPolicies = (documents: ClusterDocuments): AdmissionPolicies => {
  const read = documents.policies.map(readPolicy);
  const policies = read.filter(isRead);
  const problems: Problem[] = read.flatMap((one) => (isRead(one) ? [] : one));
  const warnings: Problem[] = [];
  const byPolicy = Map.groupBy(documents.bindings, ({ value }) => valueAt(value, ['spec', 'policyName']) ?? '');
  const names = new Set(documents.policies.map(({ value }) => valueAt(value, ['metadata', 'name'])));
  for (const [name, orphans] of byPolicy) {
    if (typeof name === 'string' && names.has(name)) continue;
    for (const orphan of orphans) {
      const message = `there is no ValidatingAdmissionPolicy ${typeof name === 'string' ? name : ''}`;
      warnings.push({ code: 'BINDING_ORPHAN', message, at: orphan.positionOf(['spec', 'policyName']), path: 'spec.policyName' });
    }
  }
  const inputs = policies.map(({ policy, document }): CompileInput => {
    const name = policy.metadata.name ?? '';
    const bound = byPolicy.get(name) ?? [];
    if (bound.length === 0)
      warnings.push({
        code: 'POLICY_UNBOUND',
        message: `nothing binds ${name}`,
        at: document.positionOf(['metadata', 'name']),
        path: 'metadata.name',
      });
    const bindings = compileBindings(bound, { spec: policy.spec, objects: documents.objects, kinds: documents.kinds });
    problems.push(...bindings.problems);
    return {
      policy,
      digest: document.digest,
      file: document.file,
      positionOf: (path) => document.positionOf(path),
      bindings: bindings.compiled,
    };
  });
  return { inputs, problems, warnings };
};
