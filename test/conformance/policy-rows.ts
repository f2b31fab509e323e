// SPDX-License-Identifier: Apache-2.0
// How a fact about a policy is written down: the policy, what binds it, the request, and what comes of it.
import type { Json } from './policy-arbitrary.ts';
import { REQUESTS } from './requests.ts';
import type { Request } from './requests.ts';

export type Fields = { readonly [key: string]: Json };

/** Requests of the small cluster by what they do. */
export const [createPod, updatePod, deletePod, createDeployment, createNamespace, updateNode] = REQUESTS;

export type Outcome =
  | 'allow'
  /** Denied with these words; Invalid and 422 unless said otherwise. */
  | { readonly deny: string; readonly reason?: string; readonly code?: number }
  | { readonly warn: readonly string[] }
  | { readonly annotations: Readonly<Record<string, string>> }
  /** Not stored: a part of what the API server says. */
  | { readonly refused: string };

export type PolicyRow = {
  readonly line: number;
  readonly name: string;
  readonly policy: Json;
  readonly bindings: readonly Json[];
  readonly request: Request;
  readonly expect: Outcome;
};

export const ANYTHING: Json = [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }];

const policy = (spec: Fields): Json => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: { name: 'p' },
  spec: { matchConstraints: { resourceRules: ANYTHING }, ...spec },
});

export const binding = (spec: Fields = {}, name = 'b'): Json => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: { name },
  spec: { policyName: 'p', validationActions: ['Deny'], ...spec },
});

export type Given = {
  readonly spec: Fields;
  readonly bindings?: readonly Json[];
  readonly request?: Request | undefined;
  readonly expect: Outcome;
};

export const row = (line: number, name: string, { spec, bindings = [binding()], request = createPod, expect }: Given): PolicyRow => {
  if (request === undefined) throw new Error('there is no such request');
  return { line, name, policy: policy(spec), bindings, request, expect };
};

export const holds = (line: number, expression: string, request?: Request): PolicyRow =>
  row(line, expression, { spec: { validations: [{ expression }] }, request, expect: 'allow' });

export const fails = (line: number, expression: string, text: string, request?: Request): PolicyRow =>
  row(line, `${expression} errs`, {
    spec: { validations: [{ expression }] },
    request,
    expect: { deny: `expression '${expression}' resulted in error: ${text}` },
  });

export const notStored = (line: number, name: string, spec: Fields, refused: string): PolicyRow =>
  row(line, name, { spec, expect: { refused } });

export const FALSE = [{ expression: 'false' }];
export const CONFIG_MAP = { apiVersion: 'v1', kind: 'ConfigMap' };
export const SPENT = 'validation failed due to running out of cost budget, no further validation rules will be run';
export const check = (count: number): string =>
  Array.from({ length: count }, (_, at) => `authorizer.path('/${at}').check('get').allowed() || true`).join(' && ');
/** Each costs more than 700,000 of the 10,000,000. */
export const dear = (count: number): { readonly expression: string }[] =>
  Array.from({ length: count }, () => ({ expression: `(${check(2)})` }));

export const named = (request: Request | undefined, more: Partial<Request>): Request | undefined =>
  request === undefined ? undefined : { ...request, ...more };
export const rules = (resources: readonly string[], more: Fields = {}): Fields => ({
  matchConstraints: { resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources, ...more }] },
  validations: FALSE,
});
export const DENIED = { deny: 'failed expression: false' };
