// SPDX-License-Identifier: Apache-2.0
// Answers of the two endpoints as the AdmissionReviews that the API server reads. A refusal has a line for each problem with
// its code, place and fix, and the same as causes for programs (law 8).
import { formatProblem } from '../../policies/problem.ts';
import type { Problem, ProblemCode } from '../../policies/problem.ts';
import type { PatchOperation } from '../../policies/tenancy/completion.ts';

const LINE_MAX = 1024;
// The API server cuts longer ones.
const WARNING_MAX = 256;
// Only time is lacking: whoever writes for a living tries again by itself.
const PASSING: ReadonlySet<ProblemCode> = new Set(['NAMESPACE_UNKNOWN', 'TENANT_UNKNOWN', 'TENANT_QUOTA_UNAVAILABLE', 'WEBHOOK_NOT_READY']);

const review = (response: object): string => JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response });

const oneLine = (problem: Problem): string =>
  formatProblem(problem)
    .replaceAll(/\s*\n\s*/g, ' ')
    .slice(0, LINE_MAX);

type Told = { readonly warnings: readonly string[]; readonly audit: string | undefined };

/** `told`: what is said though nothing stands in the way. */
export const encodePassed = (uid: string, told: Told = { warnings: [], audit: undefined }): string =>
  review({
    uid,
    allowed: true,
    ...(told.warnings.length === 0 ? {} : { warnings: told.warnings.map((text) => text.slice(0, WARNING_MAX)) }),
    ...(told.audit === undefined ? {} : { auditAnnotations: { 'usage-limits': told.audit.slice(0, LINE_MAX) } }),
  });

const answerOf = (problems: readonly Problem[]): { readonly code: number; readonly reason: string } => {
  if (problems.some(({ code }) => PASSING.has(code))) return { code: 503, reason: 'ServiceUnavailable' };
  if (problems.every(({ code }) => code === 'USAGE_LIMIT_THROTTLED')) return { code: 429, reason: 'TooManyRequests' };
  return { code: 403, reason: 'Forbidden' };
};

/** `annotations`: what is said of it besides in the API server's audit log. */
export const encodeRefused = (
  uid: string,
  problems: readonly [Problem, ...Problem[]],
  annotations: Readonly<Record<string, string>> = {},
): string => {
  const [first] = problems;
  const answered = answerOf(problems);
  const causes = problems.map((problem) => ({
    reason: 'FieldValueInvalid',
    ...(problem.path === undefined ? {} : { field: problem.path }),
    message: oneLine(problem),
  }));
  const status = { status: 'Failure', ...answered, message: problems.map(oneLine).join('\n'), details: { causes } };
  return review({ uid, allowed: false, status, auditAnnotations: { ...annotations, code: first.code } });
};

export const encodePatched = (uid: string, operations: readonly PatchOperation[]): string =>
  operations.length === 0
    ? encodePassed(uid)
    : review({ uid, allowed: true, patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(operations)).toString('base64') });
