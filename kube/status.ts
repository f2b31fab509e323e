// SPDX-License-Identifier: Apache-2.0
// Status by server-side apply under a field manager of its own, so that nobody else's conditions are touched. The whole status
// that we own is stated each time: what was stated before and is not any more goes. If nothing would change, nothing is sent.
import { isDeepStrictEqual } from 'node:util';
import { STATUS_FIELD_MANAGER, apiVersionOf } from '../crds/kinds.ts';
import type { Resource } from '../crds/kinds.ts';
import { CONDITION_MESSAGE_MAX } from '../crds/conditions.ts';
import type { Condition } from '../crds/conditions.ts';
import type { Clock } from '../process/clock.ts';
import type { KubeClient } from './client.ts';
import type { KubeObject } from './objects.ts';

/** A condition as a controller states it; when it last changed is not the controller's to say. */
export type ConditionInput = Omit<Condition, 'lastTransitionTime'>;

export type StatusInput = { readonly conditions?: readonly ConditionInput[]; readonly [field: string]: unknown };

export type StatusOutcome<T> = { readonly written: boolean; readonly object: T };

type LiveStatus = { readonly conditions?: readonly Condition[]; readonly [field: string]: unknown };

export const applyStatus = async <T extends KubeObject>(
  client: Pick<KubeClient, 'apply'>,
  input: {
    readonly resource: Resource;
    /** As it was observed; fresh enough that its conditions are ours. */
    readonly object: T;
    readonly status: StatusInput;
    readonly clock: Clock;
    readonly fieldManager?: string;
    readonly signal?: AbortSignal;
  },
): Promise<StatusOutcome<T>> => {
  const { resource, object, clock, fieldManager = STATUS_FIELD_MANAGER } = input;
  const { name, namespace, generation } = object.metadata;
  const live = (object as { readonly status?: LiveStatus }).status ?? {};
  const { conditions, ...fields } = input.status;
  const wanted: LiveStatus = {
    ...(JSON.parse(JSON.stringify(fields)) as LiveStatus),
    ...(conditions === undefined
      ? {}
      : { conditions: mergeConditions(live.conditions ?? [], conditions, { nowMs: clock.now(), generation }) }),
  };
  if (isStated(object, wanted, fieldManager)) return { written: false, object };
  const body = {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    // No uid: the status of a custom resource is written without a look at it. What is written to an object that was made anew
    // meanwhile is put right by the reconcile that its making causes.
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    status: wanted,
  };
  const signal = input.signal === undefined ? {} : { signal: input.signal };
  const written = await client.apply<KubeObject>(resource, body, {
    fieldManager,
    subresource: 'status',
    fieldValidation: 'Warn',
    ...signal,
  });
  return { written: true, object: written as T };
};

/** The wanted conditions with the time of their last transition: kept while the status stays the same, now otherwise. */
export const mergeConditions = (
  live: readonly Condition[],
  wanted: readonly ConditionInput[],
  at: { readonly nowMs: number; readonly generation?: number | undefined },
): Condition[] =>
  wanted.map((condition) => {
    const before = live.find(({ type }) => type === condition.type);
    const observedGeneration = condition.observedGeneration ?? at.generation;
    return {
      type: condition.type,
      status: condition.status,
      reason: condition.reason,
      message: condition.message.slice(0, CONDITION_MESSAGE_MAX),
      // metav1.Time has seconds: a fraction would be cut by the server and look like a change ever after.
      lastTransitionTime:
        before?.status === condition.status ? before.lastTransitionTime : `${new Date(at.nowMs).toISOString().slice(0, 19)}Z`,
      ...(observedGeneration === undefined ? {} : { observedGeneration }),
    };
  });

/** The object shows exactly what is wanted, and we own nothing beyond it that would have to go. */
const isStated = (object: KubeObject, wanted: LiveStatus, fieldManager: string): boolean => {
  const live = (object as { readonly status?: LiveStatus }).status ?? {};
  const { conditions = [], ...fields } = wanted;
  for (const [name, value] of Object.entries(fields)) if (!isDeepStrictEqual(live[name], value)) return false;
  for (const condition of conditions) {
    const shown = live.conditions?.find(({ type }) => type === condition.type);
    if (!isDeepStrictEqual(shown === undefined ? undefined : { ...shown }, condition)) return false;
  }
  const owned = ownedOf(object, fieldManager);
  const types = new Set(conditions.map(({ type }) => type));
  return (
    owned.fields.every((name) => name === 'conditions' || Object.hasOwn(fields, name)) &&
    owned.conditionTypes.every((type) => types.has(type))
  );
};

/** What managedFields say is ours in the status; where they were stripped, nothing is known to be ours. */
const ownedOf = (
  object: KubeObject,
  fieldManager: string,
): { readonly fields: readonly string[]; readonly conditionTypes: readonly string[] } => {
  const entry = object.metadata.managedFields?.find(
    ({ manager, operation, subresource }) => manager === fieldManager && operation === 'Apply' && subresource === 'status',
  );
  const status = (entry?.fieldsV1?.['f:status'] ?? {}) as Readonly<Record<string, unknown>>;
  const listed = (status['f:conditions'] ?? {}) as Readonly<Record<string, unknown>>;
  return {
    fields: Object.keys(status).flatMap((key) => (key.startsWith('f:') ? [key.slice(2)] : [])),
    conditionTypes: Object.keys(listed).flatMap((key) =>
      key.startsWith('k:') ? [(JSON.parse(key.slice(2)) as { type: string }).type] : [],
    ),
  };
};
