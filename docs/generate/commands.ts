// SPDX-License-Identifier: Apache-2.0
// The page of the command line, read from the commands themselves.
import type { Argument, Command, Option } from 'commander';
import { createCommands } from '../../cli/commands.ts';
import type { Terminal } from '../../cli/output.ts';
import { code, page, plain, table } from './markdown.ts';

const nothing = async function* (): AsyncGenerator<string> {};

/** No command runs here; they are only made, to be read. */
const silent: Terminal = {
  out: () => {},
  err: () => {},
  input: nothing(),
  env: {},
  clock: { now: () => 0, monotonicMs: () => 0, schedule: () => () => {} },
  exit: () => {},
};

const argumentName = (argument: Argument): string => {
  const name = argument.variadic ? `${argument.name()}...` : argument.name();
  return argument.required ? `<${name}>` : `[${name}]`;
};

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

const defaultText = (value: unknown): string =>
  value === undefined || value === false || isEmptyList(value) ? '' : code(JSON.stringify(value));

const choicesText = (choices: readonly string[] | undefined): string =>
  choices === undefined ? '' : `; one of ${choices.map((choice) => code(choice)).join(', ')}`;

const optionRow = (option: Option): readonly string[] => [
  code(option.flags),
  option.mandatory ? 'required' : defaultText(option.defaultValue),
  plain(option.description) + choicesText(option.argChoices),
];

const section = (command: Command, name: string): string => {
  const { registeredArguments: operands, options } = command;
  const rows = [
    ...operands.map((operand) => [
      code(argumentName(operand)),
      operand.required ? 'required' : defaultText(operand.defaultValue),
      plain(operand.description) + choicesText(operand.argChoices),
    ]),
    ...options.map(optionRow),
  ];
  return [
    `## writ ${name}`,
    plain(command.description()),
    ...(rows.length === 0 ? [] : [table(['Argument', 'Default', 'Meaning'], rows)]),
  ].join('\n\n');
};

const commands = await createCommands(silent);

export const commandsPage = (): string =>
  page('The command `writ`', 'the commands in `cli/`', [
    '`writ COMMAND --help` prints the same. Exit codes: 0 good, 1 something was found or refused, 2 wrong use.',
    ...commands.flatMap((command) => [
      section(command, command.name()),
      ...command.commands.map((inner) => section(inner, `${command.name()} ${inner.name()}`)),
    ]),
  ]);
