// SPDX-License-Identifier: Apache-2.0
// A manifest → the request that creating it (or changing another into it) would make.
import { requestOf } from '../policies/cases/request.ts';
import type { DescribedKind } from '../policies/compile/params.ts';
import type { AdmissionRequest } from '../policies/decide/request.ts';
import { own } from '../policies/document/json.ts';
import type { JsonObject } from '../policies/document/json.ts';
import { readText } from './files.ts';
import { readManifests } from './manifest.ts';
import { UserError } from './output.ts';

export type RequestOptions = {
  readonly namespace: string;
  readonly user: string;
  readonly groups: readonly string[];
  readonly oldObject?: JsonObject | undefined;
  readonly kinds?: readonly DescribedKind[];
};

const refusal = (path: string, message: string): UserError =>
  new UserError([{ code: 'DOCUMENT_SYNTAX', message: `${path}: ${message}`, hint: 'give one object as YAML or JSON' }]);

/** One mapping; strangers' manifests are read as they are, without the strictness for signed documents. */
export const readMapping = (path: string): JsonObject => {
  const { documents, problems } = readManifests(readText(path), path);
  const [problem] = problems;
  if (problem !== undefined) throw refusal(path, `${problem.at?.line ?? 1}:${problem.at?.column ?? 1}: ${problem.message}`);
  const [document] = documents;
  if (document === undefined || documents.length !== 1) throw refusal(path, `it holds ${documents.length} objects`);
  return document.value;
};

/** One object of a manifest. */
export const readObject = (path: string): JsonObject => {
  const object = readMapping(path);
  if (typeof own(object, 'kind') !== 'string' || typeof own(object, 'apiVersion') !== 'string')
    throw refusal(path, 'it has no apiVersion and kind');
  return object;
};

export const requestFor = (object: JsonObject, options: RequestOptions): AdmissionRequest => {
  const made = requestOf({
    operation: options.oldObject === undefined ? 'CREATE' : 'UPDATE',
    object,
    oldObject: options.oldObject ?? null,
    user: { username: options.user, groups: options.groups },
    namespace: options.namespace,
    kinds: options.kinds ?? [],
  });
  if (!made.ok) throw new UserError([{ code: 'REVIEW_INVALID', message: made.message }]);
  return made.request;
};
