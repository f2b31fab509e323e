// SPDX-License-Identifier: Apache-2.0
/**
 * `make bench`: measures, prints a table, writes build/bench.json.
 *
 * In: names of benchmarks (all without any), `--quick` for short rounds. Out: rows `{name, unit, value, how}`. Benchmarks
 * with an API server share one installation; whatever is compared takes turns in one run, so that a busy machine strikes
 * both. Figures of a busy machine are good for ratios only.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureApiServer } from './apiserver.ts';
import { measureAudit } from './audit.ts';
import type { BenchRow } from './bench-row.ts';
import { measureBilling } from './billing.ts';
import { measureExpressions } from './cel.ts';
import { measureCustody } from './custody.ts';
import { measureDecisions } from './decide.ts';
import { measureEntitlements } from './entitlements.ts';
import { measureExporter } from './exporter.ts';
import { measureGuardAdmission } from './guard-admission.ts';
import { measureHostileSources } from './hostile-sources.ts';
import { installForLoad } from './load-installation.ts';
import type { LoadInstallation } from './load-installation.ts';
import { measurePushes } from './push-to-enforced.ts';
import { measureReceipts } from './receipts.ts';
import { measureStartUp } from './start-up.ts';
import { measureTenants } from './tenants.ts';
import { measureUsage } from './usage.ts';
import { measureWebhook } from './webhook.ts';

type Say = (step: string) => void;
type Context = { readonly quick: boolean; readonly say: Say; readonly installation: () => Promise<LoadInstallation> };

/** In the order in which they run: what needs no API server first, what stops processes last. */
const BENCHMARKS: Readonly<Record<string, (context: Context) => Promise<readonly BenchRow[]>>> = {
  cel: async ({ quick }) => measureExpressions({ rounds: quick ? 3 : 7, evaluations: quick ? 5000 : 20_000 }),
  compile: ({ quick }) => measureHostileSources({ rounds: quick ? 5 : 15 }),
  decide: async ({ quick }) => measureDecisions({ rounds: quick ? 3 : 7, decisions: quick ? 1000 : 4000 }),
  entitlements: async ({ quick }) => measureEntitlements(quick ? { rounds: 3, checks: 20_000 } : { rounds: 7, checks: 100_000 }),
  custody: async ({ quick, say }) => [
    ...(await measureCustody({ times: quick ? 100 : 500 })),
    ...(await measureGuardAdmission({
      writes: quick ? { key: 1000, keyless: 200, long: 200, release: 10 } : { key: 3000, keyless: 1000, long: 1000, release: 50 },
      warmUps: quick ? 200 : 400,
      say,
    })),
  ],
  receipts: async ({ quick }) => measureReceipts(quick ? { rounds: 5, batches: 2 } : { rounds: 15, batches: 4 }),
  audit: async ({ quick }) => measureAudit(quick ? { rounds: 3, entries: 10_000 } : { rounds: 7, entries: 50_000 }),
  usage: async ({ quick }) => measureUsage(quick ? { durationMs: 4000, tenants: 2000 } : { durationMs: 20_000, tenants: 10_000 }),
  billing: async ({ quick, say }) => measureBilling(quick ? { customers: 500, hours: 4, say } : { customers: 5000, hours: 1, say }),
  exporter: ({ quick }) => measureExporter({ scrapes: quick ? 3 : 10 }),
  webhook: ({ quick }) => measureWebhook(quick ? { rounds: 3, roundMs: 700 } : { rounds: 5, roundMs: 2000 }),
  apiserver: async ({ quick, say, installation }) =>
    measureApiServer(await installation(), { rounds: quick ? 3 : 5, durationMs: quick ? 1500 : 3000, say }),
  push: async ({ quick, say, installation }) => measurePushes(await installation(), { pushes: quick ? 15 : 50, say }),
  tenants: ({ quick, say }) =>
    measureTenants(
      quick ? { tenants: 200, singles: 10, edits: 10, idleMs: 5000, say } : { tenants: 2000, singles: 50, edits: 50, idleMs: 30_000, say },
    ),
  'start-up': async ({ quick, say, installation }) => measureStartUp(await installation(), { rounds: quick ? 1 : 3, say }),
};

const names = Object.keys(BENCHMARKS);

const readArguments = (): { readonly quick: boolean; readonly chosen: readonly string[] } => {
  const usage = `make bench ARGS="[--quick] [${names.join('] [')}]"`;
  const { values, positionals } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } },
    allowPositionals: true,
  });
  const unknown = positionals.filter((name) => !names.includes(name));
  if (values.help || unknown.length > 0) {
    process.stdout.write(`${unknown.map((name) => `${name} is no benchmark\n`).join('')}${usage}\n`);
    process.exit(unknown.length > 0 ? 2 : 0);
  }
  return { quick: values.quick, chosen: positionals.length === 0 ? names : names.filter((name) => positionals.includes(name)) };
};

const table = (rows: readonly BenchRow[]): string => {
  const width = Math.max(...rows.map(({ name }) => name.length));
  const digits = Math.max(...rows.map(({ value }) => String(value).length));
  return rows.map(({ name, value, unit }) => `${name.padEnd(width)}  ${String(value).padStart(digits)} ${unit}\n`).join('');
};

const machine = (): string => {
  const [load = 0] = loadavg();
  return `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), Node ${process.versions.node}, load ${load.toFixed(1)} before the start`;
};

const run = async (): Promise<void> => {
  const { quick, chosen } = readArguments();
  process.stdout.write(`${machine()}\n`);
  const rows: BenchRow[] = [];
  const file = fileURLToPath(new URL('../../build/bench.json', import.meta.url));
  let shared: Promise<LoadInstallation> | undefined;
  try {
    for (const name of chosen) {
      const say: Say = (step) => process.stderr.write(`${name}: ${step}\n`);
      say('begins');
      const measured = await BENCHMARKS[name]?.({ quick, say, installation: () => (shared ??= installForLoad(say)) });
      // On a machine too busy for a single answer in a round there is nothing to say.
      const finite = (measured ?? []).filter(({ value }) => Number.isFinite(value));
      rows.push(...finite);
      process.stdout.write(`\n${table(finite)}`);
      mkdirSync(fileURLToPath(new URL('.', `file://${file}`)), { recursive: true });
      writeFileSync(file, `${JSON.stringify(rows, undefined, 2)}\n`);
    }
  } finally {
    const installation = await shared?.catch(() => undefined);
    await installation?.writ.stop();
  }
  process.stdout.write(`\n${rows.length} rows in build/bench.json say how each was measured\n`);
};

await run();
