// SPDX-License-Identifier: Apache-2.0
// What becomes of an event, and what decides it.
import type { MayBegin } from './new-sources.ts';
import type { LedgerState } from './tallies.ts';

/**
 * stored, duplicate: on disk, and it counts once. conflict: something else is stored under its identity or sequence number.
 * unknown-tenant, unknown-meter: kept aside. full: there is no room to keep it aside. gaps: its source has too many holes. sources: its
 * source is new, and its tenant has begun too many in this hour.
 */
export const eventOutcomes = ['stored', 'duplicate', 'conflict', 'unknown-tenant', 'unknown-meter', 'full', 'gaps', 'sources'] as const;
export type EventOutcome = (typeof eventOutcomes)[number];

export type IngestContext = {
  readonly state: LedgerState;
  readonly storedMs: number;
  readonly hasTenant: (name: string) => boolean;
  readonly hasMeter: (name: string) => boolean;
  readonly mayBegin: MayBegin;
};

export const isUnknown = (outcome: EventOutcome | undefined): boolean => outcome === 'unknown-tenant' || outcome === 'unknown-meter';

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, index) => byte === b[index]);
