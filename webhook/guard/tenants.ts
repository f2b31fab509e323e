// SPDX-License-Identifier: Apache-2.0
// The Tenants of this replica's cache as the guard compares with them: what stands, and what went while it watched, until the mark
// of it has come round by the operator. Verified when somebody asks for the name, which is once for a document that is new.
import type { Informer } from '../../kube/informer.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { TenantMemory } from '../../policies/tenant-memory.ts';
import type { TenantDocument, TenantObject } from '../../policies/tenant-object.ts';
import type { Trust } from '../../policies/trust/index.ts';
import type { SeenTenant } from './view.ts';

export type TenantLookup = (name: string, trust: Trust | undefined, atMs: number) => SeenTenant;

export type TenantLookupOptions = {
  readonly tenants: Pick<Informer<KubeObject & TenantObject>, 'get' | 'onChange'>;
  /** Of these objects. */
  readonly memory: TenantMemory;
  readonly onChange: () => void;
};

/** Their marks are a second or two behind; beyond this the oldest is forgotten. */
const DEPARTED_MAX = 1000;

export const createTenantLookup = ({ tenants, memory, onChange }: TenantLookupOptions): TenantLookup => {
  const departed = new Map<string, TenantObject>();
  const keep = (name: string, object: TenantObject): void => {
    departed.delete(name);
    departed.set(name, object);
    const [oldest] = departed.keys();
    if (departed.size > DEPARTED_MAX && oldest !== undefined) departed.delete(oldest);
  };
  tenants.onChange(({ type, object }) => {
    if (type === 'deleted') keep(object.metadata.name, object);
    onChange();
  });
  return (name, trust, atMs) => {
    const documentOf = (object: TenantObject | undefined): TenantDocument | undefined => {
      const judged = object === undefined || trust === undefined ? undefined : memory.judge(object, trust, atMs);
      return judged?.ok === true ? judged.document : undefined;
    };
    const object = tenants.get(name);
    return { isThere: object !== undefined, standing: documentOf(object), departed: documentOf(departed.get(name)) };
  };
};
