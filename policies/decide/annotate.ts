// SPDX-License-Identifier: Apache-2.0
import { trimSpace } from '../cel/index.ts';
import type { Bindings } from '../cel/index.ts';
import type { CompiledPolicy } from '../compile/policy-set.ts';
import { withVariables } from './bindings.ts';
import type { Violation } from './decision.ts';
import { evaluate } from './limits.ts';
import { noteFailure, onError, SPENT, violation } from './run.ts';
import type { PolicyOutcome, Run } from './run.ts';

const AUDIT_MAX_BYTES = 10 * 1024;

/** Cut without leaving a part of a character. */
const cut = (text: string): string => {
  const bytes = Buffer.from(text);
  if (bytes.length <= AUDIT_MAX_BYTES) return text;
  let end = AUDIT_MAX_BYTES;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
};

export type Annotated = Pick<PolicyOutcome, 'violations' | 'auditAnnotations'> & {
  /** The steps ran out: what the validations came to does not count either. */
  readonly spent: boolean;
};

export const annotate = (policy: CompiledPolicy, bindings: Bindings, run: Run): Annotated => {
  run.meter.phase = run.meter.limits.audit;
  const context = withVariables(policy.variables, { bindings, steps: run.meter.variables });
  const violations: Violation[] = [];
  const auditAnnotations: (readonly [string, string])[] = [];
  for (const { name, program } of policy.auditAnnotations) {
    const result = evaluate(program, { meter: run.meter, bindings: context });
    if (result.kind === 'value') {
      const value = typeof result.value === 'string' ? trimSpace(result.value) : '';
      run.trace?.({ kind: 'auditAnnotation', name, outcome: value === '' ? 'none' : 'written', message: value });
      // One dot and no slash: the API server puts the webhook's name and a slash before the key.
      if (value !== '') auditAnnotations.push([`${policy.name}.${name}`, cut(value)]);
      continue;
    }
    const message = result.kind === 'error' ? result.message : SPENT;
    run.trace?.({ kind: 'auditAnnotation', name, outcome: 'error', message });
    if (result.kind === 'spent') {
      const fault = { message: SPENT, cause: 'budget', expression: program.source } as const;
      return { violations: onError(policy, fault, run), auditAnnotations: [], spent: true };
    }
    // Evidence that can not be written denies whatever the enforcement is, unless errors are forgiven or glass is broken.
    const fault = {
      message: `expression '${program.source}' resulted in error: ${message}`,
      cause: 'error',
      expression: program.source,
    } as const;
    noteFailure(policy, run.meter);
    if (policy.failurePolicy === 'Fail')
      violations.push(violation(policy, fault, policy.suspended === undefined ? 'Deny' : policy.enforcement));
  }
  return { violations, auditAnnotations, spent: false };
};
