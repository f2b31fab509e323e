// SPDX-License-Identifier: Apache-2.0
// One case → what the policies said, and whether that is what was expected. The engine is the webhook's own.
import { TENANT_LABEL } from '../../crds/kinds.ts';
import type { DescribedKind } from '../compile/params.ts';
import { DEFAULT_NAMESPACE } from '../compile/params.ts';
import type { PolicySet } from '../compile/policy-set.ts';
import { createSet } from '../compile/set-index.ts';
import { withSettings } from '../compile/settings.ts';
import { decide } from '../decide/index.ts';
import type { Decision, Verdict, Violation } from '../decide/index.ts';
import type { AdmissionRequest } from '../decide/request.ts';
import { isJsonObject, own, valueAt } from '../document/json.ts';
import type { JsonObject } from '../document/json.ts';
import { subjectOf } from '../subject/index.ts';
import type { Case, Expectation, ObjectSource } from './index.ts';
import { requestOf } from './request.ts';

/** What the documents beside the cases give. */
export type World = {
  readonly set: PolicySet;
  readonly kinds: readonly DescribedKind[];
  readonly namespaces: ReadonlyMap<string, JsonObject>;
  readonly tenants: ReadonlyMap<string, JsonObject>;
  readonly readObject: (path: string) => { readonly object: JsonObject } | { readonly message: string };
};

export type CaseOutcome = {
  readonly held: boolean;
  /** undefined: it could not be judged. */
  readonly verdict: Verdict | undefined;
  /** The policy that spoke, of several the one that decides or that was expected. */
  readonly policy: string | undefined;
  readonly message: string | undefined;
  readonly reason: string | undefined;
  /** Why it did not hold. */
  readonly because: string | undefined;
};

const TEST_TENANT = 'test';

const textAt = (object: JsonObject, path: readonly string[]): string => {
  const value = valueAt(object, path);
  return typeof value === 'string' ? value : '';
};

const defaults = new Map<string, JsonObject>();

/** The same object each time, since what is made of a namespace or a tenant is kept by it. */
const remembered = (key: string, make: () => JsonObject): JsonObject => {
  const known = defaults.get(key);
  if (known !== undefined) return known;
  const made = make();
  if (defaults.size < 10_000) defaults.set(key, made);
  return made;
};

export const governedNamespace = (name: string, tenant: string): JsonObject =>
  remembered(JSON.stringify(['Namespace', name, tenant]), () => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'kubernetes.io/metadata.name': name, [TENANT_LABEL]: tenant } },
  }));

/** A tenant of which nothing is told but that these rulesets bind it. */
export const plainTenant = (name: string, rulesets: readonly string[]): JsonObject =>
  remembered(JSON.stringify(['Tenant', name, rulesets]), () => ({
    apiVersion: 'writ.dev/v1alpha1',
    kind: 'Tenant',
    metadata: { name },
    spec: rulesets.length === 0 ? {} : { rulesets: rulesets.map((ruleset) => ({ name: ruleset })) },
  }));

/** The rulesets that only bind who names them. */
export const subscribable = ({ policies }: PolicySet): readonly string[] => [
  ...new Set(policies.flatMap(({ ruleset }) => (ruleset?.scope === 'Tenants' ? [ruleset.name] : []))),
];

/** A Tenant, or its facts alone. */
const tenantObject = (given: JsonObject): JsonObject => {
  if (own(given, 'spec') !== undefined || own(given, 'metadata') !== undefined)
    return isJsonObject(own(given, 'metadata')) ? given : { ...given, metadata: { name: TEST_TENANT } };
  const { name, ...spec } = given;
  return { apiVersion: 'writ.dev/v1alpha1', kind: 'Tenant', metadata: { name: name ?? TEST_TENANT }, spec };
};

/** Every Namespace carries its own name as a label. */
const namespaceGiven = (given: JsonObject, name: string): JsonObject => {
  const metadata = own(given, 'metadata');
  const known = isJsonObject(metadata) ? metadata : {};
  const labels = own(known, 'labels');
  const ownName = textAt(given, ['metadata', 'name']) || name;
  return {
    ...given,
    metadata: { name: ownName, ...known, labels: { 'kubernetes.io/metadata.name': ownName, ...(isJsonObject(labels) ? labels : {}) } },
  };
};

const tenantOf = (one: Case, namespace: JsonObject | null, world: World): JsonObject | null => {
  if (one.tenant === null) return null;
  if (isJsonObject(one.tenant)) return tenantObject(one.tenant);
  const label = namespace === null ? '' : textAt(namespace, ['metadata', 'labels', TENANT_LABEL]);
  const name = one.tenant ?? (label === '' ? TEST_TENANT : label);
  return world.tenants.get(name) ?? plainTenant(name, subscribable(world.set));
};

const namespaceOf = (one: Case, request: AdmissionRequest, world: World): JsonObject | null => {
  const { namespaceObject: given } = one;
  if (given === null || request.namespace === '' || isNamespace(request)) return null;
  if (isJsonObject(given)) return namespaceGiven(given, request.namespace);
  const name = given ?? request.namespace;
  const tenant = typeof one.tenant === 'string' ? one.tenant : isJsonObject(one.tenant) ? textAt(one.tenant, ['metadata', 'name']) : '';
  return world.namespaces.get(name) ?? governedNamespace(name, tenant === '' ? TEST_TENANT : tenant);
};

const isNamespace = ({ resource }: AdmissionRequest): boolean => resource.group === '' && resource.resource === 'namespaces';

const fits = (violation: Violation, expect: Expectation): boolean =>
  (expect.verdict === undefined || violation.enforcement === expect.verdict) &&
  (expect.policy === undefined || violation.policy === expect.policy) &&
  (expect.message === undefined || violation.message.includes(expect.message)) &&
  (expect.reason === undefined || violation.reason === expect.reason);

const described = ({ verdict, policy, message, reason }: Expectation): string =>
  [
    verdict ?? 'a violation',
    ...(policy === undefined ? [] : [`by ${policy}`]),
    ...(reason === undefined ? [] : [`with the reason ${reason}`]),
    ...(message === undefined ? [] : [`saying ${JSON.stringify(message)}`]),
  ].join(' ');

const said = (decision: Decision): string => {
  if (decision.violations.length === 0) {
    const asked = decision.evaluated.map(({ policy }) => policy);
    return asked.length === 0 ? 'Allow, since no policy matched' : `Allow by ${asked.join(', ')}`;
  }
  return `${decision.verdict} ${decision.violations.map(({ policy, reason, message }) => `by ${policy} (${reason}): ${message}`).join('; ')}`;
};

const misses = (decision: Decision, { expect }: Case): boolean => {
  if (expect.verdict !== undefined && decision.verdict !== expect.verdict) return true;
  if (expect.verdict === 'Allow') return false;
  const wantsMore =
    expect.verdict === undefined || expect.policy !== undefined || expect.message !== undefined || expect.reason !== undefined;
  return wantsMore && !decision.violations.some((violation) => fits(violation, expect));
};

const unjudged = (because: string): CaseOutcome => ({
  held: false,
  verdict: undefined,
  policy: undefined,
  message: undefined,
  reason: undefined,
  because,
});

const objectOf = (
  source: ObjectSource | undefined,
  world: World,
): { readonly object: JsonObject | null } | { readonly message: string } => {
  if (source === undefined) return { object: null };
  return 'file' in source ? world.readObject(source.file) : source;
};

/** What no tenant owns is none of Writ's business; ValidatingAdmissionPolicies look at it all the same. */
const heard = (set: PolicySet): PolicySet => createSet(set.policies.filter(({ bindings }) => bindings !== undefined));

const NOTHING_SAID = { verdict: 'Allow', violations: [], warnings: [], auditAnnotations: {}, evaluated: [] } as const;

const judge = (one: Case, request: AdmissionRequest, world: World): Decision => {
  const settled = one.params === undefined ? world.set : withSettings(world.set, one.params);
  const set = one.tenant === null ? heard(settled) : settled;
  // Nobody speaks; that a cluster without any policy denies is not for a case to say.
  if (set.policies.length === 0) return { ...NOTHING_SAID, setDigest: set.digest };
  const namespaceObject = namespaceOf(one, request, world);
  // A case asks what the policies say, so the namespace counts as governed whatever its labels are.
  const facts = { request, namespaceObject, tenant: tenantOf(one, namespaceObject, world), governed: true, access: one.access };
  return decide(set, subjectOf(request), facts);
};

export const runCase = (one: Case, world: World): CaseOutcome => {
  const { expect } = one;
  if (expect.policy !== undefined && !world.set.policies.some(({ name }) => name === expect.policy))
    return unjudged(`the policy ${expect.policy} is not among the policies of this file`);
  const [object, oldObject] = [objectOf(one.object, world), objectOf(one.oldObject, world)];
  if ('message' in object) return unjudged(object.message);
  if ('message' in oldObject) return unjudged(oldObject.message);
  const place = isJsonObject(one.namespaceObject) ? textAt(one.namespaceObject, ['metadata', 'name']) : one.namespaceObject;
  const asked = requestOf({
    operation: one.operation,
    object: object.object,
    oldObject: oldObject.object,
    user: one.user,
    namespace: place === undefined || place === null || place === '' ? DEFAULT_NAMESPACE : place,
    kinds: world.kinds,
  });
  if (!asked.ok) return unjudged(asked.message);
  const decision = judge(one, asked.request, world);
  const ofVerdict = decision.violations.filter(({ enforcement }) => enforcement === decision.verdict);
  const told = decision.violations.find((violation) => fits(violation, expect)) ?? ofVerdict[0];
  const missed = misses(decision, one);
  return {
    held: !missed,
    verdict: decision.verdict,
    policy: told?.policy,
    message: told?.message,
    reason: told?.reason,
    because: missed ? `expected ${described(expect)}; said ${said(decision)}` : undefined,
  };
};
