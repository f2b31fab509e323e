// SPDX-License-Identifier: Apache-2.0
// What objects take, after the rules of Kubernetes' own quota (pkg/quota/v1/evaluator/core and the component helper resource).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { amountsOf, collectionOf } from './index.ts';
import type { Collection } from './index.ts';
import { MAX_NANOS, nanosOfQuantity, quantityText } from './quantity.ts';

const quantities: readonly [text: unknown, nanos: bigint | undefined][] = [
  ['1', 1_000_000_000n],
  [8, 8_000_000_000n],
  ['500m', 500_000_000n],
  ['.5', 500_000_000n],
  ['1.', 1_000_000_000n],
  ['64Gi', 68_719_476_736_000_000_000n],
  ['1.5Ki', 1_536_000_000_000n],
  ['2k', 2_000_000_000_000n],
  ['1e3', 1_000_000_000_000n],
  ['1E3', 1_000_000_000_000n],
  ['3E', 3_000_000_000_000_000_000_000_000_000n],
  ['1n', 1n],
  ['0.1n', 1n],
  ['1e-12', 1n],
  ['0', 0n],
  ['-1', undefined],
  ['', undefined],
  ['.', undefined],
  ['Gi', undefined],
  ['1 Gi', undefined],
  ['1e', undefined],
  ['1e999', undefined],
  ['1e9999999999', undefined],
  ['9'.repeat(65), undefined],
  [1.5, undefined],
  [null, undefined],
  [{ constructor: 1 }, undefined],
];
for (const [text, nanos] of quantities)
  test(`${JSON.stringify(text)} is ${nanos ?? 'no amount'}`, () => assert.equal(nanosOfQuantity(text), nanos));

test('an amount is read again from its own text', () => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 10n ** 28n }), (nanos) => assert.equal(nanosOfQuantity(quantityText(nanos)), nanos)));
});

const pods: Collection = { group: '', plural: 'pods' };
const asks = (requests: unknown, more: object = {}) => ({ resources: { requests }, ...more });
const U = 1_000_000_000n;

const rows: readonly [
  what: string,
  collection: Collection,
  object: unknown,
  expected: Readonly<Record<string, bigint>>,
  absent?: readonly string[],
][] = [
  [
    'containers together',
    pods,
    { spec: { containers: [asks({ cpu: '1', 'nvidia.com/gpu': 2 }), asks({ cpu: '500m', memory: '1Gi' })] } },
    {
      cpu: 1_500_000_000n,
      'requests.cpu': 1_500_000_000n,
      'requests.nvidia.com/gpu': 2n * U,
      'requests.memory': 1_073_741_824n * U,
      pods: U,
      'count/pods': U,
    },
    ['nvidia.com/gpu', 'limits.cpu'],
  ],
  [
    'the most that a container of the start-up needs beside the sidecars before it',
    pods,
    {
      spec: {
        initContainers: [
          asks({ cpu: '1' }, { restartPolicy: 'Always' }),
          asks({ cpu: '5' }),
          asks({ cpu: '2' }, { restartPolicy: 'Always' }),
        ],
        containers: [asks({ cpu: '1' })],
      },
    },
    { 'requests.cpu': 6n * U },
  ],
  [
    'sidecars beside containers',
    pods,
    { spec: { initContainers: [asks({ cpu: '2' }, { restartPolicy: 'Always' })], containers: [asks({ cpu: '3' })] } },
    { 'requests.cpu': 5n * U },
  ],
  [
    'what the whole pod asks for, and overhead',
    pods,
    {
      spec: {
        resources: { requests: { cpu: '4' }, limits: { cpu: '5' } },
        overhead: { cpu: '250m', memory: '1' },
        containers: [asks({ cpu: '1' })],
      },
    },
    { 'requests.cpu': 4_250_000_000n, 'limits.cpu': 5_250_000_000n, 'requests.memory': U },
    ['limits.memory'],
  ],
  [
    'nothing but itself once it has finished',
    pods,
    { spec: { containers: [asks({ cpu: '1' })] }, status: { phase: 'Succeeded' } },
    { 'count/pods': U },
    ['pods', 'cpu'],
  ],
  ['more than anybody has where it cannot be read', pods, { spec: { containers: [asks({ cpu: 'lots' })] } }, { 'requests.cpu': MAX_NANOS }],
  [
    'storage, also by class',
    { group: '', plural: 'persistentvolumeclaims' },
    { spec: { storageClassName: 'fast', resources: { requests: { storage: '1Gi' } } }, status: { allocatedResources: { storage: '2Gi' } } },
    {
      'requests.storage': 2_147_483_648n * U,
      'fast.storageclass.storage.k8s.io/requests.storage': 2_147_483_648n * U,
      'fast.storageclass.storage.k8s.io/persistentvolumeclaims': U,
      persistentvolumeclaims: U,
    },
  ],
  [
    'a service by type',
    { group: '', plural: 'services' },
    { spec: { type: 'LoadBalancer', ports: [{}, {}] } },
    { services: U, 'services.loadbalancers': U, 'services.nodeports': 2n * U },
  ],
  [
    'no node port that is not asked for',
    { group: '', plural: 'services' },
    { spec: { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports: [{}, { nodePort: 30001 }] } },
    { 'services.nodeports': U },
  ],
  ['a service inside', { group: '', plural: 'services' }, { spec: { ports: [{}] } }, { services: U }, ['services.nodeports']],
  [
    'devices by class, the most of the alternatives',
    { group: 'resource.k8s.io', plural: 'resourceclaims' },
    {
      spec: {
        devices: {
          requests: [
            { exactly: { deviceClassName: 'h100', count: 3 } },
            { exactly: { deviceClassName: 'h100', allocationMode: 'All' } },
            { firstAvailable: [{ deviceClassName: 'a100', count: 2 }, { deviceClassName: 'a100', count: 4 }, { deviceClassName: 'l4' }] },
            { deviceClassName: 'old', count: 7 },
          ],
        },
      },
    },
    {
      'h100.deviceclass.resource.k8s.io/devices': 35n * U,
      'a100.deviceclass.resource.k8s.io/devices': 4n * U,
      'l4.deviceclass.resource.k8s.io/devices': U,
      'old.deviceclass.resource.k8s.io/devices': 7n * U,
      'count/resourceclaims.resource.k8s.io': U,
    },
  ],
  ['anything as one', { group: 'kagent.dev', plural: 'agents' }, {}, { 'count/agents.kagent.dev': U }],
];
for (const [what, collection, object, expected, absent = []] of rows) {
  test(`${collection.plural} take ${what}`, () => {
    const amounts = amountsOf(collection, object);
    for (const [name, nanos] of Object.entries(expected)) assert.equal(amounts.get(name), nanos, name);
    for (const name of absent) assert.equal(amounts.has(name), false, name);
    for (const name of amounts.keys()) if (name !== 'pods') assert.deepEqual(collectionOf(name), collection, name);
  });
}

test('nothing is thrown, whatever the object is', () => {
  const places = [
    pods,
    { group: '', plural: 'services' },
    { group: '', plural: 'persistentvolumeclaims' },
    { group: 'resource.k8s.io', plural: 'resourceclaims' },
  ];
  fc.assert(
    fc.property(fc.constantFrom(...places), fc.object({ maxDepth: 4 }), fc.anything(), (collection, spec, status) => {
      for (const nanos of amountsOf(collection, { spec, status }).values()) assert.ok(nanos >= 0n);
      amountsOf(collection, status);
    }),
  );
});
