// SPDX-License-Identifier: Apache-2.0
// What the parts of one policy's evaluation share: the run they belong to, what they tell, and what a fault becomes.
import type { Bindings } from '../cel/index.ts';
import type { MatchFacts, MatchOutcome } from '../compile/match.ts';
import type { CompiledPolicy, Reason } from '../compile/policy-set.ts';
import type { Subject } from '../subject/index.ts';
import type { Violation } from './decision.ts';
import type { Meter } from './limits.ts';
import type { JsonObject } from './request.ts';

export type Step =
  | { readonly kind: 'match'; readonly outcome: MatchOutcome | 'tenant' }
  | {
      readonly kind: 'binding' | 'matchCondition' | 'validation' | 'schema' | 'auditAnnotation';
      readonly name: string;
      readonly outcome: string;
      readonly message?: string;
      /** What was evaluated, and with which variables, so that its parts can be told too. */
      readonly source?: string;
      readonly bindings?: Bindings;
    };

/** `plain` has no authorizer: messages are made without it. */
export type Contexts = { readonly full: Bindings; readonly plain: Bindings };

/** What all policies of one decision share. */
export type Run = {
  readonly subject: Subject;
  readonly match: MatchFacts;
  /** The Tenant object of the namespace; null where it is not known. */
  readonly tenant: JsonObject | null;
  readonly base: Bindings;
  /** Of policies without settings, which ask nobody. */
  readonly contexts: Contexts;
  /** `authorizer`, for the expressions that may ask it; made when a policy first does. */
  readonly authorizer: () => Bindings;
  readonly locale: string;
  /** The object as plain JSON data, made when a schema first asks. */
  readonly json: () => unknown;
  readonly meter: Meter;
  /** Explaining only: told of every step. */
  readonly trace?: (step: Step) => void;
};

export type PolicyOutcome = {
  readonly applied: boolean;
  readonly violations: readonly Violation[];
  readonly auditAnnotations: readonly (readonly [key: string, value: string])[];
};

const CODES: Readonly<Record<Reason, number>> = { Unauthorized: 401, Forbidden: 403, RequestEntityTooLarge: 413, Invalid: 422 };
export const SPENT = 'validation failed due to running out of cost budget, no further validation rules will be run';

export type Fault = {
  readonly message: string;
  readonly cause: Violation['cause'];
  readonly rule?: number;
  readonly expression?: string;
  readonly reason?: Reason;
};

export const violation = (policy: CompiledPolicy, fault: Fault, enforcement = policy.enforcement): Violation => {
  const reason = fault.reason ?? 'Invalid';
  return {
    policy: policy.name,
    digest: policy.digest,
    version: policy.version,
    enforcement,
    message: policy.suspended === undefined ? fault.message : `${fault.message} (${policy.suspended})`,
    reason,
    code: CODES[reason],
    rule: fault.rule ?? -1,
    ...(fault.expression === undefined ? {} : { expression: fault.expression }),
    cause: fault.cause,
  };
};

/** An error counts under failurePolicy Fail and is forgiven under Ignore; either way the policy was not evaluated to its end. */
export const onError = (policy: CompiledPolicy, fault: Fault, { meter }: Pick<Run, 'meter'>): readonly Violation[] => {
  noteFailure(policy, meter);
  return policy.failurePolicy === 'Fail' ? [violation(policy, fault)] : [];
};

/** What nobody sealed spoils no promise: it only notes. */
export const noteFailure = (policy: CompiledPolicy, meter: Meter): void => {
  if (policy.unsigned !== true) meter.failed = true;
};
