// SPDX-License-Identifier: Apache-2.0
/**
 * A decision as the AdmissionReview that the API server reads, within the bounds that it sets.
 *
 * In: the request's uid, the decision and its id. Out: JSON text, stringified once. `writ review` prints the same text.
 */
import { hash } from 'node:crypto';
import type { Decision } from '../../policies/decide/index.ts';
import { violationLine } from '../../policies/decide/message.ts';
import { formatProblem } from '../../policies/problem.ts';
import { problemCodes } from '../../policies/problem-codes/index.ts';
import type { Problem } from '../../policies/problem.ts';
import { encodeRefused } from '../tenancy/answer.ts';

// What k8s.io/apiserver/pkg/endpoints/filters/warning.go keeps: 4,096 runes in all, beyond that 256 an item.
const WARNING_MAX = 256;
const WARNINGS_TOTAL_MAX = 4096;
// Status messages end in terminals and events; etcd and clients have no use for more.
const MESSAGE_MAX = 8192;
// The limit of a ValidatingAdmissionPolicy's valueExpression.
const ANNOTATION_MAX = 10_240;
const ANNOTATION_KEY = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

export type Answer = { readonly uid: string; readonly id: string; readonly decision: Decision };

/** Cuts without leaving half of a surrogate pair; the limit counts UTF-16 units, so runes are at most as many. */
const cut = (text: string, max: number): string => {
  if (text.length <= max) return text;
  const end = max - 1;
  const last = text.charCodeAt(end - 1);
  return `${text.slice(0, last >= 0xd800 && last <= 0xdbff ? end - 1 : end)}…`;
};

const explainHint = (id: string): string => `writ explain ${id}`;

/** One line a violation, then how to read more: never cut so that the last line is lost. */
const joinLines = (lines: readonly string[], id: string): string => {
  const kept: string[] = [];
  let length = 0;
  for (const line of lines) {
    const bounded = cut(line.replaceAll(/\s*\n\s*/g, ' '), 2048);
    length += bounded.length + 1;
    if (length > MESSAGE_MAX && kept.length > 0) {
      kept.push(`and ${lines.length - kept.length} more`);
      break;
    }
    kept.push(bounded);
  }
  kept.push(explainHint(id));
  return kept.join('\n');
};

export const boundWarnings = (warnings: readonly string[], id: string): readonly string[] => {
  const kept: string[] = [];
  let total = 0;
  for (const warning of warnings) {
    // Control characters are not allowed in the Warning header; the API server drops a warning that has them.
    const text = cut(warning.replaceAll(/\p{Cc}+/gu, ' '), WARNING_MAX);
    if (total + text.length > WARNINGS_TOTAL_MAX - WARNING_MAX && kept.length < warnings.length - 1) {
      kept.push(`and ${warnings.length - kept.length} more: ${explainHint(id)}`);
      break;
    }
    total += text.length;
    kept.push(text);
  }
  return kept;
};

/** The API server prefixes keys with the webhook's name and `/`, so a key of ours may have none and must be short. */
export const annotationKey = (key: string): string | undefined => {
  const plain = key.replaceAll(/[^-A-Za-z0-9_.]/g, '.');
  const short = plain.length <= 63 ? plain : `${plain.slice(0, 52)}.${hash('sha256', key, 'hex').slice(0, 10)}`;
  return ANNOTATION_KEY.test(short) ? short : undefined;
};

const auditAnnotations = ({ id, decision }: Answer): Record<string, string> => {
  const annotations: Record<string, string> = {};
  for (const key of Object.keys(decision.auditAnnotations)) {
    const plain = annotationKey(key);
    const value = decision.auditAnnotations[key];
    if (plain !== undefined && value !== undefined) annotations[plain] = cut(value, ANNOTATION_MAX);
  }
  const spoke = [...new Set(decision.violations.map((violation) => violation.policy))];
  annotations['decision-id'] = id;
  annotations['set-digest'] = decision.setDigest;
  annotations['verdict'] = decision.verdict;
  if (spoke.length > 0) annotations['policies'] = cut(spoke.join(','), ANNOTATION_MAX);
  return annotations;
};

const review = (response: object): string => JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response });

export const encodeAnswer = (answer: Answer): string => {
  const { uid, id, decision } = answer;
  const warnings = decision.warnings.length > 0 ? { warnings: boundWarnings(decision.warnings, id) } : {};
  const rest = { auditAnnotations: auditAnnotations(answer), ...warnings };
  if (decision.verdict !== 'Deny') return review({ uid, allowed: true, ...rest });
  const denials = decision.violations.filter((violation) => violation.enforcement === 'Deny');
  const first = denials[0];
  const status = {
    status: 'Failure',
    code: first?.code ?? 403,
    reason: first?.reason ?? 'Forbidden',
    message: joinLines(denials.map(violationLine), id),
  };
  return review({ uid, allowed: false, status, ...rest });
};

/** Denied by the bounds of the tenant, where the policies let it pass: by those problems as POST /tenancy tells them. */
export const encodeBeyondBounds = (answer: Answer, problems: readonly [Problem, ...Problem[]]): string =>
  encodeRefused(answer.uid, problems, auditAnnotations(answer));

/** Allowed because it is none of our business: no policy ran, nothing is recorded. */
export const encodeUngoverned = (uid: string): string => review({ uid, allowed: true });

/** Denied because nothing can be decided now (law 4). */
export const encodeClosed = (uid: string, id: string, problem: Problem): string =>
  review({
    uid,
    allowed: false,
    status: { status: 'Failure', code: 403, reason: 'Forbidden', message: joinLines([formatProblem(problem)], id) },
    auditAnnotations: { 'decision-id': id, verdict: 'Deny', code: problem.code },
  });

/** What a caller gets whose request is no review at all; the API server takes any status but 200 as a failed call. */
export const encodeProblem = (problem: Problem): string =>
  `${JSON.stringify({
    code: problem.code,
    message: problem.message,
    fix: problem.hint ?? problemCodes[problem.code].fix,
    ...(problem.path === undefined ? {} : { path: problem.path }),
  })}\n`;
