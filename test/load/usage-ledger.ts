// SPDX-License-Identifier: Apache-2.0
// The ledger that `usage.ts` measures, in a process of its own and put together as the operator does: TLS, tokens, metrics, a limit
// that is followed, the file with synchronous=FULL. Only the API server is a function, since it is asked once a minute.
import type { KubeObject } from '../../kube/objects.ts';
import { createOperatorMetrics } from '../../operator/metrics.ts';
import { createLedger } from '../../operator/usage/ledger.ts';
import { readMeters } from '../../operator/usage/meters.ts';
import { USAGE_AUDIENCE, createAuthenticate } from '../../operator/usage/sender.ts';
import { startUsageServer } from '../../operator/usage/server.ts';
import { openSqliteStore } from '../../operator/usage/sqlite-store.ts';
import { systemClock as clock } from '../../process/clock.ts';
import { makeServingPair } from '../faults/webhook/certificates.ts';

export type LedgerMessage = { readonly url: string; readonly ca: string };

const [file = '', transport = 'tls'] = process.argv.slice(2);
const metrics = createOperatorMetrics();
let committingMs = 0;
const store = await openSqliteStore({
  file,
  clock,
  onPhase: (phase) => {
    if (phase === 'before-commit') committingMs = clock.monotonicMs();
    if (phase === 'after-commit') metrics.usageCommitSeconds.observe({}, (clock.monotonicMs() - committingMs) / 1000);
  },
});
const ledger = createLedger({
  store,
  clock,
  hasTenant: (name) => name === 'acme',
  observe: { events: (meter, result, count) => metrics.usageEvents.inc({ meter, result }, count) },
});
await ledger.open('bench');
await ledger.declare(readMeters(undefined).meters);
await ledger.follow([{ tenant: 'acme', meter: 'reasoning_units' }]);
const status = { authenticated: true, audiences: [USAGE_AUDIENCE], user: { username: 'system:serviceaccount:acme-one:agent' } };
const pair = makeServingPair('writ-usage');
const server = await startUsageServer({
  listen: { host: '127.0.0.1', port: 0 },
  transport: transport === 'plain' ? 'plain' : 'tls',
  clock,
  authenticate: createAuthenticate({
    client: { create: async <T extends KubeObject>(_: unknown, object: T): Promise<T> => ({ ...object, status }) },
    clock,
    webhook: 'writ-system/writ-webhook',
    reporters: [],
    readers: [],
    tenantOfNamespace: () => 'acme',
  }),
  ledger: () => ledger,
  observe: {
    answered: (answered, durationMs) => {
      metrics.usageRequests.inc({ status: String(answered) });
      metrics.usageRequestSeconds.observe({}, durationMs / 1000);
    },
    told: () => undefined,
    refused: () => undefined,
    failed: (error) => console.error(error),
  },
});
server.setCertificate(pair);
process.send?.({ url: server.url, ca: pair.caPem } satisfies LedgerMessage);
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system });
});
process.once('disconnect', () => process.exit(0));
