// SPDX-License-Identifier: Apache-2.0
// writ audit show: what an export says, entry by entry, once it is proven; to who has the keys, encrypted fields too.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { decodeEntry } from '../../policies/transparency/entry.ts';
import type { AuditEntry } from '../../policies/transparency/entry.ts';
import type { ExportReport, LogReport } from '../../policies/transparency/index.ts';
import { TILE_WIDTH, readBundle, tilePath, tilesOfLevel } from '../../policies/transparency/tiles.ts';
import { UsageError, printProblems } from '../output.ts';
import type { Format, Terminal } from '../output.ts';
import { exitOf } from './exit-codes.ts';
import { fieldOpener } from './field-opener.ts';
import type { FieldOpener, OpenedField } from './field-opener.ts';
import { proveExport } from './prove-export.ts';
import type { ProofOptions } from './prove-export.ts';
import { timeSpan } from './time-span.ts';
import type { Span, SpanOptions } from './time-span.ts';

type Options = Pick<ProofOptions, 'vkey'> &
  SpanOptions & {
    readonly log?: string;
    readonly action?: readonly string[];
    readonly ledger?: string;
    readonly wrappingKeys?: string;
    readonly output: Format;
  };

const HELP = `
DIR is what \`writ audit export\` wrote. Nothing is shown before all of it is proven, as by \`writ audit verify\`.

Fields that may name people are encrypted. They are opened with the ledger, which holds their keys, and the wrapping keys, under
which it holds them:

  kubectl -n writ-system get secret writ-audit -o jsonpath='{.data.wrapping\\.json}' | base64 -d > wrapping.json

Output json is a line an entry, as it is in the log, with \`opened\` for what was opened and \`erased\` for what can not be read any more.

Exit codes: 0 shown, 1 tampered with, 2 incomplete, 3 a key that is not trusted, 4 wrong use, or keys that do not open a field.

Examples:
  writ audit show export --vkey audit.vkey --log tenant/acme
  writ audit show export --vkey audit.vkey --action configuration.changed --from 2026-10-01T00:00:00Z --ledger ledger.db --wrapping-keys wrapping.json`;

/** The entries that came along, in their order. */
const entriesOf = function* (folder: string, { folder: log, size, range }: LogReport): Generator<AuditEntry> {
  for (const bundle of tilesOfLevel('entries', size)) {
    const first = bundle.index * TILE_WIDTH;
    if (first < range.from || first >= range.to) continue;
    for (const { bytes } of readBundle(readFileSync(join(folder, log, tilePath(bundle)))).entries) {
      const entry = decodeEntry(bytes);
      if (entry !== undefined) yield entry;
    }
  }
};

const isWanted = ({ ts, action }: AuditEntry, { from, to }: Span, actions: readonly string[] | undefined): boolean =>
  (from === undefined || ts >= from) && (to === undefined || ts < to) && (actions === undefined || actions.includes(action));

const objectText = ({ object }: AuditEntry): string =>
  object === undefined ? '' : `  ${object.kind} ${object.namespace === undefined ? '' : `${object.namespace}/`}${object.name}`;

const fieldText = ([path, field]: readonly [string, OpenedField]): string => {
  if (field.kind === 'opened') return `${path}: ${field.text}`;
  return `${path}: encrypted under ${field.kid}${field.kind === 'erased' ? ', which was destroyed' : ''}`;
};

const entryText = (entry: AuditEntry, log: string, fields: readonly (readonly [string, OpenedField])[]): string => {
  const { ts, seq, action, actor, decision, detail = {} } = entry;
  const said = decision === undefined ? '' : `  ${decision}`;
  return [
    `${ts}  ${log} ${seq}  ${action}${objectText(entry)}  by ${actor}${said}`,
    ...Object.entries(detail).map(([name, value]) => `    ${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`),
    ...fields.map((field) => `    ${fieldText(field)}`),
    '',
  ].join('\n');
};

const entryRow = (entry: AuditEntry, fields: readonly (readonly [string, OpenedField])[]): string => {
  const opened = fields.flatMap(([path, field]) => (field.kind === 'opened' ? [[path, field.text] as const] : []));
  const erased = fields.flatMap(([path, field]) => (field.kind === 'erased' ? [path] : []));
  return `${JSON.stringify({
    ...entry,
    ...(opened.length === 0 ? {} : { opened: Object.fromEntries(opened) }),
    ...(erased.length === 0 ? {} : { erased }),
  })}\n`;
};

const shownLogs = ({ logs }: ExportReport, wanted: string | undefined): readonly LogReport[] => {
  if (wanted === undefined) return logs;
  const found = logs.filter(({ folder }) => folder === wanted);
  if (found.length === 0) throw new UsageError(`--log ${wanted}: the export has ${logs.map(({ folder }) => folder).join(', ')}`);
  return found;
};

const run = async (folder: string, options: Options, terminal: Terminal): Promise<void> => {
  const span = timeSpan(options);
  const report = proveExport(folder, { vkey: options.vkey }, terminal.clock.now());
  const code = exitOf(report.problems);
  if (code !== 0) {
    terminal.exit(code);
    return printProblems(terminal, report.problems);
  }
  const logs = shownLogs(report, options.log);
  const opener: FieldOpener = await fieldOpener({ ...options, erased: (kid) => report.sealed.get(kid)?.erased === true }, terminal);
  try {
    for (const log of logs) {
      for (const entry of entriesOf(folder, log)) {
        if (!isWanted(entry, span, options.action)) continue;
        const fields = await opener.open(entry);
        terminal.out(options.output === 'json' ? entryRow(entry, fields) : entryText(entry, log.folder, fields));
      }
    }
  } finally {
    await opener.close();
  }
};

export const showCommand = (terminal: Terminal): Command =>
  new Command('show')
    .description('show the entries of an export of the audit log that is proven')
    .argument('<dir>', 'folder that `writ audit export` wrote')
    .requiredOption('--vkey <keys...>', 'verifier keys of the log that you trust, or files of them')
    .option('--log <name>', 'this log alone: root, cluster or tenant/NAME')
    .option('--action <names...>', 'entries of these actions alone, such as configuration.changed')
    .option('--from <time>', 'leave out older entries')
    .option('--to <time>', 'leave out entries of this time and later')
    .option('--ledger <file>', 'the ledger, to open encrypted fields; a URL of PostgreSQL stands in WRIT_LEDGER')
    .option('--wrapping-keys <file>', 'wrapping.json of the Secret writ-audit, to open encrypted fields')
    .addOption(new Option('--output <format>', 'how entries are told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((folder: string, options: Options) => run(folder, options, terminal));
