// SPDX-License-Identifier: Apache-2.0
// One operation of a plan → one object at the API server: what it says no to is an answer, what may pass by itself is thrown.
import { SYNC_FIELD_MANAGER, TENANT_FINALIZER } from '../../crds/kinds.ts';
import type { Resource } from '../../crds/kinds.ts';
import type { KubeClient } from '../../kube/client.ts';
import { KubeApiError, isConflict, isForbidden, isTransient } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { Problem, SourcePosition } from '../../policies/problem.ts';
import { objectTitle } from './identity.ts';
import type { ObjectIdentity } from './identity.ts';
import { mayStillGo } from './plan.ts';
import type { AppliedObject, DesiredObject, Operation } from './plan.ts';

export type CallOptions = { readonly client: KubeClient; readonly signal: AbortSignal; readonly dryRun: boolean };

/**
 * A refusal that a person must see to is an answer; what may pass by itself is thrown, to be tried again. A missing
 * permission is among that: an API server that has just started knows no roles yet.
 */
export const attempt = async (target: Refusable, call: () => Promise<unknown>): Promise<readonly Problem[]> => {
  try {
    await call();
    return [];
  } catch (error) {
    if (!(error instanceof KubeApiError) || isTransient(error) || isConflict(error) || isForbidden(error)) throw error;
    return refusals(target, error);
  }
};

// Statuses are written beside it all the time, and each is a conflict.
const ATTEMPTS = 5;

type Kept = 'all' | 'none';

/** What is written whole: the object as it is declared, and which one that is. */
type Written = { readonly resource: Resource; readonly object: KubeObject };

/** What of the metadata stays that others wrote. */
const keptMetadata = ({ metadata }: KubeObject, { object }: Written, kept: Kept): KubeObject['metadata'] => {
  const { name, uid, resourceVersion, labels, annotations, finalizers } = metadata;
  if (kept === 'none') {
    const identity = { name, ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    // What the operator holds it by itself.
    const own = finalizers?.includes(TENANT_FINALIZER) === true ? { finalizers: [TENANT_FINALIZER] } : {};
    return { ...identity, ...own, ...object.metadata };
  }
  const { managedFields: _, ...rest } = metadata;
  return {
    ...rest,
    ...object.metadata,
    labels: { ...labels, ...object.metadata.labels },
    annotations: { ...annotations, ...object.metadata.annotations },
  };
};

/** Everything but what is kept becomes what is declared. */
const replace = async (target: Written, kept: Kept, { client, signal, dryRun }: CallOptions): Promise<unknown> => {
  const { resource, object } = target;
  const options = { fieldManager: SYNC_FIELD_MANAGER, dryRun, signal };
  for (let attempt = 1; ; attempt += 1) {
    const live = await client.get<KubeObject>(resource, object.metadata, { signal });
    if (live === undefined) return client.apply(resource, object, options);
    try {
      const metadata = keptMetadata(live, target, kept);
      return await client.replace(resource, { ...object, metadata }, { ...options, fieldValidation: 'Strict' });
    } catch (error) {
      if (!isConflict(error) || attempt === ATTEMPTS) throw error;
    }
  }
};

/** What others keep in the metadata counts into what an object may hold, and is looked at again with each write. */
const mayBeMetadata = (error: unknown): error is KubeApiError =>
  error instanceof KubeApiError && (error.status === 413 || error.status === 422 || error.message.includes('too large'));

/** Nobody holds up an order by what they write beside it: where that may be the reason, it goes. */
const unlessHeld = async (deed: () => Promise<unknown>, target: Written, options: CallOptions): Promise<unknown> => {
  try {
    return await deed();
  } catch (error) {
    if (!mayBeMetadata(error)) throw error;
    const live = await options.client.get<KubeObject>(target.resource, target.object.metadata, { signal: options.signal });
    if (live === undefined) throw error;
    return replace(target, 'none', options);
  }
};

export const applyOver = (target: Written, options: CallOptions): Promise<unknown> => {
  const { client, signal, dryRun } = options;
  const apply = () => client.apply(target.resource, target.object, { fieldManager: SYNC_FIELD_MANAGER, dryRun, signal });
  return unlessHeld(apply, target, options);
};

const write = (target: DesiredObject, replaces: boolean, options: CallOptions): Promise<unknown> =>
  replaces ? unlessHeld(() => replace(target, 'all', options), target, options) : applyOver(target, options);

export const perform = (operation: Operation, options: CallOptions): Promise<unknown> =>
  operation.kind === 'apply' ? write(operation.target, operation.replaces === true, options) : remove(operation, options);

/** Deletes what was looked at: neither what was made since under the same name, nor what says something else by now. */
const remove = async ({ target, seen }: Extract<Operation, { kind: 'delete' }>, options: CallOptions): Promise<unknown> => {
  const { client, ...call } = options;
  const ref = { name: target.name, namespace: target.namespace };
  for (let [live, attempt]: [AppliedObject | undefined, number] = [seen, 1]; ; attempt += 1) {
    const { uid = '', resourceVersion = '' } = live.metadata;
    try {
      return await client.delete(target.resource, ref, { preconditions: { uid, resourceVersion }, ...call });
    } catch (error) {
      if (!isConflict(error) || attempt === ATTEMPTS) throw error;
      live = await client.get<AppliedObject>(target.resource, ref, { signal: options.signal });
      if (live === undefined) return undefined;
      if (!mayStillGo(seen, live)) throw error;
    }
  }
};

/** An object that may be refused, and where its fields stand, if it comes from a file. */
type Refusable = ObjectIdentity & { readonly positionOf?: (path: readonly (string | number)[]) => SourcePosition };

/** One problem for each cause that the API server names, at the place in the file where the field stands. */
const refusals = (target: Refusable, error: KubeApiError): Problem[] => {
  const place = (path: readonly (string | number)[]): { readonly at?: SourcePosition } =>
    target.positionOf === undefined ? {} : { at: target.positionOf(path) };
  const causes = error.details?.causes ?? [];
  const named = causes.filter((cause) => cause.field !== undefined && cause.field !== '');
  if (named.length === 0) {
    return [{ code: 'APPLY_REFUSED', message: `${objectTitle(target)}: ${error.message}`, ...place([]) }];
  }
  return named.map(({ field = '', message = error.message }) => ({
    code: 'APPLY_REFUSED',
    message: `${objectTitle(target)}: ${message}`,
    ...place(fieldPath(field)),
    path: field,
  }));
};

/** `spec.rules[0].kinds` → `['spec', 'rules', 0, 'kinds']`. */
const fieldPath = (field: string): readonly (string | number)[] =>
  [...field.matchAll(/\[(\d+)\]|\[([^\]]+)\]|([^.[\]]+)/g)].map(([, index, key, name]) =>
    index === undefined ? (key ?? name ?? '') : Number(index),
  );
