// SPDX-License-Identifier: Apache-2.0
// Requests to the services of a Sigstore instance: encrypted, unless they stay on this machine; bounded in time and size.
import { Buffer } from 'node:buffer';
import { isIP } from 'node:net';
import { parseStrictBytes } from '../../policies/trust/strict-json.ts';
import type { JsonObject } from '../../policies/document/json.ts';
import { UsageError, UserError } from '../output.ts';

const MAX_ANSWER_BYTES = 256 * 1024;

export type Service = { /** For people. */ readonly name: string; readonly url: URL; readonly timeoutMs: number };

export type ServiceRequest = {
  /** Below the service's own. */
  readonly path: string;
  readonly body?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
};

const isLoopback = (host: string): boolean => host === 'localhost' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'));

/** A token or a signature sent in the clear would be anybody's. */
export const serviceUrl = (option: string, text: string): URL => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  if (url !== undefined && isSafe && url.username === '' && url.password === '') return url;
  throw new UsageError(`${option} ${text}: write an https:// URL without a credential; http:// is for 127.0.0.1 only`);
};

export const serviceError = ({ name, url }: Service, why: string): UserError =>
  new UserError([{ code: 'SIGNER_SERVICE', message: `${name} at ${url.origin}: ${why}` }]);

const readAnswer = async (service: Service, response: Response): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw serviceError(service, `it answered more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

const reasonIn = (answer: Buffer): string => {
  const text = parseStrictBytes(answer)?.['message'] ?? answer.toString('utf8').split('\n')[0];
  return typeof text === 'string' && text !== '' ? `: ${text.slice(0, 300)}` : '';
};

/** The answer to a POST, or to a GET where there is no body. */
export const ask = async (service: Service, { path, body, headers }: ServiceRequest): Promise<Buffer> => {
  const url = new URL(service.url);
  url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`;
  let answer: Buffer;
  let response: Response;
  try {
    // A redirect would carry the token to where nobody sent it.
    const signal = AbortSignal.timeout(service.timeoutMs);
    response = await fetch(url, {
      redirect: 'error',
      signal,
      headers: { ...headers },
      ...(body === undefined ? {} : { method: 'POST', body }),
    });
    answer = await readAnswer(service, response);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const isLate = cause instanceof Error && cause.name === 'TimeoutError';
    const why = cause instanceof Error ? ('code' in cause && typeof cause.code === 'string' ? cause.code : cause.message) : String(cause);
    throw serviceError(service, isLate ? `no answer within ${service.timeoutMs / 1000} seconds` : `it cannot be reached (${why})`);
  }
  if (!response.ok) throw serviceError(service, `it answered ${response.status}${reasonIn(answer)}`);
  return answer;
};

/** `ask` in JSON. */
export const askJson = async (
  service: Service,
  request: Omit<ServiceRequest, 'body'> & { readonly body?: object },
): Promise<JsonObject> => {
  const { body, headers, ...rest } = request;
  const answer = await ask(service, {
    ...rest,
    headers: { accept: 'application/json', 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
  });
  const json = parseStrictBytes(answer);
  if (json === undefined) throw serviceError(service, 'its answer is not a JSON object');
  return json;
};
