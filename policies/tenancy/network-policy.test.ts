// SPDX-License-Identifier: Apache-2.0
// Policies add up, so none may allow what the bounds don't: in a table, and against a plain reading of single packets.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { TenantNetwork } from '../../crds/generated/objects.ts';
import type { Value } from '../cel/index.ts';
import { networkBounds } from './network-bounds.ts';
import { networkPolicyProblems } from './network-policy.ts';
import { problemsOf } from './test-request.ts';

const network: TenantNetwork = {
  defaultDeny: ['Ingress', 'Egress'],
  dns: 'ClusterDNS',
  egress: [
    { name: 'api', cidrs: ['10.20.0.0/17', '10.20.128.0/17', '2001:db8::/48'], ports: [443, 8443] },
    { name: 'lake', cidrs: ['10.30.0.0/16'] },
  ],
};
const block = (cidr: string, ...except: readonly string[]) => ({ ipBlock: { cidr, ...(except.length === 0 ? {} : { except }) } });
const tcp = (port: string | number, endPort?: number) => ({ protocol: 'TCP', port, ...(endPort === undefined ? {} : { endPort }) });
const own = { namespaceSelector: { matchLabels: { 'writ.dev/tenant': 'acme' } } };
const dns = {
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
  podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
};
const judge = (spec: Value, more: Partial<TenantNetwork> = {}) =>
  networkPolicyProblems({ spec }, networkBounds('acme', { ...network, ...more })).map(({ code, path }) => `${code} ${path}`);
const wider = (path: string): readonly string[] => [`NETWORK_POLICY_WIDER ${path}`];

describe('a network policy of a tenant', () => {
  const egress: readonly (readonly [what: string, rule: Value, where: string | undefined])[] = [
    ['within one block', { to: [block('10.20.5.0/24')], ports: [tcp(443)] }, undefined],
    ['across two blocks that adjoin', { to: [block('10.20.0.0/16')], ports: [tcp(443)] }, undefined],
    ['IPv6', { to: [block('2001:db8:0:1::/64')], ports: [tcp(8443)] }, undefined],
    ['a whole destination without ports', { to: [block('10.30.0.0/16')] }, undefined],
    ['such a destination by UDP', { to: [block('10.30.1.1/32')], ports: [{ protocol: 'UDP', port: 1 }] }, undefined],
    ['one address more', { to: [block('10.20.0.0/15')], ports: [tcp(443)] }, 'spec.egress[0]'],
    ['that address left out again', { to: [block('10.20.0.0/15', '10.21.0.0/16')], ports: [tcp(443)] }, undefined],
    ['an exception that leaves too much', { to: [block('10.20.0.0/15', '10.21.0.0/17')], ports: [tcp(443)] }, 'spec.egress[0]'],
    ['another port', { to: [block('10.20.5.0/24')], ports: [tcp(80)] }, 'spec.egress[0]'],
    ['a range of ports around one', { to: [block('10.20.5.0/24')], ports: [tcp(443, 444)] }, 'spec.egress[0]'],
    ['a port by name', { to: [block('10.20.5.0/24')], ports: [tcp('https')] }, 'spec.egress[0]'],
    ['the port by UDP', { to: [block('10.20.5.0/24')], ports: [{ protocol: 'UDP', port: 443 }] }, 'spec.egress[0]'],
    ['every port', { to: [block('10.20.5.0/24')] }, 'spec.egress[0]'],
    ['everywhere', {}, 'spec.egress[0]'],
    ['everywhere on one port', { ports: [tcp(443)] }, 'spec.egress[0]'],
    ['every IPv4 address', { to: [block('0.0.0.0/0')], ports: [tcp(443)] }, 'spec.egress[0]'],
    ['no block', { to: [block('nonsense')] }, 'spec.egress[0].to[0]'],
    ['its own pods', { to: [{ podSelector: {} }, own] }, undefined],
    [
      'its own pods by expression',
      { to: [{ namespaceSelector: { matchExpressions: [{ key: 'writ.dev/tenant', operator: 'In', values: ['acme'] }] } }] },
      undefined,
    ],
    [
      "its own and others' by expression",
      { to: [{ namespaceSelector: { matchExpressions: [{ key: 'writ.dev/tenant', operator: 'In', values: ['acme', 'rival'] }] } }] },
      'spec.egress[0].to[0]',
    ],
    [
      'whoever is a tenant',
      { to: [{ namespaceSelector: { matchExpressions: [{ key: 'writ.dev/tenant', operator: 'Exists' }] } }] },
      'spec.egress[0].to[0]',
    ],
    ['all namespaces', { to: [{ namespaceSelector: {} }] }, 'spec.egress[0].to[0]'],
    ['a namespace by a label that it may get', { to: [{ namespaceSelector: { matchLabels: { team: 'acme' } } }] }, 'spec.egress[0].to[0]'],
    ['name servers', { to: [dns], ports: [{ protocol: 'UDP', port: 53 }, tcp(53)] }, undefined],
    ['name servers on every port', { to: [dns] }, 'spec.egress[0].to[0]'],
    ['name servers on another port', { to: [dns], ports: [tcp(53, 54)] }, 'spec.egress[0].to[0]'],
    ['a peer that says nothing', { to: [{}] }, 'spec.egress[0].to[0]'],
  ];
  for (const [what, rule, where] of egress)
    it(`to ${what}`, () => assert.deepEqual(judge({ egress: [rule] }), where === undefined ? [] : wider(where)));

  it('lets in nobody but its own', () => {
    assert.deepEqual(judge({ ingress: [{ from: [own] }, { from: [{ podSelector: { matchLabels: { a: 'b' } } }] }] }), []);
    assert.deepEqual(judge({ ingress: [] }), []);
    for (const peer of [block('10.30.0.0/16'), dns, { namespaceSelector: {} }, {}])
      assert.deepEqual(judge({ ingress: [{ from: [own] }, { from: [own, peer] }] }), wider('spec.ingress[1].from[1]'));
    assert.deepEqual(judge({ ingress: [{}] }), wider('spec.ingress[0]'));
  });

  it('may say what it likes of a direction that is open', () => {
    assert.deepEqual(judge({ egress: [{}], ingress: [{}] }, { defaultDeny: [] }), []);
    assert.deepEqual(judge({ egress: [{}], ingress: [{}] }, { defaultDeny: ['Egress'] }), wider('spec.egress[0]'));
  });

  it('is left alone where all are allowed, and there is none where they are denied', () => {
    assert.deepEqual(judge({ egress: [{}] }, { tenantPolicies: 'Allowed' }), []);
    assert.deepEqual(judge({}, { tenantPolicies: 'Denied' }), ['NETWORK_POLICY_FORBIDDEN undefined']);
  });

  it('counts no block that is all but everything among what the tenant lists', () => {
    const everything = { egress: [{ name: 'all', cidrs: ['0.0.0.0/0', '::/0'] }] };
    assert.deepEqual(judge({ egress: [{ to: [block('8.8.8.8/32')] }] }, everything), wider('spec.egress[0]'));
  });

  const asked = (policy: object, more: object = {}) =>
    problemsOf({ network }, { kind: 'NetworkPolicy', group: 'networking.k8s.io', resource: 'networkpolicies', object: policy, ...more });
  const open = { metadata: {}, spec: { egress: [{}] } };

  it('that was too wide before may be labelled, and not be changed into another', () => {
    const oldObject = open;
    assert.deepEqual(asked({ ...open, metadata: { labels: { a: 'b' } } }, { operation: 'UPDATE', oldObject }), []);
    const worse = { metadata: {}, spec: { egress: [{}], ingress: [{}] } };
    assert.equal(asked(worse, { operation: 'UPDATE', oldObject }).length, 2);
  });

  it('of the operator is what the bounds are made of', () => {
    assert.deepEqual(
      problemsOf({ network }, { kind: 'NetworkPolicy', group: 'networking.k8s.io', resource: 'networkpolicies', object: open }, true),
      [],
    );
  });

  it('of a network plugin cannot be bounded', () => {
    const cilium = {
      kind: 'CiliumNetworkPolicy',
      group: 'cilium.io',
      resource: 'ciliumnetworkpolicies',
      object: { metadata: {}, spec: {} },
    };
    assert.deepEqual(problemsOf({ network }, cilium), ['NETWORK_POLICY_FORBIDDEN']);
    assert.deepEqual(problemsOf({ network: { tenantPolicies: 'Allowed' } }, cilium), []);
  });
});

type Block = { readonly cidr: readonly [base: number, length: number]; readonly except: readonly (readonly [number, number])[] };
type Ports = readonly (readonly [from: number, to: number])[] | undefined;

// A world small enough to look at every packet: the last byte of one network, ports 1 to 6.
const cidrText = ([base, length]: readonly [number, number]): string => `10.0.0.${(base >> (8 - length)) << (8 - length)}/${24 + length}`;
const isIn = (address: number, [base, length]: readonly [number, number]): boolean => address >> (8 - length) === base >> (8 - length);
const cidr = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 8 }));
const ranges = fc.option(
  fc.array(
    fc
      .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 3 }))
      .map(([from, more]): readonly [number, number] => [from, from + more]),
    { minLength: 1, maxLength: 3 },
  ),
  { nil: undefined },
);
const destination = fc.record({
  cidrs: fc.array(cidr, { minLength: 1, maxLength: 4 }),
  ports: fc.option(fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }), { nil: undefined }),
});
const rule = fc.record({
  blocks: fc.array(fc.record({ cidr, except: fc.array(cidr, { maxLength: 2 }) }), { minLength: 1, maxLength: 3 }),
  ports: ranges,
});

describe('addresses and ports', () => {
  it('are allowed exactly where every packet is', () => {
    fc.assert(
      fc.property(fc.array(destination, { maxLength: 4 }), rule, (destinations, { blocks, ports }) => {
        const allows = (address: number, port: number): boolean =>
          destinations.some(
            (one) => one.cidrs.some((each) => isIn(address, each)) && (one.ports === undefined || one.ports.includes(port)),
          );
        const opens = (list: readonly Block[], open: Ports, address: number, port: number): boolean =>
          list.some((one) => isIn(address, one.cidr) && !one.except.some((each) => isIn(address, each))) &&
          (open === undefined || open.some(([from, to]) => from <= port && port <= to));
        let expected = true;
        // Port 100 stands for all that nobody lists.
        for (let address = 0; address < 256; address += 1)
          for (const port of [1, 2, 3, 4, 5, 6, 7, 8, 9, 100])
            if (opens(blocks, ports, address, port) && !allows(address, port)) expected = false;
        const bounds = networkBounds('acme', {
          defaultDeny: ['Egress'],
          egress: destinations.map((one, index) => ({
            name: `d${index}`,
            cidrs: one.cidrs.map(cidrText),
            ...(one.ports === undefined ? {} : { ports: one.ports }),
          })),
        });
        const egress = [
          {
            to: blocks.map((one) => ({ ipBlock: { cidr: cidrText(one.cidr), except: one.except.map(cidrText) } })),
            ...(ports === undefined ? {} : { ports: ports.map(([from, to]) => ({ protocol: 'TCP', port: from, endPort: to })) }),
          },
        ];
        assert.equal(networkPolicyProblems({ spec: { egress } }, bounds).length === 0, expected);
      }),
      { numRuns: 250 },
    );
  });
});
