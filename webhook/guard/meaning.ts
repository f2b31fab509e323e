// SPDX-License-Identifier: Apache-2.0
// What of an object means anything to what is enforced.
import { anyDifference } from '../../policies/document/difference.ts';
import type { GuardedChange } from './change.ts';

const meaningOf = ({ spec, signature }: Readonly<Record<string, unknown>>): unknown => ({ spec, signature });

/** Labels, annotations, finalizers and field ownership are no input to what is enforced. */
export const isMetadataOnly = ({ before, after }: GuardedChange): boolean =>
  before !== undefined && after !== undefined && anyDifference(meaningOf(before), meaningOf(after)) === undefined;
