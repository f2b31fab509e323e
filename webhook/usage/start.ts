// SPDX-License-Identifier: Apache-2.0
// What the webhook tells the ledger, as its flags have it.
import { join } from 'node:path';
import type { Clock } from '../../process/clock.ts';
import type { Log } from '../../process/log.ts';
import type { WebhookConfig } from '../config.ts';
import type { WebhookMetrics } from '../metrics.ts';
import { authoritiesIn } from '../server/certificate-secret.ts';
import { createExecutionCounts } from './executions.ts';
import type { ExecutionCounts } from './executions.ts';
import { createUsageReports } from './index.ts';
import type { UsageReports } from './index.ts';
import { sendTo } from './send.ts';

export type Metering = { readonly reports: UsageReports; readonly executions: ExecutionCounts };

/** Undefined where nothing is metered. */
export const startMetering = async (options: {
  readonly config: Pick<WebhookConfig, 'usageUrl' | 'usage-token-file' | 'usage-spool' | 'usage-interval' | 'replica'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: WebhookMetrics;
  /** The Secret, where the certificate comes from one. */
  readonly certificate: () => unknown;
}): Promise<Metering | undefined> => {
  const { config, clock, log, metrics } = options;
  if (config.usageUrl === undefined) return undefined;
  const folder = join(config['usage-spool'], config.replica);
  const reports = await createUsageReports({
    folder,
    replica: config.replica,
    intervalMs: config['usage-interval'],
    clock,
    send: sendTo({ url: config.usageUrl, tokenFile: config['usage-token-file'], authorities: () => authoritiesIn(options.certificate()) }),
    onRefused: (status, isAside) => {
      metrics.usageRefused.inc({ status: String(status) });
      if (isAside)
        log.error(
          { status, folder },
          'the ledger of use refused events, which are set aside and tried again each hour: a person must look',
        );
      else log.warn({ status }, 'the ledger of use refused events');
    },
    onError: (error) => log.warn({ err: error }, 'events of use could not be sent; they are kept'),
  });
  metrics.usageWaiting.onCollect(() => {
    metrics.usageWaiting.set({}, reports.waiting);
    metrics.usageAside.set({}, reports.aside);
  });
  const executions = createExecutionCounts(clock, config['usage-interval']);
  reports.add(executions);
  log.info({ url: config.usageUrl.href }, 'what policies run, and what tenants were promised, is told to the ledger');
  return { reports, executions };
};
