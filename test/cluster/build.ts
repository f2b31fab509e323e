// SPDX-License-Identifier: Apache-2.0
// `node test/cluster/build.ts`: makes sure that there are control-plane binaries before anything needs them, so that
// the one long step happens once, alone, and with its progress in sight.
import { findKubectl, findPrograms } from './programs.ts';
import { missingPrerequisites } from './prerequisites.ts';

const missing = await missingPrerequisites();
if (missing.length > 0) {
  for (const { name, fix } of missing) process.stderr.write(`${name}: ${fix}\n`);
  process.exitCode = 1;
} else {
  try {
    // A cluster that the user names needs only kubectl.
    await (process.env['WRIT_KUBECONFIG'] ? findKubectl() : findPrograms());
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
