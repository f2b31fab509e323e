// SPDX-License-Identifier: Apache-2.0
// writ slo verify: are the statements of a folder those that were signed, do their credits add up, and does the ledger still say the same?
import { Command } from 'commander';
import { textDigest } from '../../operator/billing/rating/invoice.ts';
import { slaText } from '../../operator/slo/statement.ts';
import { parseMonth } from '../../operator/usage/period.ts';
import type { Problem, ProblemCode } from '../../policies/problem.ts';
import { EXIT_FINDINGS, UserError, plural, printJson, printProblems, problemRow } from '../output.ts';
import type { Terminal } from '../output.ts';
import { readPublicKeyFile } from '../public-key.ts';
import { signatureFault } from '../signed-by.ts';
import { recordProblems } from '../bill/on-record.ts';
import { addSlaOptions, keptStatements, slaSource } from './inputs.ts';
import type { Kept, SlaOptions, SlaSource } from './inputs.ts';

const HELP = `
Checked are the signature of each file, that each revision names the bytes of the one before, that what the revisions give adds up to what
is owed in the end, that the last one is made again from ledger and documents to the same bytes, and that what the operator put on record (--invoice-dir) is there. How far it is with many months goes to standard error.

Exit codes: 0 all of it is good, 1 something is not, 2 wrong use.

Examples:
  writ slo verify --statements statements --key billing.pub \\
    --prices prices.yaml --trust trust.yaml --subscription acme.yaml --ledger ledger.db`;

const PROGRESS_MONTHS = 3;
/** `acme/2026-10/r1`. */
const SLA_ID = /^[^/]+\/\d{4}-\d\d\/r\d+$/;

type Options = SlaOptions & { readonly statements: string; readonly key: string };

const found = (code: ProblemCode, path: string, message: string): Problem => ({ code, message: `${path}: ${message}` });

const signatureProblem = ({ path }: Kept, key: ReturnType<typeof readPublicKeyFile>['publicKey']): Problem | undefined => {
  const message = signatureFault(path, key);
  return message === undefined ? undefined : { code: 'SLO_STATEMENT_UNSIGNED', message };
};

/** What the revisions up to the last one give, less what they take again. */
const chainProblems = (revisions: readonly Kept[]): readonly Problem[] => {
  const problems: Problem[] = [];
  let given = 0;
  for (const [index, { path, statement }] of revisions.entries()) {
    const before = revisions[index - 1];
    const named = statement.previous?.digest;
    if (named !== (before === undefined ? undefined : textDigest(before.text)))
      problems.push(found('SLO_STATEMENT_INVALID', path, `it corrects ${named ?? 'nothing'}, not ${before?.path ?? 'nothing'}`));
    given += statement.adjustments.reduce((sum, { kind, amount }) => sum + (kind === 'Credit' ? amount : -amount), 0);
    const owed = statement.credits.reduce((sum, { amount }) => sum + amount, 0);
    if (given !== owed) problems.push(found('SLO_STATEMENT_INVALID', path, `${given} was given so far, and ${owed} is owed`));
  }
  return problems;
};

const remakeProblem = async (revisions: readonly Kept[], month: string, source: SlaSource): Promise<Problem | undefined> => {
  const [last, previous] = [revisions.at(-1), revisions.at(-2)];
  const periodMs = parseMonth(month);
  if (last === undefined || periodMs === undefined) return undefined;
  try {
    const cutMs = Date.parse(last.statement.storedBefore);
    const again = slaText(await source.make({ periodMs, cutMs, ...(previous === undefined ? {} : { previous }) }));
    return again === last.text
      ? undefined
      : found('SLO_STATEMENT_DIFFERS', last.path, `it is ${textDigest(last.text)}, made again it is ${textDigest(again)}`);
  } catch (error) {
    const [problem] = error instanceof UserError ? error.problems : [];
    // A ledger that cannot be read says nothing about the statement.
    if (problem === undefined || problem.code.startsWith('USAGE_LEDGER')) throw error;
    return found('SLO_STATEMENT_DIFFERS', last.path, `it cannot be made again: ${problem.code}: ${problem.message}`);
  }
};

const run = async (options: Options, terminal: Terminal): Promise<void> => {
  const source = slaSource(options, terminal);
  const months = keptStatements(options.statements, source.tenant);
  if (months.size === 0)
    throw new UserError([{ code: 'FILE_UNREADABLE', message: `${options.statements}: there is no statement for ${source.tenant}` }]);
  const key = readPublicKeyFile(options.key).publicKey;
  const problems: Problem[] = [];
  let files = 0;
  for (const [done, [month, revisions]] of [...months].entries()) {
    if (done > 0 && done % PROGRESS_MONTHS === 0) terminal.err(`${done} of ${months.size} months\n`);
    files += revisions.length;
    problems.push(...revisions.flatMap((kept) => signatureProblem(kept, key) ?? []), ...chainProblems(revisions));
    const differing = await remakeProblem(revisions, month, source);
    if (differing !== undefined) problems.push(differing);
  }
  const kept = new Map([...months.values()].flat().map(({ path, text, statement }) => [statement.id, { path, text }]));
  problems.push(
    ...recordProblems(await source.issued(), (id) =>
      SLA_ID.test(id) ? { place: kept.get(id)?.path ?? options.statements, text: kept.get(id)?.text } : undefined,
    ),
  );
  if (problems.length > 0) terminal.exit(EXIT_FINDINGS);
  if (options.output === 'json')
    return printJson(terminal, {
      tenant: source.tenant,
      verified: problems.length === 0,
      months: months.size,
      statements: files,
      problems: problems.map(problemRow),
    });
  printProblems(terminal, problems);
  terminal.out(
    `${source.tenant}: ${problems.length === 0 ? 'good' : 'NOT GOOD'}: ${plural(files, 'statement')} of ${plural(months.size, 'month')}\n`,
  );
};

export const verifyCommand = (terminal: Terminal): Command =>
  addSlaOptions(new Command('verify').description('check statements: signatures, sums, and that the ledger says the same'))
    .requiredOption('--statements <folder>', 'where `writ slo statement` keeps them')
    .requiredOption('--key <file>', 'public key that must have signed them, PEM')
    .addHelpText('after', HELP)
    .action((options: Options) => run(options, terminal));
