// SPDX-License-Identifier: Apache-2.0
/**
 * ValidatingAdmissionPolicies, their bindings and the objects that they take as params → what `compilePolicies` takes.
 *
 * In: documents of a cluster's manifests, as JSON with their places. Out: one input for each policy, bound by its bindings,
 * and what is wrong with each. A policy is checked by the schema of Writ's Policy, whose spec is a superset; what only ours
 * has is refused by name. For the command line: enforced in a cluster they are by the API server itself.
 */
import { API_VERSION } from '../../crds/kinds.ts';
import type { Policy } from '../../crds/generated/objects.ts';
import type { ParsedDocument } from '../document/index.ts';
import { isJsonObject, own, valueAt } from '../document/json.ts';
import type { JsonObject, JsonValue } from '../document/json.ts';
import { validateDocument } from '../document/validate.ts';
import type { Problem } from '../problem.ts';
import { policyFindings, VALIDATION_REASONS } from './admission-validation.ts';
import { bindingProblems, compileBindings } from './binding.ts';
import { problemAt } from './expression.ts';
import type { CompileInput } from './index.ts';
import type { DescribedKind } from './params.ts';
import { compilePolicy } from './policy.ts';

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

type Read = {
  readonly policy: Policy | undefined;
  readonly document: ParsedDocument;
  readonly problems: readonly Problem[];
};

const problemsOf = (document: ParsedDocument): readonly Problem[] =>
  policyFindings(document.value).map(({ path, message }) =>
    problemAt('POLICY_FIELD', message, { path, positionOf: (place) => document.positionOf(place) }),
  );

/** Reasons are checked already, and one that is not known must not hide what else is wrong. */
const withoutReasons = (value: JsonObject): JsonObject => {
  const spec = own(value, 'spec');
  const validations = isJsonObject(spec) ? own(spec, 'validations') : undefined;
  if (!isJsonObject(spec) || !Array.isArray(validations)) return value;
  const known = validations.map((one: JsonValue): JsonValue => {
    if (!isJsonObject(one)) return one;
    const { reason, ...rest } = one;
    if (typeof reason !== 'string' || VALIDATION_REASONS.includes(reason)) return one;
    return rest;
  });
  return { ...value, spec: { ...spec, validations: known } };
};

/** The defaults of the API server, written out; the spec alone is ours to check. */
const readPolicy = (document: ParsedDocument): Read => {
  const strange = strangeFields(document);
  if (strange.length > 0) return { policy: undefined, document, problems: strange };
  const value: JsonObject = {
    apiVersion: API_VERSION,
    kind: 'Policy',
    metadata: { name: valueAt(document.value, ['metadata', 'name']) ?? '' },
    spec: own(document.value, 'spec') ?? {},
  };
  const findings = problemsOf(document);
  const outcome = validateDocument({ ...document, value: withoutReasons(value) });
  const policy = outcome.ok && outcome.kind === 'Policy' ? outcome.object : undefined;
  if (findings.length === 0) return { policy, document, problems: outcome.ok ? [] : outcome.problems };
  // It is refused, and told at once what its expressions do not compile for.
  const compiled =
    policy === undefined
      ? undefined
      : compilePolicy({ policy, digest: document.digest, positionOf: (path) => document.positionOf(path), bindings: [] });
  const told = new Set(findings.map(({ path }) => path));
  const expressions =
    compiled === undefined || compiled.ok
      ? []
      : compiled.problems.filter(({ code, path }) => code === 'POLICY_EXPRESSION' && !told.has(path));
  return { policy: undefined, document, problems: [...findings, ...expressions] };
};

export const admissionPolicies = (documents: ClusterDocuments): AdmissionPolicies => {
  const read = documents.policies.map(readPolicy);
  const problems: Problem[] = read.flatMap((one) => one.problems);
  const warnings: Problem[] = [];
  const byPolicy = Map.groupBy(documents.bindings, ({ value }) => valueAt(value, ['spec', 'policyName']) ?? '');
  const names = new Set(documents.policies.map(({ value }) => valueAt(value, ['metadata', 'name'])));
  for (const [name, orphans] of byPolicy) {
    if (typeof name === 'string' && names.has(name)) continue;
    for (const orphan of orphans) {
      problems.push(...bindingProblems(orphan));
      const message = `there is no ValidatingAdmissionPolicy ${typeof name === 'string' ? name : ''}`;
      warnings.push({ code: 'BINDING_ORPHAN', message, at: orphan.positionOf(['spec', 'policyName']), path: 'spec.policyName' });
    }
  }
  const inputs = read.flatMap(({ policy, document }): readonly CompileInput[] => {
    if (policy === undefined) return [];
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
    return [
      {
        policy,
        digest: document.digest,
        file: document.file,
        positionOf: (path) => document.positionOf(path),
        bindings: bindings.compiled,
      },
    ];
  });
  return { inputs, problems, warnings };
};
