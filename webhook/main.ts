// SPDX-License-Identifier: Apache-2.0
// The webhook process: flags → webhook → until SIGTERM.
import { once } from 'node:events';
import { createKubeClient } from '../kube/client.ts';
import { systemClock as clock } from '../process/clock.ts';
import { createLog } from '../process/log.ts';
import { shutdownSignal } from '../process/signals.ts';
import { PROGRAM, readConfig } from './config.ts';
import { startWebhook } from './wiring.ts';

const outcome = readConfig(process.argv.slice(2), process.env);
if (outcome.kind === 'help') process.stdout.write(outcome.text);
else if (outcome.kind === 'error') {
  process.stderr.write(`${PROGRAM}: ${outcome.message}\n`);
  process.exitCode = 2;
} else {
  const { config } = outcome;
  const signal = shutdownSignal();
  const log = createLog({ name: PROGRAM, level: config['log-level'] });
  const client = createKubeClient({
    ...(config.kubeconfig === undefined ? {} : { kubeconfigPath: config.kubeconfig }),
    clock,
    userAgent: PROGRAM,
  });
  const webhook = await startWebhook({ config, client, clock, log });
  if (!signal.aborted) await once(signal, 'abort');
  await webhook.stop();
  await client.close();
}
