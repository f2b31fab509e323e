// SPDX-License-Identifier: Apache-2.0
// What a reconcile can say. A thrown error is none of these: it is counted as a bug (or as passing I/O) and retried.

/** Why a person must act; every `Problem` of policies/ fits. */
export type StallReason = { readonly code: string; readonly message: string };

export type Outcome =
  | { readonly kind: 'done' }
  /** Look again after the delay, whether or not anything happens. */
  | { readonly kind: 'after'; readonly delayMs: number }
  /** Passing trouble: try again with backoff. */
  | { readonly kind: 'retry'; readonly error: unknown }
  /** Nothing changes until a person acts: no retry; the next change of the object wakes it. */
  | { readonly kind: 'stalled'; readonly problem: StallReason };

export const done: Outcome = { kind: 'done' };
export const after = (delayMs: number): Outcome => ({ kind: 'after', delayMs });
export const retry = (error: unknown): Outcome => ({ kind: 'retry', error });
export const stalled = (problem: StallReason): Outcome => ({ kind: 'stalled', problem });
