// SPDX-License-Identifier: Apache-2.0
/**
 * A NetworkPolicy that a tenant writes, against the bounds of the tenant. Policies add up: whatever one of them allows is
 * allowed, so each of them must lie within the bounds by itself. Within the tenant's own namespaces traffic is the tenant's
 * business; beyond them only what the Tenant lists may be reached, and nothing may come in. Where a direction is not denied
 * by default, a policy takes away and gives nothing. Judged exactly: addresses as sets with their exceptions, ports as ranges.
 */
import { TENANT_LABEL } from '../../crds/kinds.ts';
import type { Value } from '../cel/index.ts';

import type { Problem } from '../problem.ts';
import { own, ownList, ownMap, ownText } from '../subject/paths.ts';
import { EVERY_ADDRESS, outside, rangeOf, union, without } from './address-ranges.ts';
import type { AddressSet } from './address-ranges.ts';
import { reachable } from './network-bounds.ts';
import type { NetworkBounds } from './network-bounds.ts';
import { portRange } from './ports.ts';
import type { PortRange } from './ports.ts';

// Enough for any policy that a person writes; each costs a look at all that the tenant may reach.
const MAX_PARTS = 1000;
const DNS_PORT = 53;

const wider = (message: string, path: string): Problem => ({ code: 'NETWORK_POLICY_WIDER', message, path });

const isOnlyValue = (values: readonly Value[], wanted: string): boolean => values.length > 0 && values.every((value) => value === wanted);

/** Whether it can select no namespace but the tenant's: every requirement of a selector must hold. */
const isWithinTenant = (selector: Value, tenant: string): boolean =>
  ownText(ownMap(selector, 'matchLabels'), TENANT_LABEL) === tenant ||
  ownList(selector, 'matchExpressions').some(
    (one) => ownText(one, 'key') === TENANT_LABEL && ownText(one, 'operator') === 'In' && isOnlyValue(ownList(one, 'values'), tenant),
  );

const isDnsServer = (peer: Value): boolean =>
  ownText(ownMap(ownMap(peer, 'namespaceSelector'), 'matchLabels'), 'kubernetes.io/metadata.name') === 'kube-system' &&
  ownText(ownMap(ownMap(peer, 'podSelector'), 'matchLabels'), 'k8s-app') === 'kube-dns';

const isDnsOnly = (ports: readonly PortRange[] | undefined): boolean =>
  ports !== undefined &&
  ports.every(({ protocol, from, to }) => (protocol === 'UDP' || protocol === 'TCP') && from === DNS_PORT && to === DNS_PORT);

/** Pods of the tenant: of the policy's own namespace where no other is selected. */
const isOwnPods = (peer: Value, tenant: string): boolean => {
  if (own(peer, 'ipBlock') !== undefined) return false;
  const namespaces = own(peer, 'namespaceSelector');
  return namespaces === undefined ? own(peer, 'podSelector') !== undefined : isWithinTenant(namespaces, tenant);
};

/** The addresses of a block without its exceptions; undefined where it is none. */
const addressesOf = (block: Value): AddressSet | undefined => {
  const range = rangeOf(ownText(block, 'cidr') ?? '');
  if (range === undefined) return undefined;
  // An exception that cannot be read takes nothing away.
  return without(
    range,
    ownList(block, 'except').flatMap((one) => (typeof one === 'string' ? (rangeOf(one) ?? []) : [])),
  );
};

type Rule = { readonly value: Value; readonly path: string };

const unreached = (addresses: AddressSet, ports: readonly PortRange[] | undefined, bounds: NetworkBounds): PortRange | undefined => {
  for (const { piece, addresses: allowed } of reachable(bounds, ports)) if (outside(addresses, allowed) !== undefined) return piece;
  return undefined;
};

const describe = ({ protocol, from, to }: PortRange): string =>
  protocol === 'any' ? 'every port' : `${protocol} ${from === to ? from : `${from}-${to}`}`;

const egressProblem = ({ value, path }: Rule, bounds: NetworkBounds): Problem | undefined => {
  const entries = ownList(value, 'ports');
  const ports = entries.length === 0 ? undefined : entries.map(portRange);
  const peers = ownList(value, 'to');
  const blocks: AddressSet[] = [];
  for (const [index, peer] of peers.entries()) {
    if (isOwnPods(peer, bounds.tenant)) continue;
    if (bounds.allowsDns && isDnsServer(peer) && isDnsOnly(ports)) continue;
    const block = own(peer, 'ipBlock');
    const addresses = block === undefined ? undefined : addressesOf(block);
    if (addresses === undefined) return wider("it selects pods that may be others'", `${path}.to[${index}]`);
    blocks.push(addresses);
  }
  if (peers.length > 0 && blocks.length === 0) return undefined;
  // No peers at all is every destination.
  const piece = unreached(peers.length === 0 ? EVERY_ADDRESS : union(blocks.flat()), ports, bounds);
  return piece === undefined ? undefined : wider(`it opens addresses on ${describe(piece)} that the tenant may not reach`, path);
};

const ingressProblem = ({ value, path }: Rule, bounds: NetworkBounds): Problem | undefined => {
  const peers = ownList(value, 'from');
  if (peers.length === 0) return wider('it lets everybody in', path);
  const index = peers.findIndex((peer) => !isOwnPods(peer, bounds.tenant));
  return index < 0 ? undefined : wider('it lets in what may be others', `${path}.from[${index}]`);
};

const partsOf = (rules: readonly Value[], peers: 'to' | 'from'): number =>
  rules.reduce((sum: number, rule) => sum + 1 + ownList(rule, peers).length + ownList(rule, 'ports').length, 0);

const first = (rules: readonly Value[], path: string, judge: (rule: Rule) => Problem | undefined): readonly Problem[] => {
  for (const [index, value] of rules.entries()) {
    const problem = judge({ value, path: `${path}[${index}]` });
    if (problem !== undefined) return [problem];
  }
  return [];
};

/** Of each direction the first rule that goes beyond the bounds. `policyTypes` does not matter: rules that sleep may wake. */
export const networkPolicyProblems = (policy: Value, bounds: NetworkBounds): readonly Problem[] => {
  if (bounds.policies === 'Allowed') return [];
  if (bounds.policies === 'Denied') return [{ code: 'NETWORK_POLICY_FORBIDDEN', message: 'the tenant may have none of its own' }];
  const spec = own(policy, 'spec') ?? null;
  const egress = ownList(spec, 'egress');
  const ingress = ownList(spec, 'ingress');
  if (partsOf(egress, 'to') + partsOf(ingress, 'from') > MAX_PARTS) {
    return [wider(`more than ${MAX_PARTS} peers and ports cannot be judged`, 'spec')];
  }
  return [
    ...(bounds.deniesEgress ? first(egress, 'spec.egress', (rule) => egressProblem(rule, bounds)) : []),
    ...(bounds.deniesIngress ? first(ingress, 'spec.ingress', (rule) => ingressProblem(rule, bounds)) : []),
  ];
};

/** Policies of network plugins, which add up with the others and say things that the bounds do not know. */
const PLUGIN_POLICIES: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['cilium.io', new Set(['ciliumnetworkpolicies'])],
  ['crd.projectcalico.org', new Set(['networkpolicies', 'networksets'])],
  ['projectcalico.org', new Set(['networkpolicies', 'networksets', 'stagednetworkpolicies'])],
  ['crd.antrea.io', new Set(['networkpolicies'])],
]);

export const pluginPolicyKinds: readonly { readonly group: string; readonly resources: readonly string[] }[] = [...PLUGIN_POLICIES].map(
  ([group, resources]) => ({ group, resources: [...resources] }),
);

export const isPluginPolicy = ({ group, resource }: { readonly group: string; readonly resource: string }): boolean =>
  PLUGIN_POLICIES.get(group)?.has(resource) === true;
