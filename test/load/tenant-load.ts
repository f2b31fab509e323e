// SPDX-License-Identifier: Apache-2.0
// What the measurements of tenants share: how many there are, what each is, and how its rows are told.
import type { KubeObject } from '../../kube/objects.ts';
import type { Installation } from '../scenario/installation.ts';
import { sampleOf } from '../scenario/exposition.ts';
import { isolatedTenant } from '../tenancy/isolated-tenant.ts';
import { pidOf } from './processor-time.ts';

export type TenantLoad = {
  readonly tenants: number;
  readonly singles: number;
  readonly edits: number;
  readonly idleMs: number;
  readonly say: (step: string) => void;
};

/** Longer than anything that was written takes to come back by a watch. */
export const SETTLED_MS = 3000;
export const PATIENCE_MS = 45 * 60_000;
export const IN_FLIGHT = 16;

export const nameOf = (index: number): string => `load-${String(index).padStart(5, '0')}`;

export const tenantDocument = (name: string): KubeObject =>
  isolatedTenant({ name, namespaces: [`${name}-work`], spec: { deletionPolicy: 'Orphan', scheduling: undefined } });

export const apiServerPid = ({ plane }: Installation): number | undefined => pidOf(`--secure-port=${new URL(plane.url).port}`);

/** Whether the operator has looked at so many tenants since its start and none waits. */
export const hasLooked = async ({ operator }: Installation, tenants: number): Promise<boolean> => {
  const text = await operator.metrics();
  const of = (name: string): number => sampleOf(text, `writ_operator_${name}`, { controller: 'tenant' });
  return of('reconciles_total') >= tenants && of('queue_depth') === 0;
};
