// SPDX-License-Identifier: Apache-2.0
// The servers that `webhook.ts` measures, in a process of their own: Node's bare HTTPS server, the webhook's server with
// a handler that decides nothing, and the webhook with 1, 12 and 100 policies. Speaks with its parent by messages.
import { createServer } from 'node:https';
import { systemClock as clock } from '../../process/clock.ts';
import { createApp } from '../../webhook/server/app.ts';
import { createGuard } from '../../webhook/server/guard.ts';
import { createListener } from '../../webhook/server/listener.ts';
import { createSend, createValidate } from '../../webhook/server/validate.ts';
import type { ValidateOptions } from '../../webhook/server/validate.ts';
import { makeServingPair } from '../faults/webhook/certificates.ts';
import { createHandler } from './webhook-handler.ts';
import { boundPort } from '../../process/bound-port.ts';

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
    server.listen(0, '127.0.0.1', () => resolve(boundPort(server)));
  });

const listen = (handle: ValidateOptions['handle']): Promise<number> => {
  const listener = createListener({ host: '127.0.0.1', port: 0, clock, drainDelayMs: 0, lingerMs: 0, cutAfterMs: 0 });
  listener.setCertificate(pair);
  const closing = (): boolean => listener.state === 'closing';
  const guard = createGuard({ maxInFlight: 512, maxBytes: 2 ** 27 });
  const fail = (what: unknown): void => console.error(what);
  const validate = createValidate({ handle, guard, clock, deadlineMs: 4800, closing, onBug: fail, onRefused: fail });
  return listener.listen(createApp({ validate, guard: validate, tenancy: validate, complete: validate, send: createSend(closing) }));
};

const listenWith = async (count: number): Promise<number> => listen(await createHandler(count));

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
