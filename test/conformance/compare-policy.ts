// SPDX-License-Identifier: Apache-2.0
// The same policies in Writ and in the API server's own dispatcher, and what differs.
import { parseJson } from '../../policies/cel/index.ts';
import { compilePolicies } from '../../policies/compile/index.ts';
import type { PolicySet } from '../../policies/compile/index.ts';
import { admissionPolicies } from '../../policies/compile/validating-admission-policy.ts';
import { decide } from '../../policies/decide/index.ts';
import type { Decision } from '../../policies/decide/index.ts';
import type { AdmissionRequest } from '../../policies/decide/request.ts';
import { parseDocument } from '../../policies/document/index.ts';
import type { ParsedDocument } from '../../policies/document/index.ts';
import { subjectOf } from '../../policies/subject/index.ts';
import type { PolicyAnswer, PolicyVerdict } from './oracle.ts';
import type { Case, Json } from './policy-arbitrary.ts';
import { namespaces, params, REQUESTS } from './requests.ts';
import type { Request } from './requests.ts';

export const policyQuestion = ({ policy, bindings }: Case): string =>
  JSON.stringify({ policies: [policy], bindings, params, namespaces, requests: REQUESTS });

const documentOf = (value: Json): ParsedDocument => {
  const parsed = parseDocument(new TextEncoder().encode(JSON.stringify(value)), 'case.yaml');
  if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join('; '));
  return parsed.document;
};

type Compiled = { readonly set: PolicySet; readonly refused: readonly string[] };

const compileCase = ({ policy, bindings }: Case): Compiled => {
  const read = admissionPolicies({ policies: [documentOf(policy)], bindings: bindings.map(documentOf), objects: params, kinds: [] });
  const { set, refused } = compilePolicies(read.inputs);
  return {
    set,
    refused: [...read.problems, ...refused.flatMap(({ problems }) => problems)].map(({ code, message }) => `${code}: ${message}`),
  };
};

const asked = (request: Request): AdmissionRequest => ({
  uid: 'u',
  kind: request.kind,
  resource: request.resource,
  subResource: request.subresource,
  requestKind: request.kind,
  requestResource: request.resource,
  requestSubResource: request.subresource,
  name: request.name,
  namespace: request.namespace,
  operation: request.operation,
  userInfo: { ...request.userInfo, extra: {} },
  object: parseJson(JSON.stringify(request.object)),
  oldObject: parseJson(JSON.stringify(request.oldObject)),
  options: null,
  dryRun: request.dryRun,
});

const decideOn = (set: PolicySet, request: Request): Decision => {
  const admission = asked(request);
  // A namespace has itself as its namespace, and yet no namespace object.
  const own = request.kind.kind === 'Namespace' ? undefined : namespaces.find(({ metadata }) => metadata.name === request.namespace);
  return decide(set, subjectOf(admission), { request: admission, namespaceObject: own ?? null, tenant: null, governed: true });
};

export type PolicyDifference = { readonly what: string; readonly request: number; readonly ours: string; readonly theirs: string };

/** What a person would see of a decision: whether it was denied, as what, with which words. */
const seenOfTheirs = ({ deny, warnings, failed }: PolicyVerdict): Readonly<Record<string, unknown>> => {
  const [, said = ''] = /denied request: ([^]*)$/.exec(deny?.message ?? '') ?? [];
  return {
    denied:
      failed !== undefined ? `failed: ${failed}` : deny === null ? undefined : { message: said, reason: deny.reason, code: deny.code },
    warnings: warnings.map((warning) => warning.replace(/^Validation failed for ValidatingAdmissionPolicy '.*?' with binding '.*?': /, '')),
  };
};

const seenOfOurs = ({ violations }: Decision): Readonly<Record<string, unknown>> => {
  const first = violations.find(({ enforcement }) => enforcement === 'Deny');
  return {
    denied: first === undefined ? undefined : { message: first.message, reason: first.reason, code: first.code },
    warnings: violations.filter(({ enforcement }) => enforcement === 'Warn').map(({ message }) => message),
  };
};

const annotationsOf = (annotations: Readonly<Record<string, string>>, separator: string): unknown =>
  Object.entries(annotations)
    .filter(([key]) => key.startsWith(`p${separator}`))
    .map(([key, value]) => [key.slice(2), value])
    .toSorted(([left = ''], [right = '']) => (left < right ? -1 : 1));

export type Compared = {
  readonly decisions: number;
  readonly denied: number;
  readonly refused: boolean;
  readonly differences: readonly PolicyDifference[];
};

export const comparePolicy = (one: Case, theirs: PolicyAnswer): Compared => {
  const { set, refused } = compileCase(one);
  const theirRefusals = Object.values(theirs.refused).flat();
  const isRefused = theirRefusals.length > 0;
  if (isRefused !== refused.length > 0)
    return {
      decisions: 0,
      denied: 0,
      refused: isRefused,
      differences: [{ what: 'creation', request: -1, ours: refused.join('; '), theirs: theirRefusals.join('; ') }],
    };
  if (isRefused) return { decisions: 0, denied: 0, refused: true, differences: [] };
  const differences: PolicyDifference[] = [];
  let denied = 0;
  for (const [request, verdict] of theirs.answers.entries()) {
    const asking = REQUESTS[request];
    if (asking === undefined) continue;
    if (verdict.deny !== null) denied += 1;
    const decision = decideOn(set, asking);
    const [our, their] = [{ ...seenOfOurs(decision) }, { ...seenOfTheirs(verdict) }];
    our['annotations'] = annotationsOf(decision.auditAnnotations, '.');
    their['annotations'] = annotationsOf(verdict.auditAnnotations, '/');
    for (const what of ['denied', 'warnings', 'annotations']) {
      const [ours, told] = [JSON.stringify(our[what] ?? 'no'), JSON.stringify(their[what] ?? 'no')];
      if (ours !== told) differences.push({ what, request, ours, theirs: told });
    }
  }
  return { decisions: theirs.answers.length, denied, refused: false, differences };
};
