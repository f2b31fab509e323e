// SPDX-License-Identifier: Apache-2.0
// Which principal a seal speaks for, and whether it may speak now.
import type { Problem, ProblemCode } from '../problem.ts';
import type { Trust, TrustedKey } from './trust.ts';

export type KeyOutcome = { readonly ok: true; readonly key: TrustedKey } | { readonly ok: false; readonly problem: Problem };

const refuse = (code: ProblemCode, message: string): KeyOutcome => ({ ok: false, problem: { code, message } });

const moment = (ms: number): string => (Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : 'never');

/** The key that a hint names; one that cannot make a seal is refused here, before any signature is looked at. */
export const keyByHint = (hint: string, trust: Trust): KeyOutcome => {
  const key = trust.keys.get(hint);
  if (key === undefined) return refuse('SEAL_UNKNOWN_KEY', `no principal has the key ${JSON.stringify(hint.slice(0, 64))}`);
  if (!key.supported) {
    return refuse('SEAL_UNSUPPORTED', `the key of ${key.principal.name} is ${key.algorithm}, only ECDSA P-256 is supported`);
  }
  return { ok: true, key };
};

/**
 * Whether the key and its principal count at this moment. Without a trusted timestamp nobody knows when a signature was
 * made, so a key is judged now: an expired key cannot have signed "earlier" (GHSA-wqqc-jjcq-vfxm).
 */
export const judgeKey = (key: TrustedKey, trust: Trust, at: number): KeyOutcome => {
  const { name } = key.principal;
  if (!(at >= key.validFromMs)) return refuse('SEAL_KEY_NOT_VALID', `the key of ${name} is valid only from ${moment(key.validFromMs)}`);
  if (!(at <= key.validUntilMs)) return refuse('SEAL_KEY_NOT_VALID', `the key of ${name} was valid until ${moment(key.validUntilMs)}`);
  if (trust.revoked.keys.has(key.hint)) return refuse('SEAL_REVOKED', `the key of ${name} is revoked`);
  if (trust.revoked.principals.has(name)) return refuse('SEAL_REVOKED', `the principal ${name} is revoked`);
  return { ok: true, key };
};
