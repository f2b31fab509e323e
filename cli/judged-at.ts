// SPDX-License-Identifier: Apache-2.0
// As of when seals are judged: now, or the time that --at names.
import type { Terminal } from './output.ts';
import { UsageError } from './output.ts';

/** Epoch milliseconds. */
export const judgedAt = (at: string | undefined, { clock }: Pick<Terminal, 'clock'>): number => {
  if (at === undefined) return clock.now();
  const time = Date.parse(at);
  if (Number.isNaN(time)) throw new UsageError(`--at ${at}: write a time as 2027-03-01T00:00:00Z`);
  return time;
};
