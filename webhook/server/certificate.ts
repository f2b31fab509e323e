// SPDX-License-Identifier: Apache-2.0
/**
 * The serving certificate: taken when it is good, changed without a restart, never given up for a bad one.
 *
 * In: pairs as their source finds them (`certificate-secret.ts`, `certificate-files.ts`). Out: `apply` is called with each
 * new good pair; new connections get it, open ones live on. A pair that does not fit together is reported and the one
 * before stays (certificate and key may be read in the middle of a change).
 */
import { X509Certificate, createPrivateKey, hash } from 'node:crypto';
import type { Problem } from '../../policies/problem.ts';

export type CertificatePair = { readonly certPem: string; readonly keyPem: string };

export type CheckedPair = { readonly ok: true; readonly expiresMs: number } | { readonly ok: false; readonly problem: Problem };

const invalid = (message: string): CheckedPair => ({ ok: false, problem: { code: 'TLS_PAIR_INVALID', message } });

export const checkPair = ({ certPem, keyPem }: CertificatePair): CheckedPair => {
  try {
    const certificate = new X509Certificate(certPem);
    const key = createPrivateKey(keyPem);
    if (!certificate.checkPrivateKey(key)) return invalid('the key does not belong to the certificate');
    return { ok: true, expiresMs: Date.parse(certificate.validTo) };
  } catch (error) {
    // The parser's words name the format, never the key.
    return invalid(error instanceof Error ? error.message.slice(0, 200) : 'unreadable');
  }
};

export type CertificateHolder = {
  /** Whether the pair is in use now, for the first time or still. */
  offer(pair: CertificatePair): boolean;
  /** Milliseconds since the epoch; undefined while there is no certificate. */
  readonly expiresMs: number | undefined;
  /** What is wrong with the pair offered last. */
  readonly problem: Problem | undefined;
};

export type HolderOptions = {
  readonly apply: (pair: CertificatePair) => void;
  readonly onProblem: (problem: Problem) => void;
  readonly onChange?: (expiresMs: number) => void;
};

export const createCertificateHolder = ({ apply, onProblem, onChange }: HolderOptions): CertificateHolder => {
  let offered: string | undefined;
  let expiresMs: number | undefined;
  let problem: Problem | undefined;
  const take = (pair: CertificatePair): CheckedPair => {
    const checked = checkPair(pair);
    if (!checked.ok) return checked;
    try {
      apply(pair);
      return checked;
    } catch (error) {
      return invalid(error instanceof Error ? error.message.slice(0, 200) : 'refused by TLS');
    }
  };
  return {
    offer: (pair) => {
      const fingerprint = hash('sha256', `${pair.certPem}\n${pair.keyPem}`, 'hex');
      if (fingerprint === offered) return problem === undefined;
      offered = fingerprint;
      const outcome = take(pair);
      problem = outcome.ok ? undefined : outcome.problem;
      if (outcome.ok) {
        expiresMs = outcome.expiresMs;
        onChange?.(expiresMs);
      } else onProblem(outcome.problem);
      return outcome.ok;
    },
    get expiresMs() {
      return expiresMs;
    },
    get problem() {
      return problem;
    },
  };
};
