// SPDX-License-Identifier: Apache-2.0
// What was proven of log entries, timestamps and certificates. It depends on the bytes, the bundle and the trusted root, and
// on nothing else: neither on the time nor on whose seal counts. So it outlives a change of the trust policy, can be proven
// in another thread (evidence-task.ts), and makes the rest of a seal's check cheap.
import { hash } from 'node:crypto';
import type { EvidenceOutcome } from './evidence.ts';

export type EvidenceMemory = {
  recall(key: string): EvidenceOutcome | undefined;
  keep(key: string, outcome: EvidenceOutcome): void;
};

/** Some hundred bytes each. */
const MAX_KEPT = 16_384;

/** Holds the last `max` that were asked for. */
export const createEvidenceMemory = (max = MAX_KEPT): EvidenceMemory => {
  const kept = new Map<string, EvidenceOutcome>();
  const put = (key: string, outcome: EvidenceOutcome): void => {
    kept.delete(key);
    kept.set(key, outcome);
    if (kept.size <= max) return;
    for (const oldest of kept.keys()) {
      kept.delete(oldest);
      break;
    }
  };
  return {
    recall: (key) => {
      const outcome = kept.get(key);
      if (outcome !== undefined) put(key, outcome);
      return outcome;
    },
    keep: put,
  };
};

/** A key named by its hint is one key, since the hint is its digest. Both digests as `sha256:hex`. */
export const evidenceKey = (bundle: string, { digest, rootDigest }: { readonly digest: string; readonly rootDigest: string }): string =>
  `${digest} ${rootDigest} ${hash('sha256', bundle, 'base64url')}`;
