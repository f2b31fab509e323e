// SPDX-License-Identifier: Apache-2.0
// A push makes a sync at once: the handler behind `/hook/…`, knowing nothing of any server.
//
// The payload is never parsed: it is only hashed while it streams by, so that a 25 MiB delivery costs no memory. What
// was pushed is learnt from the remote itself; a delivery can make us look, never make us believe.
import { createHash } from 'node:crypto';
import type { ProblemCode, Result } from '../../policies/problem.ts';
import type { Clock } from '../../process/clock.ts';
import { createAllowance, createDeliveryLog } from './deliveries.ts';
import type { Allowance, DeliveryLog, DeliveryRecord } from './deliveries.ts';
import { deliveryId, headerOf, isGenuine, macOf, schemes } from './signature.ts';
import type { Delivery, ReceiverType } from './signature.ts';

export type { Delivery, ReceiverType } from './signature.ts';

export type Hook = {
  /** `namespace/name` of the GitSource. */
  readonly sourceKey: string;
  readonly type: ReceiverType;
  /** The shared secret. */
  readonly token: string;
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
// A pull of attention, not of bytes: each accepted delivery costs one ls-remote at most.
const RATE = { burst: 60, refillMs: 500 };

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
