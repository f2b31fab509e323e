// SPDX-License-Identifier: Apache-2.0
// All bundles of one document → the seals that count, and why the others do not. One that does not count never spoils the others.
import type { Steps } from '../steps.ts';
import { startOf } from '../problem.ts';
import type { Problem } from '../problem.ts';
import { checkSeal } from './check-seal.ts';
import type { CountedSeal } from './check-seal.ts';
import type { EvidenceMemory } from './evidence-memory.ts';
import type { Term } from './term.ts';
import type { Trust } from './trust.ts';

/** `file` names the bytes in problems. */
export type Artifact = {
  readonly bytes: Uint8Array;
  readonly bundles: readonly string[];
  readonly file: string;
  /** What was proven before, elsewhere too. */
  readonly evidence?: EvidenceMemory | undefined;
};

export type Seals = { readonly counted: readonly CountedSeal[]; readonly ignored: readonly Problem[]; readonly terms: readonly Term[] };

/** `at` is now, epoch milliseconds; `digest` is `sha256:hex` of the bytes. */
export const checkBundles = function* (artifact: Artifact, context: { trust: Trust; at: number; digest: string }): Steps<Seals> {
  const { bytes, bundles, file, evidence } = artifact;
  const counted: CountedSeal[] = [];
  const ignored: Problem[] = [];
  const terms: Term[] = [];
  const at = startOf(file);
  for (const [index, text] of bundles.entries()) {
    if (index > 0) yield;
    const outcome = checkSeal(text, { ...context, bytes, evidence });
    const label = bundles.length > 1 ? `seal ${index + 1}: ` : '';
    if (outcome.term !== undefined) terms.push(outcome.term);
    if (outcome.ok) counted.push(outcome.seal);
    else ignored.push({ ...outcome.problem, message: `${label}${outcome.problem.message}`, at });
  }
  return { counted, ignored, terms };
};
