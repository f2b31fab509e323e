// SPDX-License-Identifier: Apache-2.0
// How long ago anything last showed that somebody looked after the trusted root.
//
// `trusted_root.json` carries no date and no expiry, and a root that nobody refreshes goes on to believe an authority that has
// been withdrawn, and to refuse logs that are new. Two things in it and around it prove a date: the youngest authority or
// log that it lists (the file cannot be older than the day on which that was known, so it was fetched since), and the trusted
// times of the seals over the trust policy that pins it, since whoever seals a new version vouches for the root anew. The age
// is the time since the younger of the two: it may overstate, never understate, how long nobody has looked.
import type { Trust } from './trust.ts';

/** Epoch milliseconds; undefined where no root is pinned or none is there. `at`: now; what lies after it proves nothing yet. */
export const rootConfirmedMs = ({ root, sealedMs }: Trust, at: number): number | undefined => {
  if (!root.ok) return undefined;
  const times = [...root.root.startsMs, ...(sealedMs === undefined ? [] : [sealedMs])].filter((time) => time <= at);
  return times.length === 0 ? undefined : Math.max(...times);
};

export const rootAgeMs = (trust: Trust, at: number): number | undefined => {
  const confirmedMs = rootConfirmedMs(trust, at);
  return confirmedMs === undefined ? undefined : at - confirmedMs;
};
