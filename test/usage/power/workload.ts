// SPDX-License-Identifier: Apache-2.0
// What the process does whose disk is recorded, in rounds: each sender sends some events, and as many entries go on record. A round is the
// same whoever makes it, so that it can be sent again.
import { join } from 'node:path';
import type { UsageEvent } from '../../../operator/usage/event.ts';
import { DAY_MS, HOUR_MS } from '../../../operator/usage/period.ts';
import { START, event } from '../ledger-scene.ts';

/** Below the folder that is recorded; made by the code. */
export const STATE = join('data', 'state');
export const LEDGER_FILE = 'ledger.sqlite';
export const ARCHIVE = join('archive', 'usage');
export const AUDIT_LOGS = ['root', 'cluster', 'tenant/acme', 'tenant/beta'];

export const SENDERS = [
  { tenant: 'acme', source: '/power/one' },
  { tenant: 'acme', source: '/power/two' },
  { tenant: 'beta', source: '/power/three' },
] as const;
export const TOGETHER = 30;

/** Of each life. */
export const ROUNDS: readonly (readonly number[])[] = [
  [0, 1, 2, 3],
  [4, 5, 6, 7],
  [8, 9, 10, 11],
];
const LATER: ReadonlyMap<number, number> = new Map([
  [9, START + 20 * DAY_MS],
  [10, START + 80 * DAY_MS],
  [11, START + 110 * DAY_MS],
]);

export const roundMs = (round: number): number => LATER.get(round) ?? START + round * HOUR_MS;

export const eventsOf = ({ tenant, source }: (typeof SENDERS)[number], round: number): readonly UsageEvent[] =>
  Array.from({ length: TOGETHER }, (_, at) =>
    event({ tenant, source, seq: round * TOGETHER + at + 1, value: '1.5', atMs: roundMs(round) }, roundMs(round)),
  );
