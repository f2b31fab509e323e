// SPDX-License-Identifier: Apache-2.0
// The webhook process: flags → webhook → until SIGTERM.
import { once } from 'node:events';
import { createKubeClient } from '../kube/client.ts';
import { systemClock as clock } from '../process/clock.ts';
import { runProgram } from '../process/program.ts';
import { PROGRAM, readConfig } from './config.ts';
import { startWebhook } from './wiring.ts';

/** `workerFile`: what a worker thread runs. */
export const startProgram = (workerFile: URL): Promise<void> =>
  runProgram({
    program: PROGRAM,
    readConfig,
    run: async (config, { log, signal }) => {
      const client = createKubeClient({
        ...(config.kubeconfig === undefined ? {} : { kubeconfigPath: config.kubeconfig }),
        clock,
        userAgent: PROGRAM,
      });
      const webhook = await startWebhook({ config, client, clock, log, workerFile });
      if (!signal.aborted) await once(signal, 'abort');
      await webhook.stop();
      await client.close();
    },
  });
