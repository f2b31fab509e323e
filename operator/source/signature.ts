// SPDX-License-Identifier: Apache-2.0
// How each forge proves who it is, and what its headers say.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export type ReceiverType = 'GitHub' | 'GitLab' | 'Gitea' | 'GenericHMAC';

export type Delivery = {
  readonly method: string;
  /** The path alone, without a query. */
  readonly path: string;
  /** Names in lower case, as node:http gives them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
};

export type Scheme = {
  readonly proof: string;
  readonly id: readonly string[];
  readonly event: string | undefined;
  readonly pushes: ReadonlySet<string>;
};

// The events that change refs. Everything else that is properly signed is thanked for and ignored.
export const schemes: Readonly<Record<ReceiverType, Scheme>> = {
  GitHub: {
    proof: 'x-hub-signature-256',
    id: ['x-github-delivery'],
    event: 'x-github-event',
    pushes: new Set(['push', 'create', 'delete']),
  },
  GitLab: {
    proof: 'x-gitlab-token',
    id: ['idempotency-key', 'x-gitlab-event-uuid'],
    event: 'x-gitlab-event',
    pushes: new Set(['Push Hook', 'Tag Push Hook']),
  },
  Gitea: { proof: 'x-gitea-signature', id: ['x-gitea-delivery'], event: 'x-gitea-event', pushes: new Set(['push', 'create', 'delete']) },
  GenericHMAC: { proof: 'x-signature', id: ['x-delivery-id'], event: undefined, pushes: new Set() },
};

export const headerOf = (delivery: Delivery, name: string): string | undefined => {
  const value = Object.hasOwn(delivery.headers, name) ? delivery.headers[name] : undefined;
  return typeof value === 'string' ? value : undefined;
};

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

// Both sides are hashed first: timingSafeEqual wants equal lengths, and the length of a token is part of the secret.
const equal = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));

/** Whether the sender knows the token; constant in time. */
export const isGenuine = (type: ReceiverType, proof: string, expected: { readonly token: string; readonly mac: string }): boolean => {
  switch (type) {
    case 'GitLab':
      return equal(proof, expected.token);
    case 'Gitea':
      return equal(proof.toLowerCase(), expected.mac);
    case 'GitHub':
    case 'GenericHMAC':
      return equal(proof.toLowerCase(), `sha256=${expected.mac}`);
  }
};

const chunks = async function* (body: Delivery['body']): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) yield body;
  else yield* body;
};

/** The HMAC-SHA256 of the body in hex; undefined where it is larger than the limit. */
export const macOf = async (delivery: Delivery, token: string, limitBytes: number): Promise<string | undefined> => {
  // A sender that tells the length is refused before its bytes are read.
  if (Number(headerOf(delivery, 'content-length') ?? 0) > limitBytes) return undefined;
  const mac = createHmac('sha256', token);
  let bytes = 0;
  for await (const chunk of chunks(delivery.body)) {
    bytes += chunk.length;
    if (bytes > limitBytes) return undefined;
    mac.update(chunk);
  }
  return mac.digest('hex');
};

/** The sender's own id of the delivery. */
export const deliveryId = (delivery: Delivery, scheme: Scheme): string | undefined =>
  scheme.id
    .map((name) => headerOf(delivery, name))
    .find((id) => id !== undefined && id !== '')
    ?.slice(0, 128);
