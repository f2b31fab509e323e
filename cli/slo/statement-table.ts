// SPDX-License-Identifier: Apache-2.0
// An SLA statement as a person reads it.
import type { SlaObjective, SlaStatement } from '../../operator/slo/statement.ts';
import { formatMoney } from '../../policies/pricing/money.ts';
import type { Currency } from '../../policies/pricing/money.ts';
import { plural } from '../output.ts';
import { oneLine } from '../one-line.ts';

const day = (text: string): string => (text.endsWith('T00:00:00Z') ? text.slice(0, 10) : `${text.slice(0, 16)}Z`);

const objectiveLines = (one: SlaObjective, currency: Currency): readonly string[] => {
  const { objective, target, withinMs, attained, verdict, credit } = one;
  const within = withinMs === undefined ? '' : ` within ${withinMs} ms`;
  const minutes = `${plural(one.minutes, 'minute')}: ${one.good} good, ${one.bad} bad, ${one.missing} missing, ${one.excluded} excluded`;
  return [
    `    ${objective}: ${verdict}: ${attained} % of ${target} %${within}`,
    `      ${minutes}; ${one.budgetUsedMinutes} of ${one.budgetMinutes} used; ${one.answers.good} of ${one.answers.valid} answers good`,
    ...(credit === undefined
      ? []
      : [`      below ${credit.below} %: ${credit.basisPoints / 100} % of the fee, ${formatMoney(BigInt(credit.amount), currency)}`]),
  ];
};

export const statementTable = (statement: SlaStatement): string => {
  const { tenant, period, revision, spans, total, adjustments, exclusions, currency } = statement;
  const money = (amount: number): string => formatMoney(BigInt(amount), currency);
  return [
    `${tenant}, ${period.start.slice(0, 7)}, revision ${revision}`,
    ...spans.flatMap((span) => [
      `  ${span.tier}, ${day(span.period.start)} – ${day(span.period.end)}, fee ${money(span.fee)}`,
      ...span.objectives.flatMap((one) => objectiveLines(one, currency)),
    ]),
    ...exclusions.map(
      ({ id, kind, period: { start, end }, reason }) => `  excluded ${id}: ${kind}, ${day(start)} – ${day(end)}: ${oneLine(reason)}`,
    ),
    `  given back: ${money(total)}`,
    ...adjustments.map(({ kind, id, amount }) => `  ${kind.toLowerCase()} ${id}: ${money(amount)}`),
    '',
  ].join('\n');
};
