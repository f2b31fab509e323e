// SPDX-License-Identifier: Apache-2.0
// writ pin: the digests of a ruleset's members, written into its document. Everything else of the text stays as it is,
// comments too, since people review what they are about to seal.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import { isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { YAMLMap } from 'yaml';
import { digestOf } from '../policies/document/digest.ts';
import { startOf } from '../policies/problem.ts';
import type { Problem } from '../policies/problem.ts';
import { readBytes, readText, replaceFile } from './files.ts';
import { documentsOf } from './find-files.ts';
import { EXIT_FINDINGS, UserError, plural } from './output.ts';
import type { Terminal } from './output.ts';

type Options = { readonly check: boolean };

const HELP = `
RULESET is the document of a ruleset. Each entry of its spec.policies gets the sha256 of the file that its path names,
relative to the document; an entry that has none yet may leave sha256 out. The rest of the text stays byte for byte, and a
document that says all digests already is not written. The seal over it is void once it is written: raise spec.version and
sign it again. --check writes nothing and tells what would be.

Exit codes: 0 every digest is written or was right, 1 a file is missing, or with --check a digest is wrong, 2 wrong use.

Examples:
  writ pin rulesets/baseline/ruleset.yaml
  writ pin rulesets/*/ruleset.yaml --check`;

type Edit = { readonly from: number; readonly to: number; readonly text: string; readonly path: string; readonly digest: string };

type Pinned = { readonly text: string; readonly edits: readonly Edit[]; readonly members: number; readonly problems: readonly Problem[] };

/** Digits alone, or digits around one e, would be a number to a reader of YAML. */
const scalarOf = (hex: string): string => (/^[0-9]+(?:e[0-9]+)?$/.test(hex) ? `"${hex}"` : hex);

const rangeOf = (node: unknown): readonly [from: number, to: number] | undefined =>
  isScalar(node) && node.range !== undefined && node.range !== null ? [node.range[0], node.range[1]] : undefined;

const quoteOf = (node: unknown): string =>
  isScalar(node) && node.type === 'QUOTE_DOUBLE' ? '"' : isScalar(node) && node.type === 'QUOTE_SINGLE' ? "'" : '';

/** After the path: in a flow mapping on the same line, else on a line of its own. */
const insertion = (text: string, entry: YAMLMap, after: number, hex: string): string => {
  if (entry.flow === true) return `, sha256: ${scalarOf(hex)}`;
  const start = entry.range?.[0] ?? 0;
  return `\n${' '.repeat(start - (text.lastIndexOf('\n', start - 1) + 1))}sha256: ${scalarOf(hex)}`;
};

const editOf = (text: string, entry: YAMLMap, path: string, digest: string): Edit | undefined => {
  const hex = digest.slice('sha256:'.length);
  const node: unknown = entry.get('sha256', true);
  const given = rangeOf(node);
  if (given === undefined) {
    const [, end] = rangeOf(entry.get('path', true)) ?? [0, 0];
    return { from: end, to: end, text: insertion(text, entry, end, hex), path, digest };
  }
  if (isScalar(node) && node.source === hex) return undefined;
  const quote = quoteOf(node);
  return { from: given[0], to: given[1], text: quote === '' ? scalarOf(hex) : `${quote}${hex}${quote}`, path, digest };
};

const pinText = (file: string, text: string): Pinned => {
  const document = parseDocument(text, { schema: 'failsafe', prettyErrors: false, logLevel: 'silent' });
  const refuse = (code: Problem['code'], message: string): Pinned => ({
    text,
    edits: [],
    members: 0,
    problems: [{ code, message, at: startOf(file) }],
  });
  const [error] = document.errors;
  if (error !== undefined) return refuse('DOCUMENT_SYNTAX', error.message.split('\n')[0] ?? '');
  if (document.get('kind') !== 'Ruleset') return refuse('DOCUMENT_INVALID', 'it is no Ruleset');
  const list: unknown = document.getIn(['spec', 'policies'], true);
  const entries = isSeq(list) ? list.items.filter((item) => isMap(item)) : [];
  const edits: Edit[] = [];
  const problems: Problem[] = [];
  for (const entry of entries) {
    const path: unknown = entry.get('path');
    if (typeof path !== 'string') {
      problems.push({ code: 'DOCUMENT_INVALID', message: 'an entry of spec.policies has no path', at: startOf(file) });
      continue;
    }
    const member = join(dirname(file), path);
    if (!existsSync(member)) {
      problems.push({ code: 'RULESET_MEMBER_MISSING', message: `there is no ${member}`, at: startOf(file) });
      continue;
    }
    const edit = editOf(text, entry, path, digestOf(readBytes(member)));
    if (edit !== undefined) edits.push(edit);
  }
  const pinned = edits
    .toSorted((a, b) => b.from - a.from)
    .reduce((all, { from, to, text: put }) => all.slice(0, from) + put + all.slice(to), text);
  return { text: pinned, edits, members: entries.length, problems };
};

const pin = (files: readonly string[], options: Options, terminal: Terminal): void => {
  const pinned = files.map((file) => ({ file, ...pinText(file, readText(file)) }));
  const problems = pinned.flatMap((one) => one.problems);
  // All or none, as with seals.
  if (problems.length > 0) throw new UserError(problems);
  for (const { file, text, edits, members } of pinned) {
    if (edits.length > 0 && !options.check) replaceFile(file, text);
    for (const { path, digest } of edits) terminal.out(`${file}: ${path}  ${digest}\n`);
    const done = options.check ? 'differ' : 'written';
    terminal.err(`${file}: ${plural(members, 'member')}, ${plural(edits.length, 'digest')} ${done}\n`);
  }
  if (options.check && pinned.some(({ edits }) => edits.length > 0)) terminal.exit(EXIT_FINDINGS);
};

export const pinCommand = (terminal: Terminal): Command =>
  new Command('pin')
    .description("write the digests of a ruleset's members into it")
    .argument('<rulesets...>', 'documents of rulesets')
    .option('--check', 'write nothing, tell what would be written', false)
    .addHelpText('after', HELP)
    .action((files: string[], options: Options) => pin(documentsOf(files), options, terminal));
