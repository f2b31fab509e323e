// SPDX-License-Identifier: Apache-2.0
// Who may talk to whom by the NetworkPolicies of a cluster, worked out from their definition: a pod that some policy of a direction selects
// may do in that direction what any of them allows and no more; what none selects may do everything. There is no node here to
// carry a packet, and whether a cluster's plugin does as it is told is not Writ's to prove.
import type { KubeObject } from '../../kube/objects.ts';

type Selector = {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[];
};
type Peer = { readonly podSelector?: Selector; readonly namespaceSelector?: Selector; readonly ipBlock?: { readonly cidr: string } };
type Rule = { readonly from?: readonly Peer[]; readonly to?: readonly Peer[]; readonly ports?: readonly Port[] };
type Port = { readonly protocol?: string; readonly port?: number | string; readonly endPort?: number };

export type NetworkPolicy = KubeObject & {
  readonly spec: {
    readonly podSelector?: Selector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly Rule[];
    readonly egress?: readonly Rule[];
  };
};

export type Endpoint = { readonly namespace: string; readonly labels: Readonly<Record<string, string>> };
export type Traffic = { readonly from: Endpoint; readonly to: Endpoint; readonly protocol: 'TCP' | 'UDP'; readonly port: number };
export type NetworkView = { readonly policies: readonly NetworkPolicy[]; readonly namespaces: readonly KubeObject[] };

const selects = (selector: Selector | undefined, labels: Readonly<Record<string, string>>): boolean =>
  Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
  (selector?.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = labels[key];
    if (operator === 'Exists') return value !== undefined;
    if (operator === 'DoesNotExist') return value === undefined;
    return (value !== undefined && values.includes(value)) === (operator === 'In');
  });

const allowsPort = (ports: readonly Port[] | undefined, { protocol, port }: Traffic): boolean =>
  ports === undefined ||
  ports.length === 0 ||
  ports.some((one) => {
    if ((one.protocol ?? 'TCP') !== protocol) return false;
    // A port by name may be any port: what is not known is taken for open.
    if (typeof one.port !== 'number') return true;
    return port >= one.port && port <= (one.endPort ?? one.port);
  });

export const reaches = (view: NetworkView, traffic: Traffic): boolean => {
  const labelsOf = (namespace: string): Readonly<Record<string, string>> =>
    view.namespaces.find(({ metadata }) => metadata.name === namespace)?.metadata.labels ?? {};
  const allows = (end: Endpoint, other: Endpoint, direction: 'Ingress' | 'Egress'): boolean => {
    const about = view.policies.filter(
      ({ metadata, spec }) =>
        metadata.namespace === end.namespace &&
        (spec.policyTypes ?? ['Ingress']).includes(direction) &&
        selects(spec.podSelector, end.labels),
    );
    const matches = (peer: Peer, home: string): boolean => {
      // An address block may hold any pod's address: taken for open, so that nothing is called closed that is not.
      if (peer.ipBlock !== undefined) return isWide(peer.ipBlock.cidr);
      const inNamespace =
        peer.namespaceSelector === undefined ? other.namespace === home : selects(peer.namespaceSelector, labelsOf(other.namespace));
      return inNamespace && selects(peer.podSelector, other.labels);
    };
    return (
      about.length === 0 ||
      about.some(({ metadata, spec }) =>
        ((direction === 'Ingress' ? spec.ingress : spec.egress) ?? []).some((rule) => {
          const peers = direction === 'Ingress' ? rule.from : rule.to;
          const anyone = peers === undefined || peers.length === 0;
          return (anyone || peers.some((peer) => matches(peer, metadata.namespace ?? ''))) && allowsPort(rule.ports, traffic);
        }),
      )
    );
  };
  return allows(traffic.from, traffic.to, 'Egress') && allows(traffic.to, traffic.from, 'Ingress');
};

/** Blocks for documentation (RFC 5737) hold no pod; every other may. */
const isWide = (cidr: string): boolean => !/^(192\.0\.2|198\.51\.100|203\.0\.113)\./.test(cidr);
