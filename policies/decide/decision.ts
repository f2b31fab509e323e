// SPDX-License-Identifier: Apache-2.0
// What a decision says: the verdict, and what each policy or the bounds of a tenant object to.
import type { Enforcement, Reason } from '../compile/policy-set.ts';
import { formatProblem } from '../problem.ts';
import type { Problem, ProblemCode } from '../problem.ts';
import { problemCodes } from '../problem-codes/index.ts';

export type Verdict = 'Allow' | 'Deny' | 'Warn' | 'Audit';

export type Violation = {
  readonly policy: string;
  readonly digest: string;
  readonly version: number;
  readonly enforcement: Enforcement;
  readonly message: string;
  readonly reason: Reason;
  /** HTTP status. */
  readonly code: number;
  /** Index into spec.validations; -1 where the violation belongs to none of them. */
  readonly rule: number;
  readonly expression?: string;
  /** `bounds`: no policy's, but those of the tenant. */
  readonly cause: 'false' | 'error' | 'schema' | 'budget' | 'unverified' | 'bounds';
  readonly problem?: ProblemCode;
};

export type Evaluation = { readonly policy: string; readonly digest: string; readonly verdict: Verdict };

export type Decision = {
  readonly verdict: Verdict;
  readonly setDigest: string;
  readonly violations: readonly Violation[];
  /** One line for each violation of enforcement Warn. */
  readonly warnings: readonly string[];
  readonly auditAnnotations: Readonly<Record<string, string>>;
  /** The policies that applied, in the order of their names. */
  readonly evaluated: readonly Evaluation[];
  /** A sealed policy that applied ended in an error or ran out of steps, be it forgiven, or all of them together ran out. */
  readonly unevaluated?: true;
};

const STRENGTH: Readonly<Record<Verdict, number>> = { Allow: 0, Audit: 1, Warn: 2, Deny: 3 };

export const strongest = (verdicts: readonly Verdict[]): Verdict =>
  verdicts.reduce<Verdict>((most, verdict) => (STRENGTH[verdict] > STRENGTH[most] ? verdict : most), 'Allow');

/** What no policy says, but that none can be asked. */
export const refusal = (setDigest: string, problem: ProblemCode, cause: Violation['cause']): Violation => ({
  policy: 'writ',
  digest: setDigest,
  version: 0,
  enforcement: 'Deny',
  message: `${problem}: ${problemCodes[problem].summary} (${problemCodes[problem].fix})`,
  reason: 'Forbidden',
  code: 403,
  rule: -1,
  cause,
  problem,
});

/** What the bounds of a tenant refuse, as a violation among those of policies. */
export const boundsViolation = (setDigest: string, problem: Problem): Violation => ({
  policy: 'writ',
  digest: setDigest,
  version: 0,
  enforcement: 'Deny',
  message: formatProblem(problem),
  reason: 'Forbidden',
  code: 403,
  rule: -1,
  cause: 'bounds',
  problem: problem.code,
});
