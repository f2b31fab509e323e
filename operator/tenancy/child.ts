// SPDX-License-Identifier: Apache-2.0
// One object that is made for a tenant: what all of them have in common.
import { MANAGED_BY, MANAGED_BY_LABEL, TENANT_LABEL } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import { keyOf } from '../../kube/objects.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { LiveTenant } from '../controllers/live.ts';

export type TenantSpec = LiveTenant['spec'];

export type ChildObject = KubeObject & { readonly [field: string]: unknown };

/** One object that is to be there, and the field of the Tenant that asks for it. */
export type Declared = { readonly resource: Resource; readonly object: ChildObject; readonly path: string };

/** One object that is there. */
export type LiveChild = { readonly resource: Resource; readonly object: ChildObject };

export const childKey = (
  resource: Resource,
  object: { readonly metadata: { readonly name: string; readonly namespace?: string } },
): string => `${resource.plural}/${keyOf(object)}`;

/** Name and labels that every object of a tenant has. */
export const ownedBy = (tenant: string, ref: { readonly name: string; readonly namespace?: string }): ChildObject['metadata'] => ({
  ...ref,
  labels: { [MANAGED_BY_LABEL]: MANAGED_BY, [TENANT_LABEL]: tenant },
});
