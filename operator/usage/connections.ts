// SPDX-License-Identifier: Apache-2.0
// Which connections there may be before anybody has said who it is: so many of an address, so many in all. One more takes the place of the
// one that has been idle longest, of its own address where that has its share, else of the one that has most: whoever keeps many idle
// loses those, and nobody else any.

/** What can be ended. */
export type Connection = { destroy(): unknown };

type Held = { readonly address: string; connection: Connection; underWay: number };

export type Connections = {
  /** A new one; ended at once where all others have a request under way. `key` names it as long as it is there. */
  open(key: string, address: string, connection: Connection): void;
  closed(key: string): void;
  /** A request of it is under way; returns what is to be called at its end. */
  begin(key: string): () => void;
};

export const createConnections = ({ most, mostOfAddress }: { readonly most: number; readonly mostOfAddress: number }): Connections => {
  // The idlest first: whatever is heard of goes to the end.
  const held = new Map<string, Held>();
  const perAddress = new Map<string, number>();
  const drop = (key: string): void => {
    const one = held.get(key);
    if (one === undefined) return;
    held.delete(key);
    const left = (perAddress.get(one.address) ?? 1) - 1;
    if (left > 0) perAddress.set(one.address, left);
    else perAddress.delete(one.address);
  };
  const endIdlest = (isOf: (address: string) => boolean): boolean => {
    for (const [key, { address, connection, underWay }] of held) {
      if (underWay > 0 || !isOf(address)) continue;
      drop(key);
      connection.destroy();
      return true;
    }
    return false;
  };
  const makeRoom = (address: string): boolean => {
    if ((perAddress.get(address) ?? 0) >= mostOfAddress) return endIdlest((of) => of === address);
    if (held.size < most) return true;
    const greatest = Math.max(...perAddress.values());
    return endIdlest((of) => perAddress.get(of) === greatest) || endIdlest(() => true);
  };
  return {
    open: (key, address, connection) => {
      drop(key);
      if (!makeRoom(address)) return void connection.destroy();
      held.set(key, { address, connection, underWay: 0 });
      perAddress.set(address, (perAddress.get(address) ?? 0) + 1);
    },
    closed: drop,
    begin: (key) => {
      const one = held.get(key);
      if (one === undefined) return () => undefined;
      one.underWay += 1;
      return () => {
        one.underWay -= 1;
        if (held.get(key) !== one) return;
        held.delete(key);
        held.set(key, one);
      };
    },
  };
};
