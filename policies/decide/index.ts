// SPDX-License-Identifier: Apache-2.0
import type { PolicySet, Enforcement } from '../compile/policy-set.ts';
import type { ProblemCode } from '../problem.ts';
import type { Subject } from '../subject/index.ts';
import type { AdmissionRequest, JsonObject } from './request.ts';

export type Verdict = 'Allow' | 'Deny' | 'Warn' | 'Audit';
export type DecisionLimits = { readonly expression: number; readonly match: number; readonly policy: number; readonly audit: number; readonly decision: number };
export type AdmissionFacts = {
  readonly request: AdmissionRequest;
  readonly namespaceObject: JsonObject | null;
  /** The Tenant object that the namespace belongs to. */
  readonly tenant: JsonObject | null;
  readonly limits?: DecisionLimits;
};
export type Reason = 'Unauthorized' | 'Forbidden' | 'Invalid' | 'RequestEntityTooLarge';
export type Violation = {
  readonly policy: string;
  readonly digest: string;
  readonly version: number;
  readonly enforcement: Enforcement;
  readonly message: string;
  readonly reason: Reason;
  /** HTTP status. */
  readonly code: number;
  /** Index into spec.validations; -1 where the violation belongs to no validation. */
  readonly rule: number;
  readonly expression?: string;
  readonly cause: 'false' | 'error' | 'schema' | 'budget' | 'unverified';
  readonly problem?: ProblemCode;
};
export type Decision = {
  readonly verdict: Verdict;
  readonly setDigest: string;
  readonly violations: readonly Violation[];
  readonly warnings: readonly string[];
  readonly auditAnnotations: Readonly<Record<string, string>>;
  readonly evaluated: readonly { readonly policy: string; readonly digest: string; readonly verdict: Verdict }[];
};
export const decide = (set: PolicySet, subject: Subject, facts: AdmissionFacts): Decision => { throw new Error(set.digest + subject.request.uid + facts.request.uid); };
