// SPDX-License-Identifier: Apache-2.0
// Of two documents, which one counts for less: one without any seal, or one whose seals count no more.
import type { PolicyDocument } from '../../policies/policy-object.ts';

/** What has no seal, or only one that counts no more, takes the place of nothing that is better. */
export const isWeaker = (one: PolicyDocument, other: PolicyDocument): boolean =>
  (one.unsigned === true && other.unsigned !== true) || (one.withdrawn !== undefined && other.withdrawn === undefined);
