// SPDX-License-Identifier: Apache-2.0
// What was proven of log entries, timestamps and certificates. It depends on the bytes, the bundle and the trusted root, and
// on nothing else: neither on the time nor on whose seal counts. So it outlives a change of the trust policy, can be proven
// in another thread (evidence-task.ts), and makes the rest of a seal's check cheap.
import { hash } from 'node:crypto';
import { createRecent } from '../recent.ts';
import type { Recent } from '../recent.ts';
import type { EvidenceOutcome } from './evidence.ts';

export type EvidenceMemory = Recent<EvidenceOutcome>;

/** Some hundred bytes each. */
const MAX_KEPT = 16_384;

export const createEvidenceMemory = (max = MAX_KEPT): EvidenceMemory => createRecent(max);

/** A key named by its hint is one key, since the hint is its digest. Both digests as `sha256:hex`. */
export const evidenceKey = (bundle: string, { digest, rootDigest }: { readonly digest: string; readonly rootDigest: string }): string =>
  `${digest} ${rootDigest} ${hash('sha256', bundle, 'base64url')}`;
