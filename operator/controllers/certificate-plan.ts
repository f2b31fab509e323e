// SPDX-License-Identifier: Apache-2.0
// When the webhook's certificate is made, staged and swapped. Pure. Two steps, so that no call fails in between: the API
// server must trust the next authority before the first replica serves a certificate of it.

/** What the Secret says; times in milliseconds since the epoch. */
export type CertificateState = {
  readonly current: { readonly notBeforeMs: number; readonly notAfterMs: number; readonly names: readonly string[] } | undefined;
  /** The next pair waits until every API server has seen its authority. */
  readonly staged:
    | {
        readonly sinceMs: number;
        readonly notAfterMs: number;
        readonly names: readonly string[];
        /** Whether the live webhook configuration, if there is one, already has every authority of the Secret. */
        readonly trusted: boolean;
      }
    | undefined;
};

export type CertificateStep =
  | { readonly kind: 'issue' }
  | { readonly kind: 'stage' }
  | { readonly kind: 'promote' }
  | { readonly kind: 'wait'; readonly delayMs: number };

/** Far longer than a watch takes to reach the API servers. */
export const STAGE_MS = 60_000;

/** How often is looked whether the API server was told of the next authority at last. */
const UNTRUSTED_LOOK_MS = 5000;

const sameNames = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((name) => b.includes(name));

export const planCertificate = (state: CertificateState, names: readonly string[], nowMs: number): CertificateStep => {
  const { current, staged } = state;
  if (current === undefined || nowMs >= current.notAfterMs) return { kind: 'issue' };
  if (staged !== undefined && nowMs < staged.notAfterMs && sameNames(staged.names, names)) {
    const waitedMs = nowMs - staged.sinceMs;
    // A certificate of a very short life must still be swapped before its end.
    const stageMs = Math.min(STAGE_MS, (current.notAfterMs - current.notBeforeMs) / 6);
    if (waitedMs < stageMs) return { kind: 'wait', delayMs: stageMs - waitedMs };
    return staged.trusted ? { kind: 'promote' } : { kind: 'wait', delayMs: UNTRUSTED_LOOK_MS };
  }
  // Two thirds of its life, as kubelet and cert-manager do: a third remains to notice that renewing fails.
  const renewMs = current.notBeforeMs + ((current.notAfterMs - current.notBeforeMs) * 2) / 3;
  if (nowMs >= renewMs || !sameNames(current.names, names)) return { kind: 'stage' };
  return { kind: 'wait', delayMs: renewMs - nowMs };
};
