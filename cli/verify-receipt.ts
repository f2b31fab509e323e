// SPDX-License-Identifier: Apache-2.0
// writ verify-receipt: that decisions were made as their receipts say, without a cluster and without trusting who keeps them.
import { Command, Option } from 'commander';
import { batchDigest } from '../policies/receipts/batch.ts';
import type { BatchClaim } from '../policies/receipts/batch.ts';
import type { Keys, SpoolReport } from '../policies/receipts/index.ts';
import { isReceipt, verifyReceipt, writeReceipt } from '../policies/receipts/receipt.ts';
import type { ProvenReceipt } from '../policies/receipts/receipt.ts';
import type { Problem } from '../policies/problem.ts';
import { readPublicKey } from '../policies/trust/key.ts';
import { isDecisionId, printDecision } from './explain-decision.ts';
import { isFile, readText, writeNew } from './files.ts';
import { EXIT_FINDINGS, UsageError, UserError, plural, printJson, printProblems, problemRow } from './output.ts';
import type { Format, Terminal } from './output.ts';
import { checkLog } from './receipt-log.ts';
import { checkSpoolFiles, spoolsAt } from './receipt-files.ts';

type Options = {
  readonly key?: readonly string[];
  readonly log?: string;
  readonly extract?: string;
  readonly out?: string;
  readonly output: Format;
};

const HELP = `
PATH is the folder that --receipts of the webhook names (all replicas), that of one replica, one of its files, or a receipt that
--extract wrote. Checked are the signature of each batch, that each record is in its batch as it was sealed, and that batches
follow each other without a gap. Told are the first and the last batch that are here, how many decisions got no receipt and
where a process ended by a crash: all of this stands under the replica's signature. What can not be seen from a spool alone is that its
newest batches were taken away; with --log, a decision log kept elsewhere, that is seen too.

Keys are in the report of the replica (kubectl -n writ-system get configmap writ-replica-NAME -o yaml), or are those that
--receipt-key mounts. Without --key those that the files themselves name are assumed: then only that one hand wrote all is proven.

Exit codes: 0 all holds, 1 something does not, 2 wrong use.

Examples:
  writ verify-receipt /receipts --key replica.pub
  writ verify-receipt /receipts/writ-webhook-0 --key a.pub b.pub --log decisions.jsonl --output json
  writ verify-receipt /receipts --key replica.pub --extract d-fd4d7181dbf462c9da44 --out receipt.json
  writ verify-receipt receipt.json --key replica.pub`;

const keysOf = (paths: readonly string[] | undefined): Keys => {
  if (paths === undefined) return undefined;
  const keys = paths.map((path) => {
    const key = readPublicKey(readText(path));
    if (key !== undefined) return key;
    const hint = 'give the public key of the replica in PEM, as its report names it';
    throw new UserError([{ code: 'RECEIPT_KEY', message: `${path}: not one public key in PEM`, hint }]);
  });
  return new Map(keys.map((key) => [key.hint, key]));
};

const whenAssumed = (keys: Keys, hints: readonly string[], terminal: Terminal): void => {
  if (keys === undefined && hints.length > 0) terminal.err(`keys assumed, as the files name them: ${hints.join(' ')}\n`);
};

const claimRow = ({ batch, from, to, end }: BatchClaim): object => ({ batch, from, to, ...(end === true ? { end } : {}) });

const reportRow = (path: string, report: SpoolReport): object => {
  const { replica, first, last, head, batches, records, lost, crashes, keys, problems } = report;
  return {
    path,
    verified: problems.length === 0,
    ...(replica === undefined ? {} : { replica }),
    ...(first === undefined ? {} : { first: claimRow(first) }),
    ...(last === undefined ? {} : { last: claimRow(last), head }),
    batches,
    records,
    lost,
    crashes: crashes.map(({ batch, from, restart }) => ({ batch, from, tornBytes: restart?.tornBytes ?? 0 })),
    keys,
    problems: problems.map(problemRow),
  };
};

const reportText = (path: string, report: SpoolReport): string => {
  const { replica, first, last, batches, records, lost, crashes, keys, problems } = report;
  if (first === undefined || last === undefined) return `${path}: nothing in it holds\n`;
  const ending = last.end === true ? 'the process ended in order after it' : 'the process went on, or was killed';
  return [
    `${path}: ${problems.length === 0 ? 'good' : 'REFUSED'}: ${plural(records, 'record')} in ${batches} batches of replica ${replica} hold`,
    `  from   batch ${first.batch}, ${first.from}${first.batch === 1 ? '' : '; older ones are not here'}`,
    `  until  batch ${last.batch}, ${last.to}; ${ending}`,
    `  keys   ${keys.join(' ')}`,
    ...(lost === 0 ? [] : [`  lost   ${plural(lost, 'record')} got no receipt, as the batches tell`]),
    ...crashes.map(({ batch, from }) => `  crash  before batch ${batch}, ${from}: what waited in memory then has no receipt`),
    '',
  ].join('\n');
};

const receiptRow = (path: string, { statement, policySet, batch }: ProvenReceipt): object => ({
  path,
  verified: true,
  replica: batch.claim.replica,
  batch: { ...claimRow(batch.claim), digest: batchDigest(batch.payload) },
  key: batch.hint,
  statement,
  ...(policySet === undefined ? {} : { policySet }),
});

const verifyOne = (path: string, text: string, { keys, terminal, output }: Asked): void => {
  const outcome = verifyReceipt(text, keys);
  if (!outcome.ok) {
    terminal.exit(EXIT_FINDINGS);
    const problem: Problem = { ...outcome.problem, at: { file: path, line: 1, column: 1 } };
    return output === 'json'
      ? printJson(terminal, { path, verified: false, problems: [problemRow(problem)] })
      : printProblems(terminal, [problem]);
  }
  const { receipt } = outcome;
  whenAssumed(keys, [receipt.batch.hint], terminal);
  if (output === 'json') return printJson(terminal, receiptRow(path, receipt));
  const { replica, batch, to } = receipt.batch.claim;
  terminal.out(`${path}: good: replica ${replica} sealed this record in batch ${batch}, ${to}, by the key ${receipt.batch.hint}\n`);
  printDecision({ decision: receipt.record, set: receipt.policySet }, terminal);
};

type Asked = { readonly keys: Keys; readonly terminal: Terminal; readonly output: Format };

const extract = (path: string, id: string, { keys, terminal, out }: Asked & { readonly out: string | undefined }): void => {
  const all = [...spoolsAt(path).values()].map((files) => checkSpoolFiles(files, keys, id));
  const found = all.findLast(({ decision }) => decision !== undefined);
  const text = found?.decision === undefined ? undefined : writeReceipt(found.decision, found.policySet);
  if (text === undefined) {
    const problems = all.flatMap(({ report }) => report.problems);
    throw new UserError([...problems, { code: 'RECEIPT_NOT_FOUND', message: `${path} has no receipt of ${id} that holds` }]);
  }
  whenAssumed(keys, found?.report.keys ?? [], terminal);
  if (out === undefined) return terminal.out(text);
  writeNew(out, text, 0o644);
  terminal.out(`${out}: the receipt of ${id} with its proof\n`);
};

const verifySpools = async (path: string, log: string | undefined, { keys, terminal, output }: Asked): Promise<void> => {
  const reports = [...spoolsAt(path)].map(([folder, files]) => ({ folder, report: checkSpoolFiles(files, keys, undefined).report }));
  const fromLog =
    log === undefined
      ? []
      : await checkLog(
          log,
          reports.map(({ report }) => report),
        );
  if (fromLog.length > 0 || reports.some(({ report }) => report.problems.length > 0)) terminal.exit(EXIT_FINDINGS);
  whenAssumed(keys, [...new Set(reports.flatMap(({ report }) => report.keys))], terminal);
  if (output === 'json') {
    const spools = reports.map(({ folder, report }) => reportRow(folder, report));
    return printJson(terminal, { spools, ...(log === undefined ? {} : { log: { path: log, problems: fromLog.map(problemRow) } }) });
  }
  for (const { folder, report } of reports) {
    terminal.out(reportText(folder, report));
    printProblems(terminal, report.problems);
  }
  printProblems(terminal, fromLog);
};

const run = async (path: string, options: Options, terminal: Terminal): Promise<void> => {
  const asked = { keys: keysOf(options.key), terminal, output: options.output };
  if (options.extract !== undefined) {
    if (!isDecisionId(options.extract))
      throw new UsageError(`--extract ${options.extract}: write the id of a decision, d- and 20 digits from 0 to f`);
    if (options.log !== undefined) throw new UsageError('--log goes with a whole spool, not with --extract');
    return extract(path, options.extract, { ...asked, out: options.out });
  }
  if (options.out !== undefined) throw new UsageError('--out goes with --extract');
  const text = isFile(path) ? readText(path) : '';
  if (!isReceipt(text)) return verifySpools(path, options.log, asked);
  if (options.log !== undefined) throw new UsageError('--log goes with a whole spool, not with one receipt');
  verifyOne(path, text, asked);
};

export const verifyReceiptCommand = (terminal: Terminal): Command =>
  new Command('verify-receipt')
    .description('prove by signed receipts what was decided')
    .argument('<path>', 'spool of receipts, or one receipt')
    .option('--key <files...>', 'public keys in PEM of the replicas that you trust')
    .option('--log <file>', 'a decision log kept elsewhere, by which to see that no newer batch is missing')
    .option('--extract <id>', 'write the receipt of this decision with its proof')
    .option('--out <file>', 'where --extract writes; default: standard output')
    .addOption(new Option('--output <format>', 'how the result is told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((path: string, options: Options) => run(path, options, terminal));
