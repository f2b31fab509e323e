// SPDX-License-Identifier: Apache-2.0
// writ usage verify: everything that the ledger derives is made again from its events, and must be the same to the byte.
import { Command, Option } from 'commander';
import { verifyLedger } from '../../operator/usage/verify.ts';
import type { Problem } from '../../policies/problem.ts';
import { EXIT_FINDINGS, plural, printJson, printProblems, problemRow } from '../output.ts';
import type { Format, Terminal } from '../output.ts';
import { asProblem, openLedger } from './open-ledger.ts';

type Options = { readonly ledger?: string; readonly output: Format };

const HELP = `
Checked are the pages of the database file, the digest of each event, the sums of each hour and period, the chain of the seals,
the bytes of each statement, and whether any of these is gone. How far it is goes to standard error.

Examples:
  writ usage verify --ledger ledger.db
  writ usage verify --ledger ledger.db --output json`;

const PROGRESS_EVENTS = 200_000;

const run = async ({ ledger, output }: Options, terminal: Terminal): Promise<void> => {
  const open = await openLedger(ledger, terminal);
  try {
    const pages = open.check().map((message): Problem => ({ code: 'USAGE_LEDGER_DAMAGED', message, path: 'pages' }));
    let told = 0;
    const report = await verifyLedger(open, (events) => {
      if (events - told < PROGRESS_EVENTS) return;
      told = events;
      terminal.err(`${events} events\n`);
    });
    const problems = [...pages, ...report.problems];
    if (problems.length > 0) terminal.exit(EXIT_FINDINGS);
    const { events, hours, seals, statements } = report;
    if (output === 'json') {
      return printJson(terminal, { verified: problems.length === 0, events, hours, seals, statements, problems: problems.map(problemRow) });
    }
    printProblems(terminal, problems);
    const counts = `${plural(events, 'event')}, ${plural(hours, 'hourly sum')}, ${plural(seals, 'seal')}, ${plural(statements, 'statement')}`;
    terminal.out(`${problems.length === 0 ? 'good' : 'DAMAGED'}: ${counts}\n`);
  } catch (error) {
    throw asProblem(open.location, error);
  } finally {
    await open.close();
  }
};

export const verifyCommand = (terminal: Terminal): Command =>
  new Command('verify')
    .description('prove that the ledger holds what it says')
    .option('--ledger <file>', 'the ledger; default: WRIT_LEDGER')
    .addOption(new Option('--output <format>', 'how the result is told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((options: Options) => run(options, terminal));
