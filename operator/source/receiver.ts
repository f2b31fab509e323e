// SPDX-License-Identifier: Apache-2.0
// A push makes a sync at once: the handler behind `/hook/…`, knowing nothing of any server.
//
// The payload is never parsed: it is only hashed while it streams by, so that a 25 MiB delivery costs no memory. What
// was pushed is learnt from the remote itself; a delivery can make us look, never make us believe.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { ProblemCode, Result } from '../../policies/problem.ts';
import type { Clock } from '../../process/clock.ts';
import { createAllowance, createDeliveryLog } from './deliveries.ts';
import type { Allowance, DeliveryLog, DeliveryRecord } from './deliveries.ts';

export type ReceiverType = 'GitHub' | 'GitLab' | 'Gitea' | 'GenericHMAC';

export type Hook = {
  /** `namespace/name` of the GitSource. */
  readonly sourceKey: string;
  readonly type: ReceiverType;
  /** The shared secret. */
  readonly token: string;
};

export type Delivery = {
  readonly method: string;
  /** The path alone, without a query. */
  readonly path: string;
  /** Names in lower case, as node:http gives them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
};

export type DeliveryAnswer = {
  readonly status: 202 | 401 | 404 | 413 | 429;
  readonly headers: Readonly<Record<string, string>>;
  /** For JSON; a code where the delivery was refused. */
  readonly body: { readonly code?: ProblemCode; readonly message: string };
};

export type Receiver = {
  /** Adds or replaces the hook of a source; the path to give to the forge (`status.receiverPath`). */
  register(hook: Hook): Result<string>;
  unregister(sourceKey: string): void;
  deliveries(sourceKey: string): readonly DeliveryRecord[];
  handleDelivery(delivery: Delivery): Promise<DeliveryAnswer>;
};

export type ReceiverOptions = {
  readonly clock: Clock;
  /** Called once for each accepted delivery of a push; must not block. `receivedAt` is epoch ms. */
  readonly onPush: (sourceKey: string, receivedAt: number) => void;
  /** Called for every delivery that met a hook, whatever became of it. */
  readonly observe?: (sourceKey: string, record: DeliveryRecord) => void;
  readonly bodyBytes?: number;
  readonly rate?: { readonly burst: number; readonly refillMs: number };
};

/** Where a hook is reached, as Flux makes it: nobody can guess the path without knowing the token. */
export const receiverPath = (hook: Pick<Hook, 'token' | 'sourceKey'>): string =>
  `/hook/${createHash('sha256').update(`${hook.token}\n${hook.sourceKey}`).digest('hex')}`;

// GitHub sends 25 MiB at most; more is not a delivery.
const BODY_BYTES = 25 * 1024 * 1024;
const TOKEN_LENGTH = 16;
const RATE = { burst: 30, refillMs: 1000 };

type Scheme = {
  readonly proof: string;
  readonly id: readonly string[];
  readonly event: string | undefined;
  readonly pushes: ReadonlySet<string>;
};

// The events that change refs. Everything else that is properly signed is thanked for and ignored.
const schemes: Readonly<Record<ReceiverType, Scheme>> = {
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

const headerOf = (delivery: Delivery, name: string): string | undefined => {
  const value = Object.hasOwn(delivery.headers, name) ? delivery.headers[name] : undefined;
  return typeof value === 'string' ? value : undefined;
};

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

// Both sides are hashed first: timingSafeEqual wants equal lengths, and the length of a token is part of the secret.
const equal = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));

const isGenuine = (type: ReceiverType, proof: string, expected: { readonly token: string; readonly mac: string }): boolean => {
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

const macOf = async (delivery: Delivery, token: string, limitBytes: number): Promise<string | undefined> => {
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

type Registered = { readonly hook: Hook; readonly path: string; readonly log: DeliveryLog; readonly allowance: Allowance };
type Ruling = Pick<DeliveryRecord, 'verdict' | 'reason'> & {
  readonly status: DeliveryAnswer['status'];
  readonly code?: ProblemCode;
  readonly retryAfterMs?: number;
};

const accepted: Ruling = { status: 202, verdict: 'Accepted', reason: 'the source is being synced' };
const replayed: Ruling = { status: 202, verdict: 'Replayed', reason: 'this delivery was accepted before' };

const answerOf = (ruling: Pick<Ruling, 'status' | 'code' | 'reason' | 'retryAfterMs'>): DeliveryAnswer => ({
  status: ruling.status,
  headers: ruling.retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(ruling.retryAfterMs / 1000)) },
  body: { ...(ruling.code === undefined ? {} : { code: ruling.code }), message: ruling.reason },
});

/** Hooks of sources and the handler for what arrives. Paths that are not registered cost nothing and are not recorded. */
export const createReceiver = (options: ReceiverOptions): Receiver => {
  const byPath = new Map<string, Registered>();
  const bySource = new Map<string, Registered>();
  const limitBytes = options.bodyBytes ?? BODY_BYTES;

  const rule = async (delivery: Delivery, registered: Registered): Promise<Ruling> => {
    const { hook } = registered;
    const scheme = schemes[hook.type];
    const allowed = registered.allowance.take();
    if (!allowed.ok)
      return {
        status: 429,
        code: 'RECEIVER_RATE',
        verdict: 'Refused',
        reason: 'too many deliveries at once: try again later',
        retryAfterMs: allowed.retryAfterMs,
      };
    const proof = headerOf(delivery, scheme.proof);
    if (proof === undefined)
      return {
        status: 401,
        code: 'RECEIVER_UNSIGNED',
        verdict: 'Refused',
        reason: `the header ${scheme.proof} is missing: set the secret of the webhook`,
      };
    const mac = await macOf(delivery, hook.token, limitBytes);
    if (mac === undefined)
      return { status: 413, code: 'RECEIVER_TOO_LARGE', verdict: 'Refused', reason: `the delivery is larger than ${limitBytes} bytes` };
    if (!isGenuine(hook.type, proof, { token: hook.token, mac })) {
      return {
        status: 401,
        code: 'RECEIVER_SIGNATURE',
        verdict: 'Refused',
        reason: `${scheme.proof} does not fit: the secret of the webhook is not the token of the Secret`,
      };
    }
    const event = scheme.event === undefined ? undefined : (headerOf(delivery, scheme.event) ?? '');
    if (event !== undefined && !scheme.pushes.has(event))
      return { status: 202, verdict: 'Ignored', reason: 'the event does not change a ref' };
    return accepted;
  };

  const unregister = (sourceKey: string): void => {
    const registered = bySource.get(sourceKey);
    if (registered === undefined) return;
    bySource.delete(sourceKey);
    byPath.delete(registered.path);
  };

  return {
    unregister,
    register: (hook) => {
      if (hook.token.length < TOKEN_LENGTH) {
        return {
          ok: false,
          problem: {
            code: 'RECEIVER_TOKEN',
            message: `the token of the receiver has fewer than ${TOKEN_LENGTH} characters`,
            path: 'spec.receiver.secretRef',
          },
        };
      }
      const path = receiverPath(hook);
      const before = bySource.get(hook.sourceKey);
      // A controller registers on each reconcile; the same hook keeps its records and what is left of its allowance.
      if (before?.path === path && before.hook.type === hook.type) return { ok: true, value: path };
      unregister(hook.sourceKey);
      const registered = {
        hook,
        path,
        log: before?.log ?? createDeliveryLog(),
        allowance: createAllowance(options.clock, options.rate ?? RATE),
      };
      bySource.set(hook.sourceKey, registered);
      byPath.set(path, registered);
      return { ok: true, value: path };
    },
    deliveries: (sourceKey) => bySource.get(sourceKey)?.log.list() ?? [],
    handleDelivery: async (delivery) => {
      const registered = delivery.method === 'POST' ? byPath.get(delivery.path) : undefined;
      if (registered === undefined)
        return answerOf({ status: 404, code: 'RECEIVER_NOT_FOUND', reason: 'POST to the path in status.receiverPath of the GitSource' });
      const { hook, log } = registered;
      const at = options.clock.now();
      const scheme = schemes[hook.type];
      const judged = await rule(delivery, registered);
      const id = deliveryId(delivery, scheme);
      // Asked and recorded without a pause between, so that two copies at once count as one.
      const ruling = judged.verdict === 'Accepted' && id !== undefined && log.accepted(id) ? replayed : judged;
      const event = scheme.event === undefined ? undefined : headerOf(delivery, scheme.event)?.slice(0, 64);
      const record: DeliveryRecord = {
        at,
        id,
        type: hook.type,
        event,
        verdict: ruling.verdict,
        status: ruling.status,
        reason: ruling.reason,
      };
      log.add(record);
      options.observe?.(hook.sourceKey, record);
      if (ruling.verdict === 'Accepted') options.onPush(hook.sourceKey, at);
      return answerOf(ruling);
    },
  };
};

const deliveryId = (delivery: Delivery, scheme: Scheme): string | undefined =>
  scheme.id
    .map((name) => headerOf(delivery, name))
    .find((id) => id !== undefined && id !== '')
    ?.slice(0, 128);
