// SPDX-License-Identifier: Apache-2.0
// One policy document to one compiled policy, or all of its problems at once. What can not be enforced as it is written is
// refused here, never left out.
import { confinementProblems } from './confinement.ts';
import type { Policy, PolicySpec, PolicyValidation } from '../../crds/generated/objects.ts';
import { celTypes, fromJson, isIdentifier } from '../cel/index.ts';
import type { Program, Type, Value } from '../cel/index.ts';
import { atOnce } from '../steps.ts';
import type { Steps } from '../steps.ts';
import type { Problem } from '../problem.ts';
import { compileConstraints } from './constraints.ts';
import { baseDeclarations, kubernetesDeclarations, withAuthorizer, withParams, withVariables } from './declarations.ts';
import type { Declarations } from './declarations.ts';
import { compileExpression, problemAt } from './expression.ts';
import type { Expression, FieldPath, PositionOf } from './expression.ts';
import { compileSchema } from './json-schema.ts';
import type { SchemaCheck } from './json-schema.ts';
import type { CompiledBinding, CompiledPolicy, CompiledValidation, NamedProgram } from './policy-set.ts';

export type PolicySource = {
  readonly policy: Policy;
  readonly digest: string;
  readonly positionOf?: PositionOf;
  /** The policy is a ValidatingAdmissionPolicy: its expressions know no variables of ours, and these bind it. */
  readonly bindings?: readonly CompiledBinding[];
};
export type PolicyOutcome =
  | { readonly ok: true; readonly policy: CompiledPolicy }
  | { readonly ok: false; readonly problems: readonly Problem[] };

type Context = {
  readonly positionOf: PositionOf | undefined;
  readonly problems: Problem[];
  /** Without `variables`. namespaceObject is declared in match conditions too, where it is null: so Kubernetes has it. */
  readonly base: Declarations;
  /** For messages: these may not ask the authorizer. */
  readonly unasking: Declarations;
};

type Known = Pick<Context, 'base' | 'unasking'>;

const asking = (unasking: Declarations): Known => ({ base: withAuthorizer(unasking), unasking });

const ours = { plain: asking(baseDeclarations), withParams: asking(withParams(baseDeclarations)) };
const kubernetes = { plain: asking(kubernetesDeclarations), withParams: asking(withParams(kubernetesDeclarations)) };

const expression = (context: Context, one: Expression): Steps<Program | undefined> => compileExpression(one, context);

type Variables = {
  readonly programs: readonly NamedProgram[];
  /** With all of them. */
  readonly declarations: Known;
};

/** Each may use those before it. One that has problems counts as dyn, so that these are told once. */
const compileVariables = function* (spec: PolicySpec, context: Context): Steps<Variables> {
  const typed = new Map<string, Type>();
  const programs: NamedProgram[] = [];
  for (const [index, { name, expression: source }] of (spec.variables ?? []).entries()) {
    const path: FieldPath = ['spec', 'variables', index];
    if (!isIdentifier(name)) {
      context.problems.push(
        problemAt('POLICY_FIELD', `${JSON.stringify(name)} is not a name that an expression can read`, {
          path: [...path, 'name'],
          positionOf: context.positionOf,
        }),
      );
      continue;
    }
    const declarations = withVariables(context.base, typed);
    const program = yield* expression(context, { source, path: [...path, 'expression'], result: 'any', declarations });
    typed.set(name, program?.type ?? celTypes.DYN);
    if (program !== undefined) programs.push({ name, program });
  }
  if ((spec.variables ?? []).length === 0) return { programs, declarations: context };
  return { programs, declarations: { base: withVariables(context.base, typed), unasking: withVariables(context.unasking, typed) } };
};

const compileMatchConditions = function* (spec: PolicySpec, context: Context): Steps<readonly NamedProgram[]> {
  const programs: NamedProgram[] = [];
  for (const [index, { name, expression: source }] of (spec.matchConditions ?? []).entries()) {
    const path = ['spec', 'matchConditions', index, 'expression'];
    const program = yield* expression(context, { source, path, result: 'bool', declarations: context.base });
    if (program !== undefined) programs.push({ name, program });
  }
  return programs;
};

const compileValidation = function* (
  validation: PolicyValidation,
  path: FieldPath,
  context: Context,
  declarations: Known,
): Steps<CompiledValidation | undefined> {
  const program = yield* expression(context, {
    source: validation.expression,
    path: [...path, 'expression'],
    result: 'bool',
    declarations: declarations.base,
  });
  const source = validation.messageExpression;
  const messageExpression =
    source === undefined
      ? undefined
      : yield* expression(context, { source, path: [...path, 'messageExpression'], result: 'string', declarations: declarations.unasking });
  const { message } = validation;
  if (message !== undefined && /[\r\n]/.test(message.trim())) {
    context.problems.push(
      problemAt('POLICY_FIELD', 'a message has one line', { path: [...path, 'message'], positionOf: context.positionOf }),
    );
  }
  if (program === undefined) return undefined;
  return {
    program,
    message,
    messages: new Map(Object.entries(validation.messages ?? {}).map(([locale, text]) => [locale.toLowerCase(), text])),
    messageExpression,
    reason: validation.reason ?? 'Invalid',
  };
};

const compileValidations = function* (spec: PolicySpec, context: Context, declarations: Known): Steps<readonly CompiledValidation[]> {
  const compiled: CompiledValidation[] = [];
  for (const [index, validation] of (spec.validations ?? []).entries()) {
    const one = yield* compileValidation(validation, ['spec', 'validations', index], context, declarations);
    if (one !== undefined) compiled.push(one);
  }
  return compiled;
};

const compileAuditAnnotations = function* (
  spec: PolicySpec,
  context: Context,
  { base: declarations }: Known,
): Steps<readonly NamedProgram[]> {
  const seen = new Set<string>();
  const programs: NamedProgram[] = [];
  for (const [index, { key, valueExpression }] of (spec.auditAnnotations ?? []).entries()) {
    const path: FieldPath = ['spec', 'auditAnnotations', index];
    const refuse = (message: string): void => {
      context.problems.push(problemAt('POLICY_FIELD', message, { path: [...path, 'key'], positionOf: context.positionOf }));
    };
    if (seen.has(key)) refuse(`two annotations have the key ${key}`);
    if (!/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(key)) refuse('a key is a name of at most 63 letters, digits and -_.');
    seen.add(key);
    const program = yield* expression(context, {
      source: valueExpression,
      path: [...path, 'valueExpression'],
      result: 'string-or-null',
      declarations,
    });
    if (program !== undefined) programs.push({ name: key, program });
  }
  return programs;
};

/** A schema is made a check in one piece, which may take as long as the expressions of a policy together: so nothing else is done in that step. */
const schemaAt = function* (schema: unknown, path: FieldPath, context: Context): Steps<SchemaCheck | undefined> {
  yield;
  const outcome = compileSchema(schema);
  yield;
  if (outcome.ok) return outcome.check;
  context.problems.push(problemAt('POLICY_SCHEMA', outcome.message, { path: [...path, ...outcome.path], positionOf: context.positionOf }));
  return undefined;
};

const SETTINGS_BUDGET = 1_000_000;

const compileParams = function* (spec: PolicySpec, context: Context): Steps<Value | undefined> {
  if (spec.params === undefined) return undefined;
  const defaults = spec.params.defaults ?? {};
  if (spec.params.schema !== undefined) {
    const check = yield* schemaAt(spec.params.schema, ['spec', 'params', 'schema'], context);
    const breach = check?.(defaults, { remaining: SETTINGS_BUDGET });
    if (breach !== undefined) {
      const message = breach.kind === 'budget' ? 'checking the settings takes too long' : breach.message;
      context.problems.push(problemAt('POLICY_PARAMS', message, { path: ['spec', 'params', 'defaults'], positionOf: context.positionOf }));
    }
  }
  return fromJson(defaults);
};

/**
 * In UTF-16 units, of all expressions of a policy together. Whoever decides for a cluster compiles on the thread that answers, and a
 * hundred times as much would hold up its answers for seconds. The API server, which enforces ValidatingAdmissionPolicies, has no such bound.
 */
export const MOST_SOURCE = 20_000;

const sourceLength = ({ matchConditions, variables, validations, auditAnnotations }: PolicySpec): number => {
  const sources = [
    ...(matchConditions ?? []).map(({ expression: source }) => source),
    ...(variables ?? []).map(({ expression: source }) => source),
    ...(validations ?? []).flatMap(({ expression: source, messageExpression = '' }) => [source, messageExpression]),
    ...(auditAnnotations ?? []).map(({ valueExpression }) => valueExpression),
  ];
  return sources.reduce((sum, source) => sum + source.length, 0);
};

const checkShape = (spec: PolicySpec, context: Context, isBound: boolean): void => {
  if (spec.paramKind !== undefined && !isBound) {
    context.problems.push(
      problemAt('POLICY_PARAM_KIND', 'paramKind needs a binding that names the objects', {
        path: ['spec', 'paramKind'],
        positionOf: context.positionOf,
      }),
    );
  }
  if ((spec.validations ?? []).length === 0 && spec.jsonSchema === undefined && (spec.auditAnnotations ?? []).length === 0) {
    context.problems.push(
      problemAt('POLICY_EMPTY', 'there is no validation, jsonSchema or audit annotation', {
        path: ['spec'],
        positionOf: context.positionOf,
      }),
    );
  }
};

/** Audit annotations may name the authorizer and do not get it: so Kubernetes has it. */
const asks = ({ references }: Program): boolean => references.has('authorizer') || references.has('authorizer.requestResource');

/** In steps: of one stage of one expression at most, or of one JSON Schema, which alone may take tens of milliseconds. */
export const compilePolicyInSteps = function* ({ policy, digest, positionOf, bindings }: PolicySource): Steps<PolicyOutcome> {
  const { spec } = policy;
  const problems: Problem[] = [];
  const length = bindings === undefined ? sourceLength(spec) : 0;
  if (length > MOST_SOURCE) {
    const message = `its expressions have ${length} characters together, and a policy may have ${MOST_SOURCE}: long lists belong into params`;
    return { ok: false, problems: [problemAt('POLICY_EXPRESSION', message, { path: ['spec'], positionOf })] };
  }
  const hasParams = spec.params !== undefined || spec.paramKind !== undefined;
  const known = bindings === undefined ? ours : kubernetes;
  const context: Context = { positionOf, problems, ...(hasParams ? known.withParams : known.plain) };
  checkShape(spec, context, bindings !== undefined);
  if (spec.tenants !== undefined) problems.push(...confinementProblems(spec, positionOf));
  const match = compileConstraints(spec, { positionOf, problems, isOurs: bindings === undefined });
  const matchConditions = yield* compileMatchConditions(spec, context);
  const params = yield* compileParams(spec, context);
  const { programs: variables, declarations } = yield* compileVariables(spec, context);
  const validations = yield* compileValidations(spec, context, declarations);
  const schema = spec.jsonSchema === undefined ? undefined : yield* schemaAt(spec.jsonSchema, ['spec', 'jsonSchema'], context);
  const auditAnnotations = yield* compileAuditAnnotations(spec, context, declarations);
  const compiled: CompiledPolicy = {
    name: policy.metadata.name ?? '',
    digest,
    version: spec.version ?? 0,
    title: spec.title ?? '',
    category: spec.category ?? '',
    severity: spec.severity ?? '',
    enforcement: spec.enforcement ?? 'Deny',
    failurePolicy: spec.failurePolicy ?? 'Fail',
    match,
    matchConditions,
    params,
    variables,
    validations,
    asksAuthorizer: [...matchConditions, ...variables, ...validations].some(({ program }) => asks(program)),
    schema,
    auditAnnotations,
    ...(bindings === undefined ? {} : { bindings }),
    ...(spec.tenants === undefined ? {} : { confinedTo: new Set(spec.tenants) }),
  };
  return problems.length > 0 ? { ok: false, problems } : { ok: true, policy: compiled };
};

export const compilePolicy = atOnce(compilePolicyInSteps);
