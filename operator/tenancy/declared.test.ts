// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import fc from 'fast-check';
import type { TenantLimitRange, TenantResourceQuota } from '../../crds/generated/objects.ts';
import { bindingsIn, readersOf } from './access.ts';
import { declaredIn } from './declared.ts';
import { limitProblems, limitRangesIn } from './limits.ts';
import { quotaProblems } from './quotas.ts';

const place = { tenant: 'acme', namespace: 'acme-a' };

describe('who has which role', () => {
  const roles = (spec: Parameters<typeof bindingsIn>[1]) =>
    Object.fromEntries(
      bindingsIn(place, spec).map(({ object }) => {
        const { subjects }: { subjects: readonly { name: string }[] } = JSON.parse(JSON.stringify(object));
        return [object.metadata.name, subjects.map(({ name }) => name)];
      }),
    );

  it('is admin for owners, and what owners need beside it', () => {
    assert.deepEqual(roles({ owners: [{ kind: 'Group', name: 'a' }] }), { 'writ-admin': ['a'], 'writ-writ-namespace-owner': ['a'] });
  });

  it('is what an owner says instead, or nothing', () => {
    const owners = [
      { kind: 'User', name: 'a', clusterRoles: ['view'] },
      { kind: 'User', name: 'b', clusterRoles: [] },
    ] as const;
    assert.deepEqual(roles({ owners }), { 'writ-view': ['a'], 'writ-writ-namespace-owner': ['a'] });
  });

  it('is one binding for each role, with everybody once', () => {
    const subject = { kind: 'User', name: 'a' } as const;
    const additional = [{ clusterRoleName: 'admin', subjects: [subject, { kind: 'ServiceAccount', name: 'a', namespace: 'x' }] as const }];
    assert.deepEqual(roles({ owners: [subject, subject], additionalRoleBindings: additional })['writ-admin'], ['a', 'a']);
  });

  it('is told apart where names are too long', () => {
    const long = (end: string) => ({ clusterRoleName: `${'r'.repeat(250)}${end}`, subjects: [{ kind: 'User', name: 'a' } as const] });
    const names = Object.keys(roles({ additionalRoleBindings: [long('a'), long('b')] }));
    assert.equal(new Set(names).size, 2);
    for (const name of names) assert.ok(name.length <= 253);
  });

  it('is the reading of the own Tenant for owners, and nobody is bound where there is none', () => {
    assert.equal(readersOf('acme', []), undefined);
    assert.deepEqual(readersOf('acme', [{ kind: 'User', name: 'a' }])?.role['rules'], [
      { apiGroups: ['writ.dev'], resources: ['tenants'], resourceNames: ['acme'], verbs: ['get'] },
    ]);
  });
});

const quotas: readonly [name: string, quantity: string | number, wrong?: RegExp][] = [
  ['requests.cpu', '64'],
  ['cpu', '500m'],
  ['requests.nvidia.com/gpu', 8],
  ['h100.deviceclass.resource.k8s.io/devices', '8'],
  ['fast.storageclass.storage.k8s.io/requests.storage', '1.5Ti'],
  ['count/agents.kagent.dev', '100'],
  ['count/pods', 3],
  ['hugepages-2Mi', '1Gi'],
  ['services.nodeports', '0'],
  ['gpu', 1, /no resource/],
  ['__proto__', 1, /no resource/],
  ['constructor', 1, /no resource/],
  ['nvidia.com/gpu', 1, /write requests\.nvidia\.com\/gpu/],
  ['limits.nvidia.com/gpu', 1, /write requests\.nvidia\.com\/gpu/],
  ['count/../secrets', 1, /no resource/],
  ['pods', '1.5', /whole numbers/],
  ['pods', '500m', /whole numbers/],
  ['pods', 'lots', /no quantity/],
  ['pods', '1e400', /no quantity/],
];
for (const [name, quantity, wrong] of quotas) {
  test(`a quota of ${quantity} ${name} is ${wrong === undefined ? 'taken' : 'refused'}`, () => {
    const hard = Object.fromEntries([[name, quantity]]);
    const [problem] = quotaProblems([{ name: 'a', hard: { pods: 1 } }, { name: 'b', hard } satisfies TenantResourceQuota]);
    if (wrong === undefined) return assert.equal(problem, undefined);
    assert.match(problem?.message ?? '', wrong);
    assert.equal(problem?.path, `spec.resourceQuotas[1].hard[${JSON.stringify(name)}]`);
  });
}

test('limits are stated as the API server completes them', () => {
  const range: TenantLimitRange = {
    type: 'Container',
    max: { cpu: 4, memory: '16Gi' },
    min: { cpu: '10m', 'ephemeral-storage': 1 },
    default: { cpu: 1 },
  };
  assert.deepEqual(limitRangesIn(place, [range])[0]?.object['spec'], {
    limits: [
      {
        type: 'Container',
        default: { cpu: '1', memory: '16Gi' },
        defaultRequest: { cpu: '1', memory: '16Gi', 'ephemeral-storage': '1' },
        min: { cpu: '10m', 'ephemeral-storage': '1' },
        max: { cpu: '4', memory: '16Gi' },
      },
    ],
  });
});

const limits: readonly [what: string, ranges: readonly TenantLimitRange[], path: string][] = [
  ['a least above the most', [{ type: 'Pod', min: { cpu: 2 }, max: { cpu: '1500m' } }], 'spec.limitRanges[0].min'],
  ['a default above the most', [{ type: 'Container', default: { cpu: 2 }, max: { cpu: 1 } }], 'spec.limitRanges[0].default'],
  ['defaults of pods', [{ type: 'Pod', default: { cpu: 2 } }], 'spec.limitRanges[0].default'],
  ['one type twice', [{ type: 'Pod' }, { type: 'Pod' }], 'spec.limitRanges[1].type'],
  ['a claim without bounds', [{ type: 'PersistentVolumeClaim' }], 'spec.limitRanges[0].max'],
  ['a ratio below one', [{ type: 'Container', maxLimitRequestRatio: { cpu: '500m' } }], 'spec.limitRanges[0].maxLimitRequestRatio'],
  ['what is no quantity', [{ type: 'Container', max: { cpu: '1e500' } }], 'spec.limitRanges[0].max'],
];
for (const [what, ranges, path] of limits) {
  test(`limits are refused with ${what}`, () => {
    assert.ok(limitProblems(ranges).some((problem) => problem.code === 'LIMITS_INVALID' && problem.path === path));
  });
}

test('whatever a Tenant says, what is declared has a name and the labels of ours', () => {
  const spec = fc.record({
    owners: fc.array(fc.record({ kind: fc.constant('User' as const), name: fc.string(), clusterRoles: fc.array(fc.string()) })),
    resourceQuotas: fc.array(
      fc.record({ name: fc.constantFrom('__proto__', 'constructor', 'q'), hard: fc.dictionary(fc.string(), fc.string()) }),
    ),
    limitRanges: fc.array(fc.record({ type: fc.constant('Container' as const), max: fc.dictionary(fc.string(), fc.string()) })),
  });
  fc.assert(
    fc.property(spec, (value) => {
      const { bounds, grants } = declaredIn('acme', value, 'acme-a');
      for (const { object } of [...bounds, ...grants]) {
        assert.ok(object.metadata.name.startsWith('writ-'));
        assert.equal(object.metadata.labels?.['writ.dev/tenant'], 'acme');
      }
      quotaProblems(value.resourceQuotas);
      limitProblems(value.limitRanges);
    }),
  );
});
