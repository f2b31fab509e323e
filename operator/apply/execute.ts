// SPDX-License-Identifier: Apache-2.0
/**
 * A plan → the API server, so that a reader can tell a whole commit from half of one.
 *
 * In: the plan of one commit, a client that is fenced by leadership. Out: all of it applied, or coded problems with nothing
 * changed. Order: everything as a dry run; the webhook's configuration widened to what the new set needs; every write, kind
 * by kind; the deletions; last the inventory, which is the commit's own mark and what replicas flip on. Replicas keep what
 * the standing inventory names, so deleting before the flip opens nothing, and a crash after any of these calls leaves a
 * state from which the same commit applies again to the same end, with nothing forgotten.
 */
import { SYNC_FIELD_MANAGER, configMaps } from '../../crds/kinds.ts';
import { encodeInventory, inventoryFits } from '../../crds/inventory.ts';
import type { Inventory } from '../../crds/inventory.ts';
import type { KubeClient } from '../../kube/client.ts';
import { KubeApiError, isTransient } from '../../kube/errors.ts';
import type { Problem } from '../../policies/problem.ts';
import { objectTitle } from './identity.ts';
import type { DesiredObject, Operation, Plan } from './plan.ts';

export type CommitInput = {
  readonly plan: Plan;
  readonly inventory: Inventory;
  /** Whether the inventory is already what the cluster holds; then it is not written. */
  readonly inventoryStands: boolean;
  /** Where inventories lie: the system namespace. */
  readonly namespace: string;
  readonly client: KubeClient;
  /** Makes the API server ask the webhook about all that the new set matches, before the set is enforced. */
  readonly widen: () => Promise<void>;
  readonly signal: AbortSignal;
};

export type CommitOutcome =
  | { readonly ok: true; readonly applied: number; readonly deleted: number }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const MANY = 'an inventory names at most about 5,000 documents';

export const applyCommit = async (input: CommitInput): Promise<CommitOutcome> => {
  const { plan, inventory, client, signal } = input;
  if (!inventoryFits(inventory))
    return { ok: false, problems: [{ code: 'APPLY_TOO_MANY', message: `${inventory.documents.length} documents: ${MANY}` }] };
  const writes = plan.operations.filter((operation) => operation.kind === 'apply');
  const deletions = plan.operations.filter((operation) => operation.kind === 'delete');
  const refused = await tryAll(writes, { client, signal });
  if (refused.length > 0) return { ok: false, problems: refused };
  if (!input.inventoryStands) await input.widen();
  for (const kind of new Set(writes.map(({ target }) => target.kind))) {
    const sameKind = writes.filter(({ target }) => target.kind === kind);
    await Promise.all(sameKind.map(({ target }) => write(target, { client, signal, dryRun: false })));
  }
  for (const operation of deletions) await remove(operation, { client, signal });
  if (!input.inventoryStands) {
    await client.apply(configMaps, encodeInventory(inventory, input.namespace), { fieldManager: SYNC_FIELD_MANAGER, signal });
  }
  return { ok: true, applied: writes.length, deleted: deletions.length };
};

type Apply = Extract<Operation, { kind: 'apply' }>;
type Delete = Extract<Operation, { kind: 'delete' }>;

const tryAll = async (
  writes: readonly Apply[],
  options: { readonly client: KubeClient; readonly signal: AbortSignal },
): Promise<Problem[]> => {
  const outcomes = await Promise.all(
    writes.map(async ({ target }) => {
      try {
        await write(target, { ...options, dryRun: true });
        return [];
      } catch (error) {
        if (!(error instanceof KubeApiError) || isTransient(error)) throw error;
        return refusals(target, error);
      }
    }),
  );
  return outcomes.flat();
};

const write = async (
  target: DesiredObject,
  options: { readonly client: KubeClient; readonly signal: AbortSignal; readonly dryRun: boolean },
): Promise<void> => {
  await options.client.apply(target.resource, target.object, {
    fieldManager: SYNC_FIELD_MANAGER,
    dryRun: options.dryRun,
    signal: options.signal,
  });
};

// The preconditions make sure that what is deleted is what was looked at, not something made since under the same name.
const remove = async (
  { target, uid, resourceVersion }: Delete,
  options: { readonly client: KubeClient; readonly signal: AbortSignal },
): Promise<void> => {
  await options.client.delete(
    target.resource,
    { name: target.name, namespace: target.namespace },
    { preconditions: { uid, resourceVersion }, signal: options.signal },
  );
};

/** One problem for each cause that the API server names, at the place in the file where the field stands. */
export const refusals = (target: DesiredObject, error: KubeApiError): Problem[] => {
  const causes = error.details?.causes ?? [];
  const named = causes.filter((cause) => cause.field !== undefined && cause.field !== '');
  if (named.length === 0) {
    return [{ code: 'APPLY_REFUSED', message: `${objectTitle(target)}: ${error.message}`, at: target.positionOf([]) }];
  }
  return named.map(({ field = '', message = error.message }) => ({
    code: 'APPLY_REFUSED',
    message: `${objectTitle(target)}: ${message}`,
    at: target.positionOf(fieldPath(field)),
    path: field,
  }));
};

/** `spec.rules[0].kinds` → `['spec', 'rules', 0, 'kinds']`. */
export const fieldPath = (field: string): readonly (string | number)[] =>
  [...field.matchAll(/\[(\d+)\]|\[([^\]]+)\]|([^.[\]]+)/g)].map(([, index, key, name]) =>
    index === undefined ? (key ?? name ?? '') : Number(index),
  );
