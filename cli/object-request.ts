// SPDX-License-Identifier: Apache-2.0
// A manifest → the request that creating it would make.
import { Buffer } from 'node:buffer';
import { parseAllDocuments } from 'yaml';
import { isJsonObject, own, valueAt } from '../policies/document/json.ts';
import type { JsonObject } from '../policies/document/json.ts';
import { parseReview } from '../policies/decide/request.ts';
import type { AdmissionRequest } from '../policies/decide/request.ts';
import { workloadKind } from '../policies/subject/kind-index.ts';
import { readText } from './files.ts';
import { UserError } from './output.ts';

export type RequestOptions = { readonly namespace: string; readonly user: string; readonly groups: readonly string[] };

/** One object of a manifest; strangers' manifests are read as they are, without the strictness for signed documents. */
export const readObject = (path: string): JsonObject => {
  const refuse = (message: string): UserError =>
    new UserError([{ code: 'DOCUMENT_SYNTAX', message: `${path}: ${message}`, hint: 'give one object as YAML or JSON' }]);
  const documents = parseAllDocuments(readText(path), { logLevel: 'silent' });
  const [error] = documents.flatMap((document) => document.errors);
  if (error !== undefined) throw refuse(error.message.split('\n')[0] ?? '');
  const objects = documents.flatMap((document): unknown[] => {
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    return value === null ? [] : [value];
  });
  const [object] = objects;
  if (objects.length !== 1 || !isJsonObject(object)) throw refuse(`it holds ${objects.length} objects`);
  if (typeof own(object, 'kind') !== 'string' || typeof own(object, 'apiVersion') !== 'string')
    throw refuse('it has no apiVersion and kind');
  return object;
};

/** As good as it can be without discovery: workload kinds by the table, others by the usual plural. */
const pluralOf = (group: string, kind: string): string => {
  const known = workloadKind(group, kind)?.plural;
  if (known !== undefined) return known;
  const lower = kind.toLowerCase();
  if (/(?:s|x|ch|sh)$/.test(lower)) return `${lower}es`;
  return /[^aeiou]y$/.test(lower) ? `${lower.slice(0, -1)}ies` : `${lower}s`;
};

const textAt = (object: JsonObject, path: readonly string[]): string => {
  const value = valueAt(object, path);
  return typeof value === 'string' ? value : '';
};

export const requestFor = (object: JsonObject, options: RequestOptions): AdmissionRequest => {
  const [first = '', second] = textAt(object, ['apiVersion']).split('/');
  const [group, version] = second === undefined ? ['', first] : [first, second];
  const kind = textAt(object, ['kind']);
  const request = {
    uid: `object-${Buffer.from(kind).toString('hex')}`,
    kind: { group, version, kind },
    resource: { group, version, resource: pluralOf(group, kind) },
    name: textAt(object, ['metadata', 'name']),
    namespace:
      kind === 'Namespace' && group === ''
        ? textAt(object, ['metadata', 'name'])
        : textAt(object, ['metadata', 'namespace']) || options.namespace,
    operation: 'CREATE',
    userInfo: { username: options.user, groups: options.groups },
    object,
  };
  const parsed = parseReview(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request }));
  if (!parsed.ok) throw new UserError([parsed.problem]);
  return parsed.request;
};
