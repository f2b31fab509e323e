// SPDX-License-Identifier: Apache-2.0
// The ports of a NetworkPolicy's rule as ranges of a protocol. A range without a protocol stands for all traffic.
import { own, ownText } from '../subject/paths.ts';
import type { Value } from '../cel/index.ts';

export type PortRange = { readonly protocol: string; readonly from: number; readonly to: number };

const LAST_PORT = 65_535;
export const allPortsOf = (protocol: string): PortRange => ({ protocol, from: 0, to: LAST_PORT });

/**
 * One entry of `ports`. A port by name stands for whatever number a pod gives that name, so for every port; an entry that is
 * none that the API server would store is read as every port too.
 */
export const portRange = (entry: Value): PortRange => {
  const protocol = ownText(entry, 'protocol') ?? 'TCP';
  const from = own(entry, 'port');
  const to = own(entry, 'endPort') ?? from;
  return typeof from === 'number' && typeof to === 'number' && from <= to ? { protocol, from, to } : allPortsOf(protocol);
};
