// SPDX-License-Identifier: Apache-2.0
// What can go wrong between us and the API server: it answered with a Status (KubeApiError), or there was no whole answer
// (KubeTransportError), or we were no longer allowed to write (KubeFencedError).

export type StatusCause = { readonly reason?: string; readonly message?: string; readonly field?: string };

export type StatusDetails = {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly retryAfterSeconds?: number;
  readonly causes?: readonly StatusCause[];
};

/** The API server's refusal: a `Status` object, or what could be made of a body that is none. */
export class KubeApiError extends Error {
  override readonly name = 'KubeApiError';
  /** The HTTP status. */
  readonly status: number;
  /** The machine word of the Status, such as `NotFound` or `AlreadyExists`; '' when the body was no Status. */
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
  readonly details: StatusDetails | undefined;

  constructor(answer: {
    readonly status: number;
    readonly reason?: string;
    readonly message?: string;
    readonly retryAfterMs?: number | undefined;
    readonly details?: StatusDetails | undefined;
  }) {
    super(answer.message ?? `the API server answered ${answer.status}`);
    this.status = answer.status;
    this.reason = answer.reason ?? '';
    this.retryAfterMs = answer.retryAfterMs;
    this.details = answer.details;
  }
}

export type TransportFailure = 'CONNECT' | 'RESET' | 'TIMEOUT' | 'IDLE' | 'BODY' | 'CREDENTIALS';

/** No whole answer came; a write may or may not have happened. */
export class KubeTransportError extends Error {
  override readonly name = 'KubeTransportError';
  readonly code: TransportFailure;

  constructor(code: TransportFailure, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** A write was refused on our side because leadership may have passed to someone else. */
export class KubeFencedError extends Error {
  override readonly name = 'KubeFencedError';
}

const hasStatus = (error: unknown, status: number): error is KubeApiError => error instanceof KubeApiError && error.status === status;

export const isNotFound = (error: unknown): error is KubeApiError => hasStatus(error, 404);
export const isForbidden = (error: unknown): error is KubeApiError => hasStatus(error, 403);
export const isGone = (error: unknown): error is KubeApiError => hasStatus(error, 410);
/** Someone else changed the object, or (server-side apply) owns the field. */
export const isConflict = (error: unknown): error is KubeApiError => hasStatus(error, 409) && error.reason !== 'AlreadyExists';
export const isAlreadyExists = (error: unknown): error is KubeApiError => hasStatus(error, 409) && error.reason === 'AlreadyExists';
export const isFenced = (error: unknown): error is KubeFencedError => error instanceof KubeFencedError;

const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/** The same call may well succeed later without anybody changing anything. */
export const isTransient = (error: unknown): boolean =>
  error instanceof KubeTransportError || (error instanceof KubeApiError && PASSING_STATUSES.has(error.status));

/** How long the server asked us to stay away, if it did. */
export const retryAfterMsOf = (error: unknown): number | undefined => (error instanceof KubeApiError ? error.retryAfterMs : undefined);

/** `Retry-After` in seconds or as an HTTP date, to milliseconds. */
export const parseRetryAfter = (header: string | undefined, nowMs: number): number | undefined => {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // Date.parse takes nearly anything for a date; an HTTP date begins with its day (RFC 9110 5.6.7).
  const date = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
};

/** Reads a refusal: the body is expected to be a Status, but proxies in between answer with anything. */
export const errorOfAnswer = (answer: {
  readonly status: number;
  readonly body: string;
  readonly retryAfter?: string | undefined;
  readonly nowMs: number;
}): KubeApiError => {
  const status = parseStatus(answer.body);
  const fromHeader = parseRetryAfter(answer.retryAfter, answer.nowMs);
  return statusError({ ...status, code: answer.status, message: status.message ?? excerpt(answer.body, answer.status) }, fromHeader);
};

export type Status = { readonly code?: number; readonly reason?: string; readonly message?: string; readonly details?: StatusDetails };

export const statusError = (status: Status, retryAfterMs?: number): KubeApiError => {
  const seconds = status.details?.retryAfterSeconds;
  const fromDetails = typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : undefined;
  return new KubeApiError({
    status: status.code ?? 500,
    reason: status.reason ?? '',
    message: status.message ?? `the API server answered ${status.code ?? 500}`,
    retryAfterMs: retryAfterMs ?? fromDetails,
    details: status.details,
  });
};

const parseStatus = (body: string): Status => {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null && 'kind' in parsed && parsed.kind === 'Status') return parsed as Status;
  } catch {
    // Not JSON: the excerpt of the text is the message.
  }
  return {};
};

const excerpt = (body: string, status: number): string => {
  const text = body.replaceAll(/\s+/g, ' ').trim().slice(0, 200);
  return text === '' ? `the API server answered ${status}` : `the API server answered ${status}: ${text}`;
};
