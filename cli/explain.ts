// SPDX-License-Identifier: Apache-2.0
// writ explain: what a policy says, what it says to an object, or why a decision came out as it did.
import { Command, Option } from 'commander';
import type { Policy } from '../crds/generated/types.ts';
import { admissionRules } from '../policies/compile/index.ts';
import { explain } from '../policies/decide/explain.ts';
import type { ExplainedStep, PolicyExplanation } from '../policies/decide/explain.ts';
import { parseDocument } from '../policies/document/index.ts';
import { validateDocument } from '../policies/document/validate.ts';
import { subjectOf } from '../policies/subject/index.ts';
import type { Rule } from '../policies/subject/kind-index.ts';
import { explainDecision, isDecisionId } from './explain-decision.ts';
import { readBytes } from './files.ts';
import { readObject, requestFor } from './object-request.ts';
import { EXIT_FINDINGS, UsageError, UserError, printJson } from './output.ts';
import type { Format, Terminal } from './output.ts';
import { loadPolicyFiles } from './policy-files.ts';
import type { PolicyFiles } from './policy-files.ts';
import { localFacts } from './review.ts';

type Options = {
  readonly object?: string;
  readonly log?: string;
  readonly namespace: string;
  readonly tenant: string;
  readonly user: string;
  readonly groups: readonly string[];
  readonly output: Format;
};

const HELP = `
With POLICY.yaml: what it matches and asks for. With --object also what each of its conditions and validations says when
that object is created in a governed namespace. With a decision id, as it stands in a refusal: the webhook's record of it.

Exit codes: 0 told (and the object is not denied), 1 denied, refused or not found, 2 wrong use.

Examples:
  writ explain policies/a.yaml
  writ explain policies/a.yaml --object deployment.yaml --namespace team
  writ explain d-0123456789abcdef0123 --log decisions.jsonl`;

const indented = (text: string): string => text.trim().replaceAll('\n', `\n${' '.repeat(15)}`);

const list = (words: readonly string[]): string => (words.length === 0 ? '-' : words.join(', '));

const ruleLine = (rule: Rule): string => {
  const groups = rule.apiGroups.map((group) => (group === '' ? 'core' : group));
  return `${list(rule.operations)} ${list(rule.resources)} of ${list(groups)}/${list(rule.apiVersions)}`;
};

const readPolicy = (file: string): Policy => {
  const parsed = parseDocument(readBytes(file), file);
  const outcome = parsed.ok ? validateDocument(parsed.document) : parsed;
  if (!outcome.ok) throw new UserError(outcome.problems);
  if (outcome.kind !== 'Policy') throw new UsageError(`${file} holds a ${outcome.kind}; explain takes a Policy or a decision id`);
  return outcome.object;
};

const describePolicy = (policy: Policy, files: PolicyFiles, terminal: Terminal): void => {
  const { spec } = policy;
  const version = spec.version === undefined ? '' : ` version ${spec.version}`;
  terminal.out(`${policy.metadata.name}${version}: ${spec.title ?? 'no title'}\n`);
  if (spec.description !== undefined) terminal.out(`  ${spec.description.trim().replaceAll('\n', '\n  ')}\n`);
  terminal.out(
    `  enforcement  ${spec.enforcement ?? 'Deny'}, errors count as ${spec.failurePolicy === 'Ignore' ? 'nothing' : 'a breach'}\n`,
  );
  if (spec.expires !== undefined) terminal.out(`  expires      ${spec.expires}\n`);
  if (spec.workloads !== undefined) terminal.out(`  workloads    ${list(spec.workloads)}\n`);
  for (const rule of admissionRules(files.set)) terminal.out(`  matches      ${ruleLine(rule)}\n`);
  for (const { name, expression } of spec.matchConditions ?? []) terminal.out(`  only if      ${name}: ${indented(expression)}\n`);
  for (const { name, expression } of spec.variables ?? []) terminal.out(`  variable     ${name} = ${indented(expression)}\n`);
  for (const [index, { expression, message }] of (spec.validations ?? []).entries()) {
    terminal.out(`  ${`asks [${index}]`.padEnd(13)}${indented(expression)}\n`);
    if (message !== undefined) terminal.out(`               else: ${indented(message)}\n`);
  }
  if (spec.jsonSchema !== undefined) terminal.out('  asks         the object to fit spec.jsonSchema\n');
};

const stepLine = (step: ExplainedStep): string => {
  const message = step.message === undefined ? '' : `: ${step.message}`;
  return `    ${step.kind} ${step.name.replaceAll(/\s+/g, ' ')}: ${step.outcome}${message}\n`;
};

const describeExplanation = (explained: PolicyExplanation, terminal: Terminal): void => {
  terminal.out(`\n  ${explained.applied ? 'applies' : 'does not apply'}: ${explained.because}\n`);
  for (const step of explained.steps) terminal.out(stepLine(step));
  terminal.out(`  verdict: ${explained.verdict}\n`);
  for (const { reason, message } of explained.violations) terminal.out(`    ${reason}: ${message}\n`);
};

const explainPolicy = (file: string, options: Options, terminal: Terminal): void => {
  const policy = readPolicy(file);
  const files = loadPolicyFiles([file]);
  if (files.problems.length > 0) throw new UserError(files.problems);
  if (options.object === undefined) {
    if (options.output === 'json')
      return printJson(terminal, { policy: policy.metadata.name, spec: policy.spec, rules: admissionRules(files.set) });
    return describePolicy(policy, files, terminal);
  }
  const request = requestFor(readObject(options.object), options);
  const facts = localFacts(files, options.tenant);
  const namespaceObject = request.namespace === '' ? null : facts.namespace(request.namespace);
  const explanation = explain(files.set, subjectOf(request), { request, namespaceObject, tenant: facts.tenant(options.tenant) });
  if (explanation.decision.verdict === 'Deny') terminal.exit(EXIT_FINDINGS);
  if (options.output === 'json') return printJson(terminal, explanation);
  describePolicy(policy, files, terminal);
  for (const explained of explanation.policies) describeExplanation(explained, terminal);
};

export const explainCommand = (terminal: Terminal): Command =>
  new Command('explain')
    .description('tell what a policy says, or why a decision came out as it did')
    .argument('<policy-or-decision>', 'a policy document, or the id of a decision')
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
