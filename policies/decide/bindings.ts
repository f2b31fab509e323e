// SPDX-License-Identifier: Apache-2.0
// The variables of ValidatingAdmissionPolicy and our three, as expressions see them.
import { Authorizer, CelError, Fields, fromJson, isCelError, isEffortError, ResourceCheck } from '../cel/index.ts';
import type { Access, Bindings, JsonMap, Value } from '../cel/index.ts';
import type { NamedProgram } from '../compile/policy-set.ts';
import type { Subject } from '../subject/index.ts';
import { lazyFields } from '../subject/lazy-fields.ts';
import type { FieldTable } from '../subject/lazy-fields.ts';
import { ownMap, ownText } from '../subject/paths.ts';
import type { AdmissionFacts } from './facts.ts';
import type { VariableSteps } from './limits.ts';
import type { AdmissionRequest, JsonObject } from './request.ts';

const filled = (text: string): string | undefined => (text === '' ? undefined : text);

/** Empty fields are absent, as Go's omitempty leaves them out; groups, versions and kinds are always there. */
const userInfo = ({ userInfo: user }: AdmissionRequest): Value => ({
  ...(user.username === '' ? {} : { username: user.username }),
  ...(user.uid === '' ? {} : { uid: user.uid }),
  ...(user.groups.length === 0 ? {} : { groups: user.groups }),
  ...(Object.keys(user.extra).length === 0 ? {} : { extra: user.extra }),
});

const requestTable: FieldTable<AdmissionRequest> = {
  kind: (request) => request.kind,
  resource: (request) => request.resource,
  subResource: (request) => filled(request.subResource),
  requestKind: (request) => request.requestKind,
  requestResource: (request) => request.requestResource,
  requestSubResource: (request) => filled(request.requestSubResource),
  name: (request) => filled(request.name),
  namespace: (request) => filled(request.namespace),
  operation: (request) => request.operation,
  userInfo,
  dryRun: (request) => request.dryRun,
  options: (request) => request.options ?? undefined,
};

// Namespaces and tenants come from caches and stay the same objects between changes.
const namespaceValues = new WeakMap<JsonObject, Value>();
const tenantValues = new WeakMap<JsonObject, Value>();

const remembered = (known: WeakMap<JsonObject, Value>, object: JsonObject, make: (value: Value) => Value): Value => {
  const found = known.get(object);
  if (found !== undefined) return found;
  const made = make(fromJson(object));
  known.set(object, made);
  return made;
};

/** Without what Kubernetes keeps from policies: kind, apiVersion, managedFields, ownerReferences. */
const namespaceValue = (value: Value): Value => {
  const metadata: JsonMap = ownMap(value, 'metadata') ?? {};
  const { managedFields: _managed, ownerReferences: _owners, ...shown } = metadata;
  const spec = ownMap(value, 'spec');
  const status = ownMap(value, 'status');
  return { metadata: shown, ...(spec === undefined ? {} : { spec }), ...(status === undefined ? {} : { status }) };
};

/** The facts of the tenant: its spec, with its name, labels and annotations. */
const tenantValue = (value: Value): Value => {
  const metadata = ownMap(value, 'metadata');
  const name = ownText(metadata, 'name');
  return {
    ...ownMap(value, 'spec'),
    ...(name === undefined ? {} : { name }),
    labels: ownMap(metadata, 'labels') ?? {},
    annotations: ownMap(metadata, 'annotations') ?? {},
  };
};

const nobody: Access = () => new CelError('nobody answers what the authorizer is asked');

/** `authorizer` asks for the user of the request, `authorizer.requestResource` about the resource as the client sent it. */
export const authorizerBindings = (request: AdmissionRequest, access: Access = nobody): Bindings => {
  const { requestResource, resource, requestSubResource, subResource, userInfo, namespace, name } = request;
  const authorizer = new Authorizer(userInfo, access);
  const asSent = requestResource ?? resource;
  return {
    authorizer,
    'authorizer.requestResource': new ResourceCheck(authorizer, {
      group: asSent.group,
      resource: asSent.resource,
      subresource: requestResource === undefined ? subResource : requestSubResource,
      namespace,
      name,
      fieldSelector: '',
      labelSelector: '',
    }),
  };
};

/** Shared by all policies of a decision. */
export const baseBindings = (subject: Subject, facts: AdmissionFacts): Bindings => ({
  object: subject.object,
  oldObject: subject.oldObject,
  request: lazyFields(requestTable, subject.request),
  namespaceObject: facts.namespaceObject === null ? null : remembered(namespaceValues, facts.namespaceObject, namespaceValue),
  workload: subject.workload,
  agent: subject.agent,
  tenant: facts.tenant === null ? null : remembered(tenantValues, facts.tenant, tenantValue),
});

/** `variables`: lazy, each evaluated at most once, errors remembered, only those declared earlier visible to each. */
class Variables extends Fields {
  readonly #programs: readonly NamedProgram[];
  readonly #steps: VariableSteps;
  readonly #known = new Map<number, Value | CelError>();
  #bindings: Bindings;
  #visible: number;

  constructor(programs: readonly NamedProgram[], bindings: Bindings, steps: VariableSteps) {
    super();
    this.#programs = programs;
    this.#steps = steps;
    this.#visible = programs.length;
    this.#bindings = bindings;
  }

  get bindings(): Bindings {
    return this.#bindings;
  }

  bind(): this {
    this.#bindings = { ...this.#bindings, variables: this };
    return this;
  }

  override has(name: string): boolean {
    return this.#position(name) >= 0;
  }

  override field(name: string): Value | CelError | undefined {
    const position = this.#position(name);
    const variable = this.#programs[position];
    if (variable === undefined) return undefined;
    const known = this.#known.get(position);
    if (known !== undefined) return known;
    const visible = this.#visible;
    this.#visible = position;
    const budget = { remaining: this.#steps.limit, effort: this.#steps.effort };
    const result = variable.program.evaluate(this.#bindings, budget, this.#steps.memo);
    this.#visible = visible;
    this.#steps.used += this.#steps.limit - budget.remaining;
    this.#steps.effort = budget.effort;
    // A variable that is too dear is an error like others to the expression that reads it.
    const end = isEffortError(result) ? 'budget' : 'absorbed';
    const outcome = isCelError(result)
      ? new CelError(`composited variable "${name}" fails to evaluate: ${result.message}`, -1, end)
      : result;
    this.#known.set(position, outcome);
    return outcome;
  }

  /** Of two variables of one name the later one counts, once it is declared. */
  #position(name: string): number {
    for (let position = this.#visible - 1; position >= 0; position -= 1) if (this.#programs[position]?.name === name) return position;
    return -1;
  }
}

/** A context of its own for validations, messages and audit annotations each, as Kubernetes has it. */
export const withVariables = (
  programs: readonly NamedProgram[],
  { bindings, steps }: { readonly bindings: Bindings; readonly steps: VariableSteps },
): Bindings => (programs.length === 0 ? bindings : new Variables(programs, bindings, steps).bind().bindings);
