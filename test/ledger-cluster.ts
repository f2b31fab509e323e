// SPDX-License-Identifier: Apache-2.0
// One ConfigMap of a cluster, with the compare and swap of the API server, whose answers a test may hold back.
import { encodeQuotaLedger } from '../crds/quota-ledger.ts';
import type { QuotaLedger } from '../crds/quota-ledger.ts';
import type { KubeClient } from '../kube/client.ts';
import { KubeApiError } from '../kube/errors.ts';
import type { KubeObject } from '../kube/objects.ts';
import { scriptedClient } from './scripted-client.ts';

export type LedgerCluster = {
  held: KubeObject | undefined;
  version: number;
  reads: number;
  writes: number;
  conflicts: number;
  /** Awaited before each write is looked at. */
  before: () => Promise<void>;
};

export const ledgerCluster = (ledger: QuotaLedger | undefined): { readonly cluster: LedgerCluster; readonly client: KubeClient } => {
  const cluster: LedgerCluster = {
    held: ledger === undefined ? undefined : encodeQuotaLedger(ledger),
    version: 1,
    reads: 0,
    writes: 0,
    conflicts: 0,
    before: async () => undefined,
  };
  const stored = (): unknown => {
    const object = structuredClone(cluster.held);
    return object === undefined ? undefined : { ...object, metadata: { ...object.metadata, resourceVersion: String(cluster.version) } };
  };
  const client = scriptedClient({
    get: async () => {
      cluster.reads += 1;
      return stored();
    },
    replace: async (_resource, object) => {
      await cluster.before();
      if (object.metadata.resourceVersion !== String(cluster.version)) {
        cluster.conflicts += 1;
        throw new KubeApiError({ status: 409, reason: 'Conflict' });
      }
      cluster.version += 1;
      cluster.writes += 1;
      cluster.held = structuredClone(object);
      return stored();
    },
  });
  return { cluster, client };
};
