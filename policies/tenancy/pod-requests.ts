// SPDX-License-Identifier: Apache-2.0
// What a pod asks for, as Kubernetes' scheduler and quotas count it (k8s.io/component-helpers/resource): containers and
// sidecars add up; an init container runs beside the sidecars before it, so the largest such moment counts where it is more;
// resources of the pod as a whole stand in the place of the sum; overhead comes on top.
import type { Value } from '../cel/index.ts';
import { isJsonMap } from '../cel/values/value.ts';
import { own, ownList, ownMap, ownText } from '../subject/paths.ts';
import { parseAmount } from './amount.ts';
import type { Amount } from './amount.ts';

export type Amounts = ReadonlyMap<string, Amount>;
export type Kind = 'requests' | 'limits';

export class UnreadableAmount {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }
}

const read = (list: Value | undefined, path: string): Map<string, Amount> | UnreadableAmount => {
  const amounts = new Map<string, Amount>();
  if (list === undefined || !isJsonMap(list)) return amounts;
  for (const [name, quantity] of Object.entries(list)) {
    const amount = parseAmount(quantity);
    if (amount === undefined || amount < 0n) return new UnreadableAmount(`${path}.${name}`);
    amounts.set(name, amount);
  }
  return amounts;
};

const add = (sum: Map<string, Amount>, more: Amounts): void => {
  for (const [name, amount] of more) sum.set(name, (sum.get(name) ?? 0n) + amount);
};

const raise = (most: Map<string, Amount>, candidate: Amounts): void => {
  for (const [name, amount] of candidate) if (amount > (most.get(name) ?? -1n)) most.set(name, amount);
};

/** Resources that count for the pod as a whole where it names them itself (KEP-2837). */
const OF_PODS = (name: string): boolean => name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');

export const podAmounts = (spec: Value, kind: Kind): Amounts | UnreadableAmount => {
  const sum = new Map<string, Amount>();
  for (const [index, container] of ownList(spec, 'containers').entries()) {
    const asked = read(own(ownMap(container, 'resources'), kind), `spec.containers[${index}].resources.${kind}`);
    if (asked instanceof UnreadableAmount) return asked;
    add(sum, asked);
  }
  const sidecars = new Map<string, Amount>();
  const starting = new Map<string, Amount>();
  for (const [index, container] of ownList(spec, 'initContainers').entries()) {
    const asked = read(own(ownMap(container, 'resources'), kind), `spec.initContainers[${index}].resources.${kind}`);
    if (asked instanceof UnreadableAmount) return asked;
    if (ownText(container, 'restartPolicy') === 'Always') {
      add(sum, asked);
      add(sidecars, asked);
      raise(starting, sidecars);
      continue;
    }
    for (const [name, amount] of asked) raise(starting, new Map([[name, amount + (sidecars.get(name) ?? 0n)]]));
  }
  raise(sum, starting);
  const whole = read(own(ownMap(spec, 'resources'), kind), `spec.resources.${kind}`);
  if (whole instanceof UnreadableAmount) return whole;
  for (const [name, amount] of whole) if (OF_PODS(name)) sum.set(name, amount);
  const overhead = read(own(spec, 'overhead'), 'spec.overhead');
  if (overhead instanceof UnreadableAmount) return overhead;
  // A limit that nobody named stays none.
  for (const [name, amount] of overhead) if (kind === 'requests' || sum.has(name)) sum.set(name, (sum.get(name) ?? 0n) + amount);
  return sum;
};
