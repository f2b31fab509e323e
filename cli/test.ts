// SPDX-License-Identifier: Apache-2.0
// writ test: whether policies say what their cases expect.
import { Command, Option } from 'commander';
import { caseFormats, reportCases } from './case-report.ts';
import type { CaseFormat } from './case-report.ts';
import { shutdownSignal } from '../process/signals.ts';
import { EXIT_FINDINGS, UserError, printProblems } from './output.ts';
import type { Terminal } from './output.ts';
import { runCases } from './run-cases.ts';
import { repeatOnChange } from './watch.ts';

type Options = { readonly output: CaseFormat; readonly coverage: boolean; readonly watch: boolean; readonly verbose: boolean };

const HELP = `
Reads the *.cases.yaml files in PATHS (folders are searched; the folder you are in where none is given) and judges every
case with the engine of the webhook, in this process. A cases file names its policies, relative to itself: Policies, or
ValidatingAdmissionPolicies with their bindings and the objects that they take as params, in any number of documents and
files; Tenants, Namespaces and CustomResourceDefinitions are read too. Seals are not asked for. docs/cases.md has the format.

A case holds when the verdict is the expected one and, where the case names a policy, a reason or a part of the message,
one violation has all of these. A case that expects a policy that is not there fails, and so does one whose policies do not
compile. --output json prints a list with one row a case: file, case, expect, verdict, policy, message, and held; with
--coverage an object of cases and coverage. Coverage names the expressions that no case brought to true, to false, or to
any value.

The object is what the case says, without the defaults that an API server adds. Of the authorizer a case says what it allows;
all else is forbidden. A file that can not be read fails its own cases only; nothing larger than 16 MiB is read.

Formats: text names each case that did not hold at file:line:column (--verbose: every case); json is a list with a row a case,
with --coverage {cases, coverage, problems}; junit and tap (version 14) are for continuous integration.

Exit codes: 0 every case held, or watching was ended by Ctrl-C, 1 at least one did not, 2 wrong use.

Examples:
  writ test
  writ test policies/images-pinned.cases.yaml --coverage
  writ test policies --output junit > report.xml
  writ test policies --watch`;

const runOnce = (paths: readonly string[], options: Options, terminal: Terminal): Iterable<string> => {
  const started = terminal.clock.monotonicMs();
  const run = runCases(paths, { coverage: options.coverage });
  const durationMs = terminal.clock.monotonicMs() - started;
  const { out, err } = reportCases(options.output, { run, durationMs, coverage: options.coverage, verbose: options.verbose });
  terminal.err(err);
  terminal.out(out);
  if (!options.watch && (run.problems.length > 0 || run.rows.some(({ held }) => !held))) terminal.exit(EXIT_FINDINGS);
  return run.read;
};

/** While it watches, a file that is gone for a moment is told and waited for. */
const watching = (paths: readonly string[], options: Options, terminal: Terminal): Iterable<string> => {
  try {
    return runOnce(paths, options, terminal);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    printProblems(terminal, error.problems);
    return [];
  }
};

export const testCommand = (terminal: Terminal): Command =>
  new Command('test')
    .description('tell whether policies say what their cases expect')
    .argument('[paths...]', 'cases files, or folders that have some', ['.'])
    .addOption(new Option('--output <format>', 'how it is told').choices(caseFormats).default('text'))
    .option('--coverage', 'tell which expressions never came out true, or never false', false)
    .option('--watch', 'run again at every change of a file, until Ctrl-C', false)
    .option('--verbose', 'tell the cases that held too', false)
    .addHelpText('after', HELP)
    .action(async (paths: string[], options: Options) => {
      if (options.watch)
        await repeatOnChange({ paths, work: () => watching(paths, options, terminal), signal: shutdownSignal() }, terminal.clock);
      else runOnce(paths, options, terminal);
    });
