// SPDX-License-Identifier: Apache-2.0
// Tells once what is found again with every look.

const MOST_TOLD = 10_000;

/** `what` is told the first time alone; so many are remembered, then all are forgotten. */
export const createTellOnce = (): ((what: string, tell: () => void) => void) => {
  const told = new Set<string>();
  return (what, tell) => {
    if (told.has(what)) return;
    if (told.size >= MOST_TOLD) told.clear();
    told.add(what);
    tell();
  };
};
