// SPDX-License-Identifier: Apache-2.0
// How the outcome of cases is told: text for people, rows of JSON, JUnit's XML and TAP for machines.
import { missingOf } from '../policies/cases/coverage.ts';
import { formatProblem } from '../policies/problem.ts';
import type { SourcePosition } from '../policies/problem.ts';
import { plural, problemRow } from './output.ts';
import type { CaseRow, CasesRun, CoveredExpression } from './run-cases.ts';

export const caseFormats = ['text', 'json', 'junit', 'tap'] as const;
export type CaseFormat = (typeof caseFormats)[number];

export type CaseReport = { readonly run: CasesRun; readonly durationMs: number; readonly coverage: boolean; readonly verbose: boolean };

const place = ({ file, line, column }: SourcePosition): string => `${file}:${line}:${column}`;

const failed = (rows: readonly CaseRow[]): readonly CaseRow[] => rows.filter(({ held }) => !held);

const MISSING: Readonly<Record<'true' | 'false' | 'value', string>> = {
  true: 'never came out true',
  false: 'never came out false',
  value: 'was never reached',
};

const oneLine = (text: string): string => text.trim().replaceAll(/\s+/g, ' ');
const shortened = (text: string, length = 100): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

type Gap = { readonly expression: CoveredExpression; readonly says: string };

const gapsOf = (coverage: readonly CoveredExpression[]): readonly Gap[] =>
  coverage.flatMap((expression) => {
    const missing = missingOf(expression);
    // Of a condition that no case reached there is one thing to say.
    const untouched = expression.counts.value + expression.counts.error === 0;
    const says = untouched ? MISSING.value : missing.map((one) => MISSING[one]).join(' and ');
    return missing.length === 0 ? [] : [{ expression, says }];
  });

const coverageText = (coverage: readonly CoveredExpression[]): string => {
  const gaps = gapsOf(coverage);
  const lines = gaps.map(
    ({ expression, says }) => `${place(expression.at)}: ${expression.policy}: ${says}: ${shortened(oneLine(expression.source))}\n`,
  );
  return `${lines.join('')}${plural(coverage.length, 'expression')}, ${coverage.length - gaps.length} covered\n`;
};

const textReport = ({ run, durationMs, coverage, verbose }: CaseReport): string => {
  const { rows, files } = run;
  const lines = rows.flatMap((row) => {
    if (!row.held) return [`${place(row.at)}: ${row.case}: ${row.because ?? ''}\n`];
    return verbose ? [`${place(row.at)}: ${row.case}: ${row.verdict ?? ''}, as expected\n`] : [];
  });
  const lost = failed(rows).length;
  // Of what could not be read no case says anything.
  const untold = run.problems.length === 0 ? '' : `, ${plural(run.problems.length, 'problem')} told above`;
  const summary = `${plural(rows.length, 'case')} in ${plural(files.length, 'file')}: ${rows.length - lost} held, ${lost} did not${untold} (${(durationMs / 1000).toFixed(2)} s)\n`;
  return `${lines.join('')}${coverage ? coverageText(run.coverage) : ''}${summary}`;
};

const jsonRow = (row: CaseRow): object => ({
  file: row.file,
  case: row.case,
  expect: row.expect,
  verdict: row.verdict ?? null,
  policy: row.policy ?? null,
  message: row.message ?? null,
  reason: row.reason ?? null,
  held: row.held,
  ...(row.because === undefined ? {} : { because: row.because }),
  line: row.at.line,
  ...(row.source === undefined ? {} : { source: row.source }),
});

/** A list with one row a line, so that it reads well by line and by parser. */
const jsonList = (rows: readonly object[]): string =>
  rows.length === 0 ? '[]' : `[\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]`;

const coverageRow = (expression: CoveredExpression): object => ({
  policy: expression.policy,
  file: expression.at.file,
  line: expression.at.line,
  column: expression.at.column,
  expression: expression.source,
  ...expression.counts,
  missing: missingOf(expression),
});

const jsonReport = ({ run, coverage }: CaseReport): string => {
  const rows = jsonList(run.rows.map(jsonRow));
  if (!coverage) return `${rows}\n`;
  return `{"cases": ${rows},\n"coverage": ${jsonList(run.coverage.map(coverageRow))},\n"problems": ${JSON.stringify(run.problems.map(problemRow))}}\n`;
};

// XML 1.0 has no way to write most control characters, not even as references.
const NOT_IN_XML =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

const xml = (text: string): string =>
  text
    .replaceAll(NOT_IN_XML, '\ufffd')
    .replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
    .replaceAll(/[\n\r\t]/g, (character) => `&#${character.charCodeAt(0)};`);

const junitCase = (row: CaseRow): string => {
  const open = `    <testcase classname="${xml(row.file)}" name="${xml(row.case)}" file="${xml(row.file)}" line="${row.at.line}"`;
  if (row.held) return `${open}/>\n`;
  const kind = row.verdict === undefined ? 'error' : 'failure';
  const because = xml(row.because ?? '');
  return `${open}>\n      <${kind} message="${because}">${xml(place(row.at))}: ${because}</${kind}>\n    </testcase>\n`;
};

const junitCounts = (rows: readonly CaseRow[]): string => {
  const errors = rows.filter(({ held, verdict }) => !held && verdict === undefined).length;
  return `tests="${rows.length}" failures="${failed(rows).length - errors}" errors="${errors}"`;
};

const junitReport = ({ run, durationMs }: CaseReport): string => {
  const suites = [...Map.groupBy(run.rows, ({ file }) => file)].map(
    ([file, rows]) => `  <testsuite name="${xml(file)}" ${junitCounts(rows)}>\n${rows.map(junitCase).join('')}  </testsuite>\n`,
  );
  const head = `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="writ test" ${junitCounts(run.rows)} time="${(durationMs / 1000).toFixed(3)}">\n`;
  return `${head}${suites.join('')}</testsuites>\n`;
};

/** In a TAP description a number sign begins a directive. */
const tapText = (text: string): string => oneLine(text).replaceAll('\\', '\\\\').replaceAll('#', '\\#');

const tapReport = ({ run }: CaseReport): string => {
  const lines = run.rows.map((row, index) => {
    const line = `${row.held ? 'ok' : 'not ok'} ${index + 1} - ${tapText(`${row.file}: ${row.case}`)}\n`;
    if (row.held) return line;
    return `${line}  ---\n  message: ${JSON.stringify(row.because ?? '')}\n  at: ${JSON.stringify(place(row.at))}\n  ...\n`;
  });
  return `TAP version 14\n1..${run.rows.length}\n${lines.join('')}`;
};

const REPORTS: Readonly<Record<CaseFormat, (report: CaseReport) => string>> = {
  text: textReport,
  json: jsonReport,
  junit: junitReport,
  tap: tapReport,
};

export type Told = { readonly out: string; readonly err: string };

export const reportCases = (format: CaseFormat, report: CaseReport): Told => {
  const { run, coverage } = report;
  const told = [...run.problems, ...run.warnings].map((problem) => `${formatProblem(problem)}\n`);
  const beside = coverage && (format === 'junit' || format === 'tap') ? coverageText(run.coverage) : '';
  return { out: REPORTS[format](report), err: `${[...new Set(told)].join('')}${beside}` };
};
