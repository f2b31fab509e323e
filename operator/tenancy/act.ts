// SPDX-License-Identifier: Apache-2.0
// Steps done. What a person must see to comes back as a problem and keeps nothing else waiting; what may pass by itself is thrown,
// once everything else has been tried.
import { SYNC_FIELD_MANAGER, namespaces } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import { KubeApiError, isAlreadyExists, isConflict, isNotFound, isTransient } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { Problem } from '../../policies/problem.ts';
import { childKey } from './child.ts';
import type { Step } from './plan.ts';
import type { ChildObject, Declared } from './child.ts';
import type { TenancyMemory } from './recent.ts';

export type ActDeps = { readonly client: KubeClient; readonly memory: TenancyMemory };

/** What goes by without anybody's doing: a namespace that is going takes nothing more, and when it is gone that is an event. */
export const isPassing = (error: unknown): boolean => {
  if (isTransient(error) || isConflict(error) || isAlreadyExists(error)) return true;
  if (!(error instanceof KubeApiError)) return false;
  const { kind, causes = [] } = error.details ?? {};
  return (error.status === 404 && kind === 'namespaces') || causes.some(({ reason }) => reason === 'NamespaceTerminating');
};

/** The refusal as a problem; thrown where the same call may well succeed later. */
const refusalOf = (error: unknown, what: string, path: string): Problem => {
  if (!(error instanceof KubeApiError) || isPassing(error)) throw error;
  return { code: 'APPLY_REFUSED', message: `${what}: ${error.message}`, path };
};

/** Each to its end, whatever becomes of the others; then the first error that was thrown. */
export const allSettled = async <T>(tasks: readonly Promise<T>[]): Promise<readonly T[]> => {
  const settled = await Promise.allSettled(tasks);
  const values: T[] = [];
  for (const outcome of settled) {
    if (outcome.status === 'rejected') throw outcome.reason;
    values.push(outcome.value);
  }
  return values;
};

export const perform = async ({ client, memory }: ActDeps, steps: readonly Step[], signal: AbortSignal): Promise<readonly Problem[]> => {
  const apply = async ({ resource, object }: Declared): Promise<void> => {
    const written = await client.apply<ChildObject>(resource, object, { fieldManager: SYNC_FIELD_MANAGER, signal });
    memory.children.written(childKey(resource, object), written);
  };
  const remove = async (resource: Declared['resource'], object: ChildObject): Promise<void> => {
    const { name, namespace, uid, resourceVersion } = object.metadata;
    // Only what was looked at: since then it may have become another tenant's.
    const preconditions = { ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    await client.delete(resource, { name, namespace }, { preconditions, signal });
    memory.children.deleted(childKey(resource, object), object);
  };
  const replace = async (declared: Declared, resourceVersion: string | undefined): Promise<void> => {
    const { resource, object } = declared;
    const metadata = { ...object.metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    try {
      const written = await client.replace<ChildObject>(resource, { ...object, metadata }, { fieldManager: SYNC_FIELD_MANAGER, signal });
      memory.children.written(childKey(resource, object), written);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      // Gone since it was looked at.
      await apply(declared);
    }
  };
  const once = async (step: Step): Promise<void> => {
    switch (step.kind) {
      case 'apply':
        return apply(step.declared);
      case 'replace':
        return replace(step.declared, step.resourceVersion);
      case 'recreate':
        await remove(step.declared.resource, step.live);
        return apply(step.declared);
      case 'delete':
        return remove(step.live.resource, step.live.object);
    }
  };
  const told = async (step: Step): Promise<readonly Problem[]> => {
    const { resource, object } = step.kind === 'delete' ? step.live : step.declared;
    const place = object.metadata.namespace === undefined ? '' : ` of namespace ${object.metadata.namespace}`;
    try {
      await once(step);
      return [];
    } catch (error) {
      return [refusalOf(error, `${resource.kind} ${object.metadata.name}${place}`, step.kind === 'delete' ? 'spec' : step.declared.path)];
    }
  };
  return (await allSettled(steps.map(told))).flat();
};

/** The namespace as it stands then, or why it cannot be. */
export const makeNamespace = async (
  { client, memory }: ActDeps,
  wanted: { readonly object: KubeObject; readonly path: string },
  signal: AbortSignal,
): Promise<{ readonly object: KubeObject } | { readonly problem: Problem }> => {
  const { name } = wanted.object.metadata;
  try {
    const object = await client.apply(namespaces, wanted.object, { fieldManager: SYNC_FIELD_MANAGER, signal });
    memory.namespaces.written(name, object);
    return { object };
  } catch (error) {
    return { problem: refusalOf(error, `namespace ${name}`, wanted.path) };
  }
};
