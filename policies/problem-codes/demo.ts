// SPDX-License-Identifier: Apache-2.0
// What ends the demo.
import type { ProblemCodes } from './entry.ts';

export const demoCodes = {
  DEMO_UNAVAILABLE: { summary: 'The demo cannot run from here.', fix: 'clone the repository and run make demo' },
  DEMO_FAILED: { summary: 'A step of the demo did not come out as told.', fix: 'look at the logs of operator and webhook; run it again' },
} as const satisfies ProblemCodes;
