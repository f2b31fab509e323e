// SPDX-License-Identifier: Apache-2.0
// Which principal a seal speaks for, and whether it may speak.
import type { Problem, ProblemCode } from '../problem.ts';
import type { Certificate } from './certificate.ts';
import type { Term } from './term.ts';
import type { Principal, Trust, TrustedKey } from './trust.ts';

export type KeyOutcome = { readonly ok: true; readonly key: TrustedKey } | { readonly ok: false; readonly problem: Problem };
export type PrincipalOutcome = { readonly ok: true; readonly principal: Principal } | { readonly ok: false; readonly problem: Problem };

const refuse = (code: ProblemCode, message: string): { readonly ok: false; readonly problem: Problem } => ({
  ok: false,
  problem: { code, message },
});

const quote = (text: string): string => JSON.stringify(text.slice(0, 256));
const moment = (ms: number): string => (Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : 'never');

/** The key that a hint names; one that cannot make a seal is refused here, before any signature is looked at. */
export const keyByHint = (hint: string, trust: Trust): KeyOutcome => {
  const key = trust.keys.get(hint);
  if (key === undefined) return refuse('SEAL_UNKNOWN_KEY', `no principal has the key ${JSON.stringify(hint.slice(0, 64))}`);
  const { refusal } = key;
  return refusal === undefined
    ? { ok: true, key }
    : refuse(refusal.code, `the key of ${key.principal.name} makes no seal: ${refusal.message}`);
};

const isRevoked = (hint: string, { name }: Principal, trust: Trust): PrincipalOutcome | undefined => {
  if (trust.revoked.keys.has(hint)) return refuse('SEAL_REVOKED', `the key of ${name} is revoked`);
  return trust.revoked.principals.has(name) ? refuse('SEAL_REVOKED', `the principal ${name} is revoked`) : undefined;
};

/**
 * Whether the key and its principal count. Judged at the trusted times of the seal; without any, nobody knows when the
 * signature was made, so the key is judged now: an expired key cannot have signed "earlier" (GHSA-wqqc-jjcq-vfxm).
 */
export const judgeKey = (key: TrustedKey, trust: Trust, timesMs: readonly number[]): PrincipalOutcome => {
  const { principal } = key;
  if (!timesMs.every((time) => time >= key.validFromMs))
    return refuse('SEAL_KEY_NOT_VALID', `the key of ${principal.name} is valid only from ${moment(key.validFromMs)}`);
  if (!timesMs.every((time) => time <= key.validUntilMs))
    return refuse('SEAL_KEY_NOT_VALID', `the key of ${principal.name} was valid until ${moment(key.validUntilMs)}`);
  return isRevoked(key.hint, principal, trust) ?? { ok: true, principal };
};

/** When the key counts where nothing proves a time; undefined = never again. */
export const termOfKey = ({ hint, principal, validFromMs, validUntilMs }: TrustedKey, trust: Trust): Term | undefined =>
  isRevoked(hint, principal, trust) === undefined ? { principal, fromMs: validFromMs, untilMs: validUntilMs } : undefined;

/** Whether a certificate of this identity that was used at one of these times is revoked. */
const isWithdrawn = ({ issuer, subject }: Certificate, trust: Trust, timesMs: readonly number[]): boolean =>
  trust.revoked.identities.some(
    (revoked) =>
      revoked.issuer === issuer &&
      revoked.subject === subject &&
      // Where nothing says when, it may have been then.
      (timesMs.length === 0 || timesMs.some((time) => !(time < revoked.fromMs || time > revoked.untilMs))),
  );

/**
 * The principal of a proven certificate: issuer, subject and every extension asked for, all as exact text. `timesMs`: the
 * trusted times of the seal.
 */
export const principalOf = (certificate: Certificate, trust: Trust, timesMs: readonly number[]): PrincipalOutcome => {
  const { issuer, subject, textOf, key } = certificate;
  const named = trust.identities.filter((identity) => identity.issuer === issuer && identity.subject === subject);
  if (named.length === 0) return refuse('SEAL_UNKNOWN_IDENTITY', `no principal is ${quote(subject)}, vouched for by ${quote(issuer)}`);
  const found = named.find(({ oids }) => [...oids].every(([oid, text]) => textOf(oid) === text));
  if (found === undefined) {
    const [first] = named;
    const wrong = [...(first?.oids ?? [])].find(([oid, text]) => textOf(oid) !== text) ?? ['', ''];
    const has = textOf(wrong[0]);
    const message = `the certificate of ${quote(subject)} has in ${wrong[0]} ${has === undefined ? 'no text' : quote(has)}, and ${first?.principal.name ?? ''} must have ${quote(wrong[1])}`;
    return refuse('SEAL_UNKNOWN_IDENTITY', message);
  }
  if (isWithdrawn(certificate, trust, timesMs))
    return refuse('SEAL_REVOKED', `certificates of ${quote(subject)} from the time of this seal are revoked`);
  return isRevoked(key.hint, found.principal, trust) ?? { ok: true, principal: found.principal };
};
