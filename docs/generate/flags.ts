// SPDX-License-Identifier: Apache-2.0
// The page of the flags of each process.
import { tmpdir } from 'node:os';
import { formatDuration } from '../../process/flags.ts';
import type { FlagDefinition, FlagTable } from '../../process/flags.ts';
import { code, page, plain, table } from './markdown.ts';

export type Program = { readonly program: string; readonly summary: string; readonly origin: string; readonly flags: FlagTable };

const defaultText = (definition: FlagDefinition): string => {
  if (definition.required === true) return 'required';
  if (definition.default === undefined) return definition.type === 'boolean' ? code('false') : '';
  // A default below the temporary folder must not differ from machine to machine.
  if (definition.type === 'string') return code(definition.default.replace(tmpdir(), '$TMPDIR'));
  return code(definition.type === 'duration' ? formatDuration(definition.default) : String(definition.default));
};

const meaning = (definition: FlagDefinition): string => {
  const choices =
    definition.type === 'string' && definition.choices !== undefined
      ? ` One of ${definition.choices.map((choice) => code(choice)).join(', ')}.`
      : '';
  const { min, max } = definition.type === 'number' ? definition : {};
  const bounds = [...(min === undefined ? [] : [`at least ${min}`]), ...(max === undefined ? [] : [`at most ${max}`])].join(', ');
  return `${plain(definition.doc)}${choices}${bounds === '' ? '' : ` Bounds: ${bounds}.`}`;
};

export const flagsPage = (programs: readonly Program[]): string =>
  page('Flags', programs.map(({ origin }) => `\`${origin}\``).join(' and '), [
    'A flag is written `--name=value` or `--name value`. It wins over its environment variable, which wins over the default. Durations are written as `500ms`, `10s`, `1m` or `1h30m`. `--help` prints the same.',
    ...programs.flatMap(({ program, summary, flags }) => [
      `## ${program}`,
      plain(summary),
      table(
        ['Flag', 'Type', 'Environment', 'Default', 'Meaning'],
        Object.entries(flags).map(([name, definition]) => [
          code(`--${name}`),
          definition.type,
          definition.env === undefined ? '' : code(definition.env),
          defaultText(definition),
          meaning(definition),
        ]),
      ),
    ]),
  ]);
