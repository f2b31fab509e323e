// SPDX-License-Identifier: Apache-2.0
// What keeps the operator from starting.
import type { ProblemCodes } from './entry.ts';

export const operatorCodes = {
  SOURCE_FIELD_UNSUPPORTED: { summary: 'The GitSource asks for something that this version does not do.', fix: 'remove the field named' },
  SOURCE_SECRET_MISSING: { summary: 'The Secret that the GitSource names is not there.', fix: 'create it, or correct the name' },
} as const satisfies ProblemCodes;
