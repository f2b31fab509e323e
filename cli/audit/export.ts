// SPDX-License-Identifier: Apache-2.0
// writ audit export: a folder that proves itself, out of the files that the operator publishes.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command, Option } from 'commander';
import { makeExport } from '../../policies/transparency/export.ts';
import { isLogFolder } from '../../policies/transparency/manifest.ts';
import { fileError, whyNoFolder } from '../files.ts';
import { makeFolder } from '../make-folder.ts';
import { UsageError, UserError, plural, printJson } from '../output.ts';
import type { Format, Terminal } from '../output.ts';
import { EXIT_AUDIT_USAGE, EXIT_INCOMPLETE } from './exit-codes.ts';
import { timeSpan } from './time-span.ts';

type Options = { readonly out: string; readonly tenant?: string; readonly from?: string; readonly to?: string; readonly output: Format };

const HELP = `
SOURCE is what --audit-dir of the operator names, or a copy of it (kubectl cp). It may be written to meanwhile.
With --tenant the export has that tenant's log alone, and a proof that the root log holds its checkpoint: to be handed to the
tenant, since it tells nothing of the others. With --from and --to entries outside of that time are left out, as far as
whole bundles of 256 go; all hashes come along, so that what is there is proven all the same.

Exit codes: 0 written, 2 a part of the source is missing, 4 wrong use, no such log, or a folder that cannot be written.

Examples:
  writ audit export /var/lib/writ/audit --out export
  writ audit export /var/lib/writ/audit --tenant acme --from 2026-10-01 --to 2026-11-01 --out acme-october`;

/** Folders of logs that were published. */
const logsIn = (source: string): readonly string[] => {
  const why = whyNoFolder(source);
  if (why !== undefined) throw new UsageError(`${source}: ${why}`);
  const tenants = existsSync(join(source, 'tenant')) ? readdirSync(join(source, 'tenant')).map((name) => `tenant/${name}`) : [];
  return ['root', 'cluster', ...tenants.toSorted()].filter((log) => isLogFolder(log) && existsSync(join(source, log, 'checkpoint')));
};

const run = (source: string, options: Options, terminal: Terminal): void => {
  const all = logsIn(source);
  const tenant = options.tenant === undefined ? undefined : `tenant/${options.tenant}`;
  if (tenant !== undefined && !isLogFolder(tenant)) throw new UsageError(`--tenant ${options.tenant}: not the name of a tenant`);
  if (tenant !== undefined && !all.includes(tenant))
    throw new UserError([{ code: 'AUDIT_NO_LOG', message: `${source}: it has no log of a tenant ${options.tenant}` }], EXIT_AUDIT_USAGE);
  if (all.length === 0) throw new UserError([{ code: 'AUDIT_NO_LOG', message: `${source}: it holds no log of Writ` }], EXIT_AUDIT_USAGE);
  const { from, to } = timeSpan(options);
  if (existsSync(options.out)) throw new UsageError(`--out ${options.out}: it exists already; name a new folder`);
  const outcome = makeExport({
    logs: tenant === undefined ? all : [tenant],
    read: (path) => {
      try {
        return readFileSync(join(source, path));
      } catch {
        return undefined;
      }
    },
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  });
  if (!outcome.ok)
    throw new UserError(
      [{ code: 'AUDIT_INCOMPLETE', message: `${source}: ${outcome.missing} is missing or not as it should be` }],
      EXIT_INCOMPLETE,
    );
  let bytes = 0;
  for (const [name, content] of outcome.files) {
    const path = join(options.out, name);
    try {
      makeFolder(dirname(path));
      writeFileSync(path, content, { flag: 'wx' });
    } catch (error) {
      throw new UserError(fileError(path, error).problems, EXIT_AUDIT_USAGE);
    }
    bytes += content.length;
  }
  const { logs } = outcome;
  if (options.output === 'json') return printJson(terminal, { export: options.out, logs, files: outcome.files.size, bytes });
  terminal.out(`${options.out}: ${plural(outcome.files.size, 'file')}, ${bytes} bytes; ${logs.join(', ')}\n`);
};

export const exportCommand = (terminal: Terminal): Command =>
  new Command('export')
    .description('write an export of the audit log that proves itself')
    .argument('<source>', 'the published folder of the operator, or a copy of it')
    .requiredOption('--out <dir>', 'folder to write; it must not be there yet')
    .option('--tenant <name>', 'the log of this tenant alone')
    .option('--from <time>', 'leave out older entries; RFC 3339, or a date: its begin in UTC')
    .option('--to <time>', 'leave out newer entries')
    .addOption(new Option('--output <format>', 'how the result is told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((source: string, options: Options) => run(source, options, terminal));
