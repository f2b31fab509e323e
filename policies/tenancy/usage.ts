// SPDX-License-Identifier: Apache-2.0
/**
 * What one object uses of a quota, by the names that a ResourceQuota has for it: the same names and sums as Kubernetes' own
 * quota evaluators (pkg/quota/v1/evaluator/core), so that a quota over a tenant's namespaces together means what one of a
 * namespace means.
 *
 * In: an object with its group and resource. Out: name → amount, or the path of what could not be read. Pure; the webhook
 * reserves by it and the operator counts by it, so the two never differ.
 */
import type { Value } from '../cel/index.ts';
import { own, ownList, ownMap, ownText } from '../subject/paths.ts';
import { amountOf, parseAmount } from './amount.ts';
import type { Amount } from './amount.ts';
import { UnreadableAmount, podAmounts } from './pod-requests.ts';
import type { Amounts, Kind } from './pod-requests.ts';

export type CountedResource = { readonly group: string; readonly resource: string };

const ONE = amountOf(1);

/** Kinds that have a name of their own in a quota beside `count/…`. */
const NAMED: ReadonlySet<string> = new Set([
  'pods',
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
]);

export const countName = ({ group, resource }: CountedResource): string =>
  group === '' ? `count/${resource}` : `count/${resource}.${group}`;

const isNative = (name: string): boolean => !name.includes('/') || name.startsWith('kubernetes.io/');

const podNames = (kind: Kind, name: string): readonly string[] => {
  if (kind === 'limits') return ['cpu', 'memory', 'ephemeral-storage'].includes(name) ? [`limits.${name}`] : [];
  if (name === 'cpu' || name === 'memory' || name === 'ephemeral-storage') return [name, `requests.${name}`];
  if (name.startsWith('hugepages-')) return [name, `requests.${name}`];
  // Extended resources are never overcommitted, so only what is requested is counted.
  return isNative(name) ? [] : [`requests.${name}`];
};

const isDone = (pod: Value): boolean => ['Succeeded', 'Failed'].includes(ownText(ownMap(pod, 'status'), 'phase') ?? '');

type Usage = Amounts | UnreadableAmount;

const podUsage = (pod: Value, used: Map<string, Amount>): Usage => {
  // A pod that has ended is an object and uses nothing.
  if (isDone(pod)) return used;
  used.set('pods', ONE);
  for (const kind of ['requests', 'limits'] as const) {
    const amounts = podAmounts(own(pod, 'spec') ?? null, kind);
    if (amounts instanceof UnreadableAmount) return amounts;
    for (const [name, amount] of amounts) for (const counted of podNames(kind, name)) used.set(counted, amount);
  }
  return used;
};

const claimUsage = (claim: Value, used: Map<string, Amount>): Usage => {
  const spec = own(claim, 'spec') ?? null;
  const asked = own(ownMap(ownMap(spec, 'resources'), 'requests'), 'storage');
  const amount = asked === undefined ? 0n : parseAmount(asked);
  if (amount === undefined || amount < 0n) return new UnreadableAmount('spec.resources.requests.storage');
  const held = parseAmount(own(ownMap(ownMap(claim, 'status'), 'allocatedResources'), 'storage')) ?? 0n;
  const most = held > amount ? held : amount;
  used.set('requests.storage', most);
  const storageClass = ownText(spec, 'storageClassName') ?? '';
  if (storageClass !== '') {
    used.set(`${storageClass}.storageclass.storage.k8s.io/requests.storage`, most);
    used.set(`${storageClass}.storageclass.storage.k8s.io/persistentvolumeclaims`, ONE);
  }
  return used;
};

const serviceUsage = (service: Value, used: Map<string, Amount>): Usage => {
  const spec = own(service, 'spec') ?? null;
  const type = ownText(spec, 'type');
  const ports = ownList(spec, 'ports');
  if (type === 'LoadBalancer') {
    used.set('services.loadbalancers', ONE);
    const isAllocated = own(spec, 'allocateLoadBalancerNodePorts') !== false;
    const numbered = ports.filter((port) => typeof own(port, 'nodePort') === 'number' && own(port, 'nodePort') !== 0).length;
    used.set('services.nodeports', amountOf(isAllocated ? ports.length : numbered));
  } else if (type === 'NodePort') used.set('services.nodeports', amountOf(ports.length));
  return used;
};

/** `allocationMode: All` may take as many as an allocation can hold. */
const MOST_DEVICES = 32;

const devicesOf = (request: Value): readonly [deviceClass: string, count: number] | undefined => {
  const deviceClass = ownText(request, 'deviceClassName') ?? '';
  if (deviceClass === '') return undefined;
  if (ownText(request, 'allocationMode') === 'All') return [deviceClass, MOST_DEVICES];
  const count = own(request, 'count');
  return [deviceClass, typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : 1];
};

/** Of alternatives each class counts with the most that any of them would take of it. */
const deviceUsage = (claim: Value, used: Map<string, Amount>): Usage => {
  const total = new Map<string, number>();
  for (const request of ownList(ownMap(ownMap(claim, 'spec'), 'devices'), 'requests')) {
    const choices = [ownMap(request, 'exactly') ?? request, ...ownList(request, 'firstAvailable')];
    const most = new Map<string, number>();
    for (const choice of choices) {
      const [deviceClass, count] = devicesOf(choice) ?? ['', 0];
      if (deviceClass !== '') most.set(deviceClass, Math.max(count, most.get(deviceClass) ?? 0));
    }
    for (const [deviceClass, count] of most) total.set(deviceClass, (total.get(deviceClass) ?? 0) + count);
  }
  for (const [deviceClass, count] of total) used.set(`${deviceClass}.deviceclass.resource.k8s.io/devices`, amountOf(count));
  return used;
};

export const usageOf = (resource: CountedResource, object: Value): Usage => {
  const used = new Map<string, Amount>([[countName(resource), ONE]]);
  if (resource.group === 'resource.k8s.io' && resource.resource === 'resourceclaims') return deviceUsage(object, used);
  if (resource.group !== '') return used;
  if (resource.resource === 'pods') return podUsage(object, used);
  if (NAMED.has(resource.resource)) used.set(resource.resource, ONE);
  if (resource.resource === 'persistentvolumeclaims') return claimUsage(object, used);
  return resource.resource === 'services' ? serviceUsage(object, used) : used;
};

const COMPUTE = /^(pods$|cpu$|memory$|ephemeral-storage$|hugepages-|limits\.|requests\.)/;

/** Which kinds of objects use something of a quota of this name; none for a name that nothing is counted by. */
export const countedBy = (name: string): readonly CountedResource[] => {
  const core = (resource: string): readonly CountedResource[] => [{ group: '', resource }];
  if (name.startsWith('count/')) {
    const [, resource = '', group = ''] = /^count\/([^.]+)(?:\.(.+))?$/.exec(name) ?? [];
    return resource === '' ? [] : [{ group, resource }];
  }
  if (name === 'requests.storage' || name.includes('.storageclass.storage.k8s.io/')) return core('persistentvolumeclaims');
  if (name.endsWith('.deviceclass.resource.k8s.io/devices')) return [{ group: 'resource.k8s.io', resource: 'resourceclaims' }];
  if (name === 'services.nodeports' || name === 'services.loadbalancers') return core('services');
  if (COMPUTE.test(name)) return core('pods');
  return NAMED.has(name) ? core(name) : [];
};
