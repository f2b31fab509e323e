// SPDX-License-Identifier: Apache-2.0
// What arrives at /hook/stripe → an answer: the handler knows nothing of any server. A signature is asked of the exact bytes before
// anything is parsed; a body is never logged. Only the replica that reports knows the secrets: the others say 503, and it comes again.
import type { ProblemCode } from '../../policies/problem.ts';
import type { Clock } from '../../process/clock.ts';
import type { EventTaken } from './events.ts';
import { EVENT_OUTCOMES } from './metrics.ts';
import type { EventOutcome } from './metrics.ts';
import type { ProviderEvent } from './provider.ts';
import { readEvent } from './stripe.ts';
import { isSigned } from './stripe-client.ts';
import type { Mode } from './stripe-client.ts';

export const STRIPE_HOOK_PATH = '/hook/stripe';

export type HookDelivery = {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: AsyncIterable<Uint8Array>;
};

export type HookAnswer = {
  readonly status: 200 | 400 | 404 | 413 | 503;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly code?: ProblemCode; readonly message: string };
};

/** What it takes to take events in; there while this process reports use. */
export type Armed = {
  readonly mode: Mode;
  readonly secrets: readonly string[];
  take(event: ProviderEvent): Promise<EventTaken>;
};

export type StripeHook = {
  /** Undefined: nothing is taken in. */
  arm(armed: Armed | undefined): void;
  handleDelivery(delivery: HookDelivery): Promise<HookAnswer>;
};

/** Stripe's largest are far below; its deliveries give up after 20 seconds. */
const BODY_BYTES = 256 * 1024;
const AGAIN_SECONDS = 60;

const refusal = (status: HookAnswer['status'], code: ProblemCode, message: string): HookAnswer => ({
  status,
  headers: status === 503 ? { 'retry-after': String(AGAIN_SECONDS) } : {},
  body: { code, message },
});

/** Undefined where it is longer than anything that Stripe sends. */
const readBody = async (body: AsyncIterable<Uint8Array>): Promise<string | undefined> => {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
};

const UNAVAILABLE = refusal(503, 'BILL_EVENT_UNAVAILABLE', 'use is not reported from here at the moment: send it again');

export const createStripeHook = ({
  clock,
  observe,
  onError,
}: {
  readonly clock: Clock;
  readonly observe: (event: {
    readonly outcome: EventOutcome;
    readonly type: string | undefined;
    readonly code: ProblemCode | undefined;
  }) => void;
  readonly onError: (error: unknown) => void;
}): StripeHook => {
  let armed: Armed | undefined;

  const judge = async ({ method, headers, body }: HookDelivery): Promise<HookAnswer & { readonly event?: ProviderEvent }> => {
    if (method !== 'POST') return refusal(404, 'BILL_EVENT_INVALID', 'events are sent by POST');
    const by = armed;
    if (by === undefined) return UNAVAILABLE;
    const header = headers['stripe-signature'];
    const unsigned = refusal(
      400,
      'BILL_EVENT_SIGNATURE',
      'Stripe-Signature is missing, too old, or by none of the secrets that count here',
    );
    // Whoever shows none has nothing of theirs read.
    if (typeof header !== 'string' || header === '') return unsigned;
    const payload = await readBody(body);
    if (payload === undefined) return refusal(413, 'BILL_EVENT_TOO_LARGE', `the event is larger than ${BODY_BYTES} bytes`);
    if (!isSigned(payload, header, { secrets: by.secrets, nowMs: clock.now() })) return unsigned;
    const event = readEvent(payload, by.mode);
    if (event === undefined) return refusal(400, 'BILL_EVENT_INVALID', `it is no event of ${by.mode} mode`);
    try {
      const taken = await by.take(event);
      if (taken === 'later') return { ...UNAVAILABLE, event };
      return { status: 200, headers: {}, body: { message: taken }, event };
    } catch (error) {
      // Nothing of it is stored, and it comes again.
      onError(error);
      return { ...UNAVAILABLE, event };
    }
  };

  const outcomeOf = ({ status, body }: HookAnswer): EventOutcome => {
    if (status === 503) return 'unavailable';
    return status === 200 ? (EVENT_OUTCOMES.find((known) => known === body.message) ?? 'ignored') : 'refused';
  };

  return {
    arm: (next) => {
      armed = next;
    },
    handleDelivery: async (delivery) => {
      const { event, ...answer } = await judge(delivery);
      observe({ outcome: outcomeOf(answer), type: event?.type, code: answer.body.code });
      return answer;
    },
  };
};
