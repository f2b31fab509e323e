// SPDX-License-Identifier: Apache-2.0
// What a tenant's namespaces may talk to: a denial of all in the declared directions, and beside it what is named. Whether a network
// plugin enforces any of it the API server does not know, so it is taken from the operator's own flag or not believed.
import type { TenantNetwork } from '../../crds/generated/objects.ts';
import { networkPolicies } from '../../crds/kinds.ts';
import type { ConditionInput } from '../../kube/status.ts';
import type { Problem } from '../../policies/problem.ts';
import { ownedBy } from './child.ts';
import type { Declared } from './child.ts';

export type Direction = 'Ingress' | 'Egress';
type Place = { readonly tenant: string; readonly namespace: string };

const DIRECTIONS: readonly Direction[] = ['Ingress', 'Egress'];
const NAME_SERVERS = {
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
  podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
};
const NAME_SERVER_PORTS = ['UDP', 'TCP'].map((protocol) => ({ protocol, port: 53 }));

const denied = (network: TenantNetwork | undefined): readonly Direction[] =>
  DIRECTIONS.filter((direction) => network?.defaultDeny?.includes(direction) === true);

export const policiesIn = (place: Place, network: TenantNetwork | undefined): readonly Declared[] => {
  const directions = denied(network);
  const policy = (name: string, path: string, spec: object): Declared => ({
    resource: networkPolicies,
    path,
    object: { metadata: ownedBy(place.tenant, { name, namespace: place.namespace }), spec: { podSelector: {}, ...spec } },
  });
  const declared: Declared[] = [];
  if (directions.length > 0) declared.push(policy('writ-default-deny', 'spec.network.defaultDeny', { policyTypes: directions }));
  // Where egress is not denied, a policy that allows some of it would deny the rest.
  if (!directions.includes('Egress')) return declared;
  if (network?.dns === 'ClusterDNS') {
    const egress = [{ to: [NAME_SERVERS], ports: NAME_SERVER_PORTS }];
    declared.push(policy('writ-dns', 'spec.network.dns', { policyTypes: ['Egress'], egress }));
  }
  const destinations = network?.egress ?? [];
  if (destinations.length > 0) {
    const egress = destinations.map(({ cidrs, ports = [] }) => ({
      to: cidrs.map((cidr) => ({ ipBlock: { cidr } })),
      ...(ports.length === 0 ? {} : { ports: ports.map((port) => ({ protocol: 'TCP', port })) }),
    }));
    declared.push(policy('writ-egress', 'spec.network.egress', { policyTypes: ['Egress'], egress }));
  }
  return declared;
};

// A block of a sixteenth of all addresses and more is everything, also what other tenants' pods have.
const SHORTEST_PREFIX = { v4: 8, v6: 16 };

export const networkProblems = (network: TenantNetwork | undefined): readonly Problem[] =>
  (network?.egress ?? []).flatMap(({ name, cidrs }, index) =>
    cidrs.flatMap((cidr, at): readonly Problem[] => {
      const length = Number(cidr.split('/')[1]);
      const shortest = cidr.includes(':') ? SHORTEST_PREFIX.v6 : SHORTEST_PREFIX.v4;
      if (length >= shortest) return [];
      const message = `${name} would open ${cidr}, which is all but everything`;
      return [{ code: 'EGRESS_TOO_WIDE', message, path: `spec.network.egress[${index}].cidrs[${at}]` }];
    }),
  );

const state = (status: ConditionInput['status'], reason: string, message: string): ConditionInput => ({
  type: 'NetworkIsolated',
  status,
  reason,
  message,
});

/** True only where every direction is closed, nothing can open it, and somebody who knows said that it is enforced. */
export const isolation = (input: {
  readonly network: TenantNetwork | undefined;
  /** All that was declared is in place. */
  readonly complete: boolean;
  /** What the network plugin is said to enforce. */
  readonly enforces: readonly string[];
}): ConditionInput => {
  const { network, complete, enforces } = input;
  const closed = denied(network);
  const open = DIRECTIONS.filter((direction) => !closed.includes(direction));
  if (open.length > 0) return state('False', 'NotDeclared', `spec.network.defaultDeny does not name ${open.join(' and ')}`);
  if (network?.tenantPolicies === 'Allowed') {
    return state(
      'False',
      'TenantPoliciesAllowed',
      'spec.network.tenantPolicies is Allowed: a NetworkPolicy of the tenant can open anything',
    );
  }
  if (!complete) return state('False', 'Incomplete', 'not every namespace has its network policies');
  if (enforces.length === 0) {
    const message =
      'nobody said that the network plugin enforces NetworkPolicies; where it does, say so by the flag --network-plugin-enforces';
    return state('Unknown', 'PluginUnknown', message);
  }
  const lacking = DIRECTIONS.filter((direction) => !enforces.includes(direction));
  if (lacking.length > 0) return state('False', 'PluginLacks', `the network plugin does not enforce ${lacking.join(' and ')}`);
  return state('True', 'Enforced', 'all traffic is denied but what is named, and the network plugin is said to enforce it');
};
