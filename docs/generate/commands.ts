// SPDX-License-Identifier: Apache-2.0
// The page of the command line, read from the commands themselves.
import type { Argument, Command, Option } from 'commander';
import { demoCommand } from '../../cli/demo.ts';
import { explainCommand } from '../../cli/explain.ts';
import { keygenCommand } from '../../cli/keygen.ts';
import { lintCommand } from '../../cli/lint.ts';
import type { Terminal } from '../../cli/output.ts';
import { reviewCommand } from '../../cli/review.ts';
import { signCommand } from '../../cli/sign.ts';
import { verifyCommand } from '../../cli/verify.ts';
import { versionCommand } from '../../cli/version.ts';
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

const commands = [keygenCommand, signCommand, verifyCommand, lintCommand, reviewCommand, explainCommand, demoCommand, versionCommand];

const argumentName = (argument: Argument): string => {
  const name = argument.variadic ? `${argument.name()}...` : argument.name();
  return argument.required ? `<${name}>` : `[${name}]`;
};

const defaultText = (value: unknown): string => (value === undefined || value === false ? '' : code(JSON.stringify(value)));

const optionRow = (option: Option): readonly string[] => {
  const choices = option.argChoices === undefined ? '' : `; one of ${option.argChoices.map((choice) => code(choice)).join(', ')}`;
  return [code(option.flags), option.mandatory ? 'required' : defaultText(option.defaultValue), plain(option.description) + choices];
};

const section = (command: Command): string => {
  const { registeredArguments: operands, options } = command;
  const rows = [
    ...operands.map((operand) => [
      code(argumentName(operand)),
      operand.required ? 'required' : defaultText(operand.defaultValue),
      plain(operand.description),
    ]),
    ...options.map(optionRow),
  ];
  return [
    `## writ ${command.name()}`,
    plain(command.description()),
    ...(rows.length === 0 ? [] : [table(['Argument', 'Default', 'Meaning'], rows)]),
  ].join('\n\n');
};

export const commandsPage = (): string =>
  page('The command `writ`', 'the commands in `cli/`', [
    '`writ COMMAND --help` prints the same. Exit codes: 0 good, 1 something was found or refused, 2 wrong use.',
    ...commands.map((create) => section(create(silent))),
  ]);
