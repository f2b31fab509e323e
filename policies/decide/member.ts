// SPDX-License-Identifier: Apache-2.0
// Whether a member of a ruleset binds the namespace of a request, and how strongly. Subscriptions stand in the Tenant, which
// is under no seal, so they can only add: a Tenant makes a member stronger than its release says and never weaker, and the
// range of releases that it hopes for is told in its status and switches nothing off. Where the Tenant is not known (it was
// deleted, or its watch lags) every ruleset binds: taking a Tenant away must not open its namespaces.
import { isClusterScoped, isNamespaceResource } from '../compile/match.ts';
import type { CompiledPolicy, Enforcement, MemberOf } from '../compile/policy-set.ts';
import { isJsonObject, own, valueAt } from '../document/json.ts';
import type { JsonObject } from '../document/json.ts';
import type { Run } from './run.ts';

/** `undefined`: as the release says. */
type Subscriptions = ReadonlyMap<string, Enforcement | undefined>;

const STRENGTH: Readonly<Record<Enforcement, number>> = { Audit: 1, Warn: 2, Deny: 3 };

const isEnforcement = (value: unknown): value is Enforcement => value === 'Deny' || value === 'Warn' || value === 'Audit';

// A Tenant comes from a cache and is the same object between changes.
const known = new WeakMap<JsonObject, Subscriptions>();

const read = (tenant: JsonObject): Subscriptions => {
  const listed = valueAt(tenant, ['spec', 'rulesets']);
  const subscriptions = new Map<string, Enforcement | undefined>();
  for (const entry of Array.isArray(listed) ? listed : []) {
    const name: unknown = isJsonObject(entry) ? own(entry, 'name') : undefined;
    const enforcement: unknown = isJsonObject(entry) ? own(entry, 'enforcement') : undefined;
    if (typeof name === 'string') subscriptions.set(name, isEnforcement(enforcement) ? enforcement : undefined);
  }
  return subscriptions;
};

const subscriptionsOf = (tenant: JsonObject): Subscriptions => {
  const found = known.get(tenant);
  if (found !== undefined) return found;
  const subscriptions = read(tenant);
  known.set(tenant, subscriptions);
  return subscriptions;
};

/** `undefined`: the member does not bind here. */
export const bindMember = (policy: CompiledPolicy, { name, scope }: MemberOf, { tenant, match }: Run): CompiledPolicy | undefined => {
  const { request } = match;
  // What lies in no namespace is no tenant's.
  if (scope === 'Tenants' && isClusterScoped(request) && !isNamespaceResource(request.resource)) return undefined;
  if (tenant === null) return policy;
  const subscriptions = subscriptionsOf(tenant);
  if (scope === 'Tenants' && !subscriptions.has(name)) return undefined;
  const enforcement = subscriptions.get(name);
  return enforcement === undefined || STRENGTH[enforcement] <= STRENGTH[policy.enforcement] ? policy : { ...policy, enforcement };
};
