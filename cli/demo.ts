// SPDX-License-Identifier: Apache-2.0
// `writ demo`: the whole chain on a real API server. It needs the source tree: the control plane is built from it.
import { Command } from 'commander';
import { UserError } from './output.ts';
import type { Terminal } from './output.ts';

const HELP = `
Starts etcd, kube-apiserver and kube-controller-manager on loopback, installs Writ with a fresh key, pushes a signed policy and
shows each step until a pod is denied; then two tenants, what each used and what it costs, and what can be proven of it. Ctrl-C
ends it and removes everything. It runs from a clone of the repository (make demo).

Exit codes: 0 all steps came out as told, also where Ctrl-C ends what stays up then; 1 one did not, or the demo cannot run
from here, 2 wrong use; 130 interrupted by Ctrl-C before, 129 and 143 by the signals HUP and TERM.

Examples:
  writ demo
  writ demo --once`;

export const demoCommand = (terminal: Terminal): Command =>
  new Command('demo')
    .description('start a control plane, install Writ on it and show the chain from a signed push to a verdict and an invoice')
    .option('--once', 'end after the last step instead of staying up', false)
    .addHelpText('after', HELP)
    .action(async ({ once }: { readonly once: boolean }) => {
      const { tellStory } = await import('./demo/story.ts').catch((error: unknown) => {
        const message = `the demo runs from a clone of the repository: ${error instanceof Error ? error.message : String(error)}`;
        throw new UserError([{ code: 'DEMO_UNAVAILABLE', message }]);
      });
      await tellStory({ terminal, once });
    });
