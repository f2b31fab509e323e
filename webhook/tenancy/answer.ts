// SPDX-License-Identifier: Apache-2.0
// Answers of the two endpoints as the AdmissionReviews that the API server reads. A refusal has a line for each problem with
// its code, place and fix, and the same as causes for programs (law 8).
import { formatProblem } from '../../policies/problem.ts';
import type { Problem, ProblemCode } from '../../policies/problem.ts';
import type { PatchOperation } from '../../policies/tenancy/completion.ts';

const LINE_MAX = 1024;
// Only time is lacking: whoever writes for a living tries again by itself.
const PASSING: ReadonlySet<ProblemCode> = new Set(['NAMESPACE_UNKNOWN', 'TENANT_UNKNOWN', 'TENANT_QUOTA_UNAVAILABLE', 'WEBHOOK_NOT_READY']);

const review = (response: object): string => JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response });

const oneLine = (problem: Problem): string =>
  formatProblem(problem)
    .replaceAll(/\s*\n\s*/g, ' ')
    .slice(0, LINE_MAX);

export const encodePassed = (uid: string): string => review({ uid, allowed: true });

export const encodeRefused = (uid: string, problems: readonly [Problem, ...Problem[]]): string => {
  const [first] = problems;
  const answered = problems.some(({ code }) => PASSING.has(code))
    ? { code: 503, reason: 'ServiceUnavailable' }
    : { code: 403, reason: 'Forbidden' };
  const causes = problems.map((problem) => ({
    reason: 'FieldValueInvalid',
    ...(problem.path === undefined ? {} : { field: problem.path }),
    message: oneLine(problem),
  }));
  const status = { status: 'Failure', ...answered, message: problems.map(oneLine).join('\n'), details: { causes } };
  return review({ uid, allowed: false, status, auditAnnotations: { code: first.code } });
};

export const encodePatched = (uid: string, operations: readonly PatchOperation[]): string =>
  operations.length === 0
    ? encodePassed(uid)
    : review({ uid, allowed: true, patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(operations)).toString('base64') });
