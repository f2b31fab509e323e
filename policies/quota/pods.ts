// SPDX-License-Identifier: Apache-2.0
// What a pod takes, by the arithmetic of Kubernetes: containers together, or the most that one container of the start-up needs
// beside the sidecars that run by then; what is said of the whole pod goes before; overhead on top.
import { isRecord } from '../../crds/wire.ts';
import { AGENTS, isAgentPod } from './agents.ts';
import { MAX_NANOS, UNIT, nanosOfQuantity } from './quantity.ts';

type Side = 'requests' | 'limits';

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const quantities = (value: unknown): Map<string, bigint> =>
  new Map(Object.entries(isRecord(value) ? value : {}).map(([name, text]) => [name, nanosOfQuantity(text) ?? MAX_NANOS]));

const sideOf = (holder: unknown, side: Side): Map<string, bigint> => {
  const resources = isRecord(holder) ? holder['resources'] : undefined;
  return quantities(isRecord(resources) ? resources[side] : undefined);
};

const addTo = (sum: Map<string, bigint>, more: ReadonlyMap<string, bigint>): void => {
  for (const [name, nanos] of more) sum.set(name, (sum.get(name) ?? 0n) + nanos);
};

const raiseTo = (most: Map<string, bigint>, other: ReadonlyMap<string, bigint>): void => {
  for (const [name, nanos] of other) if (nanos > (most.get(name) ?? -1n)) most.set(name, nanos);
};

const askedBy = (spec: Readonly<Record<string, unknown>>, side: Side): Map<string, bigint> => {
  const running = new Map<string, bigint>();
  for (const container of listOf(spec['containers'])) addTo(running, sideOf(container, side));
  const sidecars = new Map<string, bigint>();
  const starting = new Map<string, bigint>();
  for (const container of listOf(spec['initContainers'])) {
    const own = sideOf(container, side);
    const isSidecar = isRecord(container) && container['restartPolicy'] === 'Always';
    if (isSidecar) {
      addTo(running, own);
      addTo(sidecars, own);
    }
    // Only what this container names can have become more; a look at all that others named would be one at everything.
    for (const [name, nanos] of own) {
      const beside = (sidecars.get(name) ?? 0n) + (isSidecar ? 0n : nanos);
      if (beside > (starting.get(name) ?? -1n)) starting.set(name, beside);
    }
  }
  raiseTo(running, starting);
  for (const [name, nanos] of sideOf(spec, side)) running.set(name, nanos);
  // Overhead has no limit of its own: it counts where something is limited.
  for (const [name, nanos] of quantities(spec['overhead'])) {
    const before = running.get(name);
    if (side === 'requests' || before !== undefined) running.set(name, (before ?? 0n) + nanos);
  }
  return running;
};

const COMPUTE = new Set(['cpu', 'memory', 'ephemeral-storage']);

export const podAmounts = (pod: Readonly<Record<string, unknown>>): ReadonlyMap<string, bigint> => {
  const status = isRecord(pod['status']) ? pod['status'] : {};
  // What has finished takes nothing more; as an object it is counted elsewhere.
  if (status['phase'] === 'Succeeded' || status['phase'] === 'Failed') return new Map();
  const spec = isRecord(pod['spec']) ? pod['spec'] : {};
  const amounts = new Map<string, bigint>([['pods', UNIT]]);
  if (isAgentPod(pod)) amounts.set(AGENTS, UNIT);
  for (const [name, nanos] of askedBy(spec, 'requests')) {
    if (COMPUTE.has(name) || name.startsWith('hugepages-')) amounts.set(name, nanos);
    amounts.set(`requests.${name}`, nanos);
  }
  for (const [name, nanos] of askedBy(spec, 'limits')) if (COMPUTE.has(name)) amounts.set(`limits.${name}`, nanos);
  return amounts;
};
