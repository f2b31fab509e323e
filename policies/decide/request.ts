// SPDX-License-Identifier: Apache-2.0
/**
 * What the API server asks: `request` of an AdmissionReview, admission.k8s.io/v1, with its objects as CEL values.
 *
 * In: the body of a review as text. Out: an `AdmissionRequest`, or a coded problem; nothing that a client can send throws.
 * Whoever decides imports the types; the admission endpoint and the command line call `parseReview`.
 */
import { parseJson } from '../cel/index.ts';
import type { Value } from '../cel/index.ts';
import type { Problem, ProblemCode } from '../problem.ts';
import { own, ownList, ownMap, ownText } from '../subject/paths.ts';

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export type JsonObject = { readonly [key: string]: JsonValue | undefined };

export type GroupVersionKind = { readonly group: string; readonly version: string; readonly kind: string };
export type GroupVersionResource = { readonly group: string; readonly version: string; readonly resource: string };
export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export type UserInfo = {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
};

/** Empty strings stand for what the API server left out; to CEL they are absent. */
export type AdmissionRequest = {
  readonly uid: string;
  /** As converted for our webhook's rule; `requestKind` and `requestResource` are what the client sent. */
  readonly kind: GroupVersionKind;
  readonly resource: GroupVersionResource;
  readonly subResource: string;
  readonly requestKind: GroupVersionKind | undefined;
  readonly requestResource: GroupVersionResource | undefined;
  readonly requestSubResource: string;
  readonly name: string;
  /** For a Namespace its own name; for any other cluster-scoped object empty. */
  readonly namespace: string;
  readonly operation: Operation;
  readonly userInfo: UserInfo;
  /** null on DELETE; `oldObject` is null on CREATE and CONNECT. */
  readonly object: Value;
  readonly oldObject: Value;
  readonly options: Value;
  readonly dryRun: boolean;
};

export type ReviewOutcome = { readonly ok: true; readonly request: AdmissionRequest } | { readonly ok: false; readonly problem: Problem };

const refuse = (code: ProblemCode, message: string, path?: string): ReviewOutcome => ({
  ok: false,
  problem: path === undefined ? { code, message } : { code, message, path },
});

const OPERATIONS: readonly Operation[] = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'];

const kindAt = (request: Value, field: string): GroupVersionKind | undefined => {
  const found = ownMap(request, field);
  const kind = ownText(found, 'kind');
  return kind === undefined || kind === ''
    ? undefined
    : { group: ownText(found, 'group') ?? '', version: ownText(found, 'version') ?? '', kind };
};

const resourceAt = (request: Value, field: string): GroupVersionResource | undefined => {
  const found = ownMap(request, field);
  const resource = ownText(found, 'resource');
  return resource === undefined || resource === ''
    ? undefined
    : { group: ownText(found, 'group') ?? '', version: ownText(found, 'version') ?? '', resource };
};

const textsAt = (value: Value | undefined, field: string): readonly string[] =>
  ownList(value, field).filter((item) => typeof item === 'string');

const userAt = (request: Value): UserInfo => {
  const user = ownMap(request, 'userInfo');
  const extra = ownMap(user, 'extra') ?? {};
  return {
    username: ownText(user, 'username') ?? '',
    uid: ownText(user, 'uid') ?? '',
    groups: textsAt(user, 'groups'),
    // fromEntries defines own properties, so a key such as __proto__ stays data.
    extra: Object.fromEntries(Object.keys(extra).map((key) => [key, textsAt(extra, key)])),
  };
};

const parse = (text: string): { readonly value: Value } | undefined => {
  try {
    return { value: parseJson(text) };
  } catch {
    return undefined;
  }
};

const readRequest = (request: Value): ReviewOutcome => {
  const uid = ownText(request, 'uid') ?? '';
  if (uid === '') return refuse('REVIEW_INVALID', 'the review has no uid to answer to', 'request.uid');
  const kind = kindAt(request, 'kind');
  if (kind === undefined) return refuse('REVIEW_INVALID', 'the review does not name the kind of its object', 'request.kind');
  const resource = resourceAt(request, 'resource');
  if (resource === undefined) return refuse('REVIEW_INVALID', 'the review does not name the resource of its object', 'request.resource');
  const operation = OPERATIONS.find((known) => known === own(request, 'operation'));
  if (operation === undefined) return refuse('REVIEW_INVALID', `the operation is none of ${OPERATIONS.join(', ')}`, 'request.operation');
  const object = ownMap(request, 'object') ?? null;
  const oldObject = ownMap(request, 'oldObject') ?? null;
  // A CONNECT has options as its object, and some subresources have none at all.
  if (object === null && (operation === 'CREATE' || operation === 'UPDATE'))
    return refuse('REVIEW_WITHOUT_OBJECT', `a ${operation} came without its object`, 'request.object');
  if (oldObject === null && operation === 'DELETE')
    return refuse('REVIEW_WITHOUT_OBJECT', 'a DELETE came without the object that goes', 'request.oldObject');
  return {
    ok: true,
    request: {
      uid,
      kind,
      resource,
      subResource: ownText(request, 'subResource') ?? '',
      requestKind: kindAt(request, 'requestKind'),
      requestResource: resourceAt(request, 'requestResource'),
      requestSubResource: ownText(request, 'requestSubResource') ?? '',
      name: ownText(request, 'name') ?? '',
      namespace: ownText(request, 'namespace') ?? '',
      operation,
      userInfo: userAt(request),
      object: operation === 'DELETE' ? null : object,
      oldObject: operation === 'CREATE' || operation === 'CONNECT' ? null : oldObject,
      options: ownMap(request, 'options') ?? null,
      dryRun: own(request, 'dryRun') === true,
    },
  };
};

/** Total: whatever the text, the answer is a request or a coded problem. */
export const parseReview = (text: string): ReviewOutcome => {
  const parsed = parse(text);
  if (parsed === undefined) return refuse('REVIEW_NOT_JSON', 'the body is not JSON');
  const review = parsed.value;
  if (ownText(review, 'kind') !== 'AdmissionReview') return refuse('REVIEW_NOT_REVIEW', 'the body is not an AdmissionReview', 'kind');
  const apiVersion = ownText(review, 'apiVersion');
  if (apiVersion !== 'admission.k8s.io/v1')
    return refuse(
      'REVIEW_VERSION',
      `the review is ${apiVersion === undefined ? 'of no version' : JSON.stringify(apiVersion.slice(0, 64))}`,
      'apiVersion',
    );
  const request = ownMap(review, 'request');
  if (request === undefined) return refuse('REVIEW_INVALID', 'the review has no request', 'request');
  return readRequest(request);
};
