// SPDX-License-Identifier: Apache-2.0
/**
 * A plan → the API server, so that a reader can tell a whole commit from half of one.
 *
 * In: the plan of one commit, a client that is fenced by leadership. Out: all of it applied, or coded problems with the
 * commit before still in force; passing trouble of the API server is thrown. Order: the trust policy by itself, tried and
 * written, because it is believed for its own bytes and what comes after is judged by it, at admission too; every other
 * write as a dry run; the webhook's configuration widened to what the new set needs; the writes, kind by kind; the
 * inventory, which is the commit's own mark, what replicas flip on, and what carries the proof that documents may end; last
 * the deletions, which nobody would let through before that. Replicas keep what they enforce until a seal ends it, and what
 * a crash leaves undeleted carries this source's label and is found again, so after any of these calls the same commit
 * applies again to the same end, with nothing forgotten.
 */
import { SYNC_FIELD_MANAGER, configMaps } from '../../crds/kinds.ts';
import { decodeInventory, encodeInventory, inventoryFits, inventoryName } from '../../crds/inventory.ts';
import type { Inventory } from '../../crds/inventory.ts';
import type { KubeClient } from '../../kube/client.ts';
import { KubeApiError, isConflict, isForbidden, isTransient } from '../../kube/errors.ts';
import type { Problem, SourcePosition } from '../../policies/problem.ts';
import { objectTitle } from './identity.ts';
import type { ObjectIdentity } from './identity.ts';
import { mayStillGo } from './plan.ts';
import type { AppliedObject, DesiredObject, Operation, Plan } from './plan.ts';

export type CommitInput = {
  readonly plan: Plan;
  readonly inventory: Inventory;
  /** Whether the inventory is already what the cluster holds; then it is not written. */
  readonly inventoryStands: boolean;
  /** Where inventories lie: the system namespace. */
  readonly namespace: string;
  readonly client: KubeClient;
  /** Makes the API server ask the webhook about all that the new set matches, before the set is enforced; why not, if it cannot be yet. */
  readonly widen: () => Promise<Problem | undefined>;
  readonly signal: AbortSignal;
};

export type CommitOutcome =
  | { readonly ok: true; readonly applied: number; readonly deleted: number }
  /** `transient`: the same commit may go through by itself later. */
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly transient: boolean };

const MANY = 'an inventory names at most about 5,000 documents';

/** Why replicas could not follow this inventory: one that they cannot read would leave them at the commit before for ever. */
const inventoryProblem = (inventory: Inventory, namespace: string): Problem | undefined => {
  if (!inventoryFits(inventory)) return { code: 'APPLY_TOO_MANY', message: `${inventory.documents.length} documents: ${MANY}` };
  if (decodeInventory(encodeInventory(inventory, namespace)) !== undefined) return undefined;
  return {
    code: 'INVENTORY_INVALID',
    message: `the inventory of ${inventory.source} at ${inventory.revision.slice(0, 80)} cannot be read back`,
  };
};

const refuse = (problems: readonly Problem[]): CommitOutcome => ({ ok: false, problems, transient: false });
// What the dry run accepted a moment ago is refused for a reason that may pass: it is told, and tried again.
const refuseForNow = (problems: readonly Problem[]): CommitOutcome => ({ ok: false, problems, transient: true });

export const applyCommit = async (input: CommitInput): Promise<CommitOutcome> => {
  const { plan, inventory, namespace, client, signal } = input;
  const unreadable = inventoryProblem(inventory, namespace);
  if (unreadable !== undefined) return refuse([unreadable]);
  const trust = plan.operations.filter(isTrustWrite);
  for (const dryRun of trust.length === 0 ? [] : [true, false]) {
    const refused = await attemptAll(trust, { client, signal, dryRun });
    if (refused.length > 0) return refuse(refused);
  }
  const others = plan.operations.filter((operation) => !isTrustWrite(operation));
  const writes = others.filter((operation) => operation.kind === 'apply');
  const deletions = others.filter((operation) => operation.kind === 'delete');
  const refused = await attemptAll(writes, { client, signal, dryRun: true });
  if (refused.length > 0) return refuse(refused);
  const notReady = input.inventoryStands ? undefined : await input.widen();
  if (notReady !== undefined) return { ok: false, problems: [notReady], transient: true };
  for (const kind of new Set(writes.map(({ target }) => target.kind))) {
    const sameKind = writes.filter(({ target }) => target.kind === kind);
    const problems = await attemptAll(sameKind, { client, signal, dryRun: false });
    if (problems.length > 0) return refuseForNow(problems);
  }
  if (!input.inventoryStands) {
    const target = { group: '', kind: 'ConfigMap', namespace, name: inventoryName(inventory.source) };
    const problems = await attempt(target, () =>
      client.apply(configMaps, encodeInventory(inventory, namespace), { fieldManager: SYNC_FIELD_MANAGER, signal }),
    );
    if (problems.length > 0) return refuseForNow(problems);
  }
  for (const operation of deletions) {
    const problems = await attemptAll([operation], { client, signal, dryRun: false });
    if (problems.length > 0) return refuseForNow(problems);
  }
  return { ok: true, applied: trust.length + writes.length, deleted: deletions.length };
};

/** Only a write: trust is never pruned. */
const isTrustWrite = ({ kind, target }: Operation): boolean => kind === 'apply' && target.kind === 'TrustPolicy';

type CallOptions = { readonly client: KubeClient; readonly signal: AbortSignal; readonly dryRun: boolean };

/**
 * Waits for every call also where one fails: a write that is still on its way when the same source is tried again, maybe
 * at a newer commit, could land after it and bring the older document back.
 */
const attemptAll = async (operations: readonly Operation[], options: CallOptions): Promise<readonly Problem[]> => {
  const settled = await Promise.allSettled(operations.map((operation) => attempt(operation.target, () => perform(operation, options))));
  return settled.flatMap((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
};

/**
 * A refusal that a person must see to is an answer; what may pass by itself is thrown, to be tried again. A missing
 * permission is among that: an API server that has just started knows no roles yet.
 */
const attempt = async (target: Refusable, call: () => Promise<unknown>): Promise<readonly Problem[]> => {
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

/** Everything but what others keep in the metadata becomes what is declared. */
const replace = async ({ resource, name, object }: DesiredObject, { client, signal, dryRun }: CallOptions): Promise<unknown> => {
  const options = { fieldManager: SYNC_FIELD_MANAGER, dryRun, signal };
  for (let attempt = 1; ; attempt += 1) {
    const live = await client.get<AppliedObject>(resource, { name }, { signal });
    if (live === undefined) return client.apply(resource, object, options);
    const { managedFields: _, ...kept } = live.metadata;
    const labels = { ...kept.labels, ...object.metadata.labels };
    const annotations = { ...kept.annotations, ...object.metadata.annotations };
    try {
      const metadata = { ...kept, ...object.metadata, labels, annotations };
      return await client.replace(resource, { ...object, metadata }, { ...options, fieldValidation: 'Strict' });
    } catch (error) {
      if (!isConflict(error) || attempt === ATTEMPTS) throw error;
    }
  }
};

const perform = (operation: Operation, { client, signal, dryRun }: CallOptions): Promise<unknown> => {
  const { target } = operation;
  if (operation.kind === 'apply') {
    return operation.replaces === true
      ? replace(operation.target, { client, signal, dryRun })
      : client.apply(target.resource, operation.target.object, { fieldManager: SYNC_FIELD_MANAGER, dryRun, signal });
  }
  return remove(operation, { client, signal, dryRun });
};

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
