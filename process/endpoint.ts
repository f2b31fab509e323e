// SPDX-License-Identifier: Apache-2.0
// /metrics, /healthz and /readyz of a process. Readiness is a table of named checks, and the answer says which of them is missing
// and why: "not ready" alone has cost many an evening. It answers while the process drains, until it is closed.
import { createServer } from 'node:http';
import express from 'express';
import type { Express, Response } from 'express';
import type { MetricsRegistry, MetricsText } from './metrics.ts';
import { boundPort } from './bound-port.ts';

/** True, or what is missing, in words. */
export type Check = () => true | string;

export type Checks = Readonly<Record<string, Check>>;

export type Endpoint = {
  /** Resolves when it listens. Port 0 picks one. */
  start(): Promise<{ readonly port: number; readonly url: string }>;
  close(): Promise<void>;
};

export const createEndpoint = (options: {
  /** All interfaces by default: kubelet and Prometheus come from outside of the pod. */
  readonly host?: string;
  readonly port: number;
  readonly metrics?: MetricsRegistry;
  readonly ready: Checks;
  readonly healthy?: Checks;
}): Endpoint => {
  const host = options.host ?? '0.0.0.0';
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 10_000, keepAliveTimeout: 65_000, maxHeaderSize: 16_384 },
    endpointApp(options),
  );
  server.maxConnections = 100;
  // Without a listener one connection that cannot be accepted would end the process; whoever asked asks again.
  server.on('error', () => undefined);
  return {
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(options.port, host, () => {
          server.off('error', reject);
          const port = boundPort(server);
          resolve({ port, url: `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}` });
        });
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
};

// With their versions: what is asked for by version is matched by it.
const PLAIN = 'text/plain; version=0.0.4';
const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0';

const endpointApp = (options: { readonly metrics?: MetricsRegistry; readonly ready: Checks; readonly healthy?: Checks }): Express => {
  const app = express();
  app.disable('etag');
  app.disable('x-powered-by');
  app.get('/healthz', (_request, response) => answer(response, options.healthy ?? {}));
  app.get('/readyz', (_request, response) => answer(response, options.ready));
  const { metrics } = options;
  if (metrics !== undefined) {
    app.get('/metrics', (request, response) => {
      // Whoever does not ask for OpenMetrics gets what Prometheus has always read.
      const wanted = request.accepts([PLAIN, OPEN_METRICS]) === OPEN_METRICS ? metrics.openMetrics : metrics;
      void sendMetrics(wanted, response);
    });
  }
  app.use((_request, response) => {
    response.status(404).type('text/plain').send('there is nothing here; try /metrics, /healthz or /readyz\n');
  });
  return app;
};

const sendMetrics = async (wanted: MetricsText, response: Response): Promise<void> => {
  try {
    const text = await wanted.metrics();
    response.set('content-type', wanted.contentType).set('vary', 'accept').send(text);
  } catch {
    response.status(500).type('text/plain').send('the metrics could not be collected\n');
  }
};

const answer = (response: Response, checks: Checks): void => {
  const results = Object.entries(checks).map(([name, check]) => ({ name, result: outcomeOf(check) }));
  const isGood = results.every(({ result }) => result === true);
  const lines = results.map(({ name, result }) => (result === true ? `[+] ${name}` : `[-] ${name}: ${result}`));
  response
    .status(isGood ? 200 : 503)
    .set('cache-control', 'no-store')
    .type('text/plain')
    .send(`${[...lines, isGood ? 'ok' : 'not ok'].join('\n')}\n`);
};

const outcomeOf = (check: Check): true | string => {
  try {
    return check();
  } catch (error) {
    return error instanceof Error ? error.message : 'the check failed';
  }
};
