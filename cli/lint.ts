// SPDX-License-Identifier: Apache-2.0
// writ lint: everything that would be refused later, told now, at its place.
import { Command, Option } from 'commander';
import { EXIT_FINDINGS, plural, printJson, printProblems, problemRow } from './output.ts';
import type { Format, Terminal } from './output.ts';
import { loadPolicyFiles } from './policy-files.ts';

type Options = { readonly output: Format };

const HELP = `
A folder is searched for YAML files that speak of writ.dev; a file that is named is always read. Found are: encodings and
YAML that readers disagree about, fields that are unknown, missing or of the wrong type, values whose meaning differs
between YAML 1.1 and 1.2, expressions that do not compile, and two policies of one name.

Exit codes: 0 nothing found, 1 problems, 2 wrong use.

Examples:
  writ lint .
  writ lint policies/a.yaml --output json`;

const lint = (paths: readonly string[], options: Options, terminal: Terminal): void => {
  const { files, problems } = loadPolicyFiles(paths);
  if (problems.length > 0) terminal.exit(EXIT_FINDINGS);
  if (options.output === 'json') return printJson(terminal, { files: files.length, problems: problems.map(problemRow) });
  printProblems(terminal, problems);
  terminal.out(`${plural(files.length, 'document')}, ${plural(problems.length, 'problem')}\n`);
};

export const lintCommand = (terminal: Terminal): Command =>
  new Command('lint')
    .description('find what is wrong with documents, at file:line:column')
    .argument('<paths...>', 'documents or folders')
    .addOption(new Option('--output <format>', 'how the result is told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((paths: string[], options: Options) => lint(paths, options, terminal));
