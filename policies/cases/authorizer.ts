// SPDX-License-Identifier: Apache-2.0
// What users may do, as a case writes it down: `authorizer: {allow: [{verb: get, resource: secrets}]}`.
import type { Access, AccessQuestion } from '../cel/index.ts';
import { isJsonObject, own } from '../document/json.ts';
import type { JsonPath, JsonValue } from '../document/json.ts';

const FIELDS = ['user', 'verb', 'path', 'group', 'resource', 'subresource', 'namespace', 'name'] as const;
const KNOWN: ReadonlySet<string> = new Set([...FIELDS, 'reason']);
const OF_RESOURCES: readonly string[] = ['group', 'resource', 'subresource', 'namespace', 'name'];

type Field = (typeof FIELDS)[number];

/** A field that is absent, or `*`, fits everything. */
type Grant = { readonly wanted: ReadonlyMap<Field, string>; readonly reason: string };

export type AuthorizerOutcome =
  | { readonly ok: true; readonly access: Access }
  | { readonly ok: false; readonly path: JsonPath; readonly message: string };

const asked = (question: AccessQuestion, field: Field): string | undefined => {
  if (field === 'user') return question.user.username;
  if (field === 'verb') return question.verb;
  if (field === 'path') return 'path' in question ? question.path : undefined;
  return 'resource' in question ? question.resource[field] : undefined;
};

const accessBy =
  (grants: readonly Grant[]): Access =>
  (question) => {
    const fit = grants.find(({ wanted }) => [...wanted].every(([field, value]) => asked(question, field) === value));
    return { allowed: fit !== undefined, reason: fit?.reason ?? '', error: '' };
  };

/** Nobody is allowed anything. */
const denyAccess: Access = accessBy([]);

const grantAt = (value: JsonValue, path: JsonPath): Grant | Exclude<AuthorizerOutcome, { ok: true }> => {
  const refuse = (at: JsonPath, message: string) => ({ ok: false as const, path: at, message });
  if (!isJsonObject(value)) return refuse(path, 'must be a mapping');
  for (const key of Object.keys(value))
    if (!KNOWN.has(key)) return refuse([...path, key], `${key} is not known; there are ${[...KNOWN].join(', ')}`);
  const wanted = new Map<Field, string>();
  for (const field of FIELDS) {
    const text = own(value, field);
    if (text === undefined || text === '*') continue;
    if (typeof text !== 'string') return refuse([...path, field], 'must be text');
    wanted.set(field, text);
  }
  if (wanted.has('path') && OF_RESOURCES.some((field) => own(value, field) !== undefined))
    return refuse([...path, 'path'], 'a path is no resource: give one or the other');
  const reason = own(value, 'reason');
  return { wanted, reason: typeof reason === 'string' ? reason : '' };
};

export const readAuthorizer = (value: JsonValue | undefined, path: JsonPath): AuthorizerOutcome => {
  if (value === undefined || value === null) return { ok: true, access: denyAccess };
  if (!isJsonObject(value)) return { ok: false, path, message: 'must be a mapping' };
  const strange = Object.keys(value).find((key) => key !== 'allow');
  if (strange !== undefined) return { ok: false, path: [...path, strange], message: `${strange} is not known; there are allow` };
  const allow = own(value, 'allow') ?? [];
  if (!Array.isArray(allow)) return { ok: false, path: [...path, 'allow'], message: 'must be a list' };
  const grants: Grant[] = [];
  for (const [index, one] of allow.entries()) {
    const grant = grantAt(one, [...path, 'allow', index]);
    if ('ok' in grant) return grant;
    grants.push(grant);
  }
  return { ok: true, access: accessBy(grants) };
};
