// SPDX-License-Identifier: Apache-2.0
// writ audit verify: that an export of the audit log is what was signed, whole and in order, without a cluster or a network.
import { Command, Option } from 'commander';
import type { ExportReport, LogReport } from '../../policies/transparency/index.ts';
import { isFile } from '../files.ts';
import { plural, printJson, printProblems, problemRow } from '../output.ts';
import type { Format, Terminal } from '../output.ts';
import { exitOf } from './exit-codes.ts';
import { proveEntry, proveExport } from './prove-export.ts';
import type { ProofOptions } from './prove-export.ts';

type Options = ProofOptions & { readonly output: Format };

const HELP = `
SOURCE is what \`writ audit export\` wrote, or the proof of one entry that \`writ audit proof\` wrote. Of an export are checked: every file against the manifest; the signature of each checkpoint and the
cosignatures of witnesses; the tree over all entries against the root that is signed; that entries are numbered without a gap, each
names the one before, and times do not go back; that the root log, or a proof out of it, holds the checkpoints of the other
logs, and that none is missing that the root log names; and that checkpoints that you kept (--since) belong to the same history, each
by its log. The export of one tenant has no root log: it proves that log and says nothing of others, and the output says so.

The verifier key is in the log of the operator and in the Secret writ-audit; keep it, and now and then a checkpoint, where the
cluster can not change them. Without witnesses and without kept checkpoints nobody but the holder of the key says that others see the same.

An operator that runs, with no log frozen, signs the root log at least each hour, also while nothing happens. --max-age says how
old the newest of it may be, by the time of its last entry, or by that of the witnesses where they are asked for: an older one was
stopped, or is not the newest.

Exit codes: 0 good, 1 tampered with, 2 incomplete, 3 a key that is not trusted, 4 wrong use.

Examples:
  writ audit verify export --vkey audit.vkey
  writ audit verify export --vkey audit.vkey --witness ci.vkey partner.vkey --quorum 2 --since last-month/root/checkpoint --output json`;

const logRow = ({ folder, origin, size, root, entries, range, firstTs, lastTs, anchoredSize, cosigned }: LogReport): object => ({
  log: folder,
  origin,
  size,
  root,
  entries,
  range,
  ...(firstTs === undefined ? {} : { from: firstTs, to: lastTs }),
  ...(anchoredSize === undefined ? {} : { anchoredSize }),
  cosigned: cosigned.map(({ name, timeMs }) => ({ name, time: new Date(timeMs).toISOString() })),
});

const logText = ({ folder, size, root, entries, firstTs, lastTs, anchoredSize, cosigned }: LogReport): string =>
  [
    `${folder}: ${plural(entries, 'entry').replace('entrys', 'entries')} of ${size} read; root ${root}`,
    ...(firstTs === undefined ? [] : [`  from ${firstTs} to ${lastTs}`]),
    ...(anchoredSize === undefined
      ? []
      : [`  the root log vouches for ${anchoredSize}${anchoredSize < size ? '; what is newer is signed by the log alone' : ''}`]),
    ...cosigned.map(({ name, timeMs }) => `  cosigned by ${name}, ${new Date(timeMs).toISOString()}`),
    '',
  ].join('\n');

/** Entries were left out: their hashes are proven, what they say is not told. */
const isPartial = ({ logs }: ExportReport): boolean => logs.some(({ entries, size }) => entries < size);

const scopeText = (report: ExportReport): string => {
  const { logs, scope } = report;
  const named = logs.map(({ folder }) => folder).join(', ');
  const what =
    scope.kind === 'all'
      ? `every log that the root log of ${scope.rootSize} names is here`
      : `this proves ${named} alone, by a checkpoint in the root log of ${scope.rootSize}; it says nothing of other logs`;
  return `  ${what}\n${isPartial(report) ? '  entries were left out, see below: what they say is not shown\n' : ''}`;
};

const tell = (
  folder: string,
  report: ExportReport,
  { terminal, output }: { readonly terminal: Terminal; readonly output: Format },
): void => {
  const { logs, scope, sealed, problems } = report;
  const fields = [...sealed].map(([kid, { fields, erased }]) => ({ key: kid, fields, erased }));
  if (output === 'json')
    return printJson(terminal, {
      export: folder,
      verified: problems.length === 0,
      scope: { logs: scope.kind, rootSize: scope.rootSize ?? null, entries: isPartial(report) ? 'some' : 'all' },
      logs: logs.map(logRow),
      encrypted: fields,
      problems: problems.map(problemRow),
    });
  terminal.out(`${folder}: ${problems.length === 0 ? 'good' : 'REFUSED'}\n`);
  if (problems.length === 0) terminal.out(scopeText(report));
  for (const log of logs) terminal.out(logText(log));
  for (const { key, fields: count, erased } of fields)
    terminal.out(
      `${plural(count, 'field')} encrypted under the key ${key}${erased ? ', which was destroyed: they can not be read any more' : ''}\n`,
    );
  printProblems(terminal, problems);
};

const tellEntry = (file: string, options: Options, terminal: Terminal): void => {
  const proof = proveEntry(file, options);
  const problems = proof.ok ? [] : [proof.problem];
  const code = exitOf(problems);
  if (code !== 0) terminal.exit(code);
  const proven = proof.ok ? { entry: proof.entry, log: proof.checkpoint.origin, size: proof.checkpoint.size } : {};
  if (options.output === 'json')
    return printJson(terminal, { proof: file, verified: proof.ok, ...proven, problems: problems.map(problemRow) });
  terminal.out(`${file}: ${proof.ok ? 'good' : 'REFUSED'}\n`);
  if (proof.ok) {
    const { entry, checkpoint } = proof;
    terminal.out(`  this proves entry ${entry.seq} of ${checkpoint.origin}, among the ${checkpoint.size} that are signed, and no other\n`);
    terminal.out(`${JSON.stringify(entry)}\n`);
  }
  printProblems(terminal, problems);
};

const run = (folder: string, options: Options, terminal: Terminal): void => {
  if (isFile(folder)) return tellEntry(folder, options, terminal);
  const report = proveExport(folder, options, terminal.clock.now());
  const code = exitOf(report.problems);
  if (code !== 0) terminal.exit(code);
  tell(folder, report, { terminal, output: options.output });
};

export const verifyExportCommand = (terminal: Terminal): Command =>
  new Command('verify')
    .description('prove an export of the audit log, or one entry, offline')
    .argument('<source>', 'folder that `writ audit export` wrote, or file that `writ audit proof` wrote')
    .requiredOption('--vkey <keys...>', 'verifier keys of the log that you trust, or files of them')
    .option('--witness <keys...>', 'verifier keys of the witnesses that you trust, or files of them')
    .option('--quorum <number>', 'how many of the witnesses must have cosigned; default: all')
    .option('--since <files...>', 'signed checkpoints that you kept')
    .option('--max-age <duration>', 'how long ago the root log may have been signed, such as 2h: longer, and the export is stale')
    .addOption(new Option('--output <format>', 'how the result is told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((folder: string, options: Options) => run(folder, options, terminal));
