// SPDX-License-Identifier: Apache-2.0
// writ usage report: what each tenant used in a month, as its statement says or will say.
import { Command, Option } from 'commander';
import { statementOf } from '../../operator/usage/close.ts';
import { monthOf, parseMonth } from '../../operator/usage/period.ts';
import type { UsageStatement } from '../../operator/usage/statement.ts';
import { integerOf, textOf } from '../../operator/usage/store.ts';
import type { Reader } from '../../operator/usage/store.ts';
import { storedMeters } from '../../operator/usage/stored-meters.ts';
import type { Problem } from '../../policies/problem.ts';
import { EXIT_FINDINGS, UsageError, plural, printJson, printProblems, problemRow } from '../output.ts';
import type { Format, Terminal } from '../output.ts';
import { beforeLedger, unheard } from '../bill/heard-of.ts';
import { looseEnds, looseLines } from './loose-ends.ts';
import type { LooseEnds } from './loose-ends.ts';
import { asProblem, openLedger } from './open-ledger.ts';

type Options = { readonly ledger?: string; readonly month?: string; readonly tenant?: string; readonly output: Format };

const HELP = `
A month (in UTC) is closed two days after its end; until then the figures are those so far. What was heard of later stands in
the next month, marked with the month in which it was used. \`missing\` are numbers that a source left out, \`kept aside\` events whose tenant
or meter is unknown, both of whatever month: no figure holds them.

Exit codes: 0 told, 1 the ledger cannot be read, is damaged, or knows nothing of the tenant or the month, 2 wrong use.

Examples:
  writ usage report --ledger ledger.db
  writ usage report --ledger ledger.db --month 2026-10 --tenant acme --output json`;

type Report = LooseEnds & {
  readonly closed: boolean;
  readonly statements: readonly UsageStatement[];
  /** Why it holds nothing of what was asked for. */
  readonly problems: readonly Problem[];
};

/** No use, and nothing known of any, are not the same. */
const unheardOf = async (
  reader: Reader,
  { periodMs, tenant, keptAside }: Asked & Pick<Report, 'keptAside'>,
): Promise<readonly Problem[]> => {
  const found =
    tenant === undefined || keptAside.length > 0
      ? await beforeLedger(reader, periodMs)
      : (await unheard(reader, { tenant, periodMs }))?.message;
  return found === undefined ? [] : [{ code: 'USAGE_NOT_HEARD_OF', message: found }];
};

type Asked = { readonly periodMs: number; readonly tenant?: string; readonly nowMs: number };

const readReport = async (reader: Reader, asked: Asked): Promise<Report> => {
  const { periodMs, tenant, nowMs } = asked;
  const [period] = await reader.all('SELECT cut_ms FROM usage_period WHERE period_ms = ?', [periodMs]);
  const meters = await storedMeters(reader);
  const rows = await reader.all('SELECT DISTINCT tenant FROM usage_total WHERE billed_ms = ? ORDER BY tenant', [periodMs]);
  const names = rows.map((row) => textOf(row, 'tenant')).filter((name) => tenant === undefined || name === tenant);
  const bounds = { periodMs, cutMs: period === undefined ? nowMs : integerOf(period, 'cut_ms'), meterOf: meters.get };
  const statements: UsageStatement[] = [];
  for (const name of names) statements.push(await statementOf(reader, name, bounds));
  const loose = await looseEnds(reader, tenant);
  const problems = await unheardOf(reader, { ...asked, keptAside: loose.keptAside });
  return { closed: period !== undefined, statements, ...loose, problems };
};

const table = ({ closed, statements, ...loose }: Report, month: string): string => {
  const rows = statements.flatMap(({ tenant, lines }) =>
    lines.map(({ meter, unit, quantity, carriedFrom }) => {
      const late = carriedFrom === undefined ? '' : `used in ${carriedFrom.start.slice(0, 7)}`;
      return [tenant, meter, quantity, unit === '1' ? '' : unit, late] as const;
    }),
  );
  const width = (index: 0 | 1 | 2): number => Math.max(0, ...rows.map((row) => row[index].length));
  const state = closed ? 'closed' : 'open so far';
  return [
    `${month}, ${state}: ${plural(statements.length, 'tenant')}`,
    ...rows.map(([tenant, meter, quantity, unit, late]) =>
      `  ${tenant.padEnd(width(0))}  ${meter.padEnd(width(1))}  ${quantity.padStart(width(2))} ${unit.padEnd(3)}${late}`.trimEnd(),
    ),
    ...looseLines(loose).map((line) => `  ${line}`),
    '',
  ].join('\n');
};

const run = async ({ ledger, month, tenant, output }: Options, terminal: Terminal): Promise<void> => {
  const nowMs = terminal.clock.now();
  const periodMs = month === undefined ? monthOf(nowMs) : parseMonth(month);
  if (periodMs === undefined) throw new UsageError(`--month ${month}: write a month such as 2026-11`);
  const open = await openLedger(ledger, terminal);
  try {
    const report = await open.read((reader) => readReport(reader, { periodMs, nowMs, ...(tenant === undefined ? {} : { tenant }) }));
    if (report.problems.length > 0) terminal.exit(EXIT_FINDINGS);
    if (output === 'json') return printJson(terminal, { ...report, problems: report.problems.map(problemRow) });
    printProblems(terminal, report.problems);
    terminal.out(table(report, new Date(periodMs).toISOString().slice(0, 7)));
  } catch (error) {
    throw asProblem(open.location, error);
  } finally {
    await open.close();
  }
};

export const reportCommand = (terminal: Terminal): Command =>
  new Command('report')
    .description('show what tenants used in a month')
    .option('--ledger <file>', 'the ledger; default: WRIT_LEDGER')
    .option('--month <month>', 'such as 2026-11; default: this month')
    .option('--tenant <name>', 'only this one')
    .addOption(new Option('--output <format>', 'how the result is told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((options: Options) => run(options, terminal));
