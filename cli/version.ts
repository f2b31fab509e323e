// SPDX-License-Identifier: Apache-2.0
// writ version.
import { Command, Option } from 'commander';
import { API_VERSION } from '../crds/kinds.ts';
import { printJson } from './output.ts';
import type { Format, Terminal } from './output.ts';
import { VERSION } from './version-number.ts';

const HELP = `
Tells the version of writ, of its API and of Node; json has {version, api, node}.

Exit codes: 0 told, 2 wrong use.

Examples:
  writ version
  writ version --output json`;

export const versionCommand = (terminal: Terminal): Command =>
  new Command('version')
    .description('tell the version')
    .addOption(new Option('--output <format>', 'how it is told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((options: { readonly output: Format }) => {
      if (options.output === 'json') printJson(terminal, { version: VERSION, api: API_VERSION, node: process.versions.node });
      else terminal.out(`writ ${VERSION} (${API_VERSION}, node ${process.versions.node})\n`);
    });
