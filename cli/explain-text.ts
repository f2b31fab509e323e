// SPDX-License-Identifier: Apache-2.0
// A policy and what it said, step by step, as text for people.
import type { PolicySpec } from '../crds/generated/objects.ts';
import type { CompiledPolicy } from '../policies/compile/index.ts';
import type { ExplainedStep, ExplainedVariable, PolicyExplanation } from '../policies/decide/explain.ts';
import type { ExplainedPart } from '../policies/decide/explain-parts.ts';
import type { Rule } from '../policies/subject/kind-index.ts';
import { caretUnder } from './caret.ts';
import type { Terminal } from './output.ts';
import type { LoadedPolicy, PolicyFiles } from './policy-files.ts';

const indented = (text: string): string => text.trim().replaceAll('\n', `\n${' '.repeat(15)}`);

const list = (words: readonly string[]): string => (words.length === 0 ? '-' : words.join(', '));

/** What the policy itself matches; the webhook is asked about every workload besides. */
export const rulesOf = ({ match }: CompiledPolicy): readonly Rule[] =>
  match.rules.map((rule) => ({
    apiGroups: [...rule.groups],
    apiVersions: [...rule.versions],
    operations: [...rule.operations],
    resources: rule.resources.map(({ resource, subResource }) => (subResource === '' ? resource : `${resource}/${subResource}`)),
    scope: rule.scope,
  }));

const ruleLine = (rule: Rule): string => {
  const groups = rule.apiGroups.map((group) => (group === '' ? 'core' : group));
  return `${list(rule.operations)} ${list(rule.resources)} of ${list(groups)}/${list(rule.apiVersions)}`;
};

const enforcementOf = (policy: CompiledPolicy | undefined, spec: PolicySpec): string => {
  if (policy?.bindings === undefined) return spec.enforcement ?? 'Deny';
  return policy.bindings.length === 0 ? 'none, nothing binds it' : list(policy.bindings.map((one) => `${one.enforcement} by ${one.name}`));
};

export const describePolicy = ({ name, spec }: LoadedPolicy, files: PolicyFiles, terminal: Terminal): void => {
  const version = spec.version === undefined ? '' : ` version ${spec.version}`;
  const compiled = files.set.policies.filter((policy) => policy.name === name);
  terminal.out(`${name}${version}: ${spec.title ?? 'no title'}\n`);
  if (spec.description !== undefined) terminal.out(`  ${spec.description.trim().replaceAll('\n', '\n  ')}\n`);
  if (spec.retired === true) return terminal.out('  retired      this version ends the policy; it matches nothing\n');
  terminal.out(
    `  enforcement  ${enforcementOf(compiled[0], spec)}, errors count as ${spec.failurePolicy === 'Ignore' ? 'nothing' : 'a breach'}\n`,
  );
  const grace = spec.gracePeriod === undefined ? '' : `, then ${spec.gracePeriod} of grace`;
  if (spec.expires !== undefined) terminal.out(`  expires      ${spec.expires}${grace}\n`);
  if (spec.workloads !== undefined) terminal.out(`  workloads    ${list(spec.workloads)}\n`);
  for (const rule of compiled.flatMap(rulesOf)) terminal.out(`  matches      ${ruleLine(rule)}\n`);
  for (const { name, expression } of spec.matchConditions ?? []) terminal.out(`  only if      ${name}: ${indented(expression)}\n`);
  for (const { name, expression } of spec.variables ?? []) terminal.out(`  variable     ${name} = ${indented(expression)}\n`);
  for (const [index, { expression, message }] of (spec.validations ?? []).entries()) {
    terminal.out(`  ${`asks [${index}]`.padEnd(13)}${indented(expression)}\n`);
    if (message !== undefined) terminal.out(`               else: ${indented(message)}\n`);
  }
  if (spec.jsonSchema !== undefined) terminal.out('  asks         the object to fit spec.jsonSchema\n');
};

const oneLine = (text: string): string => text.trim().replaceAll(/\s+/g, ' ');

const partLine = (part: ExplainedPart): string => {
  const about = part.about === undefined ? '' : ` [${part.about}]`;
  const outcome = part.error === undefined ? `= ${part.value ?? ''}` : `error: ${part.error}`;
  return `${' '.repeat(6 + 2 * part.depth)}${oneLine(part.source)} ${outcome}${about}\n`;
};

const stepText = (step: ExplainedStep): string => {
  const message = step.message === undefined ? '' : `: ${step.message}`;
  const caret = step.source === undefined || step.failedAt === undefined ? '' : caretUnder(step.source, step.failedAt, '      ');
  return `    ${step.kind} ${oneLine(step.name)}: ${step.outcome}${message}\n${caret}${(step.parts ?? []).map(partLine).join('')}`;
};

const variableLine = ({ name, value, error }: ExplainedVariable): string =>
  `    variable ${name} ${error === undefined ? `= ${value ?? ''}` : `error: ${error}`}\n`;

export const describeExplanation = (explained: PolicyExplanation, terminal: Terminal): void => {
  terminal.out(`\n  ${explained.applied ? 'applies' : 'does not apply'}: ${explained.because}\n`);
  for (const variable of explained.variables) terminal.out(variableLine(variable));
  for (const step of explained.steps) terminal.out(stepText(step));
  terminal.out(`  verdict: ${explained.verdict}\n`);
  for (const { reason, message } of explained.violations) terminal.out(`    ${reason}: ${message}\n`);
};
