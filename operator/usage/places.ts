// SPDX-License-Identifier: Apache-2.0
// How many are under way of each sort, and whether one more may be: by account, namespace, tenant and in all.

/** What one more counts for, and how many of that there may be. */
export type Share = readonly [of: string, most: number];

/** Takes a place of each share, or none; what it gives back leaves them. */
export const createPlaces = (): ((shares: readonly Share[]) => (() => void) | undefined) => {
  const underWay = new Map<string, number>();
  return (shares) => {
    if (shares.some(([of, most]) => (underWay.get(of) ?? 0) >= most)) return undefined;
    for (const [of] of shares) underWay.set(of, (underWay.get(of) ?? 0) + 1);
    return () => {
      for (const [of] of shares) {
        const left = (underWay.get(of) ?? 0) - 1;
        if (left > 0) underWay.set(of, left);
        else underWay.delete(of);
      }
    };
  };
};

/** No account or namespace has a name like these. */
export const tenantShare = (tenant: string | undefined, most: number): readonly Share[] =>
  tenant === undefined ? [] : [[`tenant ${tenant}`, most]];
