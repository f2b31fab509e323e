// SPDX-License-Identifier: Apache-2.0
// The least that a webhook in Node can be, in a process of its own: node:https parses the review and allows it. What the
// API server's call to any webhook costs, and so the bound of what ours can reach.
import { fork } from 'node:child_process';
import { createServer } from 'node:https';
import { fileURLToPath } from 'node:url';
import { nextMessage } from './next-message.ts';
import { makeServingPair } from '../faults/webhook/certificates.ts';
import { boundPort } from '../../process/bound-port.ts';

type Hello = { readonly port: number; readonly caPem: string };

export type EmptyWebhook = Hello & {
  readonly pid: number;
  /** How many it has answered. */
  reviews(): Promise<number>;
  close(): void;
};

export const startEmptyWebhook = async (): Promise<EmptyWebhook> => {
  const child = fork(fileURLToPath(import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const hello = await nextMessage<Hello>(child);
  const reviews = async (): Promise<number> => {
    child.send('reviews');
    return nextMessage<number>(child);
  };
  return { ...hello, pid: child.pid ?? 0, reviews, close: () => child.disconnect() };
};

type Review = { readonly request: { readonly uid: string } };

const answer = (text: string): string => {
  const { request }: Review = JSON.parse(text);
  return JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid: request.uid, allowed: true } });
};

if (import.meta.main) {
  const { certPem, keyPem, caPem } = makeServingPair();
  let reviews = 0;
  // As ours: else each round would begin with new connections (the API server keeps idle ones for 90 s).
  const server = createServer({ cert: certPem, key: keyPem, keepAliveTimeout: 95_000 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      reviews += 1;
      const body = answer(Buffer.concat(chunks).toString());
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
      response.end(body);
    });
  });
  server.listen(0, '127.0.0.1', () => process.send?.({ port: boundPort(server), caPem } satisfies Hello));
  process.on('message', () => process.send?.(reviews));
  process.once('disconnect', () => process.exit(0));
}
