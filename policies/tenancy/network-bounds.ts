// SPDX-License-Identifier: Apache-2.0
// What a tenant's network may reach outside of its own namespaces, as sets of addresses for ports.
import type { TenantNetwork } from '../../crds/generated/objects.ts';
import { rangeOf, union } from './address-ranges.ts';
import type { AddressSet } from './address-ranges.ts';
import { allPortsOf } from './ports.ts';
import type { PortRange } from './ports.ts';

type Destination = { readonly addresses: AddressSet; /** Undefined: all traffic. */ readonly ports: ReadonlySet<number> | undefined };

export type NetworkBounds = {
  readonly tenant: string;
  readonly policies: 'Denied' | 'Bounded' | 'Allowed';
  /** What comes from outside is held back unless a policy lets it in, so no policy may. */
  readonly deniesIngress: boolean;
  readonly deniesEgress: boolean;
  readonly allowsDns: boolean;
  readonly destinations: readonly Destination[];
};

// A sixteenth of all addresses and more is everything, other tenants' pods included: nobody is given that by a list.
const SHORTEST_PREFIX = { v4: 8, v6: 16 };

const isTooWide = (cidr: string): boolean => Number(cidr.split('/')[1]) < (cidr.includes(':') ? SHORTEST_PREFIX.v6 : SHORTEST_PREFIX.v4);

export const networkBounds = (tenant: string, network: TenantNetwork | undefined): NetworkBounds => ({
  tenant,
  policies: network?.tenantPolicies ?? 'Bounded',
  deniesIngress: network?.defaultDeny?.includes('Ingress') === true,
  deniesEgress: network?.defaultDeny?.includes('Egress') === true,
  allowsDns: network?.dns === 'ClusterDNS',
  destinations: (network?.egress ?? []).map(({ cidrs, ports }) => ({
    addresses: union(cidrs.flatMap((cidr) => (isTooWide(cidr) ? [] : (rangeOf(cidr) ?? [])))),
    ports: ports === undefined || ports.length === 0 ? undefined : new Set(ports),
  })),
});

/**
 * The ports that a rule opens, cut where the bounds change: within one piece every port may reach the same addresses. Only
 * TCP ports are ever listed, so another protocol is one piece.
 */
const piecesOf = ({ protocol, from, to }: PortRange, listed: readonly number[]): readonly PortRange[] => {
  if (protocol !== 'TCP') return [{ protocol, from, to }];
  const pieces: PortRange[] = [];
  let next = from;
  for (const port of listed) {
    if (port < from || port > to) continue;
    if (port > next) pieces.push({ protocol, from: next, to: port - 1 });
    pieces.push({ protocol, from: port, to: port });
    next = port + 1;
  }
  if (next <= to) pieces.push({ protocol, from: next, to });
  return pieces;
};

const reaches = ({ ports }: Destination, piece: PortRange): boolean =>
  ports === undefined || (piece.protocol === 'TCP' && piece.from === piece.to && ports.has(piece.from));

/** For each piece of the ports the addresses that the bounds allow; pieces that may reach the same are given once. */
export const reachable = function* (
  { destinations }: NetworkBounds,
  /** Undefined: all traffic. */
  ports: readonly PortRange[] | undefined,
): Generator<{ readonly piece: PortRange; readonly addresses: AddressSet }> {
  const listed = [...new Set(destinations.flatMap(({ ports: own }) => [...(own ?? [])]))].toSorted((a, b) => a - b);
  const seen = new Set<string>();
  // All traffic is of every protocol; what is allowed for one that lists no ports is allowed for each of them.
  for (const range of ports ?? [allPortsOf('any')]) {
    for (const piece of piecesOf(range, listed)) {
      const open = destinations.filter((destination) => reaches(destination, piece));
      const key = destinations.map((destination) => (open.includes(destination) ? '1' : '0')).join('');
      if (seen.has(key)) continue;
      seen.add(key);
      yield { piece, addresses: union(open.flatMap(({ addresses }) => addresses)) };
    }
  }
};
