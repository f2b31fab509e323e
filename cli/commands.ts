// SPDX-License-Identifier: Apache-2.0
/**
 * The table of commands: the parser, the help, the completion scripts and docs/reference are made from it.
 *
 * One command is one file of this folder; one with commands of its own (`trust`) has them in a folder of its name. Imported by `main.ts` and by the generator of the reference.
 */
import { Command } from 'commander';
import { UsageError } from './output.ts';
import type { Terminal } from './output.ts';
import { VERSION } from './version-number.ts';

const HELP = `
Exit codes: 0 good, 1 something was found or refused, 2 wrong use, unless the help of a command says otherwise. WRIT_DEBUG=1 shows stack traces.

Start:
  writ keygen --name security
  writ lint policies
  writ test policies
  writ sign policies/*.yaml --key security.key
  writ verify policies/*.yaml --trust trust.yaml

\`writ help COMMAND\` tells more of each: what it does, its options, examples and exit codes.`;

type Factory = (terminal: Terminal) => Command;

/** Loaded when they are asked for: most of the time of a short command is spent on reading its code. */
const factories: ReadonlyMap<string, () => Promise<Factory>> = new Map([
  ['keygen', async () => (await import('./keygen.ts')).keygenCommand],
  ['pin', async () => (await import('./pin.ts')).pinCommand],
  ['sign', async () => (await import('./sign.ts')).signCommand],
  ['verify', async () => (await import('./verify.ts')).verifyCommand],
  ['verify-receipt', async () => (await import('./verify-receipt.ts')).verifyReceiptCommand],
  ['audit', async () => (await import('./audit.ts')).auditCommand],
  ['verify-bundle', async () => (await import('./verify-bundle.ts')).verifyBundleCommand],
  ['seal', async () => (await import('./seal.ts')).sealCommand],
  ['trust', async () => (await import('./trust.ts')).trustCommand],
  ['lint', async () => (await import('./lint.ts')).lintCommand],
  ['test', async () => (await import('./test.ts')).testCommand],
  ['eval', async () => (await import('./eval.ts')).evalCommand],
  ['review', async () => (await import('./review.ts')).reviewCommand],
  ['explain', async () => (await import('./explain.ts')).explainCommand],
  ['tenant', async () => (await import('./tenant.ts')).tenantCommand],
  ['bill', async () => (await import('./bill.ts')).billCommand],
  ['usage', async () => (await import('./usage.ts')).usageCommand],
  ['slo', async () => (await import('./slo.ts')).sloCommand],
  ['demo', async () => (await import('./demo.ts')).demoCommand],
  ['version', async () => (await import('./version.ts')).versionCommand],
]);

const completion = async (terminal: Terminal): Promise<Command> => {
  const { completionCommand } = await import('./completion.ts');
  return completionCommand(terminal, () => createCommands(terminal));
};

/** With which code each command ends that was called wrongly, where that is not 2: there 2 says something else. */
export const usageExits: ReadonlyMap<string, number> = new Map([['audit', 4]]);

/** All of them. */
export const createCommands = async (terminal: Terminal): Promise<readonly Command[]> => {
  const made = [...factories.values()].map(async (load) => (await load())(terminal));
  return Promise.all([...made, completion(terminal)]);
};

/** `help bill close` asks what `bill close --help` asks. */
export const withHelp = (argv: readonly string[]): readonly string[] =>
  argv[0] === 'help' && argv.length > 2 && factories.has(argv[1] ?? '') ? [...argv.slice(1), '--help'] : argv;

/** The one that is asked for, or all where none is: for the list of them, or a name that was meant. */
const commandsFor = async (argv: readonly string[], terminal: Terminal): Promise<readonly Command[]> => {
  const name = (argv[0] === 'help' ? argv[1] : argv[0]) ?? '';
  if (argv[0] === 'help' && name !== '' && name !== 'completion' && !factories.has(name))
    throw new UsageError(`there is no command ${name}`);
  if (name === 'completion') return [await completion(terminal)];
  const load = factories.get(name);
  return load === undefined ? createCommands(terminal) : [(await load())(terminal)];
};

/** Commander hands these on to commands that it makes, not to those that are added. */
const configure = (command: Command, hint: string, terminal: Terminal): Command =>
  command.exitOverride().showHelpAfterError(hint).configureOutput({ writeOut: terminal.out, writeErr: terminal.err });

/** To a group that is asked for what it has not, with --help, commander tells the help of the group. */
const checkInner = (commands: readonly Command[], [name, inner = '-']: readonly string[]): void => {
  const group = commands.find((command) => command.name() === name && command.commands.length > 0);
  if (group === undefined || inner.startsWith('-') || group.commands.some((command) => command.name() === inner)) return;
  throw new UsageError(`there is no command ${name} ${inner} (writ help ${name} tells more)`);
};

export const createProgram = async (terminal: Terminal, argv: readonly string[]): Promise<Command> => {
  const program = new Command('writ')
    .description('Policies for AI agents on Kubernetes, signed and proven.')
    .version(VERSION, '-V, --version', 'tell the version')
    .helpCommand('help [command]', 'tell how a command is used')
    .addHelpText('after', HELP);
  const commands = await commandsFor(argv, terminal);
  checkInner(commands, argv);
  for (const command of commands) program.addCommand(command);
  configure(program, '(writ help tells more)', terminal);
  for (const command of program.commands) {
    configure(command, `(writ help ${command.name()} tells more)`, terminal);
    for (const inner of command.commands) configure(inner, `(writ ${command.name()} ${inner.name()} --help tells more)`, terminal);
  }
  return program;
};
