// SPDX-License-Identifier: Apache-2.0
// What the API server answered, and that the demo fails when it is not what was told.
import { UserError } from '../output.ts';

export type Answer = { readonly text: string; readonly allowed: boolean; readonly durationMs: number };

export const expect = (holds: boolean, what: string, answer: Answer): void => {
  if (!holds) throw new UserError([{ code: 'DEMO_FAILED', message: `${what}; the API server answered: ${answer.text}` }]);
};
