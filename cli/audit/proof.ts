// SPDX-License-Identifier: Apache-2.0
// writ audit proof: one entry of the audit log for the hand, in a file that proves itself.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { makeProof } from '../../policies/transparency/entry-proof.ts';
import { isLogFolder } from '../../policies/transparency/manifest.ts';
import { fileError, whyNoFolder } from '../files.ts';
import { UsageError, UserError, printJson } from '../output.ts';
import type { Format, Terminal } from '../output.ts';
import { EXIT_AUDIT_USAGE, EXIT_INCOMPLETE } from './exit-codes.ts';

type Options = { readonly log: string; readonly entry: string; readonly out: string; readonly output: Format };

const HELP = `
SOURCE is what --audit-dir of the operator names, a copy of it, or an export. The file (c2sp.org/tlog-proof) has the entry, the hashes
that lead from it to the checkpoint of its log, and that checkpoint; \`writ audit verify FILE --vkey KEY\` proves it offline. It tells
nothing of other entries. \`writ audit show\` tells the numbers of entries.

Exit codes: 0 written, 2 a part of the source is missing, 4 wrong use, no such entry, or a file that cannot be written.

Example:
  writ audit proof /var/lib/writ/audit --log tenant/acme --entry 41 --out entry-41.tlog-proof`;

const run = (source: string, { log, entry, out, output }: Options, terminal: Terminal): void => {
  const why = whyNoFolder(source);
  if (why !== undefined) throw new UsageError(`${source}: ${why}`);
  if (!isLogFolder(log)) throw new UsageError(`--log ${log}: write root, cluster or tenant/NAME`);
  if (!/^(?:0|[1-9]\d{0,14})$/.test(entry)) throw new UsageError(`--entry ${entry}: write the number of an entry, from 0`);
  const made = makeProof(log, Number(entry), (path) => {
    try {
      return readFileSync(join(source, path));
    } catch {
      return undefined;
    }
  });
  if (!made.ok) {
    if ('size' in made) throw new UsageError(`--entry ${entry}: the log ${log} has ${made.size} entries, from 0`);
    throw new UserError(
      [{ code: 'AUDIT_INCOMPLETE', message: `${source}: ${made.missing} is missing or not as it should be` }],
      EXIT_INCOMPLETE,
    );
  }
  try {
    writeFileSync(out, made.bytes, { flag: 'wx' });
  } catch (error) {
    throw new UserError(fileError(out, error).problems, EXIT_AUDIT_USAGE);
  }
  if (output === 'json') return printJson(terminal, { proof: out, log, entry: Number(entry), bytes: made.bytes.length });
  terminal.out(`${out}: entry ${entry} of ${log}, ${made.bytes.length} bytes\n`);
};

export const proofCommand = (terminal: Terminal): Command =>
  new Command('proof')
    .description('write the proof of one entry of the audit log')
    .argument('<source>', 'the published folder of the operator, a copy of it, or an export')
    .requiredOption('--log <name>', 'the log: root, cluster or tenant/NAME')
    .requiredOption('--entry <number>', 'the number of the entry, from 0')
    .requiredOption('--out <file>', 'file to write; it must not be there yet')
    .addOption(new Option('--output <format>', 'how the result is told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((source: string, options: Options) => run(source, options, terminal));
