// SPDX-License-Identifier: Apache-2.0
// What the API server asks: `request` of an AdmissionReview, admission.k8s.io/v1, with its objects as CEL values.
import type { Value } from '../cel/index.ts';
import type { Problem } from '../problem.ts';

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

export const parseReview = (text: string): ReviewOutcome => { throw new Error(text); };
