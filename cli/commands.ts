// SPDX-License-Identifier: Apache-2.0
/**
 * The table of commands: the parser, the help, the completion scripts and docs/reference are made from it.
 *
 * One command is one file of this folder. Imported by `main.ts` and by the generator of the reference.
 */
import { Command } from 'commander';
import { completionCommand } from './completion.ts';
import { demoCommand } from './demo.ts';
import { evalCommand } from './eval.ts';
import { explainCommand } from './explain.ts';
import { keygenCommand } from './keygen.ts';
import { lintCommand } from './lint.ts';
import type { Terminal } from './output.ts';
import { reviewCommand } from './review.ts';
import { signCommand } from './sign.ts';
import { testCommand } from './test.ts';
import { verifyCommand } from './verify.ts';
import { VERSION, versionCommand } from './version.ts';

const HELP = `
Exit codes: 0 good, 1 something was found or refused, 2 wrong use. WRIT_DEBUG=1 shows stack traces.

Start:
  writ keygen --name security
  writ lint policies
  writ test policies
  writ sign policies/*.yaml --key security.key
  writ verify policies/*.yaml --trust trust.yaml

\`writ help COMMAND\` tells more of each: what it does, its options, examples and exit codes.`;

const DEMO_MANUAL = `
Starts etcd and kube-apiserver on loopback, installs Writ with a fresh key, pushes a signed policy and shows each step until
a pod is denied. Ctrl-C ends it and removes everything.

Exit codes: 0 all steps came out as told, 1 one did not, or the demo cannot run from here, 2 wrong use.

Examples:
  writ demo
  writ demo --once`;

type Factory = (terminal: Terminal) => Command;

const leaves: readonly Factory[] = [
  keygenCommand,
  signCommand,
  verifyCommand,
  lintCommand,
  testCommand,
  evalCommand,
  reviewCommand,
  explainCommand,
  (terminal) => demoCommand(terminal).addHelpText('after', DEMO_MANUAL),
  versionCommand,
];

export const createCommands = (terminal: Terminal): readonly Command[] => {
  const commands = leaves.map((create) => create(terminal));
  const completion = completionCommand(terminal, () => [...commands, completion]);
  return [...commands, completion];
};

export const createProgram = (terminal: Terminal): Command => {
  const program = new Command('writ')
    .description('Policies for AI agents on Kubernetes, signed and proven.')
    .version(VERSION, '-V, --version', 'tell the version')
    .helpCommand('help [command]', 'tell how a command is used')
    .addHelpText('after', HELP);
  for (const command of createCommands(terminal)) program.addCommand(command);
  for (const command of [program, ...program.commands]) {
    command.exitOverride().showHelpAfterError('(writ help tells more)').configureOutput({ writeOut: terminal.out, writeErr: terminal.err });
  }
  return program;
};
