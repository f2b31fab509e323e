// SPDX-License-Identifier: Apache-2.0
// One ValidatingAdmissionPolicyBinding: its checks are those that the API server makes when it is created.
import type { PolicyMatchConstraints, PolicySpec } from '../../crds/generated/objects.ts';
import { API_VERSION } from '../../crds/kinds.ts';
import type { ParsedDocument } from '../document/index.ts';
import { isJsonObject, own, valueAt } from '../document/json.ts';
import type { JsonObject, JsonValue } from '../document/json.ts';
import { validateDocument } from '../document/validate.ts';
import type { Problem } from '../problem.ts';
import { bindingFindings } from './admission-validation.ts';
import { compileMatchResources } from './constraints.ts';
import { problemAt } from './expression.ts';
import type { FieldPath } from './expression.ts';
import { paramChooser, paramKindOf } from './params.ts';
import type { DescribedKind, ParamRef } from './params.ts';
import type { CompiledBinding, Enforcement } from './policy-set.ts';
import { compileSelector } from './selector.ts';
import type { Selector } from './selector.ts';

export type BindingWorld = {
  readonly spec: PolicySpec;
  readonly objects: readonly JsonObject[];
  readonly kinds: readonly DescribedKind[];
};

const ACTIONS: readonly Enforcement[] = ['Deny', 'Warn', 'Audit'];
const FIELDS = new Set(['policyName', 'paramRef', 'matchResources', 'validationActions']);
/** Built-in kinds that carry settings; others say where they live by the objects that are there. */
const NAMESPACED = new Set(['/ConfigMap', '/Secret', '/ServiceAccount', '/ResourceQuota', '/LimitRange']);

type Context = { readonly positionOf: ParsedDocument['positionOf']; readonly problems: Problem[] };
type Refuse = (path: FieldPath, message: string) => undefined;

const refuser =
  (context: Context): Refuse =>
  (path, message) => {
    context.problems.push(problemAt('BINDING_INVALID', message, { path, positionOf: context.positionOf }));
    return undefined;
  };

const actionsOf = (spec: JsonObject): readonly Enforcement[] => {
  const given = own(spec, 'validationActions');
  return (Array.isArray(given) ? given : []).flatMap((one) => ACTIONS.find((action) => action === one) ?? []);
};

const selectorOf = (value: JsonValue | undefined): Selector | undefined => {
  const labels = isJsonObject(value) ? own(value, 'matchLabels') : undefined;
  const expressions = isJsonObject(value) ? own(value, 'matchExpressions') : undefined;
  const text = (one: unknown): string => (typeof one === 'string' ? one : '');
  const made = compileSelector({
    matchLabels: isJsonObject(labels) ? Object.fromEntries(Object.entries(labels).map(([key, one]) => [key, text(one)])) : {},
    matchExpressions: (Array.isArray(expressions) ? expressions : []).filter(isJsonObject).map((one) => {
      const values = own(one, 'values');
      return { key: text(own(one, 'key')), operator: text(own(one, 'operator')), values: Array.isArray(values) ? values.map(text) : [] };
    }),
  });
  return typeof made === 'string' ? undefined : made;
};

/** Of a binding in which nothing was found wrong. */
const paramRefOf = (spec: JsonObject): ParamRef | undefined => {
  const given = own(spec, 'paramRef');
  if (!isJsonObject(given)) return undefined;
  const [name, namespace] = [own(given, 'name'), own(given, 'namespace')];
  const hasName = typeof name === 'string' && name !== '';
  return {
    name: hasName ? name : undefined,
    namespace: typeof namespace === 'string' && namespace !== '' ? namespace : undefined,
    selector: hasName ? undefined : selectorOf(own(given, 'selector')),
    notFound: own(given, 'parameterNotFoundAction') === 'Allow' ? 'Allow' : 'Deny',
  };
};

/** The checks of matchConstraints hold for matchResources too, save that rules are not needed. */
const matchResourcesOf = (document: ParsedDocument, context: Context): PolicyMatchConstraints | undefined => {
  const given = valueAt(document.value, ['spec', 'matchResources']);
  if (given === undefined || given === null) return undefined;
  const value: JsonObject = {
    apiVersion: API_VERSION,
    kind: 'Policy',
    metadata: { name: 'binding' },
    spec: { matchConstraints: given, jsonSchema: {} },
  };
  const inBinding = (path: FieldPath): FieldPath =>
    path[1] === 'matchConstraints' ? ['spec', 'matchResources', ...path.slice(2)] : ['spec'];
  const outcome = validateDocument({ ...document, value, positionOf: (path) => document.positionOf(inBinding(path)) });
  if (!outcome.ok) {
    const renamed = ({ path, ...problem }: Problem): Problem =>
      path === undefined ? problem : { ...problem, path: path.replace('spec.matchConstraints', 'spec.matchResources') };
    context.problems.push(...outcome.problems.map(renamed));
    return undefined;
  }
  return outcome.kind === 'Policy' ? outcome.object.spec.matchConstraints : undefined;
};

const holdsNamespace = (object: JsonObject): boolean => typeof valueAt(object, ['metadata', 'namespace']) === 'string';

const groupOf = (object: JsonObject): string => {
  const apiVersion = own(object, 'apiVersion');
  return typeof apiVersion === 'string' && apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
};

const paramsFor = (reference: ParamRef | undefined, world: BindingWorld): CompiledBinding['params'] => {
  const kind = paramKindOf(world.spec);
  if (kind === undefined) return undefined;
  // A paramKind that the binding does not use: the policy is judged once, with params null.
  if (reference === undefined) return () => ({ ok: true, params: [null] });
  const objects = world.objects.filter((object) => own(object, 'kind') === kind.kind && groupOf(object) === kind.group);
  const described = world.kinds.find((one) => one.group === kind.group && one.kind === kind.kind);
  const namespaced =
    described?.namespaced ??
    (NAMESPACED.has(`${kind.group}/${kind.kind}`) || reference.namespace !== undefined || objects.some(holdsNamespace));
  return paramChooser(reference, { objects, namespaced });
};

/** What the API server would not store it for. */
export const bindingProblems = (document: ParsedDocument): readonly Problem[] =>
  bindingFindings(document.value).map(({ path, message }) =>
    problemAt('BINDING_INVALID', message, { path, positionOf: (place) => document.positionOf(place) }),
  );

const compileBinding = (document: ParsedDocument, world: BindingWorld, problems: Problem[]): CompiledBinding | undefined => {
  const context: Context = { positionOf: (path) => document.positionOf(path), problems };
  const refuse = refuser(context);
  const spec = own(document.value, 'spec');
  if (!isJsonObject(spec)) return refuse(['spec'], 'spec is missing');
  for (const field of Object.keys(spec)) if (!FIELDS.has(field)) refuse(['spec', field], `${field} is no field of a binding`);
  const reference = own(spec, 'paramRef');
  if (reference !== undefined && reference !== null && !isJsonObject(reference)) return refuse(['spec', 'paramRef'], 'must be a mapping');
  const found = bindingProblems(document);
  problems.push(...found);
  if (found.length > 0) return undefined;
  const match = compileMatchResources(matchResourcesOf(document, context), ['spec', 'matchResources'], context);
  const name = valueAt(document.value, ['metadata', 'name']);
  const actions = actionsOf(spec);
  const enforcement = ACTIONS.find((action) => actions.includes(action));
  if (typeof name !== 'string' || enforcement === undefined) return undefined;
  return { name, match, enforcement, actions, params: paramsFor(paramRefOf(spec), world) };
};

export const compileBindings = (
  documents: readonly ParsedDocument[],
  world: BindingWorld,
): { readonly compiled: readonly CompiledBinding[]; readonly problems: readonly Problem[] } => {
  const problems: Problem[] = [];
  const compiled = documents.flatMap((document) => compileBinding(document, world, problems) ?? []);
  return { compiled: compiled.toSorted((a, b) => (a.name < b.name ? -1 : 1)), problems };
};
