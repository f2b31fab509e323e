// SPDX-License-Identifier: Apache-2.0
// Somebody who sends bytes to the API server as they like: any method, path and header, over a few connections of their own. Our own client
// would escape the path and never impersonate anybody.
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import type { ControlPlane } from '../../cluster/control-plane-handle.ts';

export type Shot = {
  readonly method: string;
  /** With its query, sent as it is. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
};

export type Reply = { readonly status: number; readonly body: string };

export type Person = {
  readonly name: string;
  /** The tenant that they are of. */
  readonly tenant: string;
  send(shot: Shot): Promise<Reply>;
  close(): void;
};

const CONNECTIONS = 6;
const PATIENCE_MS = 30_000;

const field = (kubeconfig: string, name: string): string | undefined => new RegExp(`${name}: "?([^"\\n]+)"?`).exec(kubeconfig)?.[1];
const decoded = (base64: string | undefined): string | undefined =>
  base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString();

export const personOf = async (
  plane: ControlPlane,
  who: { readonly name: string; readonly tenant: string; readonly kubeconfigPath: string },
): Promise<Person> => {
  const kubeconfig = await readFile(who.kubeconfigPath, 'utf8');
  const token = field(kubeconfig, 'token');
  const cert = decoded(field(kubeconfig, 'client-certificate-data'));
  const key = decoded(field(kubeconfig, 'client-key-data'));
  const { hostname, port } = new URL(plane.url);
  const agent = new Agent({
    keepAlive: true,
    maxSockets: CONNECTIONS,
    ca: Buffer.from(plane.caData, 'base64'),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  });
  return {
    name: who.name,
    tenant: who.tenant,
    send: ({ method, path, headers, body }) =>
      new Promise((resolve, reject) => {
        const sent = request(
          {
            agent,
            host: hostname,
            port,
            method,
            path,
            timeout: PATIENCE_MS,
            headers: {
              accept: 'application/json',
              ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
              ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
              ...headers,
            },
          },
          (response) => {
            const chunks: Buffer[] = [];
            response.on('data', (chunk: Buffer) => chunks.push(chunk));
            response.on('error', reject);
            response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
          },
        );
        sent.on('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer within ${PATIENCE_MS} ms`)));
        sent.on('error', reject);
        sent.end(body);
      }),
    close: () => agent.destroy(),
  };
};
