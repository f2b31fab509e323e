// SPDX-License-Identifier: Apache-2.0
// `writ demo`: the whole chain on a real API server. It needs the source tree: the control plane is built from it.
import { Command } from 'commander';
import { UserError } from './output.ts';
import type { Terminal } from './output.ts';

export const demoCommand = (terminal: Terminal): Command =>
  new Command('demo')
    .description('start a control plane, install Writ on it and show the chain from a signed push to a verdict')
    .option('--once', 'end after the last step instead of staying up', false)
    .addHelpText('after', '\nRuns from a clone of the repository (make demo). Everything is on loopback and in a temporary folder.')
    .action(async ({ once }: { readonly once: boolean }) => {
      const { tellStory } = await import('./demo/story.ts').catch((error: unknown) => {
        const message = `the demo runs from a clone of the repository: ${error instanceof Error ? error.message : String(error)}`;
        throw new UserError([{ code: 'DEMO_UNAVAILABLE', message }]);
      });
      await tellStory({ terminal, once });
    });
