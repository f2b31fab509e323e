// SPDX-License-Identifier: Apache-2.0
// writ usage verify: everything that the ledger derives is made again from its events, and must be the same to the byte.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import type { ReadArchive } from '../../operator/usage/recount.ts';
import { verifyLedger } from '../../operator/usage/verify.ts';
import type { LedgerReport } from '../../operator/usage/verify.ts';
import type { Problem } from '../../policies/problem.ts';
import { whyNoFolder } from '../files.ts';
import { EXIT_FINDINGS, UserError, plural, printJson, printProblems, problemRow } from '../output.ts';
import type { Format, Terminal } from '../output.ts';
import { asProblem, openLedger } from './open-ledger.ts';

type Options = { readonly ledger?: string; readonly archive?: string; readonly output: Format };

const HELP = `
Checked are the pages of the database file, the digest of each event, the sums of each hour and period, the chain of the seals,
the bytes of each statement, and whether any of these is gone. Of events that left by --usage-retention what they added up to is
checked, and with --archive the events themselves. How far it is goes to standard error.

Exit codes: 0 good, 1 something does not fit, or the ledger or the archive cannot be read, 2 wrong use.

Examples:
  writ usage verify --ledger ledger.db
  writ usage verify --ledger ledger.db --archive archive --output json`;

const PROGRESS_EVENTS = 200_000;

const run = async ({ ledger, archive, output }: Options, terminal: Terminal): Promise<void> => {
  const why = archive === undefined ? undefined : whyNoFolder(archive);
  if (why !== undefined) throw new UserError([{ code: 'FILE_UNREADABLE', message: `--archive ${archive}: ${why}` }]);
  const open = await openLedger(ledger, terminal);
  try {
    const pages = open.check().map((message): Problem => ({ code: 'USAGE_LEDGER_DAMAGED', message, path: 'pages' }));
    let told = 0;
    const report = await verifyLedger(
      open,
      (events) => {
        if (events - told < PROGRESS_EVENTS) return;
        told = events;
        terminal.err(`${events} events\n`);
      },
      archive === undefined ? undefined : archiveReader(archive),
    );
    const problems = [...pages, ...report.problems];
    if (problems.length > 0) terminal.exit(EXIT_FINDINGS);
    const { events, hours, seals, statements, pruned } = report;
    if (output === 'json') {
      return printJson(terminal, {
        verified: problems.length === 0,
        events,
        hours,
        seals,
        statements,
        pruned: prunedRow(pruned),
        problems: problems.map(problemRow),
      });
    }
    printProblems(terminal, problems);
    const counts = `${plural(events, 'event')}, ${plural(hours, 'hourly sum')}, ${plural(seals, 'seal')}, ${plural(statements, 'statement')}`;
    terminal.out(`${problems.length === 0 ? 'good' : 'DAMAGED'}: ${counts}\n`);
    terminal.out(prunedText(pruned, archive !== undefined));
  } catch (error) {
    throw asProblem(open.location, error);
  } finally {
    await open.close();
  }
};

type Pruned = LedgerReport['pruned'];

const prunedRow = ({ beforeMs, events, archived }: Pruned): object => ({
  before: beforeMs === 0 ? null : new Date(beforeMs).toISOString(),
  events,
  archived,
});

/** Nothing where nothing left. */
const prunedText = ({ beforeMs, events, archived }: Pruned, hasArchive: boolean): string => {
  if (events === 0) return '';
  const before = new Date(beforeMs).toISOString().slice(0, 10);
  const held = 'are held to what they added up to';
  const others = archived < events ? `, the others, which left for none, ${held}` : '';
  const how = hasArchive ? `${archived} of them added up from the archive${others}` : `months ${held}; --archive DIR adds them up anew`;
  return `pruned: ${plural(events, 'event')} of before ${before}; ${how}\n`;
};

/** Of a folder that --usage-archive of the operator names, or a copy of it. */
const archiveReader =
  (folder: string): ReadArchive =>
  (name) => {
    try {
      return readFileSync(join(folder, name));
    } catch {
      return undefined;
    }
  };

export const verifyCommand = (terminal: Terminal): Command =>
  new Command('verify')
    .description('prove that the ledger holds what it says')
    .option('--ledger <file>', 'the ledger; default: WRIT_LEDGER')
    .option('--archive <folder>', 'what --usage-archive of the operator names: events that left are added up again')
    .addOption(new Option('--output <format>', 'how the result is told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((options: Options) => run(options, terminal));
