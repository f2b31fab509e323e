// SPDX-License-Identifier: Apache-2.0
// writ lint: everything that would be refused later, told now, at its place; and what can hardly be meant.
import { Command, Option } from 'commander';
import { bindingFindings, findingPath, matchFindings } from '../policies/compile/match-findings.ts';
import type { MatchFinding } from '../policies/compile/match-findings.ts';
import { valueAt } from '../policies/document/json.ts';
import type { ParsedDocument } from '../policies/document/index.ts';
import { formatProblem } from '../policies/problem.ts';
import type { Problem } from '../policies/problem.ts';
import { EXIT_FINDINGS, plural, printJson, printProblems, problemRow } from './output.ts';
import type { Terminal } from './output.ts';
import { loadPolicyFiles } from './policy-files.ts';
import type { PolicyFiles } from './policy-files.ts';
import { sarifLog } from './sarif.ts';

type Options = { readonly output: 'text' | 'json' | 'sarif'; readonly strict: boolean };

const HELP = `
A folder is searched for YAML files that speak of writ.dev or admissionregistration.k8s.io; a file that is named is always
read. Found are: encodings and YAML that readers disagree about, fields that are unknown, missing or of the wrong type,
values whose meaning differs between YAML 1.1 and 1.2, expressions that do not compile, bindings that an API server would
refuse, and two policies of one name.

Warnings are told of what is allowed and can hardly be meant: rules that excludeResourceRules take away, resources in a
group that has none of them, selectors that contradict themselves, match conditions that no operation of the rules can
make true, bindings without policy and policies without binding. They count only with --strict.

Exit codes: 0 nothing found, 1 problems (with --strict: or warnings), 2 wrong use.

Examples:
  writ lint .
  writ lint policies/a.yaml --output json
  writ lint policies --strict --output sarif > writ.sarif`;

const warn = (finding: MatchFinding, document: ParsedDocument): Problem => ({
  code: 'MATCH_UNREACHABLE',
  message: finding.message,
  path: findingPath(finding),
  at: document.positionOf(finding.path),
});

/** Of policies that compile only: others have worse to be told. */
const matchWarnings = ({ set, policies }: PolicyFiles): readonly Problem[] =>
  set.policies.flatMap((policy) => {
    const loaded = policies.find(({ document, name }) => name === policy.name && document.digest === policy.digest);
    if (loaded === undefined) return [];
    const { document, spec, bindings = [] } = loaded;
    const own = matchFindings(policy, spec.matchConstraints?.resourceRules?.length ?? 0).map((finding) => warn(finding, document));
    const ofBindings = bindingFindings(policy).flatMap((finding) => {
      const bound = bindings.find(({ value }) => valueAt(value, ['metadata', 'name']) === finding.binding);
      return bound === undefined ? [] : [warn(finding, bound)];
    });
    return [...own, ...ofBindings];
  });

const lint = (paths: readonly string[], options: Options, terminal: Terminal): void => {
  const files = loadPolicyFiles(paths);
  const { documents, problems } = files;
  const warnings = [...files.warnings, ...matchWarnings(files)];
  if (problems.length > 0 || (options.strict && warnings.length > 0)) terminal.exit(EXIT_FINDINGS);
  if (options.output === 'sarif') return printJson(terminal, sarifLog({ problems, warnings }));
  if (options.output === 'json')
    return printJson(terminal, { files: documents, problems: problems.map(problemRow), warnings: warnings.map(problemRow) });
  printProblems(terminal, problems);
  for (const warning of warnings) terminal.err(`warning: ${formatProblem(warning)}\n`);
  const also = warnings.length === 0 ? '' : `, ${plural(warnings.length, 'warning')}`;
  terminal.out(`${plural(documents, 'document')}, ${plural(problems.length, 'problem')}${also}\n`);
};

export const lintCommand = (terminal: Terminal): Command =>
  new Command('lint')
    .description('find what is wrong with documents, at file:line:column')
    .argument('<paths...>', 'documents or folders')
    .addOption(new Option('--output <format>', 'how the result is told').choices(['text', 'json', 'sarif']).default('text'))
    .option('--strict', 'warnings count as problems', false)
    .addHelpText('after', HELP)
    .action((paths: string[], options: Options) => lint(paths, options, terminal));
