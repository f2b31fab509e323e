// SPDX-License-Identifier: Apache-2.0
// The servers that `webhook.ts` measures, in a process of their own: Node's bare HTTPS server, the webhook's server with
// a handler that decides nothing, and the webhook with 1, 12 and 100 policies. Speaks with its parent by messages.
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { systemClock as clock } from '../../process/clock.ts';
import { compilePolicies } from '../../policies/compile/index.ts';
import { handleReview } from '../../webhook/admission/index.ts';
import type { ReviewDeps, Reviewed } from '../../webhook/admission/index.ts';
import { createDecisionSink } from '../../webhook/decisions/sink.ts';
import { countReview, createWebhookMetrics } from '../../webhook/metrics.ts';
import { createApp } from '../../webhook/server/app.ts';
import { createGuard } from '../../webhook/server/guard.ts';
import { createListener } from '../../webhook/server/listener.ts';
import { createSend, createValidate } from '../../webhook/server/validate.ts';
import type { ValidateOptions } from '../../webhook/server/validate.ts';
import { makeServingPair } from '../faults/webhook/certificates.ts';
import { loadPolicies, writPolicy } from './agent-policies.ts';

export type ServerMessage = { readonly ports: Readonly<Record<string, number>>; readonly caPem: string };
/** Answer to any message: processor time used so far. */
export type CpuMessage = { readonly cpuUs: number };

const pair = makeServingPair();
const EMPTY = JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid: 'load', allowed: true } });
const decideNothing = (text: string): { status: number; body: string } => {
  JSON.parse(text);
  return { status: 200, body: EMPTY };
};

const listenBare = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer({ cert: pair.certPem, key: pair.keyPem }, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { body } = decideNothing(Buffer.concat(chunks).toString());
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
        response.end(body);
      });
    });
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });

const listen = (handle: ValidateOptions['handle']): Promise<number> => {
  const listener = createListener({ host: '127.0.0.1', port: 0, clock, drainDelayMs: 0, lingerMs: 0, cutAfterMs: 0 });
  listener.setCertificate(pair);
  const closing = (): boolean => listener.state === 'closing';
  const guard = createGuard({ maxInFlight: 512, maxBytes: 2 ** 27 });
  const fail = (what: unknown): void => console.error(what);
  const validate = createValidate({ handle, guard, clock, deadlineMs: 4800, closing, onBug: fail, onRefused: fail });
  return listener.listen(createApp({ validate, guard: validate, send: createSend(closing) }));
};

/** With everything that the process does for a review: decision, record to a file, metrics. */
const listenWith = async (count: number): Promise<number> => {
  // All of them match and all let the review pass: the dearest case for the number of policies.
  const documents = loadPolicies(count).map((policy) => ({ policy: writPolicy(policy, ['acme']), digest: `sha256:${policy.index}` }));
  const { set, refused } = compilePolicies(documents);
  if (refused.length > 0) throw new Error(JSON.stringify(refused[0]));
  const namespace = { metadata: { name: 'team', labels: { 'writ.dev/tenant': 'acme' } } };
  const enforced = {
    closed: undefined,
    set,
    trustDigest: 'sha256:t',
    revisions: { 'writ-system/load': 'main@sha1:1' },
    signers: new Map(),
    expired: [],
    flippedAtMs: 0,
  };
  const deps: ReviewDeps = {
    enforced: () => enforced,
    namespaces: { get: () => namespace, arrival: async () => namespace },
    tenantOf: () => ({ metadata: { name: 'acme' }, spec: { tier: 'Free' } }),
    systemNamespace: 'writ-system',
    namespaceWaitMs: 1000,
    clock,
  };
  const metrics = createWebhookMetrics();
  const sink = await createDecisionSink({ file: '/dev/null', clock, onError: (error) => console.error(error) });
  const finish = (reviewed: Reviewed, startedMs: number): Reviewed => {
    countReview(metrics, reviewed, clock.monotonicMs() - startedMs);
    if (reviewed.record !== undefined) sink.record(reviewed.record);
    return reviewed;
  };
  return listen((text) => {
    const startedMs = clock.monotonicMs();
    const reviewed = handleReview(text, deps);
    return reviewed instanceof Promise ? reviewed.then((late) => finish(late, startedMs)) : finish(reviewed, startedMs);
  });
};

process.send?.({
  caPem: pair.caPem,
  ports: {
    bare: await listenBare(),
    empty: await listen(decideNothing),
    '1': await listenWith(1),
    '12': await listenWith(12),
    '100': await listenWith(100),
  },
} satisfies ServerMessage);
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system } satisfies CpuMessage);
});
process.once('disconnect', () => process.exit(0));
