// SPDX-License-Identifier: Apache-2.0
// writ explain: what a policy says, what it says to an object, or why a decision came out as it did.
import { Command, Option } from 'commander';
import type { PolicySpec } from '../crds/generated/types.ts';
import type { CompiledPolicy } from '../policies/compile/index.ts';
import { createSet } from '../policies/compile/set-index.ts';
import { explain } from '../policies/decide/explain.ts';
import type { ExplainedStep, ExplainedVariable, PolicyExplanation } from '../policies/decide/explain.ts';
import type { ExplainedPart } from '../policies/decide/explain-parts.ts';
import { formatProblem } from '../policies/problem.ts';
import { subjectOf } from '../policies/subject/index.ts';
import type { Rule } from '../policies/subject/kind-index.ts';
import { caretUnder } from './caret.ts';
import { explainDecision, isDecisionId } from './explain-decision.ts';
import { readObject, requestFor } from './object-request.ts';
import { EXIT_FINDINGS, UsageError, UserError, printJson } from './output.ts';
import type { Format, Terminal } from './output.ts';
import { loadPolicyFiles } from './policy-files.ts';
import type { LoadedPolicy, PolicyFiles } from './policy-files.ts';
import { localFacts } from './review.ts';

type Options = {
  readonly with: readonly string[];
  readonly object?: string;
  readonly log?: string;
  readonly namespace: string;
  readonly tenant: string;
  readonly user: string;
  readonly groups: readonly string[];
  readonly output: Format;
};

const HELP = `
With a policy document: what it matches and asks for. With --object also what each of its conditions and validations says
when that object is created in a governed namespace: the values of its variables and of the parts of each expression, the
element on which an all or exists hangs, and a caret under the part that failed. A ValidatingAdmissionPolicy is explained
with the bindings and params that stand in its file or in those of --with; several policies in one file all are. With a
decision id, as it stands in a refusal: the webhook's record of it.

Exit codes: 0 told (and the object is not denied), 1 denied, refused or not found, 2 wrong use.

Examples:
  writ explain policies/a.yaml
  writ explain policies/a.yaml --object deployment.yaml --namespace team
  writ explain vap.yaml --with binding.yaml params.yaml --object pod.yaml
  writ explain d-0123456789abcdef0123 --log decisions.jsonl`;

const indented = (text: string): string => text.trim().replaceAll('\n', `\n${' '.repeat(15)}`);

const list = (words: readonly string[]): string => (words.length === 0 ? '-' : words.join(', '));

/** What the policy itself matches; the webhook is asked about every workload besides. */
const rulesOf = ({ match }: CompiledPolicy): readonly Rule[] =>
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

const describePolicy = ({ name, spec }: LoadedPolicy, files: PolicyFiles, terminal: Terminal): void => {
  const version = spec.version === undefined ? '' : ` version ${spec.version}`;
  const compiled = files.set.policies.filter((policy) => policy.name === name);
  terminal.out(`${name}${version}: ${spec.title ?? 'no title'}\n`);
  if (spec.description !== undefined) terminal.out(`  ${spec.description.trim().replaceAll('\n', '\n  ')}\n`);
  terminal.out(
    `  enforcement  ${enforcementOf(compiled[0], spec)}, errors count as ${spec.failurePolicy === 'Ignore' ? 'nothing' : 'a breach'}\n`,
  );
  if (spec.expires !== undefined) terminal.out(`  expires      ${spec.expires}\n`);
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

const describeExplanation = (explained: PolicyExplanation, terminal: Terminal): void => {
  terminal.out(`\n  ${explained.applied ? 'applies' : 'does not apply'}: ${explained.because}\n`);
  for (const variable of explained.variables) terminal.out(variableLine(variable));
  for (const step of explained.steps) terminal.out(stepText(step));
  terminal.out(`  verdict: ${explained.verdict}\n`);
  for (const { reason, message } of explained.violations) terminal.out(`    ${reason}: ${message}\n`);
};

const policiesIn = (file: string, files: PolicyFiles): readonly LoadedPolicy[] => {
  const found = files.policies.filter(({ document }) => document.file === file);
  if (found.length === 0) throw new UsageError(`${file} holds no policy; explain takes a policy or a decision id`);
  return found;
};

const explainPolicy = (file: string, options: Options, terminal: Terminal): void => {
  const files = loadPolicyFiles([file, ...options.with]);
  if (files.problems.length > 0) throw new UserError(files.problems);
  for (const warning of files.warnings) terminal.err(`warning: ${formatProblem(warning)}\n`);
  const policies = policiesIn(file, files);
  if (options.object === undefined) {
    if (options.output === 'text') return policies.forEach((policy) => describePolicy(policy, files, terminal));
    const rows = policies.map(({ name, spec }) => ({
      policy: name,
      spec,
      rules: files.set.policies.filter((one) => one.name === name).flatMap(rulesOf),
    }));
    return printJson(terminal, rows.length === 1 ? rows[0] : rows);
  }
  const request = requestFor(readObject(options.object), { ...options, kinds: files.kinds });
  const facts = localFacts(files, options.tenant);
  const namespaceObject = request.namespace === '' ? null : facts.namespace(request.namespace);
  const asked = createSet(files.set.policies.filter((one) => policies.some(({ name }) => name === one.name)));
  const explanation = explain(asked, subjectOf(request), { request, namespaceObject, tenant: facts.tenant(options.tenant) });
  if (explanation.decision.verdict === 'Deny') terminal.exit(EXIT_FINDINGS);
  if (options.output === 'json') return printJson(terminal, explanation);
  for (const policy of policies) {
    describePolicy(policy, files, terminal);
    for (const explained of explanation.policies) if (explained.policy === policy.name) describeExplanation(explained, terminal);
  }
};

export const explainCommand = (terminal: Terminal): Command =>
  new Command('explain')
    .description('tell what a policy says, or why a decision came out as it did')
    .argument('<policy-or-decision>', 'a policy document, or the id of a decision')
    .option('--with <paths...>', 'bindings, params, tenants and namespaces: more documents or folders', [])
    .option('--object <file>', 'an object, as YAML or JSON, to judge')
    .option('--log <file>', "the webhook's decision log, for a decision id")
    .option('--namespace <name>', 'namespace of the object where it names none', 'default')
    .option('--tenant <name>', 'tenant of that namespace', 'test')
    .option('--user <name>', 'who creates the object', 'someone')
    .option('--groups <names...>', 'groups of the user', ['system:authenticated'])
    .addOption(new Option('--output <format>', 'how it is told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action(async (target: string, options: Options) => {
      if (!isDecisionId(target)) return explainPolicy(target, options, terminal);
      if (options.log === undefined) throw new UsageError('a decision id needs --log FILE, the decision log of the webhook');
      return explainDecision(target, { log: options.log, output: options.output }, terminal);
    });
