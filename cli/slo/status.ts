// SPDX-License-Identifier: Apache-2.0
// writ slo status: how the error budgets stand, from the ledger alone.
import { Command, Option } from 'commander';
import { percentText } from '../../operator/slo/attainment.ts';
import { levelTenants, readLevels } from '../../operator/slo/levels.ts';
import { BACK_MS, standingOf } from '../../operator/slo/standing.ts';
import type { Standing } from '../../operator/slo/standing.ts';
import { monthOf, nextMonth } from '../../operator/usage/period.ts';
import { divideHalfEven } from '../../operator/usage/quantity.ts';
import type { Reader } from '../../operator/usage/store.ts';
import { formatTime, parseTime } from '../../policies/pricing/calendar.ts';
import type { Ratio } from '../../policies/pricing/ratio.ts';
import { allWindows } from '../../policies/service-level/burn.ts';
import { MINUTE_MS, minuteOf } from '../../policies/service-level/counts.ts';
import { EXIT_FINDINGS, UsageError, printJson } from '../output.ts';
import type { Format, Terminal } from '../output.ts';
import { asProblem, openLedger } from '../usage/open-ledger.ts';

type Options = { readonly ledger?: string; readonly tenant?: string; readonly at?: string; readonly output: Format };

const HELP = `
Objectives are those by which the webhook counted. What was attained, and what is left of the month's error budget, are minutes, as in
statements; minutes of which nothing is known are missing and use it up. Burn rates are shares of answers, as in the alerts: 1 spends the
budget in just its time. A state is Good, Ticket or Page (as the alerts), Spent, or Unknown: nothing was heard for 17 minutes.
How far it is with many tenants goes to standard error.

Exit codes: 0 no budget is spent and all is known, 1 some is spent, or some or all is not known, 2 wrong use.

Examples:
  writ slo status --ledger ledger.db
  writ slo status --ledger ledger.db --tenant acme --at 2026-10-31T23:59:00Z --output json`;

const PROGRESS_TENANTS = 100;

const readStandings = async (
  reader: Reader,
  asked: { readonly nowMs: number; readonly tenant?: string },
  onProgress: (done: number, all: number) => void,
): Promise<readonly Standing[]> => {
  const { nowMs } = asked;
  const monthMs = monthOf(nowMs);
  const month = { startMs: monthMs, endMs: nextMonth(monthMs) };
  const fromMs = monthMs - BACK_MS;
  const standings: Standing[] = [];
  const tenants = (await levelTenants(reader, fromMs)).filter((tenant) => asked.tenant === undefined || asked.tenant === tenant);
  for (const [done, tenant] of tenants.entries()) {
    if (done > 0 && done % PROGRESS_TENANTS === 0) onProgress(done, tenants.length);
    const all = await readLevels(reader, { tenant, fromMs, toMs: minuteOf(nowMs) + MINUTE_MS, cutMs: nowMs + 1 });
    for (const [objective, levels] of [...all].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const standing = standingOf({ tenant, objective, levels, month, nowMs });
      if (standing !== undefined) standings.push(standing);
    }
  }
  return standings;
};

/** To hundredths. */
const rateText = (rate: Ratio | undefined): string | undefined => {
  if (rate === undefined) return undefined;
  const hundredths = String(divideHalfEven(rate.count * 100n, rate.of)).padStart(3, '0');
  return `${hundredths.slice(0, -2)}.${hundredths.slice(-2)}`;
};

const signed = ({ count, of }: Ratio): string => (count < 0n ? `-${percentText({ count: -count, of })}` : percentText({ count, of }));

const row = ({ tenant, objective, target, withinMs, span, attainment, budget, left, burn, state }: Standing): object => ({
  tenant,
  objective,
  state,
  target,
  ...(Number.isFinite(withinMs) ? { withinMs } : {}),
  from: formatTime(span.startMs),
  to: formatTime(span.endMs),
  attained: percentText(attainment.attained),
  minutes: {
    counted: attainment.minutes,
    good: attainment.good,
    bad: attainment.bad,
    missing: attainment.missing,
  },
  answers: { valid: String(attainment.valid), good: String(attainment.goodAnswers) },
  budgetMinutes: percentText(budget),
  budgetLeftMinutes: signed(left),
  burn: Object.fromEntries([...burn].map(([name, rate]) => [name, rateText(rate) ?? null])),
});

const table = (standings: readonly Standing[]): string => {
  const head = ['TENANT', 'OBJECTIVE', 'STATE', 'PROMISED', 'ATTAINED', 'MISSING', 'LEFT', ...allWindows.map(({ name }) => name)];
  const rows = standings.map(({ tenant, objective, state, target, withinMs, attainment, budget, left, burn }) => [
    tenant,
    objective,
    state,
    `${target} %${Number.isFinite(withinMs) ? ` < ${withinMs} ms` : ''}`,
    `${percentText(attainment.attained)} %`,
    `${attainment.missing} min`,
    `${signed(left)} of ${percentText(budget)} min`,
    ...allWindows.map(({ name }) => rateText(burn.get(name)) ?? '-'),
  ]);
  const widths = head.map((title, index) => Math.max(...[head, ...rows].map((cells) => cells[index]?.length ?? 0), title.length));
  return [head, ...rows]
    .map(
      (cells) =>
        `${cells
          .map((cell, index) => cell.padEnd(widths[index] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
};

const run = async ({ ledger, tenant, at, output }: Options, terminal: Terminal): Promise<void> => {
  const nowMs = at === undefined ? terminal.clock.now() : parseTime(at);
  if (nowMs === undefined) throw new UsageError(`--at ${at}: write a time as 2026-10-31T23:59:00Z`);
  const open = await openLedger(ledger, terminal);
  try {
    const standings = await open.read((reader) =>
      readStandings(reader, { nowMs, ...(tenant === undefined ? {} : { tenant }) }, (done, all) =>
        terminal.err(`${done} of ${all} tenants\n`),
      ),
    );
    // Of whom nothing was ever counted, nothing is known.
    if (standings.length === 0 || standings.some(({ state }) => state === 'Spent' || state === 'Unknown')) terminal.exit(EXIT_FINDINGS);
    if (output === 'json') return printJson(terminal, { at: formatTime(nowMs), objectives: standings.map(row) });
    if (standings.length === 0) {
      const whose = tenant === undefined ? '' : ` of ${tenant}`;
      return terminal.out(`the ledger holds no counts of answers${whose} for this time\n`);
    }
    terminal.out(table(standings));
  } catch (error) {
    throw asProblem(open.location, error);
  } finally {
    await open.close();
  }
};

export const statusCommand = (terminal: Terminal): Command =>
  new Command('status')
    .description('show what is left of error budgets, and how fast they are spent')
    .option('--ledger <file>', 'the ledger; default: WRIT_LEDGER')
    .option('--tenant <name>', 'only this one')
    .option('--at <time>', 'as it stood then; default: now')
    .addOption(new Option('--output <format>', 'how the result is told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((options: Options) => run(options, terminal));
