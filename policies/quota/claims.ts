// SPDX-License-Identifier: Apache-2.0
// What a claim takes: for storage as much as it asks for or already has, for devices as many as it may get of each class.
import { isRecord } from '../../crds/wire.ts';
import { MAX_NANOS, UNIT, nanosOfQuantity } from './quantity.ts';

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields => (isRecord(value) ? value : {});
const fieldsIn = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.filter(isRecord) : []);

const storageNanos = (value: unknown): bigint => {
  const { storage } = fieldsOf(value);
  return storage === undefined ? 0n : (nanosOfQuantity(storage) ?? MAX_NANOS);
};

const storage = (spec: Fields, claim: Fields): ReadonlyMap<string, bigint> => {
  const asked = storageNanos(fieldsOf(spec['resources'])['requests']);
  const allocated = storageNanos(fieldsOf(claim['status'])['allocatedResources']);
  const nanos = asked > allocated ? asked : allocated;
  const amounts = new Map([['requests.storage', nanos]]);
  const annotated = fieldsOf(fieldsOf(claim['metadata'])['annotations'])['volume.beta.kubernetes.io/storage-class'];
  const className = annotated ?? spec['storageClassName'];
  if (typeof className === 'string' && className !== '') {
    amounts.set(`${className}.storageclass.storage.k8s.io/requests.storage`, nanos);
    amounts.set(`${className}.storageclass.storage.k8s.io/persistentvolumeclaims`, UNIT);
  }
  return amounts;
};

/** The most devices that one claim can be given, which is what a request for all of them counts as. */
const MOST_DEVICES = 32n;

const devicesAsked = ({ allocationMode, count }: Fields): bigint => {
  if (allocationMode === 'All') return MOST_DEVICES * UNIT;
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? BigInt(count) * UNIT : UNIT;
};

const devices = (spec: Fields): ReadonlyMap<string, bigint> => {
  const amounts = new Map<string, bigint>();
  for (const request of fieldsIn(fieldsOf(spec['devices'])['requests'])) {
    const most = new Map<string, bigint>();
    // `exactly` since v1; before it the request itself said what is under it. Of alternatives the largest of each class counts.
    const alternatives = [...(isRecord(request['exactly']) ? [request['exactly']] : [request]), ...fieldsIn(request['firstAvailable'])];
    for (const one of alternatives) {
      const { deviceClassName } = one;
      if (typeof deviceClassName !== 'string' || deviceClassName === '') continue;
      const name = `${deviceClassName}.deviceclass.resource.k8s.io/devices`;
      const asked = devicesAsked(one);
      if (asked > (most.get(name) ?? 0n)) most.set(name, asked);
    }
    for (const [name, nanos] of most) amounts.set(name, (amounts.get(name) ?? 0n) + nanos);
  }
  return amounts;
};

export const claimAmounts = { storage, devices };
