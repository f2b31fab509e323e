// SPDX-License-Identifier: Apache-2.0
// writ version.
import { Command, Option } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import { API_VERSION } from '../crds/kinds.ts';
import { printJson } from './output.ts';
import type { Format, Terminal } from './output.ts';

export const VERSION: string = manifest.version;

export const versionCommand = (terminal: Terminal): Command =>
  new Command('version')
    .description('tell the version')
    .addOption(new Option('--output <format>', 'how it is told').choices(['text', 'json']).default('text'))
    .action((options: { readonly output: Format }) => {
      if (options.output === 'json') printJson(terminal, { version: VERSION, api: API_VERSION, node: process.versions.node });
      else terminal.out(`writ ${VERSION} (${API_VERSION}, node ${process.versions.node})\n`);
    });
