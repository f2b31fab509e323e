// SPDX-License-Identifier: Apache-2.0
// The validations of a policy and its JSON Schema. As in Kubernetes, all validations come before the first message, and
// what they leave of the policy's steps is what messages have.
import type { Bindings } from '../cel/index.ts';
import type { CompiledPolicy, CompiledValidation } from '../compile/policy-set.ts';
import { withVariables } from './bindings.ts';
import type { Violation } from './decision.ts';
import { evaluate, metered } from './limits.ts';
import type { Evaluated } from './limits.ts';
import { breachMessage, messageOf } from './message.ts';
import { onError, SPENT, violation } from './run.ts';
import type { Contexts, Run, Step } from './run.ts';

const checkSchema = (policy: CompiledPolicy, run: Run): readonly Violation[] => {
  const { schema } = policy;
  // A deletion has no object to hold against a schema.
  if (schema === undefined || run.subject.object === null) return [];
  const { variables } = run.meter;
  const breach = metered(run.meter, (budget) => {
    budget.effort = variables.effort;
    const found = schema(run.json(), budget);
    variables.effort = budget.effort;
    return found;
  });
  run.trace?.({
    kind: 'schema',
    name: 'jsonSchema',
    outcome: breach === undefined ? 'true' : breach.kind === 'breach' ? 'false' : 'error',
    ...(breach?.kind === 'breach' ? { message: breach.message } : {}),
  });
  if (breach === undefined) return [];
  if (breach.kind === 'breach') return [violation(policy, { message: breach.message, cause: 'schema' })];
  return onError(policy, { message: 'the JSON Schema took more steps than one expression may', cause: 'budget' }, run);
};

/** A validation that did not hold, or any while somebody listens or messages may run out of steps. */
type Judged = { readonly rule: number; readonly validation: CompiledValidation; readonly result: Exclude<Evaluated, { kind: 'spent' }> };

const holds = ({ result }: Judged): boolean => result.kind === 'value' && result.value === true;

/**
 * Messages are evaluated for validations that held as well, and when they run out of steps all of these deny (what Kubernetes
 * does). Where there is enough left for every one of them that can not happen, so the others are left alone.
 */
const canRunOut = (policy: CompiledPolicy, run: Run): boolean => {
  const { validations, variables } = policy;
  const { phase, limits } = run.meter;
  if (phase >= (validations.length + variables.length) * limits.expression) return false;
  const messages = validations.reduce((count, { messageExpression }) => (messageExpression === undefined ? count : count + 1), 0);
  return messages > 0 && phase < (messages + variables.length) * limits.expression;
};

type Messages = { readonly spent: boolean; readonly texts: ReadonlyMap<number, string> };

const composeMessages = (judged: readonly Judged[], all: boolean, context: () => Bindings, run: Run): Messages => {
  const texts = new Map<number, string>();
  let bindings: Bindings | undefined;
  for (const one of judged) {
    const { messageExpression } = one.validation;
    if (messageExpression === undefined || (!all && (holds(one) || one.result.kind === 'error'))) continue;
    const result = evaluate(messageExpression, { meter: run.meter, bindings: (bindings ??= context()) });
    if (result.kind === 'spent') return { spent: true, texts };
    const text = messageOf(result);
    if (text !== undefined) texts.set(one.rule, text);
  }
  return { spent: false, texts };
};

type Telling = { readonly policy: CompiledPolicy; readonly messages: Messages; readonly bindings: Bindings; readonly run: Run };

const tell = ({ rule, validation, result }: Judged, { policy, messages, bindings, run }: Telling): readonly Violation[] => {
  const { program, reason } = validation;
  const place = { rule, expression: program.source };
  const traced = (outcome: string, message?: string): void => {
    if (run.trace === undefined) return;
    const step: Step = { kind: 'validation', name: program.source, source: program.source, bindings, outcome };
    run.trace(message === undefined ? step : { ...step, message });
  };
  if (result.kind === 'error') {
    traced('error', result.message);
    // Kubernetes tells errors as Invalid, whatever the reason of the rule.
    return onError(
      policy,
      { ...place, message: `expression '${program.source}' resulted in error: ${result.message}`, cause: 'error' },
      run,
    );
  }
  if (messages.spent) {
    traced('error', SPENT);
    return onError(policy, { ...place, message: `failed messageExpression: ${SPENT}`, cause: 'budget' }, run);
  }
  if (result.value === true) {
    traced('true');
    return [];
  }
  const message = breachMessage(validation, messages.texts.get(rule), run.locale);
  traced('false', message);
  return [violation(policy, { ...place, message, cause: 'false', reason })];
};

const NO_MESSAGES: Messages = { spent: false, texts: new Map() };

/** `spent`: nothing else of the policy is evaluated, and what its validations came to does not count. */
export type Validated = { readonly violations: readonly Violation[]; readonly spent: boolean };

const NO_BREACHES: readonly Violation[] = [];
const HELD: Validated = { violations: [], spent: false };

export const validate = (policy: CompiledPolicy, { full, plain }: Contexts, run: Run): Validated => {
  run.meter.phase = run.meter.limits.policy;
  const breaches = policy.schema === undefined ? NO_BREACHES : checkSchema(policy, run);
  const bindings = withVariables(policy.variables, { bindings: full, steps: run.meter.variables });
  let judged: Judged[] | undefined;
  const { validations } = policy;
  for (let rule = 0; rule < validations.length; rule += 1) {
    const validation = validations[rule];
    if (validation === undefined) break;
    const result = evaluate(validation.program, { meter: run.meter, bindings });
    if (result.kind === 'spent') {
      run.trace?.({ kind: 'validation', name: validation.program.source, outcome: 'error', message: SPENT });
      const fault = { message: SPENT, cause: 'budget', rule, expression: validation.program.source } as const;
      return { violations: [...breaches, ...onError(policy, fault, run)], spent: true };
    }
    if (result.kind === 'value' && result.value === true && run.trace === undefined) continue;
    (judged ??= []).push({ rule, validation, result });
  }
  const all = canRunOut(policy, run);
  if (judged === undefined && !all) return breaches.length === 0 ? HELD : { violations: breaches, spent: false };
  const found = new Map((judged ?? []).map((one) => [one.rule, one]));
  const considered = all
    ? validations.map((validation, rule): Judged => found.get(rule) ?? { rule, validation, result: { kind: 'value', value: true } })
    : (judged ?? []);
  const context = (): Bindings => withVariables(policy.variables, { bindings: plain, steps: run.meter.variables });
  const messages = considered.length === 0 ? NO_MESSAGES : composeMessages(considered, all, context, run);
  const telling: Telling = { policy, messages, bindings, run };
  return { violations: [...breaches, ...considered.flatMap((one) => tell(one, telling))], spent: false };
};
