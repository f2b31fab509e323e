// SPDX-License-Identifier: Apache-2.0
/**
 * What one object takes of the quotas that may be set on it, by the names that a ResourceQuota uses.
 *
 * In: the object as it is on the wire and the collection that it lies in. Out: amounts in billionths (crds/quota-ledger.ts). Counted
 * as the API server's own quota does it: pods by their requests and limits until they have finished, claims for storage, services by
 * type, claims for devices by class, and anything as `count/RESOURCE.GROUP`. Total: what cannot be read counts as more
 * than anybody has. The webhook reserves by it and the operator counts by it. Anyone may import this folder; it imports crds/ and, for
 * what an agent is, policies/subject.
 */
import type { Amounts } from '../../crds/quota-ledger.ts';
import { isRecord } from '../../crds/wire.ts';
import { claimAmounts } from './claims.ts';
import { AGENTS } from './agents.ts';
import { podAmounts } from './pods.ts';
import { UNIT } from './quantity.ts';

/** The collection that an object lies in; `group` is empty for the core group. */
export type Collection = { readonly group: string; readonly plural: string };

/** `count/deployments.apps`, `count/secrets`. */
const countName = ({ group, plural }: Collection): string => `count/${plural}${group === '' ? '' : `.${group}`}`;

/** What is counted under its bare name too. */
const COUNTED_BARE = new Set([
  'pods',
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
]);

const serviceAmounts = (spec: Readonly<Record<string, unknown>>): ReadonlyMap<string, bigint> => {
  const ports = Array.isArray(spec['ports']) ? spec['ports'].filter(isRecord) : [];
  const all = BigInt(ports.length) * UNIT;
  switch (spec['type']) {
    case 'NodePort':
      return new Map([['services.nodeports', all]]);
    case 'LoadBalancer': {
      // Without node ports of their own only those count that were asked for.
      const named = BigInt(ports.filter(({ nodePort }) => nodePort !== undefined && nodePort !== 0).length) * UNIT;
      const nodePorts = spec['allocateLoadBalancerNodePorts'] === false ? named : all;
      return new Map([
        ['services.loadbalancers', UNIT],
        ['services.nodeports', nodePorts],
      ]);
    }
    default:
      return new Map();
  }
};

export const amountsOf = (collection: Collection, object: unknown): Amounts => {
  const { group, plural } = collection;
  const whole = isRecord(object) ? object : {};
  const spec = isRecord(whole['spec']) ? whole['spec'] : {};
  const amounts = new Map<string, bigint>([[countName(collection), UNIT]]);
  const add = (more: ReadonlyMap<string, bigint>): Amounts => {
    for (const [name, nanos] of more) amounts.set(name, nanos);
    return amounts;
  };
  if (group === '' && plural === 'pods') return add(podAmounts(whole));
  if (group === '' && COUNTED_BARE.has(plural)) amounts.set(plural, UNIT);
  if (group === '' && plural === 'persistentvolumeclaims') return add(claimAmounts.storage(spec, whole));
  if (group === '' && plural === 'services') return add(serviceAmounts(spec));
  if (group === 'resource.k8s.io' && plural === 'resourceclaims') return add(claimAmounts.devices(spec));
  return amounts;
};

const STORAGE_CLASS = /\.storageclass\.storage\.k8s\.io\/(?:requests\.storage|persistentvolumeclaims)$/;
const DEVICE_CLASS = /\.deviceclass\.resource\.k8s\.io\/devices$/;

/** The collection whose objects take of the named resource. */
export const collectionOf = (name: string): Collection => {
  if (name === AGENTS) return { group: '', plural: 'pods' };
  if (name.startsWith('count/')) {
    const [plural = '', ...group] = name.slice('count/'.length).split('.');
    return { group: group.join('.'), plural };
  }
  if (name !== 'pods' && COUNTED_BARE.has(name)) return { group: '', plural: name };
  if (name.startsWith('services.')) return { group: '', plural: 'services' };
  if (name === 'requests.storage' || STORAGE_CLASS.test(name)) return { group: '', plural: 'persistentvolumeclaims' };
  if (DEVICE_CLASS.test(name)) return { group: 'resource.k8s.io', plural: 'resourceclaims' };
  return { group: '', plural: 'pods' };
};
