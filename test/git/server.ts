// SPDX-License-Identifier: Apache-2.0
// A real smart-HTTP remote: `git http-backend` as CGI behind node:http or node:https, with a door-keeper and a count of
// what was asked, so that a test can say "one ls-remote".
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { makeCertificate } from './certificate.ts';
import { boundPort } from '../../process/bound-port.ts';

export type GitServerAuth =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string };

/** `advertisement`: GET info/refs; `list`, `fetch`: the two commands of protocol v2; `refused`: without a good credential. */
export type RequestKind = 'advertisement' | 'list' | 'fetch' | 'push' | 'refused' | 'other';

export type GitServer = {
  /** `http://127.0.0.1:PORT`, to which `/NAME.git` is added. */
  readonly url: string;
  /** PEM of the authority, with `tls`. */
  readonly ca: string | undefined;
  readonly counts: Readonly<Record<RequestKind, number>>;
  /** Seen `Authorization` headers. */
  readonly authorizations: ReadonlySet<string>;
  resetCounts(): void;
  /** Answers instead of git while set; true = answered (or left hanging on purpose). */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** Stops each answer after so many bytes, and leaves it open. */
  holdAfterBytes: number | undefined;
  /** Bytes of packs sent so far. */
  readonly sentBytes: number;
  close(): Promise<void>;
};

export type GitServerOptions = {
  /** Bare repositories lie directly in it. */
  readonly root: string;
  readonly auth?: GitServerAuth;
  readonly tls?: boolean;
};

const expected = (auth: GitServerAuth): string =>
  auth.kind === 'bearer' ? `Bearer ${auth.token}` : `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;

const kindOf = (request: IncomingMessage, url: URL, body: Buffer): RequestKind => {
  if (request.method === 'GET' && url.pathname.endsWith('/info/refs')) return 'advertisement';
  if (url.pathname.endsWith('/git-receive-pack')) return 'push';
  if (!url.pathname.endsWith('/git-upload-pack')) return 'other';
  return body.subarray(0, 64).includes('command=ls-refs') ? 'list' : 'fetch';
};

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
};

const cgiEnvironment = (
  request: IncomingMessage,
  url: URL,
  options: { readonly root: string; readonly bytes: number },
): Record<string, string> => {
  const header = (name: string): string => String(request.headers[name] ?? '');
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    GIT_PROJECT_ROOT: options.root,
    GIT_HTTP_EXPORT_ALL: '1',
    PATH_INFO: decodeURIComponent(url.pathname),
    QUERY_STRING: url.search.slice(1),
    REQUEST_METHOD: request.method ?? 'GET',
    CONTENT_TYPE: header('content-type'),
    CONTENT_LENGTH: String(options.bytes),
    HTTP_CONTENT_ENCODING: header('content-encoding'),
    GIT_PROTOCOL: header('git-protocol'),
    REMOTE_ADDR: '127.0.0.1',
    REMOTE_USER: request.headers.authorization === undefined ? '' : 'test',
  };
};

type BackendRequest = {
  readonly environment: Record<string, string>;
  readonly body: Buffer;
  readonly response: ServerResponse;
  /** Told of bytes on their way; false = they and all after them are held back. */
  readonly pass: (bytes: number) => boolean;
};

const runBackend = ({ environment, body, response, pass }: BackendRequest): void => {
  const child = spawn('git', ['http-backend'], { env: environment, stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdin.on('error', () => {});
  child.stdin.end(body);
  let head = Buffer.alloc(0);
  let held = false;
  child.stdout.on('data', (chunk: Buffer) => {
    if (held || !pass(chunk.length)) {
      held = true;
      return;
    }
    if (response.headersSent) return void response.write(chunk);
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    const fields = head
      .subarray(0, end)
      .toString('latin1')
      .split('\r\n')
      .map((line) => line.split(/: (.*)/s, 2));
    const status = fields.find(([name]) => name === 'Status')?.[1];
    for (const [name, value] of fields) if (name !== undefined && name !== 'Status') response.setHeader(name, value ?? '');
    response.writeHead(status === undefined ? 200 : Number.parseInt(status, 10));
    response.write(head.subarray(end + 4));
  });
  child.on('close', () => held || response.end());
  response.on('close', () => child.kill());
};

export const startGitServer = async (options: GitServerOptions): Promise<GitServer> => {
  const certificate = options.tls === true ? await makeCertificate() : undefined;
  const zero = (): Record<RequestKind, number> => ({ advertisement: 0, list: 0, fetch: 0, push: 0, refused: 0, other: 0 });
  const counts = zero();
  const authorizations = new Set<string>();
  let sentBytes = 0;

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (handle.intercept?.(request, response) === true) return;
    const body = await readBody(request);
    const url = new URL(request.url ?? '/', 'http://localhost');
    const shown = request.headers.authorization;
    if (shown !== undefined) authorizations.add(shown);
    if (options.auth !== undefined && shown !== expected(options.auth)) {
      counts.refused += 1;
      response.writeHead(401, { 'www-authenticate': options.auth.kind === 'basic' ? 'Basic realm="git"' : 'Bearer' }).end();
      return;
    }
    counts[kindOf(request, url, body)] += 1;
    let answered = 0;
    const pass = (bytes: number): boolean => {
      sentBytes += bytes;
      answered += bytes;
      return handle.holdAfterBytes === undefined || answered <= handle.holdAfterBytes;
    };
    runBackend({ environment: cgiEnvironment(request, url, { root: options.root, bytes: body.length }), body, response, pass });
  };
  const listener: RequestListener = (request, response) => {
    serve(request, response).catch(() => response.destroy());
  };
  const server =
    certificate === undefined ? createServer(listener) : createSecureServer({ cert: certificate.cert, key: certificate.key }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = boundPort(server);

  const handle: GitServer = {
    url: `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    ca: certificate?.ca,
    counts,
    authorizations,
    intercept: undefined,
    holdAfterBytes: undefined,
    resetCounts: () => void Object.assign(counts, zero()),
    get sentBytes() {
      return sentBytes;
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return handle;
};
