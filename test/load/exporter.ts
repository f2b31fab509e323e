// SPDX-License-Identifier: Apache-2.0
/**
 * What a scrape costs when a process exports as many series as it may: the operator's and the webhook's catalogues filled to the
 * bounds of their labels and series, over HTTP, in both formats.
 *
 * In: how many scrapes. Out: rows `exporter/…` of the operator, `exporter/webhook/…`.
 */
import { createOperatorMetrics } from '../../operator/metrics.ts';
import { OBJECTIVES } from '../../policies/service-level/index.ts';
import { createEndpoint } from '../../process/endpoint.ts';
import type { MetricsRegistry } from '../../process/metrics.ts';
import { createWebhookMetrics } from '../../webhook/metrics.ts';
import { systemClock } from '../../process/clock.ts';
import { quantile, rounded } from './bench-row.ts';
import type { BenchRow } from './bench-row.ts';

const TENANTS = 5000;
const METERS = 13;
const SOURCES = 200;
const FORMATS = { text: 'text/plain', openmetrics: 'application/openmetrics-text;version=1.0.0' } as const;

const filledOperator = (): MetricsRegistry => {
  const metrics = createOperatorMetrics();
  for (let tenant = 0; tenant < TENANTS; tenant += 1) {
    // One meter more than there is room for: the last ones are left out.
    for (let meter = 0; meter < METERS; meter += 1) {
      metrics.usageQuantity.set({ tenant: `tenant-${tenant}`, meter: `meter_${meter}` }, tenant * 1000.5 + meter);
    }
  }
  for (let source = 0; source < SOURCES; source += 1) {
    for (const result of ['applied', 'unchanged', 'failed']) metrics.syncs.inc({ source: `writ-system/source-${source}`, result });
  }
  return metrics.registry;
};

/** Objectives of every tenant that has a series, and of a hundred that have none; decisions of as many as are told apart. */
const filledWebhook = (): MetricsRegistry => {
  const metrics = createWebhookMetrics();
  for (let index = 0; index < TENANTS + 100; index += 1) {
    const tenant = `tenant-${index}`;
    for (const slo of OBJECTIVES) {
      metrics.sloObjective.set({ tenant, slo, tier: 'Enterprise' }, 0.999);
      metrics.sloValid.inc({ tenant, slo }, 1000 + index);
      metrics.sloBad.inc({ tenant, slo }, index % 7);
    }
    for (const verdict of ['Allow', 'Deny', 'Warn', 'Audit']) metrics.decisions.inc({ tenant, verdict, dry_run: 'false' }, index);
    metrics.policyDecisions.inc({ tenant, policy: `policy-${index % 2000}`, verdict: 'Deny' });
  }
  return metrics.registry;
};

const measureScrapes = async (
  name: string,
  { registry, scrapes }: { readonly registry: MetricsRegistry; readonly scrapes: number },
): Promise<readonly BenchRow[]> => {
  const endpoint = createEndpoint({ host: '127.0.0.1', port: 0, metrics: registry, ready: {} });
  const { url } = await endpoint.start();
  try {
    const rows: BenchRow[] = [];
    for (const [format, accept] of Object.entries(FORMATS)) {
      const tookMs: number[] = [];
      let series = 0;
      let bytes = 0;
      const before = process.cpuUsage();
      for (let scrape = 0; scrape < scrapes; scrape += 1) {
        const startedMs = systemClock.monotonicMs();
        const text = await (await fetch(`${url}/metrics`, { headers: { accept } })).text();
        tookMs.push(systemClock.monotonicMs() - startedMs);
        bytes = Buffer.byteLength(text);
        series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
      }
      const { user, system } = process.cpuUsage(before);
      const how = `${series} series, ${(bytes / 1e6).toFixed(1)} MB, ${scrapes} scrapes over HTTP, ${format}; who scrapes is in the same process`;
      rows.push(
        { name: `${name}/${format}/p50`, unit: 'ms', value: rounded(quantile(tookMs, 0.5)), how },
        { name: `${name}/${format}/max`, unit: 'ms', value: rounded(quantile(tookMs, 1)), how },
        { name: `${name}/${format}/processor`, unit: 'ms', value: rounded((user + system) / 1000 / scrapes), how },
        { name: `${name}/${format}/series`, unit: 'series', value: series, how },
      );
    }
    return rows;
  } finally {
    await endpoint.close();
  }
};

export const measureExporter = async ({ scrapes }: { readonly scrapes: number }): Promise<readonly BenchRow[]> => [
  ...(await measureScrapes('exporter', { registry: filledOperator(), scrapes })),
  ...(await measureScrapes('exporter/webhook', { registry: filledWebhook(), scrapes })),
];
