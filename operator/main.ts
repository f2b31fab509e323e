// SPDX-License-Identifier: Apache-2.0
import { createLog } from '../process/log.ts';
import { shutdownSignal } from '../process/signals.ts';
import { PROGRAM, readConfig } from './config.ts';
import { runOperator } from './wiring.ts';

const outcome = readConfig(process.argv.slice(2), process.env);
if (outcome.kind === 'help') {
  process.stdout.write(outcome.text);
} else if (outcome.kind === 'error') {
  process.stderr.write(`${PROGRAM}: ${outcome.message}\n`);
  process.exitCode = 2;
} else {
  const log = createLog({ name: PROGRAM, level: outcome.config['log-level'] });
  try {
    await runOperator(outcome.config, { log, signal: shutdownSignal() });
    log.info('stopped');
  } catch (error) {
    log.error({ err: error }, 'the operator ends');
    process.exitCode = 1;
  }
}
