// SPDX-License-Identifier: Apache-2.0
// writ audit: the commands around the audit log, each in the folder `audit/`.
import { Command } from 'commander';
import { exportCommand } from './audit/export.ts';
import { proofCommand } from './audit/proof.ts';
import { showCommand } from './audit/show.ts';
import { verifyExportCommand } from './audit/verify.ts';
import { witnessCommand } from './audit/witness.ts';
import type { Terminal } from './output.ts';

const HELP = `
The operator publishes the log where --audit-dir says, as signed tiles (C2SP tlog-tiles); docs/audit.md tells what is in it.

Exit codes: 0 good, 1 tampered with, 2 incomplete, 3 a key that is not trusted, 4 wrong use. \`writ audit COMMAND --help\` tells more.

Examples:
  writ audit export /var/lib/writ/audit --out export
  writ audit verify export --vkey writ.dev/audit/6f…+1a2b3c4d+ATz…
  writ audit proof export --log tenant/acme --entry 41 --out entry-41.tlog-proof
  writ audit show export --vkey writ.dev/audit/6f…+1a2b3c4d+ATz… --log tenant/acme
  writ audit witness --state witness --name witness.example/ci --log writ.dev/audit/6f…+1a2b3c4d+ATz…`;

export const auditCommand = (terminal: Terminal): Command => {
  const group = new Command('audit')
    .description('export, prove, show and witness the audit log')
    .helpCommand(false)
    .addHelpText('after', HELP);
  for (const make of [exportCommand, proofCommand, verifyExportCommand, showCommand, witnessCommand]) group.addCommand(make(terminal));
  return group;
};
