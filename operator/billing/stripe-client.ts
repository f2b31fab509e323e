// SPDX-License-Identifier: Apache-2.0
/**
 * The one file that imports the package of Stripe: its client, what its errors say about a request, and its signatures. What is asked with
 * the client is in the files `stripe*.ts` beside this one.
 *
 * The library's own retries are off: its keys die with the process, and ours are on disk. A key repeats its first answer, a
 * failure too, for a day (docs.stripe.com/api/idempotent_requests).
 */
import Stripe from 'stripe';
import { KeyRefused } from './provider.ts';
import type { ReportAnswer } from './provider.ts';

export type Mode = 'test' | 'live';

export type StripeOptions = {
  readonly secretKey: string;
  readonly mode: Mode;
  readonly nowMs: () => number;
  /** For tests: what is sent instead of over the network. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
};

export type StripeClient = Stripe;

const TIMEOUT_MS = 20_000;
const HOUR_S = 3600;

const KEY = /^(?:sk|rk)_(test|live)_[A-Za-z0-9_]{8,250}$/;

/** Why a key cannot be used in this mode, without telling any of it; undefined where it can. */
export const keyFault = (secretKey: string, mode: Mode): string | undefined => {
  const [, found] = KEY.exec(secretKey) ?? [];
  if (found === undefined) return 'it is no secret or restricted key of Stripe';
  return found === mode ? undefined : `it is a key for ${found} mode, and this installation is in ${mode} mode`;
};

const SOON_RIGHT = new Set(['timestamp_in_future', 'lock_timeout']);

const retryAfterMs = (headers: Readonly<Record<string, string>> | undefined): { readonly afterMs?: number } => {
  const seconds = Number(headers?.['retry-after'] ?? Number.NaN);
  return Number.isFinite(seconds) && seconds > 0 ? { afterMs: Math.min(seconds, HOUR_S) * 1000 } : {};
};

/** What went wrong with a request → what is known about it. */
export const answerOf = (error: unknown): ReportAnswer => {
  if (!(error instanceof Stripe.errors.StripeError) || error instanceof Stripe.errors.StripeConnectionError) return { kind: 'ambiguous' };
  const { statusCode = 0, message } = error;
  const code = error.code ?? error.type;
  if (statusCode === 401 || statusCode === 403) return { kind: 'unauthorized', code, message };
  if (statusCode === 429 || statusCode === 409) return { kind: 'retry', ...retryAfterMs(error.headers) };
  if (statusCode >= 500) return { kind: 'retry', fresh: true };
  if (statusCode === 400 && /already exists with identifier/i.test(message)) return { kind: 'duplicate' };
  if (SOON_RIGHT.has(code)) return { kind: 'retry', fresh: true };
  if (statusCode >= 400) return { kind: 'rejected', code, message };
  return { kind: 'ambiguous' };
};

/** Whether Stripe, or the way to it, is behind an error; anything else is a fault of ours. */
export const isStripeError = (error: unknown): boolean => error instanceof Stripe.errors.StripeError;

/** Whether Stripe says that what this parameter names is not there. */
export const isMissing = (error: unknown, param: string): boolean =>
  error instanceof Stripe.errors.StripeInvalidRequestError && error.code === 'resource_missing' && error.param === param;

/** Undefined where another try may have an answer. */
export const asked = async <T>(ask: () => Promise<T>): Promise<T | undefined> => {
  try {
    return await ask();
  } catch (error) {
    const answer = answerOf(error);
    if (answer.kind === 'unauthorized') throw new KeyRefused(answer.message);
    if (answer.kind === 'retry' || (answer.kind === 'ambiguous' && isStripeError(error))) return undefined;
    throw error;
  }
};

/** How far a delivery's own time may lie from ours. */
const TOLERANCE_S = 300;

/** Whether `payload` was signed by one of the secrets, lately; `header` is Stripe-Signature. All of them count, so that one can be changed. */
export const isSigned = (
  payload: string,
  header: string,
  { secrets, nowMs }: { readonly secrets: readonly string[]; readonly nowMs: number },
): boolean =>
  secrets.some((secret) => {
    try {
      return Stripe.webhooks.signature?.verifyHeader(payload, header, secret, TOLERANCE_S, undefined, nowMs) === true;
    } catch (error) {
      if (error instanceof Stripe.errors.StripeSignatureVerificationError) return false;
      throw error;
    }
  });

/** Throws where the key cannot be used in this mode. */
export const createStripeClient = ({ secretKey, mode, fetch }: Omit<StripeOptions, 'nowMs'>): StripeClient => {
  const fault = keyFault(secretKey, mode);
  if (fault !== undefined) throw new Error(`the key for Stripe cannot be used: ${fault}`);
  return new Stripe(secretKey, {
    maxNetworkRetries: 0,
    timeout: TIMEOUT_MS,
    telemetry: false,
    ...(fetch === undefined
      ? {}
      : {
          httpClient: Stripe.createFetchHttpClient((url: string | URL | Request, init?: RequestInit) =>
            fetch(url instanceof Request ? url.url : url.toString(), init ?? {}),
          ),
        }),
  });
};
