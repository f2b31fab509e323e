// SPDX-License-Identifier: Apache-2.0
// A document whose time was over before it came: its seals count no more, or it has ended. It may stay where it stood, closed; it
// takes the place of nothing else, or whoever still has a revoked key could retire, or loosen, what was closed because of it.
import type { Mark } from '../../crds/marks.ts';
import { closesAtMs, describeEnd } from '../../policies/policy-object.ts';
import type { PolicyDocument } from '../../policies/policy-object.ts';
import type { Problem } from '../../policies/problem.ts';

export type LateInput = {
  readonly document: PolicyDocument;
  /** What stands under its name. */
  readonly before: PolicyDocument | undefined;
  /** What is known to have been enforced under its name. */
  readonly mark: Mark | undefined;
  readonly atMs: number;
};

/** Undefined: it may come. Where nothing at all was known, it closes what it matches. */
export const comesLate = ({ document, before, mark, atMs }: LateInput): Problem | undefined => {
  const { digest, withdrawn } = document;
  const isKnown = before?.digest === digest || mark?.digest === digest;
  if (isKnown || (before === undefined && mark === undefined)) return undefined;
  if (withdrawn !== undefined) return withdrawn;
  if ((closesAtMs(document) ?? Number.POSITIVE_INFINITY) > atMs) return undefined;
  return { code: 'POLICY_EXPIRED', message: `${describeEnd(document)}, before it came`, path: 'spec.expires' };
};
