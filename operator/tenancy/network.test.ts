// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TenantNetwork } from '../../crds/generated/objects.ts';
import { isolation, networkProblems, policiesIn } from './network.ts';

const place = { tenant: 'acme', namespace: 'acme-a' };
const both: TenantNetwork = { defaultDeny: ['Ingress', 'Egress'], tenantPolicies: 'Bounded' };
const named = { egress: [{ name: 'corp', cidrs: ['10.20.0.0/16', '2001:db8::/32'], ports: [5432, 443] }] };

const rows: readonly [what: string, network: TenantNetwork | undefined, names: readonly string[]][] = [
  ['nothing', undefined, []],
  ['both directions', both, ['writ-default-deny']],
  ['name servers and destinations', { ...both, ...named, dns: 'ClusterDNS' }, ['writ-default-deny', 'writ-dns', 'writ-egress']],
  // A policy that allows some egress denies the rest, which nobody asked for.
  ['destinations without a denial', { ...named, dns: 'ClusterDNS', defaultDeny: ['Ingress'] }, ['writ-default-deny']],
];
for (const [what, network, names] of rows) {
  test(`a tenant that declares ${what} has the policies ${names.join(', ')}`, () => {
    assert.deepEqual(
      policiesIn(place, network).map(({ object }) => object.metadata.name),
      names,
    );
  });
}

test('a policy denies what is declared, whatever its order, and opens what is named', () => {
  const [deny, egress] = policiesIn(place, { ...both, ...named, defaultDeny: ['Egress', 'Ingress'] });
  assert.deepEqual(deny?.object['spec'], { podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
  assert.deepEqual(egress?.object['spec'], {
    podSelector: {},
    policyTypes: ['Egress'],
    egress: [
      {
        to: [{ ipBlock: { cidr: '10.20.0.0/16' } }, { ipBlock: { cidr: '2001:db8::/32' } }],
        ports: [
          { protocol: 'TCP', port: 5432 },
          { protocol: 'TCP', port: 443 },
        ],
      },
    ],
  });
});

for (const cidr of ['0.0.0.0/0', '128.0.0.0/1', '::/0', '2000::/3', '::ffff:0:0/15']) {
  test(`${cidr} is all but everything`, () => {
    const [problem] = networkProblems({ egress: [{ name: 'a', cidrs: ['10.0.0.0/8', cidr] }] });
    assert.deepEqual([problem?.code, problem?.path], ['EGRESS_TOO_WIDE', 'spec.network.egress[0].cidrs[1]']);
  });
}

const all = ['Ingress', 'Egress'];
const verdicts: readonly [network: TenantNetwork | undefined, complete: boolean, enforces: readonly string[], expected: string][] = [
  [both, true, all, 'True Enforced'],
  [both, true, [], 'Unknown PluginUnknown'],
  [both, true, ['Ingress'], 'False PluginLacks'],
  [both, false, all, 'False Incomplete'],
  [{ ...both, tenantPolicies: 'Allowed' }, true, all, 'False TenantPoliciesAllowed'],
  [{ ...both, defaultDeny: ['Ingress'] }, true, all, 'False NotDeclared'],
  [undefined, true, all, 'False NotDeclared'],
];
for (const [network, complete, enforces, expected] of verdicts) {
  test(`a network is isolated: ${expected}`, () => {
    const { status, reason } = isolation({ network, complete, enforces });
    assert.equal(`${status} ${reason}`, expected);
  });
}
