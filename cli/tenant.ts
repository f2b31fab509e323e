// SPDX-License-Identifier: Apache-2.0
// writ tenant: what tenants may have and why, each command in the folder `tenant/`.
import { Command } from 'commander';
import type { Terminal } from './output.ts';
import { entitlementsCommand } from './tenant/entitlements.ts';
import { explainCommand } from './tenant/explain.ts';

const HELP = `
Both read the Tenants, the TierCatalog and the Licenses of files and folders (-f), or of a cluster (--context).

Exit codes: 0 good, 1 something is beyond its tier, refused or not found, 2 wrong use. \`writ tenant COMMAND --help\` tells more.

Examples:
  writ tenant explain acme -f .
  writ tenant entitlements --context production`;

export const tenantCommand = (terminal: Terminal): Command => {
  const group = new Command('tenant').description('tell what tenants may have, and why').helpCommand(false).addHelpText('after', HELP);
  for (const make of [explainCommand, entitlementsCommand]) group.addCommand(make(terminal));
  return group;
};
