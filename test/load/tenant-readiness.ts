// SPDX-License-Identifier: Apache-2.0
// When Tenants are ready, as the API server tells it.
import { tenants } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Manifest } from '../tenancy/isolated-tenant.ts';

export type Told = Manifest & {
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message: string }[];
  };
};

export const isReady = ({ metadata, status }: Told): boolean =>
  status?.observedGeneration === metadata.generation &&
  status?.conditions?.some(({ type, status: held }) => type === 'Ready' && held === 'True') === true;

/** Told by a watch, so that waiting costs the API server nothing. */
export const watchReady = (client: KubeClient, onReady: (tenant: Told) => void): { readonly end: () => Promise<void> } => {
  const ending = new AbortController();
  const watching = (async () => {
    while (!ending.signal.aborted) {
      try {
        const { items, resourceVersion } = await client.list<Told>(tenants);
        items.filter(isReady).forEach(onReady);
        for await (const event of client.watch<Told>(tenants, { resourceVersion, signal: ending.signal }))
          if ((event.type === 'ADDED' || event.type === 'MODIFIED') && isReady(event.object)) onReady(event.object);
      } catch (error) {
        if (!ending.signal.aborted) throw error;
      }
    }
  })();
  return {
    end: async () => {
      ending.abort();
      await watching;
    },
  };
};

/** Who waits for a Tenant to be Ready at a generation. */
export const createWaiting = () => {
  const waiting = new Map<string, { readonly generation: number; readonly resolve: (atMs: number) => void }>();
  const seen = new Map<string, number>();
  let lastMs = 0;
  return {
    tell: ({ metadata }: Told): void => {
      if (!seen.has(metadata.name)) lastMs = performance.now();
      seen.set(metadata.name, metadata.generation ?? 0);
      const one = waiting.get(metadata.name);
      if (one === undefined || (metadata.generation ?? 0) < one.generation) return;
      waiting.delete(metadata.name);
      one.resolve(performance.now());
    },
    ready: (name: string, generation: number): Promise<number> =>
      (seen.get(name) ?? 0) >= generation
        ? Promise.resolve(performance.now())
        : new Promise((resolve) => waiting.set(name, { generation, resolve })),
    count: (): number => seen.size,
    /** When the latest one was heard of for the first time. */
    lastMs: (): number => lastMs,
  };
};

export type Waiting = ReturnType<typeof createWaiting>;
