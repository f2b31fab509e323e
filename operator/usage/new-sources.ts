// SPDX-License-Identifier: Apache-2.0
// How many sources a tenant may begin: each is a row for as long as its events are kept, and is looked at with every look for silence.
import { HOUR_MS, hourOf } from './period.ts';
import { OWN_SOURCES } from './sources.ts';

const MAX_NEW_SOURCES = 500;

export type MayBegin = (name: { readonly tenant: string; readonly source: string }, nowMs: number) => boolean;

/**
 * Whether a source that the ledger does not know may begin: 500 of a tenant in an hour, those of Writ itself besides. In memory, so a new
 * process counts anew; by names, so that one whose transaction failed is not counted again when it comes again.
 */
export const createNewSources = (): MayBegin => {
  let begun = new Map<string, Set<string>>();
  let untilMs = 0;
  return ({ tenant, source }, nowMs) => {
    if (source.startsWith(OWN_SOURCES)) return true;
    if (nowMs >= untilMs) {
      begun = new Map();
      untilMs = hourOf(nowMs) + HOUR_MS;
    }
    const names = begun.get(tenant) ?? new Set<string>();
    begun.set(tenant, names);
    if (!names.has(source) && names.size >= MAX_NEW_SOURCES) return false;
    names.add(source);
    return true;
  };
};
