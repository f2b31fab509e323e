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
  readonly status: 202 | 401 | 404 | 413 | 429 | 503;
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
  /**
   * Called once for each genuine delivery of a push, which is answered when the promise settles: a failure is answered 503
   * and the same delivery may come again. `receivedAt` is epoch ms.
   */
  readonly onPush: (sourceKey: string, receivedAt: number) => Promise<void>;
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
const LOST_RETRY_MS = 5000;

type Registered = {
  readonly hook: Hook;
  readonly path: string;
  readonly log: DeliveryLog;
  readonly allowance: Allowance;
  /** Of deliveries without proof, apart: whoever knows the path alone must not use up what genuine ones need. */
  readonly unproven: Allowance;
  /** Delivery id → what becomes of it, while it is being passed on. */
  readonly passing: Map<string, Promise<Ruling>>;
};
type Ruling = Pick<DeliveryRecord, 'verdict' | 'reason'> & {
  readonly status: DeliveryAnswer['status'];
  readonly code?: ProblemCode;
  readonly retryAfterMs?: number;
};
type Arrived = { readonly id: string | undefined; /** Epoch ms. */ readonly at: number };
/** Keeps what became of a delivery, and hands it on. */
type Recorder = (ruling: Ruling) => Ruling;

const accepted: Ruling = { status: 202, verdict: 'Accepted', reason: 'the source is being synced' };
const replayed: Ruling = { status: 202, verdict: 'Replayed', reason: 'this delivery was accepted before' };

const lost: Ruling = {
  status: 503,
  code: 'RECEIVER_UNAVAILABLE',
  verdict: 'Refused',
  reason: 'the push could not be passed on: send the delivery again',
  retryAfterMs: LOST_RETRY_MS,
};

const tooMany = (retryAfterMs: number): Ruling => ({
  status: 429,
  code: 'RECEIVER_RATE',
  verdict: 'Refused',
  reason: 'too many deliveries at once: try again later',
  retryAfterMs,
});

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

  /** The proof comes first, so that the allowance is spent by those who know the token. */
  const rule = async (delivery: Delivery, registered: Registered): Promise<Ruling> => {
    const { hook } = registered;
    const scheme = schemes[hook.type];
    const refuse = (status: 401 | 413, code: ProblemCode, reason: string): Ruling => {
      const allowed = registered.unproven.take();
      return allowed.ok ? { status, code, verdict: 'Refused', reason } : tooMany(allowed.retryAfterMs);
    };
    const proof = headerOf(delivery, scheme.proof);
    if (proof === undefined)
      return refuse(401, 'RECEIVER_UNSIGNED', `the header ${scheme.proof} is missing: set the secret of the webhook`);
    const mac = await macOf(delivery, hook.token, limitBytes);
    if (mac === undefined) return refuse(413, 'RECEIVER_TOO_LARGE', `the delivery is larger than ${limitBytes} bytes`);
    if (!isGenuine(hook.type, proof, { token: hook.token, mac })) {
      const reason = `${scheme.proof} does not fit: the secret of the webhook is not the token of the Secret`;
      return refuse(401, 'RECEIVER_SIGNATURE', reason);
    }
    const allowed = registered.allowance.take();
    if (!allowed.ok) return tooMany(allowed.retryAfterMs);
    const event = scheme.event === undefined ? undefined : (headerOf(delivery, scheme.event) ?? '');
    if (event !== undefined && !scheme.pushes.has(event))
      return { status: 202, verdict: 'Ignored', reason: 'the event does not change a ref' };
    return accepted;
  };

  const pass = async (sourceKey: string, at: number): Promise<Ruling> => {
    try {
      await options.onPush(sourceKey, at);
      return accepted;
    } catch {
      return lost;
    }
  };

  /** Each delivery is passed on once: a copy that comes meanwhile shares what becomes of the first. */
  const passOnce = async ({ hook, log, passing }: Registered, { id, at }: Arrived, record: Recorder): Promise<Ruling> => {
    if (id === undefined) return record(await pass(hook.sourceKey, at));
    if (log.accepted(id)) return record(replayed);
    const going = passing.get(id);
    if (going !== undefined) return record((await going).verdict === 'Accepted' ? replayed : lost);
    // Forgotten only once it is recorded, so that there is no moment at which a copy would be new.
    const first = pass(hook.sourceKey, at)
      .then(record)
      .finally(() => passing.delete(id));
    passing.set(id, first);
    return first;
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
        unproven: createAllowance(options.clock, options.rate ?? RATE),
        passing: new Map<string, Promise<Ruling>>(),
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
      const event = scheme.event === undefined ? undefined : headerOf(delivery, scheme.event)?.slice(0, 64);
      const record: Recorder = (ruling) => {
        const { verdict, status, reason } = ruling;
        const kept: DeliveryRecord = { at, id, type: hook.type, event, verdict, status, reason };
        log.add(kept);
        options.observe?.(hook.sourceKey, kept);
        return ruling;
      };
      return answerOf(judged.verdict === 'Accepted' ? await passOnce(registered, { id, at }, record) : record(judged));
    },
  };
};
