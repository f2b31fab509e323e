// SPDX-License-Identifier: Apache-2.0
// The same policies in Writ and in the API server's own dispatcher, and what differs.
import { parseJson } from '../../policies/cel/index.ts';
import type { Access } from '../../policies/cel/index.ts';
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
import type { Authorization, Case, Json } from './policy-arbitrary.ts';
import { describedKinds, namespaces, paramKinds, params, REQUESTS } from './requests.ts';
import type { Request } from './requests.ts';

export const policyQuestion = ({ policy, bindings, authorizations }: Case): string =>
  JSON.stringify({ policies: [policy], bindings, params, paramKinds, namespaces, authorizations, requests: REQUESTS });

export const documentOf = (value: Json): ParsedDocument => {
  const parsed = parseDocument(new TextEncoder().encode(JSON.stringify(value)), 'case.yaml');
  if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join('; '));
  return parsed.document;
};

export type Compiled = { readonly set: PolicySet; readonly refused: readonly string[] };

export const compileCase = ({ policy, bindings }: Case): Compiled => {
  const read = admissionPolicies({
    policies: [documentOf(policy)],
    bindings: bindings.map(documentOf),
    objects: params,
    kinds: describedKinds,
  });
  const { set, refused } = compilePolicies(read.inputs);
  return {
    set,
    refused: [...read.problems, ...refused.flatMap(({ problems }) => problems)].map(({ path, message }) => `${path ?? ''}: ${message}`),
  };
};

const OPTIONS = { CREATE: 'CreateOptions', UPDATE: 'UpdateOptions', DELETE: 'DeleteOptions', CONNECT: undefined } as const;

const asked = (request: Request): AdmissionRequest => {
  const options = OPTIONS[request.operation];
  return {
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
    options: options === undefined ? null : { kind: options, apiVersion: 'meta.k8s.io/v1' },
    dryRun: request.dryRun,
  };
};

/** The oracle's rules as an authorizer of ours. */
export const accessBy =
  (authorizations: readonly Authorization[]): Access =>
  (question) => {
    const about = 'path' in question ? { path: question.path } : question.resource;
    const asked: Readonly<Record<string, string>> = {
      group: '',
      resource: '',
      namespace: '',
      path: '',
      ...about,
      user: question.user.username,
      verb: question.verb,
    };
    const fit = authorizations.find(({ decision: _decision, reason: _reason, error: _error, ...wanted }) =>
      Object.entries(wanted).every(([field, text]) => asked[field] === text),
    );
    return { allowed: fit?.decision === 'allow', reason: fit?.reason ?? '', error: fit?.error ?? '' };
  };

export const decideOn = (set: PolicySet, request: Request, access: Access): Decision => {
  const admission = asked(request);
  // A namespace has itself as its namespace, and yet no namespace object.
  const own = request.kind.kind === 'Namespace' ? undefined : namespaces.find(({ metadata }) => metadata.name === request.namespace);
  return decide(set, subjectOf(admission), {
    request: admission,
    namespaceObject: own ?? null,
    tenant: null,
    governed: true,
    access,
  });
};

export type PolicyDifference = { readonly what: string; readonly request: number; readonly ours: string; readonly theirs: string };

/** What a person would see of a decision: whether it was denied, as what, with which words. */
export const seenOfTheirs = ({ deny, warnings, failed }: PolicyVerdict) => {
  const [, said = ''] = /denied request: ([^]*)$/.exec(deny?.message ?? '') ?? [];
  return {
    denied:
      failed !== undefined ? `failed: ${failed}` : deny === null ? undefined : { message: said, reason: deny.reason, code: deny.code },
    warnings: warnings.map((warning) => warning.replace(/^Validation failed for ValidatingAdmissionPolicy '.*?' with binding '.*?': /, '')),
  };
};

type Denial = { readonly message: string; readonly reason: string; readonly code: number };

/**
 * What a person would see of ours. Where the API server takes bindings or the params of a selector in no certain order, any of our
 * denials may be the one that it tells (`told`), and warnings have no order.
 */
export const seenOfOurs = ({ violations }: Decision, told?: unknown) => {
  const denials = violations
    .filter(({ enforcement }) => enforcement === 'Deny')
    .map(({ message, reason, code }): Denial => ({ message, reason, code }));
  return {
    denied: denials.find((denial) => JSON.stringify(denial) === JSON.stringify(told)) ?? denials[0],
    warnings: violations.filter(({ enforcement }) => enforcement === 'Warn').map(({ message }) => message),
  };
};

/** The first way in which what was seen differs. */
export const differencesOf = (
  our: Readonly<Record<string, unknown>>,
  their: Readonly<Record<string, unknown>>,
  unordered: boolean,
): readonly { readonly what: string; readonly ours: string; readonly theirs: string }[] =>
  ['denied', 'warnings', 'annotations'].flatMap((what) => {
    const text = (seen: unknown): string =>
      JSON.stringify(
        unordered && Array.isArray(seen) ? seen.map((one) => JSON.stringify(one)).toSorted((a, b) => (a < b ? -1 : 1)) : (seen ?? 'no'),
      );
    const [ours, theirs] = [text(our[what]), text(their[what])];
    return ours === theirs ? [] : [{ what, ours, theirs }];
  });

export const hasSelector = (bindings: readonly Json[]): boolean => JSON.stringify(bindings).includes('"selector"');

/** Those of one policy, without what stands before their keys. The API server takes the params of a selector in no certain order. */
export const annotationsOf = (annotations: Readonly<Record<string, string>>, prefix: string): unknown =>
  Object.entries(annotations)
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, value]) => [key.slice(prefix.length), value.split(', ').toSorted().join(', ')])
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
  const access = accessBy(one.authorizations);
  const unordered = hasSelector(one.bindings);
  let denied = 0;
  for (const [request, verdict] of theirs.answers.entries()) {
    const asking = REQUESTS[request];
    if (asking === undefined) continue;
    if (verdict.deny !== null) denied += 1;
    const decision = decideOn(set, asking, access);
    const their = { ...seenOfTheirs(verdict), annotations: annotationsOf(verdict.auditAnnotations, 'p/') };
    const our = {
      ...seenOfOurs(decision, unordered ? their['denied'] : undefined),
      annotations: annotationsOf(decision.auditAnnotations, 'p.'),
    };
    differences.push(...differencesOf(our, their, unordered).map((difference) => ({ ...difference, request })));
  }
  return { decisions: theirs.answers.length, denied, refused: false, differences };
};
