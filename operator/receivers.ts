// SPDX-License-Identifier: Apache-2.0
// Push receivers on every replica, leading or not: a forge reaches any of them, and a push becomes an annotation on the
// GitSource, which is how the leader, wherever it is, hears of it. One mechanism, also for `kubectl annotate`.
import { createServer } from 'node:http';
import express from 'express';
import { REQUESTED_AT_ANNOTATION, gitSources } from '../crds/kinds.ts';
import { createController } from '../kube/controller.ts';
import type { ControllerObserver } from '../kube/controller.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Informer } from '../kube/informer.ts';
import { keyOf, refOfKey } from '../kube/objects.ts';
import { after, done } from '../kube/outcome.ts';
import type { Address } from '../process/address.ts';
import type { Clock } from '../process/clock.ts';
import type { LiveGitSource } from './controllers/live.ts';
import { registerReceiver } from './controllers/git-source-inputs.ts';
import { STRIPE_HOOK_PATH } from './billing/webhook.ts';
import type { StripeHook } from './billing/webhook.ts';
import { mountHandler, mountReceiver } from './source/receiver-routes.ts';
import type { Receiver } from './source/receiver.ts';
import { boundPort } from '../process/bound-port.ts';

/** A Secret that changed is noticed after this long. */
const LOOK_MS = 60_000;

export const requestSync = async (client: KubeClient, sourceKey: string, receivedAtMs: number): Promise<void> => {
  const requestedAt = new Date(receivedAtMs).toISOString();
  await client.patch(gitSources, refOfKey(sourceKey), {
    type: 'merge',
    body: { metadata: { annotations: { [REQUESTED_AT_ANNOTATION]: requestedAt } } },
  });
};

/** Keeps the hooks of all sources registered until the signal aborts. */
export const followReceivers = async (
  options: {
    readonly client: KubeClient;
    readonly gitSources: Informer<LiveGitSource>;
    readonly receiver: Receiver;
    readonly systemNamespace: string;
    readonly clock: Clock;
    readonly observe: ControllerObserver;
  },
  signal: AbortSignal,
): Promise<void> => {
  const { client, receiver, clock } = options;
  const controller = createController({
    name: 'receiver',
    clock,
    observe: options.observe,
    reconcile: async (key, scope) => {
      const source = options.gitSources.get(key);
      if (source === undefined || source.metadata.namespace !== options.systemNamespace) {
        receiver.unregister(key);
        return done;
      }
      await registerReceiver({ client, source, signal: scope.signal }, receiver);
      return source.spec.receiver === undefined ? done : after(LOOK_MS);
    },
  });
  const unsubscribe = options.gitSources.onChange(({ object }) => controller.enqueue(keyOf(object)));
  try {
    await controller.run(signal);
  } finally {
    unsubscribe();
  }
};

export const serveReceivers = async ({
  receiver,
  stripe,
  listen,
  onError,
}: {
  readonly receiver: Receiver;
  /** Undefined where use is reported to nobody. */
  readonly stripe?: StripeHook | undefined;
  readonly listen: Address;
  readonly onError: (error: unknown) => void;
}): Promise<{ readonly url: string; close(): Promise<void> }> => {
  const app = express();
  app.disable('etag');
  app.disable('x-powered-by');
  if (stripe !== undefined) mountHandler(app, STRIPE_HOOK_PATH, stripe);
  mountReceiver(app, receiver);
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 30_000, maxHeaderSize: 16_384 }, app);
  server.maxConnections = 200;
  // Also later: without a listener one connection that cannot be accepted would end the operator.
  server.on('error', onError);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(listen.port, listen.host, () => resolve());
  });
  const port = boundPort(server);
  return {
    url: `http://${listen.host === '0.0.0.0' ? '127.0.0.1' : listen.host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
