// SPDX-License-Identifier: Apache-2.0
// The rules and selectors of ValidatingAdmissionPolicies and their bindings, checked as the API server checks them.
import { nameRules } from '../cel/values/name-rules.ts';
import { isJsonObject, own } from '../document/json.ts';
import type { JsonObject, JsonValue } from '../document/json.ts';
import type { FieldPath } from './expression.ts';
import { at, forbidden, invalid, notSupported, objectsAt, repeated, required, textAt, textsAt } from './field-finding.ts';
import type { FieldFinding } from './field-finding.ts';

const resources = (rule: JsonObject, path: FieldPath): readonly FieldFinding[] => {
  const given = textsAt(rule, 'resources');
  if (given.length === 0) return [required(path)];
  const found: FieldFinding[] = [];
  const [wholes, parts] = [new Set<string>(), new Set<string>()];
  let hasPlain = false;
  for (const [index, one] of given.entries()) {
    if (one === '') {
      found.push(required([...path, index]));
      continue;
    }
    const slash = one.indexOf('/');
    if (slash < 0) {
      // Only the last one without a subresource counts: so it is there.
      hasPlain = one !== '*';
      continue;
    }
    const [resource, part] = [one.slice(0, slash), one.slice(slash + 1)];
    if (wholes.has(resource)) found.push(invalid([...path, index], one, `if '${resource}/*' is present, must not specify ${one}`));
    if (parts.has(part)) found.push(invalid([...path, index], one, `if '*/${part}' is present, must not specify ${one}`));
    if (part === '*') wholes.add(resource);
    if (resource === '*') parts.add(part);
  }
  if (given.length > 1 && given.includes('*/*')) found.push(invalid(path, given, "if '*/*' is present, must not specify other resources"));
  if (given.includes('*') && hasPlain)
    found.push(invalid(path, given, "if '*' is present, must not specify other resources without subresources"));
  return found;
};

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];

const rule = (given: JsonObject, path: FieldPath): readonly FieldFinding[] => {
  const listed = (field: string, what: string): readonly FieldFinding[] => {
    const values = textsAt(given, field);
    if (values.length === 0) return [required([...path, field])];
    return values.length > 1 && values.includes('*')
      ? [invalid([...path, field], values, `if '*' is present, must not specify other ${what}`)]
      : [];
  };
  const scope = textAt(given, 'scope');
  return [
    ...repeated(textsAt(given, 'resourceNames'), (index) => [...path, 'resourceNames', index]),
    ...listed('operations', 'operations'),
    ...textsAt(given, 'operations').flatMap((operation, index) => notSupported([...path, 'operations', index], operation, OPERATIONS)),
    ...listed('apiGroups', 'API groups'),
    ...listed('apiVersions', 'API versions'),
    ...textsAt(given, 'apiVersions').flatMap((version, index) => (version === '' ? [required([...path, 'apiVersions', index])] : [])),
    ...resources(given, [...path, 'resources']),
    ...(scope === '' ? [] : notSupported([...path, 'scope'], scope, ['*', 'Cluster', 'Namespaced'])),
  ];
};

const requirement = (given: JsonObject, path: FieldPath): readonly FieldFinding[] => {
  const [operator, key, values] = [textAt(given, 'operator'), textAt(given, 'key'), textsAt(given, 'values')];
  const among = operator === 'In' || operator === 'NotIn';
  const alone = operator === 'Exists' || operator === 'DoesNotExist';
  return [
    ...(among && values.length === 0 ? [required([...path, 'values'], "must be specified when `operator` is 'In' or 'NotIn'")] : []),
    ...(alone && values.length > 0
      ? [forbidden([...path, 'values'], "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")]
      : []),
    ...(among || alone ? [] : [invalid([...path, 'operator'], operator, 'not a valid selector operator')]),
    ...nameRules.qualifiedName(key).map((problem) => invalid([...path, 'key'], key, problem)),
    ...values.flatMap((value, index) => nameRules.labelValue(value).map((problem) => invalid([...path, 'values', index], value, problem))),
  ];
};

export const selector = (given: JsonValue | undefined, path: FieldPath): readonly FieldFinding[] => {
  if (!isJsonObject(given)) return [];
  const labels = own(given, 'matchLabels');
  return [
    ...Object.entries(isJsonObject(labels) ? labels : {}).flatMap(([key, value]) => [
      ...nameRules.qualifiedName(key).map((problem) => invalid([...path, 'matchLabels'], key, problem)),
      ...nameRules.labelValue(typeof value === 'string' ? value : '').map((problem) => invalid([...path, 'matchLabels'], value, problem)),
    ]),
    ...objectsAt(given, 'matchExpressions').flatMap(([index, one]) => requirement(one, [...path, 'matchExpressions', index])),
  ];
};

export const matchResources = (given: JsonObject, path: FieldPath): readonly FieldFinding[] => {
  const matchPolicy = textAt(given, 'matchPolicy');
  return [
    ...(matchPolicy === '' ? [] : notSupported([...path, 'matchPolicy'], matchPolicy, ['Equivalent', 'Exact'])),
    ...selector(at(given, 'namespaceSelector'), [...path, 'namespaceSelector']),
    ...selector(at(given, 'objectSelector'), [...path, 'objectSelector']),
    ...['resourceRules', 'excludeResourceRules'].flatMap((field) =>
      objectsAt(given, field).flatMap(([index, one]) => rule(one, [...path, field, index])),
    ),
  ];
};
